package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // digests of the algorithms below
	"errors"
	"fmt"
	"math/big"
)

// Alg is a JWS algorithm name (RFC 7518, Section 3.1; RFC 8037; RFC 9864).
type Alg string

// The algorithms the product knows. There is no "none" and no HMAC: a value
// that is not listed here can neither sign nor verify.
const (
	ES256 Alg = "ES256"
	ES384 Alg = "ES384"
	ES512 Alg = "ES512"
	EdDSA Alg = "EdDSA"
	PS256 Alg = "PS256"
	RS256 Alg = "RS256"
)

// Errors that callers branch on.
var (
	ErrAlg       = errors.New("signature algorithm is not allowed here")
	ErrKey       = errors.New("key does not fit the algorithm")
	ErrSignature = errors.New("signature does not verify")
)

type algorithm struct {
	hash  crypto.Hash
	curve elliptic.Curve // ECDSA only
	size  int            // octets of r and of s
}

func lookup(a Alg) (algorithm, bool) {
	switch a {
	case ES256:
		return algorithm{crypto.SHA256, elliptic.P256(), 32}, true
	case ES384:
		return algorithm{crypto.SHA384, elliptic.P384(), 48}, true
	case ES512:
		return algorithm{crypto.SHA512, elliptic.P521(), 66}, true
	case EdDSA:
		return algorithm{}, true
	case PS256, RS256:
		return algorithm{hash: crypto.SHA256}, true
	default:
		return algorithm{}, false
	}
}

// AlgFor is the algorithm a key signs with: ES256, ES384 and ES512 by curve,
// EdDSA, and PS256 for RSA keys of at least 2048 bits.
func AlgFor(pub crypto.PublicKey) (Alg, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return ES256, nil
		case elliptic.P384():
			return ES384, nil
		case elliptic.P521():
			return ES512, nil
		}
	case ed25519.PublicKey:
		return EdDSA, nil
	case *rsa.PublicKey:
		if k.N.BitLen() >= 2048 {
			return PS256, nil
		}
	}
	return "", fmt.Errorf("%w: no algorithm for a %T of this kind", ErrKey, pub)
}

// Sign signs input and returns the JOSE signature value: r||s of fixed length
// for ECDSA (RFC 7518, Section 3.4), deterministic per RFC 6979 where the
// signer is a software key.
func Sign(signer crypto.Signer, a Alg, input []byte) ([]byte, error) {
	alg, ok := lookup(a)
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrAlg, a)
	}
	if err := fits(signer.Public(), a, alg); err != nil {
		return nil, err
	}
	if a == EdDSA {
		return signer.Sign(nil, input, crypto.Hash(0))
	}
	return alg.sign(signer, a, digest(alg.hash, input))
}

// Hash is the digest an algorithm signs, 0 for EdDSA and for unknown ones.
func (a Alg) Hash() crypto.Hash {
	alg, _ := lookup(a)
	return alg.hash
}

// SignDigest is Sign for a caller that has hashed the input itself, with
// Alg.Hash. EdDSA signs no digest and is refused.
func SignDigest(signer crypto.Signer, a Alg, digest []byte) ([]byte, error) {
	alg, ok := lookup(a)
	if !ok || alg.hash == 0 {
		return nil, fmt.Errorf("%w: %q signs no digest", ErrAlg, a)
	}
	if err := fits(signer.Public(), a, alg); err != nil {
		return nil, err
	}
	if len(digest) != alg.hash.Size() {
		return nil, fmt.Errorf("%w: %s signs a digest of %d octets, found %d", ErrAlg, a, alg.hash.Size(), len(digest))
	}
	return alg.sign(signer, a, digest)
}

func (alg algorithm) sign(signer crypto.Signer, a Alg, digest []byte) ([]byte, error) {
	switch a {
	case ES256, ES384, ES512:
		// A nil random source asks crypto/ecdsa for RFC 6979; tokens ignore it.
		der, err := signer.Sign(nil, digest, alg.hash)
		if err != nil {
			return nil, err
		}
		return fixed(der, alg.size)
	case PS256:
		return signer.Sign(randReader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: alg.hash})
	case RS256:
		return signer.Sign(randReader, digest, alg.hash)
	default:
		return nil, fmt.Errorf("%w: %q", ErrAlg, a)
	}
}

// VerifySignature checks a JOSE signature value over input. The key must fit
// the algorithm and ECDSA values must have exactly their length.
func VerifySignature(pub crypto.PublicKey, a Alg, input, sig []byte) error {
	alg, ok := lookup(a)
	if !ok {
		return fmt.Errorf("%w: %q", ErrAlg, a)
	}
	if err := fits(pub, a, alg); err != nil {
		return err
	}
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		var buf [141]byte
		der, ok := asn1(buf[:0], sig, alg.size)
		if !ok || !ecdsa.VerifyASN1(k, digest(alg.hash, input), der) {
			return ErrSignature
		}
		return nil
	case ed25519.PublicKey:
		if len(sig) != ed25519.SignatureSize || !ed25519.Verify(k, input, sig) {
			return ErrSignature
		}
		return nil
	case *rsa.PublicKey:
		if a == PS256 {
			if rsa.VerifyPSS(k, alg.hash, digest(alg.hash, input), sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) != nil {
				return ErrSignature
			}
			return nil
		}
		if rsa.VerifyPKCS1v15(k, alg.hash, digest(alg.hash, input), sig) != nil {
			return ErrSignature
		}
		return nil
	default:
		return ErrKey
	}
}

func fits(pub crypto.PublicKey, a Alg, alg algorithm) error {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if alg.curve != nil && k.Curve == alg.curve {
			return nil
		}
	case ed25519.PublicKey:
		if a == EdDSA && len(k) == ed25519.PublicKeySize {
			return nil
		}
	case *rsa.PublicKey:
		if (a == PS256 || a == RS256) && k.N.BitLen() >= 2048 && k.N.BitLen() <= 8192 {
			return nil
		}
	}
	return fmt.Errorf("%w: %s with %T", ErrKey, a, pub)
}

func digest(h crypto.Hash, input []byte) []byte {
	if h == crypto.SHA256 {
		sum := sha256.Sum256(input)
		return sum[:]
	}
	d := h.New()
	d.Write(input)
	return d.Sum(nil)
}

// fixed turns an ASN.1 ECDSA signature into r||s. A value that already is
// r||s, as some remote signers answer, is kept.
func fixed(der []byte, size int) ([]byte, error) {
	r, s, ok := parseASN1(der)
	if !ok {
		if len(der) == 2*size {
			return der, nil
		}
		return nil, fmt.Errorf("%w: signer answered neither ASN.1 nor r||s", ErrSignature)
	}
	if len(r) > size || len(s) > size {
		return nil, fmt.Errorf("%w: signer answered a longer value than the curve has", ErrSignature)
	}
	out := make([]byte, 2*size)
	copy(out[size-len(r):size], r)
	copy(out[2*size-len(s):], s)
	return out, nil
}

// parseASN1 reads SEQUENCE { INTEGER r, INTEGER s } with leading zeros cut.
func parseASN1(der []byte) (r, s []byte, ok bool) {
	body, rest, ok := tlv(der, 0x30)
	if !ok || len(rest) != 0 {
		return nil, nil, false
	}
	r, body, ok = tlv(body, 0x02)
	if !ok {
		return nil, nil, false
	}
	s, body, ok = tlv(body, 0x02)
	if !ok || len(body) != 0 {
		return nil, nil, false
	}
	return trim(r), trim(s), true
}

func tlv(b []byte, tag byte) (value, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, nil, false
	}
	n, head := int(b[1]), 2
	if n == 0x81 {
		if len(b) < 3 {
			return nil, nil, false
		}
		n, head = int(b[2]), 3
	} else if n > 0x7f {
		return nil, nil, false
	}
	if len(b) < head+n {
		return nil, nil, false
	}
	return b[head : head+n], b[head+n:], true
}

func trim(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

// asn1 appends SEQUENCE { INTEGER r, INTEGER s } for a fixed-length value.
func asn1(dst, sig []byte, size int) ([]byte, bool) {
	if len(sig) != 2*size {
		return nil, false
	}
	r, s := trim(sig[:size]), trim(sig[size:])
	if len(r) == 0 || len(s) == 0 {
		return nil, false
	}
	length := func(v []byte) int {
		if v[0]&0x80 != 0 {
			return len(v) + 1
		}
		return len(v)
	}
	total := 4 + length(r) + length(s)
	if total > 0x7f {
		dst = append(dst, 0x30, 0x81, byte(total))
	} else {
		dst = append(dst, 0x30, byte(total))
	}
	for _, v := range [][]byte{r, s} {
		dst = append(dst, 0x02, byte(length(v)))
		if v[0]&0x80 != 0 {
			dst = append(dst, 0)
		}
		dst = append(dst, v...)
	}
	return dst, true
}

// exponent reads an RSA public exponent that fits an int.
func exponent(b []byte) (int, bool) {
	e := new(big.Int).SetBytes(b)
	if !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 || e.Int64()%2 == 0 {
		return 0, false
	}
	return int(e.Int64()), true
}
