package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"regexp"

	"github.com/zegel-id/zegel/internal/jose"
)

// Pseudonym stands for a citizen: the same citizen always has the same one,
// and without the key nobody can tell whose it is.
type Pseudonym string

var pseudonym = regexp.MustCompile(`^p1-[A-Za-z0-9_-]{43}$`)

func (p Pseudonym) valid() bool { return pseudonym.MatchString(string(p)) }

// ParsePseudonym reads the text of a pseudonym.
func ParsePseudonym(text string) (Pseudonym, error) {
	p := Pseudonym(text)
	if !p.valid() {
		return "", errors.New("audit: not a pseudonym")
	}
	return p, nil
}

// minKey is the shortest key: the strength of SHA-256 (RFC 2104, Section 3).
const minKey = 32

// Pseudonyms makes pseudonyms under one key. It prints nothing.
//
// National numbers can be counted through, so whoever has the key can find
// the citizen behind a pseudonym. A salt for each citizen narrows that to who
// has the salt too; when it is destroyed the pseudonym leads to nobody.
type Pseudonyms struct{ key []byte }

// NewPseudonyms takes a key of at least 32 bytes.
func NewPseudonyms(key []byte) (*Pseudonyms, error) {
	if len(key) < minKey {
		return nil, fmt.Errorf("audit: the pseudonym key has %d bytes, at least %d are required", len(key), minKey)
	}
	return &Pseudonyms{key: append([]byte(nil), key...)}, nil
}

// Of is the pseudonym of an identifier within a domain, such as "citizen":
// HMAC-SHA256 (RFC 2104) over domain, salt and identifier, each with its
// length. The salt may be nil.
func (p *Pseudonyms) Of(domain, identifier string, salt []byte) Pseudonym {
	h := hmac.New(sha256.New, p.key)
	h.Write([]byte("zegel pseudonym v1"))
	for _, part := range [][]byte{[]byte(domain), salt, []byte(identifier)} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		h.Write(part)
	}
	return Pseudonym("p1-" + jose.Encode(h.Sum(nil)))
}

// String hides the key.
func (*Pseudonyms) String() string { return "[pseudonym key]" }

// GoString hides the key from %#v.
func (*Pseudonyms) GoString() string { return "[pseudonym key]" }

// LogValue hides the key from slog.
func (*Pseudonyms) LogValue() slog.Value { return slog.StringValue("[pseudonym key]") }
