// Package capsule keeps data that must wait durably so that nobody can read
// it but who brings the capability it waits for.
//
// A pre-authorized code, an access token or a transaction id is a 256-bit
// Secret. The store learns only an ID derived from it; the waiting data are
// encrypted under a key derived from it. When the capability is spent the
// record goes, and a copy of the database, old or new, opens nothing: the key
// was never in it.
//
// It is not a vault: what a citizen keeps is encrypted by the wallet unit to
// keys that no server ever sees.
package capsule

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
)

// ErrOpen is returned when a capsule cannot be opened: another secret, another
// purpose, other associated data, or changed bytes. It does not say which.
var ErrOpen = errors.New("capsule: cannot be opened")

// ErrSecret is returned for text that is not a secret of this package.
var ErrSecret = errors.New("capsule: not a secret")

const size = 32

// Secret is a 256-bit capability. It prints nothing; Reveal gives its text.
type Secret struct{ b [size]byte }

// NewSecret draws a secret.
func NewSecret() Secret {
	var s Secret
	rand.Read(s.b[:]) // never fails (crypto/rand)
	return s
}

var enc = base64.RawURLEncoding.Strict()

// ParseSecret reads the text that Reveal gave: 43 characters of base64url.
func ParseSecret(text string) (Secret, error) {
	var s Secret
	if len(text) != enc.EncodedLen(size) {
		return s, ErrSecret
	}
	if n, err := enc.Decode(s.b[:], []byte(text)); err != nil || n != size {
		return Secret{}, ErrSecret
	}
	return s, nil
}

// Reveal is the secret as text, for the one party it is meant for.
func (s Secret) Reveal() string { return enc.EncodeToString(s.b[:]) }

// String hides the secret from logs and errors.
func (Secret) String() string { return "[secret]" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "[secret]" }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText hides the secret from encoders; use Reveal where it is meant.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// ID is what a store may know of the secret for a purpose: it names the
// record and tells nothing of the secret or of the keys derived from it.
func (s Secret) ID(purpose string) string {
	return enc.EncodeToString(s.derive("id", purpose))
}

// Derive makes another secret from this one for a purpose, one way.
func (s Secret) Derive(purpose string) Secret {
	var out Secret
	copy(out.b[:], s.derive("secret", purpose))
	return out
}

// derive is HKDF-SHA256 (RFC 5869) with a label for each use, so that an ID
// and a key never are the same bytes.
func (s Secret) derive(use, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.b[:], nil, "zegel capsule v1 "+use+" "+purpose, size)
	if err != nil {
		panic(err) // only for absurd lengths (crypto/hkdf)
	}
	return key
}

func (s Secret) aead(purpose string) (cipher.AEAD, error) {
	return gcm(s.derive("key", purpose))
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal encrypts plaintext with AES-256-GCM under a key derived from the
// secret for one purpose; aad is authenticated with it.
func Seal(s Secret, purpose string, plaintext, aad []byte) ([]byte, error) {
	a, err := s.aead(purpose)
	if err != nil {
		return nil, err
	}
	return a.Seal(nil, nil, plaintext, aad), nil
}

// Open decrypts what Seal made with the same secret, purpose and aad.
func Open(s Secret, purpose string, sealed, aad []byte) ([]byte, error) {
	a, err := s.aead(purpose)
	if err != nil {
		return nil, err
	}
	out, err := a.Open(nil, nil, sealed, aad)
	if err != nil {
		return nil, ErrOpen
	}
	return out, nil
}

// point is the length of an uncompressed P-256 point.
const point = 65

// NewBox makes a key pair whose public half stands in the box in clear and
// whose private half is sealed under the secret. Who has the box can put
// things in (SealTo); only who brings the secret can take them out (OpenBox).
func NewBox(s Secret, purpose string) ([]byte, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	pub := key.PublicKey().Bytes()
	sealed, err := Seal(s, "box "+purpose, key.Bytes(), pub)
	if err != nil {
		return nil, err
	}
	return append(pub, sealed...), nil
}

// SealTo encrypts plaintext to the box: ephemeral-static ECDH on P-256,
// HKDF-SHA256, AES-256-GCM, with both public keys and aad authenticated.
func SealTo(box, plaintext, aad []byte) ([]byte, error) {
	if len(box) <= point {
		return nil, fmt.Errorf("%w: box is too short", ErrOpen)
	}
	to, err := ecdh.P256().NewPublicKey(box[:point])
	if err != nil {
		return nil, fmt.Errorf("%w: box holds no key", ErrOpen)
	}
	eph, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	shared, err := eph.ECDH(to)
	if err != nil {
		return nil, err
	}
	pub := eph.PublicKey().Bytes()
	a, err := agreed(shared, pub, box[:point])
	if err != nil {
		return nil, err
	}
	return append(pub, a.Seal(nil, nil, plaintext, aad)...), nil
}

// OpenBox decrypts what SealTo put in the box.
func OpenBox(s Secret, purpose string, box, sealed, aad []byte) ([]byte, error) {
	if len(box) <= point || len(sealed) <= point {
		return nil, ErrOpen
	}
	raw, err := Open(s, "box "+purpose, box[point:], box[:point])
	if err != nil {
		return nil, err
	}
	key, err := ecdh.P256().NewPrivateKey(raw)
	if err != nil {
		return nil, ErrOpen
	}
	eph, err := ecdh.P256().NewPublicKey(sealed[:point])
	if err != nil {
		return nil, ErrOpen
	}
	shared, err := key.ECDH(eph)
	if err != nil {
		return nil, ErrOpen
	}
	a, err := agreed(shared, sealed[:point], box[:point])
	if err != nil {
		return nil, err
	}
	out, err := a.Open(nil, nil, sealed[point:], aad)
	if err != nil {
		return nil, ErrOpen
	}
	return out, nil
}

func agreed(shared, eph, to []byte) (cipher.AEAD, error) {
	salt := append(append([]byte{}, eph...), to...)
	key, err := hkdf.Key(sha256.New, shared, salt, "zegel capsule v1 box", size)
	if err != nil {
		return nil, err
	}
	return gcm(key)
}
