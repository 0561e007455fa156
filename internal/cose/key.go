package cose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"fmt"

	"github.com/zegel-id/zegel/internal/cbor"
)

// Parameters of a COSE_Key (RFC 9052, Section 7.1; RFC 9053, Section 7).
const (
	keyType  = 1
	keyCurve = -1
	keyX     = -2
	keyY     = -3
	keyD     = -4

	typeOKP       = 1
	typeEC2       = 2
	typeSymmetric = 4

	curveP256    = 1
	curveP384    = 2
	curveEd25519 = 6
)

// AppendKey appends a public key as COSE_Key: P-256, P-384 or Ed25519, without
// point compression.
func AppendKey(dst []byte, pub crypto.PublicKey) ([]byte, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		curve := uint64(curveP256)
		switch k.Curve {
		case elliptic.P256():
		case elliptic.P384():
			curve = curveP384
		default:
			return nil, fmt.Errorf("%w: only P-256 and P-384 are used", ErrKey)
		}
		point, err := k.Bytes()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		size := (len(point) - 1) / 2
		dst = appendKeyHead(dst, 4, typeEC2, curve)
		dst = cbor.AppendBytes(cbor.AppendInt(dst, keyX), point[1:1+size])
		return cbor.AppendBytes(cbor.AppendInt(dst, keyY), point[1+size:]), nil
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("%w: an Ed25519 key has %d bytes", ErrKey, ed25519.PublicKeySize)
		}
		return cbor.AppendBytes(cbor.AppendInt(appendKeyHead(dst, 3, typeOKP, curveEd25519), keyX), k), nil
	default:
		return nil, fmt.Errorf("%w: no COSE_Key for a %T", ErrKey, pub)
	}
}

func appendKeyHead(dst []byte, n int, kty, curve uint64) []byte {
	dst = cbor.AppendUint(cbor.AppendUint(cbor.AppendMap(dst, n), keyType), kty)
	return cbor.AppendUint(cbor.AppendInt(dst, keyCurve), curve)
}

// ParseKey reads a COSE_Key that is a whole document.
func ParseKey(b []byte) (crypto.PublicKey, error) {
	if err := cbor.Check(b, cbor.Limits{Size: 4096, Depth: 4, Items: 64}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	r := cbor.NewReader(b)
	pub, err := ReadKey(r)
	if err != nil {
		return nil, err
	}
	return pub, r.End()
}

// ReadKey reads a public COSE_Key inside a document that passed cbor.Check:
// *ecdsa.PublicKey on P-256 or P-384, or ed25519.PublicKey. One with a private
// or symmetric member is refused, so is a point off the curve. Parameters of
// no use here (kid, alg, key_ops) are skipped.
func ReadKey(r *cbor.Reader) (crypto.PublicKey, error) {
	var kty, curve int64
	var x, y []byte
	sign, compressed := false, false
	for range r.Map() {
		if r.Next() == cbor.Text {
			r.Skip()
			r.Skip()
			continue
		}
		switch label := r.Int(); {
		case label == keyType && r.Next() != cbor.Text:
			kty = r.Int()
		case label == keyCurve && r.Next() == cbor.Bytes:
			kty = typeSymmetric // label -1 of a symmetric key is the secret
			r.Skip()
		case label == keyCurve && r.Next() != cbor.Text:
			curve = r.Int()
		case label == keyX:
			x = r.Bytes()
		case label == keyY && r.Next() == cbor.Simple:
			sign, compressed = r.Bool(), true
		case label == keyY:
			y = r.Bytes()
		case label == keyD:
			return nil, fmt.Errorf("%w: it holds the private key; send the public key only", ErrKey)
		default:
			r.Skip()
		}
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	switch kty {
	case typeEC2:
		return ec2(curve, x, y, sign, compressed)
	case typeOKP:
		if curve != curveEd25519 || len(x) != ed25519.PublicKeySize || y != nil || compressed {
			return nil, fmt.Errorf("%w: an OKP key must be Ed25519 with x of 32 bytes (RFC 9053, Section 7.2)", ErrKey)
		}
		return ed25519.PublicKey(append([]byte(nil), x...)), nil
	default:
		return nil, fmt.Errorf("%w: kty must be EC2 or OKP (RFC 9053, Section 7)", ErrKey)
	}
}

// ec2 makes the key of a point (RFC 9053, Section 7.1.1).
func ec2(curve int64, x, y []byte, sign, compressed bool) (crypto.PublicKey, error) {
	c, size := elliptic.P256(), 32
	switch curve {
	case curveP256:
	case curveP384:
		c, size = elliptic.P384(), 48
	default:
		return nil, fmt.Errorf("%w: crv must be P-256 or P-384", ErrKey)
	}
	if len(x) != size || !compressed && len(y) != size {
		return nil, fmt.Errorf("%w: x and y must have %d bytes (RFC 9053, Section 7.1.1)", ErrKey, size)
	}
	if compressed {
		prefix := byte(2)
		if sign {
			prefix = 3
		}
		px, py := elliptic.UnmarshalCompressed(c, append([]byte{prefix}, x...))
		if px == nil {
			return nil, fmt.Errorf("%w: the point is not on the curve", ErrKey)
		}
		y = py.FillBytes(make([]byte, size))
	}
	var point [97]byte
	point[0] = 4
	copy(point[1:], x)
	copy(point[1+size:], y)
	pub, err := ecdsa.ParseUncompressedPublicKey(c, point[:1+2*size])
	if err != nil {
		return nil, fmt.Errorf("%w: the point is not on the curve", ErrKey)
	}
	return pub, nil
}
