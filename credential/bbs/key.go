package bbs

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"sync"

	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// Sizes in octets.
const (
	SecretKeySize = 32
	PublicKeySize = 96
	SignatureSize = 80
)

// Signer signs with a secret key that may live elsewhere, as crypto.Signer
// does for keys that sign one digest.
type Signer interface {
	PublicKey() *PublicKey
	// Sign is the operation Sign of the draft.
	Sign(header []byte, messages [][]byte) (signature []byte, err error)
}

// SecretKey is a Signer in memory. It prints nothing of itself, also from inside
// other values: the scalar stands behind a function, where no printing looks.
type SecretKey struct {
	scalar func() *fr.Element
	pub    *PublicKey
}

// Format prints no secret, whatever the verb.
func (SecretKey) Format(f fmt.State, _ rune) { io.WriteString(f, "[BBS secret key]") }

// MarshalText refuses: a key is not to end in a document by accident.
func (SecretKey) MarshalText() ([]byte, error) {
	return nil, fmt.Errorf("%w: a secret key is not written; use Bytes where it has to be kept", ErrKey)
}

// KeyGen derives a key from key material, which is secret, random and at least
// 32 octets long (draft, Section "Secret Key"). keyInfo, at most 65535 octets,
// makes different keys of one material; a nil keyDST is the tag of the draft.
func KeyGen(s Suite, keyMaterial, keyInfo, keyDST []byte) (*SecretKey, error) {
	if !s.known() {
		return nil, fmt.Errorf("%w: unknown ciphersuite", ErrKey)
	}
	if len(keyMaterial) < 32 {
		return nil, fmt.Errorf("%w: key material has %d octets, at least 32 are needed", ErrKey, len(keyMaterial))
	}
	if len(keyInfo) > 65535 || len(keyDST) > 255 {
		return nil, fmt.Errorf("%w: key info has at most 65535 octets, its tag at most 255", ErrKey)
	}
	if keyDST == nil {
		keyDST = []byte(s.ID() + "KEYGEN_DST_")
	}
	input := append([]byte(nil), keyMaterial...)
	input = binary.BigEndian.AppendUint16(input, uint16(len(keyInfo)))
	input = append(input, keyInfo...)
	return newSecretKey(s, s.hashToScalar(input, keyDST))
}

// GenerateKey makes a key from 32 octets of random.
func GenerateKey(random io.Reader, s Suite) (*SecretKey, error) {
	material := make([]byte, 32)
	if _, err := io.ReadFull(random, material); err != nil {
		return nil, fmt.Errorf("reading randomness for a BBS key: %w", err)
	}
	return KeyGen(s, material, nil, nil)
}

// ParseSecretKey reads what Bytes wrote.
func ParseSecretKey(s Suite, octets []byte) (*SecretKey, error) {
	if !s.known() {
		return nil, fmt.Errorf("%w: unknown ciphersuite", ErrKey)
	}
	if len(octets) != SecretKeySize {
		return nil, fmt.Errorf("%w: a secret key has %d octets, not %d", ErrKey, SecretKeySize, len(octets))
	}
	x, err := fr.BigEndian.Element((*[fr.Bytes]byte)(octets))
	if err != nil {
		return nil, fmt.Errorf("%w: the secret key is not below the group order", ErrKey)
	}
	return newSecretKey(s, x)
}

func newSecretKey(s Suite, x fr.Element) (*SecretKey, error) {
	if x.IsZero() {
		return nil, fmt.Errorf("%w: the secret key is zero", ErrKey)
	}
	var k big.Int
	var w bls.G2Affine
	w.ScalarMultiplicationBase(x.BigInt(&k)) // once in the life of a key, hence not blinded
	return &SecretKey{scalar: func() *fr.Element { return &x }, pub: &PublicKey{suite: s, w: w, octets: w.Bytes()}}, nil
}

// Bytes is the key as 32 octets, for a place where secrets are kept.
func (sk *SecretKey) Bytes() []byte {
	b := sk.scalar().Bytes()
	return b[:]
}

// PublicKey is SkToPk.
func (sk *SecretKey) PublicKey() *PublicKey { return sk.pub }

// PublicKey is a point of G2 that was checked, bound to a suite.
type PublicKey struct {
	suite  Suite
	w      bls.G2Affine
	octets [PublicKeySize]byte

	once  sync.Once
	lines lines
}

// ParsePublicKey is octets_to_pubkey: a compressed point, in the subgroup, not
// the identity.
func ParsePublicKey(s Suite, octets []byte) (*PublicKey, error) {
	if !s.known() {
		return nil, fmt.Errorf("%w: unknown ciphersuite", ErrKey)
	}
	if len(octets) != PublicKeySize {
		return nil, fmt.Errorf("%w: a public key has %d octets, not %d", ErrKey, PublicKeySize, len(octets))
	}
	pub := &PublicKey{suite: s, octets: [PublicKeySize]byte(octets)}
	if !compressed(octets) {
		return nil, fmt.Errorf("%w: the point is not compressed", ErrKey)
	}
	if _, err := pub.w.SetBytes(octets); err != nil { // checks curve and subgroup
		return nil, fmt.Errorf("%w: not a compressed point of G2: %v", ErrKey, err)
	}
	if pub.w.IsInfinity() {
		return nil, fmt.Errorf("%w: the point is the identity", ErrKey)
	}
	return pub, nil
}

// compressed tells whether the first bit says so.
func compressed(octets []byte) bool { return octets[0]&0x80 != 0 }

// Bytes is the compressed point.
func (pub *PublicKey) Bytes() []byte { return append([]byte(nil), pub.octets[:]...) }

// Suite is the ciphersuite the key belongs to.
func (pub *PublicKey) Suite() Suite { return pub.suite }

// Equal reports whether both are the same key of the same suite.
func (pub *PublicKey) Equal(other *PublicKey) bool {
	return other != nil && pub.suite == other.suite && pub.octets == other.octets
}
