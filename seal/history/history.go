// Package history is the public history of the keys of an installation: which
// key sealed, signed status lists or stood in a DID document, since when and
// until when. It is append-only, and others can hold the installation to it: a
// Merkle tree (RFC 6962, Section 2) over the entries, whose root is signed (C2SP
// tlog-checkpoint). Who kept an earlier root finds out when an entry was changed,
// taken out or hidden from others.
//
// The entries stand in a store.Store, one record each under its number, so that
// writers in several processes never fork the history: a record is created once.
// Every root is a function of those records.
//
// It holds keys of institutions. Nothing of a citizen may get in: a subject must
// be one that the installation named when it opened the history, and a
// certificate of a natural person is refused. It does not judge keys: that one
// stands here gives it no trust, and there is no witness who signs the roots too.
package history

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/internal/jose"
)

// The outcomes that callers branch on.
var (
	// ErrEntry is returned for an entry that does not have the form of this
	// package.
	ErrEntry = errors.New("not an entry of a history of keys")
	// ErrSubject is returned for a key of somebody whom the installation did not
	// name as one of its own.
	ErrSubject = errors.New("the history holds keys of this installation only")
	// ErrUnknown is returned when a key is to be ended that was never added.
	ErrUnknown = errors.New("no such key was added to the history")
	// ErrBroken is returned when the records in the store are not those of the
	// history that was signed.
	ErrBroken = errors.New("the history of keys in the store is not whole")
	// ErrKey is returned for a history that another key signs.
	ErrKey = errors.New("another key signs the history of keys")
	// ErrRange is returned for a number beyond the history, or for too much at
	// once.
	ErrRange = errors.New("out of the range of the history of keys")
)

// Multikey is a public key without a registered JWK form, such as one of BBS, in the
// text form of a Multikey (Controlled Identifiers 1.0, Section 2.2.2).
type Multikey string

// thumbprint names a key: RFC 7638 with SHA-256, or, where there is no JWK, the same
// digest of its Multikey.
func thumbprint(pub crypto.PublicKey) (string, error) {
	if m, ok := pub.(Multikey); ok {
		if len(m) < 2 || len(m) > 512 {
			return "", fmt.Errorf("%w: a Multikey of %d characters", ErrEntry, len(m))
		}
		sum := sha256.Sum256([]byte(m))
		return jose.Encode(sum[:]), nil
	}
	jwk, err := jose.PublicJWK(pub)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrEntry, err)
	}
	return jwk.Thumbprint(), nil
}
