package did

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"fmt"
	"math/big"
	"strings"

	"github.com/mr-tron/base58"
)

// maxMultikey is the longest Multikey that is read: base58 is quadratic, and a
// BLS12-381 key in G2 takes 136 characters.
const maxMultikey = 144

// BBSPublicKey is a BLS12-381 public key in G2, compressed: the key of
// signatures whose parts can be shown unlinkably. Its form alone is checked
// here; package credential/bbs reads the point.
type BBSPublicKey []byte

// bbsPublicKeySize is the length of a compressed point of G2.
const bbsPublicKeySize = 96

// Equal reports whether x is the same key.
func (k BBSPublicKey) Equal(x crypto.PublicKey) bool {
	other, ok := x.(BBSPublicKey)
	return ok && bytes.Equal(k, other)
}

// The multicodec prefixes of public keys, as varints (Controlled Identifiers
// 1.0, Section 2.2.2), and the length of the key after them.
var codecs = []struct {
	prefix [2]byte
	size   int
}{
	{[2]byte{0x80, 0x24}, 33}, // p256-pub, compressed point
	{[2]byte{0x81, 0x24}, 49}, // p384-pub, compressed point
	{[2]byte{0xed, 0x01}, ed25519.PublicKeySize},
	{[2]byte{0xec, 0x01}, 32},               // x25519-pub
	{[2]byte{0xeb, 0x01}, bbsPublicKeySize}, // bls12_381-g2-pub, compressed point
}

// EncodeMultikey writes a public key as publicKeyMultibase: base58btc with
// prefix z of codec and key (Controlled Identifiers 1.0, Section 2.2.2). Keys
// are *ecdsa.PublicKey on P-256 or P-384, ed25519.PublicKey, and
// *ecdh.PublicKey on P-256, P-384 or X25519, and BBSPublicKey.
func EncodeMultikey(pub crypto.PublicKey) (string, error) {
	codec, key, err := compressed(pub)
	if err != nil {
		return "", err
	}
	return "z" + base58.Encode(append(codecs[codec].prefix[:], key...)), nil
}

func compressed(pub crypto.PublicKey) (codec int, key []byte, err error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			break
		}
		switch k.Curve {
		case elliptic.P256():
			return 0, compressPoint(point), nil
		case elliptic.P384():
			return 1, compressPoint(point), nil
		}
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize {
			return 2, k, nil
		}
	case *ecdh.PublicKey:
		switch k.Curve() {
		case ecdh.P256():
			return 0, compressPoint(k.Bytes()), nil
		case ecdh.P384():
			return 1, compressPoint(k.Bytes()), nil
		case ecdh.X25519():
			return 3, k.Bytes(), nil
		}
	case BBSPublicKey:
		if len(k) == bbsPublicKeySize {
			return 4, k, nil
		}
	}
	return 0, nil, fmt.Errorf("%w: no Multikey for a %T of this kind", ErrKey, pub)
}

func compressPoint(point []byte) []byte {
	size := (len(point) - 1) / 2
	return append([]byte{2 + point[len(point)-1]&1}, point[1:1+size]...)
}

// DecodeMultikey reads publicKeyMultibase. The codec must be known, the length
// exact, the encoding the shortest, and a point on its curve. It returns
// *ecdsa.PublicKey, ed25519.PublicKey or, for X25519, *ecdh.PublicKey. Of a
// BBSPublicKey the length alone is checked.
func DecodeMultikey(s string) (crypto.PublicKey, error) {
	rest, ok := strings.CutPrefix(s, "z")
	if !ok {
		return nil, fmt.Errorf("%w: publicKeyMultibase must be base58btc with prefix z (Controlled Identifiers 1.0, Section 2.4)", ErrKey)
	}
	if len(s) > maxMultikey {
		return nil, fmt.Errorf("%w: publicKeyMultibase is longer than %d characters", ErrKey, maxMultikey)
	}
	b, err := base58.Decode(rest)
	if err != nil || base58.Encode(b) != rest {
		return nil, fmt.Errorf("%w: publicKeyMultibase is not base58btc (Controlled Identifiers 1.0, Section 2.4)", ErrKey)
	}
	for i, c := range codecs {
		if len(b) < 2 || [2]byte(b) != c.prefix {
			continue
		}
		if len(b) != 2+c.size {
			return nil, fmt.Errorf("%w: Multikey has %d octets after its codec, expected %d (Controlled Identifiers 1.0, Section 2.2.2)", ErrKey, len(b)-2, c.size)
		}
		return decompress(i, b[2:])
	}
	return nil, fmt.Errorf("%w: Multikey codec is not P-256, P-384, Ed25519, X25519 or BLS12-381 G2 (Controlled Identifiers 1.0, Section 2.2.2)", ErrKey)
}

func decompress(codec int, key []byte) (crypto.PublicKey, error) {
	switch codec {
	case 0:
		return decompressPoint(elliptic.P256(), key)
	case 1:
		return decompressPoint(elliptic.P384(), key)
	case 2:
		if !onEdwards(key) {
			return nil, fmt.Errorf("%w: the Ed25519 point is not on the curve or not in its one encoding (RFC 8032, Section 5.1.3)", ErrKey)
		}
		return ed25519.PublicKey(key), nil
	case 3:
		pub, err := ecdh.X25519().NewPublicKey(key)
		if err != nil {
			return nil, fmt.Errorf("%w: X25519 key", ErrKey)
		}
		return pub, nil
	case 4:
		return BBSPublicKey(key), nil
	default:
		return nil, ErrKey
	}
}

func decompressPoint(curve elliptic.Curve, key []byte) (crypto.PublicKey, error) {
	x, y := elliptic.UnmarshalCompressed(curve, key)
	if x == nil {
		return nil, fmt.Errorf("%w: the point is not on the curve or not compressed", ErrKey)
	}
	size := len(key) - 1
	point := make([]byte, 1+2*size)
	point[0] = 4
	x.FillBytes(point[1 : 1+size])
	y.FillBytes(point[1+size:])
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, fmt.Errorf("%w: the point is not on the curve", ErrKey)
	}
	return pub, nil
}

// The field and the curve constant of edwards25519 (RFC 8032, Section 5.1).
// Only public values are computed with them.
var (
	fieldP = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	edD    = func() *big.Int {
		d := new(big.Int).ModInverse(big.NewInt(121666), fieldP)
		return d.Mul(d, big.NewInt(-121665)).Mod(d, fieldP)
	}()
	one = big.NewInt(1)
)

// edwardsY reads the y coordinate and refuses one that is not reduced.
func edwardsY(key []byte) (*big.Int, bool) {
	be := make([]byte, len(key))
	for i, c := range key {
		be[len(key)-1-i] = c
	}
	be[0] &= 0x7f
	y := new(big.Int).SetBytes(be)
	return y, y.Cmp(fieldP) < 0
}

// onEdwards decides whether an x exists for the y of an Ed25519 key: whether
// (y^2-1)/(d*y^2+1) is a square (RFC 8032, Section 5.1.3).
func onEdwards(key []byte) bool {
	y, ok := edwardsY(key)
	if !ok {
		return false
	}
	yy := new(big.Int).Mul(y, y)
	u := new(big.Int).Sub(yy, one)
	v := new(big.Int).Mul(edD, yy)
	v.Add(v, one).Mod(v, fieldP)
	u.Mul(u, v).Mod(u, fieldP) // u/v is a square exactly when u*v is one
	if u.Sign() == 0 {
		return key[31]&0x80 == 0 // x is 0, which has no sign
	}
	return big.Jacobi(u, fieldP) == 1
}

// montgomery is the X25519 key with the secret of an Ed25519 key: u =
// (1+y)/(1-y) (RFC 7748, Section 4.1).
func montgomery(pub ed25519.PublicKey) (*ecdh.PublicKey, error) {
	y, ok := edwardsY(pub)
	den := new(big.Int).Sub(one, y)
	if !ok || den.Mod(den, fieldP).Sign() == 0 {
		return nil, fmt.Errorf("%w: no X25519 key belongs to this Ed25519 key", ErrKey)
	}
	u := new(big.Int).Add(one, y)
	u.Mul(u, den.ModInverse(den, fieldP)).Mod(u, fieldP)
	be := u.FillBytes(make([]byte, 32))
	le := make([]byte, 32)
	for i, c := range be {
		le[31-i] = c
	}
	return ecdh.X25519().NewPublicKey(le)
}
