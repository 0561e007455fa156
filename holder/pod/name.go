package pod

import (
	"crypto/rand"
	"fmt"
	"regexp"
)

// IndexName is the one name that is not random, so that a vault finds its way
// in: the encrypted index holds titles and types of the rest. The keystore is
// not in the pod: it holds the key that envelopes are encrypted to, so it can
// be no envelope, and what is none does not enter.
const IndexName = "index.jwe"

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// NewName returns a fresh random name for a resource.
func NewName() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// IsRandomName reports whether s is a lower-case UUID of version 4 (RFC 9562,
// Section 5.4): the versions that tell a time or a host are not opaque.
func IsRandomName(s string) bool { return uuid4.MatchString(s) }

// CheckName refuses each name that could tell something about what it names,
// or lead out of the pod.
func CheckName(name string) error {
	if name == IndexName || IsRandomName(name) {
		return nil
	}
	return fmt.Errorf("%w: expected a lower-case UUID of version 4, or %s", ErrName, IndexName)
}
