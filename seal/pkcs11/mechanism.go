//go:build cgo

package pkcs11

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // digests of the schemes below
	_ "crypto/sha512"
	"encoding/asn1"
	"fmt"
	"math/big"

	p11 "github.com/miekg/pkcs11"
)

// scheme is the one way a key signs.
type scheme struct {
	name string
	hash crypto.Hash
	size int // octets of r and of s; 0 for RSA
}

// schemeOf is ECDSA with the digest as long as the curve (RFC 7518, Section
// 3.4) or RSASSA-PSS with SHA-256 (Section 3.5).
func schemeOf(pub crypto.PublicKey) (scheme, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return scheme{"ECDSA with P-256", crypto.SHA256, 32}, nil
		case elliptic.P384():
			return scheme{"ECDSA with P-384", crypto.SHA384, 48}, nil
		}
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n >= 2048 && n <= 8192 {
			return scheme{"RSASSA-PSS", crypto.SHA256, 0}, nil
		}
	}
	return scheme{}, fmt.Errorf("%w: no mechanism for a %T of this kind; use P-256, P-384 or RSA of 2048 to 8192 bits", ErrMechanism, pub)
}

// check holds a request against the scheme.
func (s scheme) check(digest []byte, opts crypto.SignerOpts) error {
	if opts == nil || opts.HashFunc() != s.hash || len(digest) != s.hash.Size() {
		return fmt.Errorf("%w: %s signs a digest of %s and nothing else", ErrMechanism, s.name, s.hash)
	}
	pss, ok := opts.(*rsa.PSSOptions)
	switch {
	case s.size == 0 && !ok:
		return fmt.Errorf("%w: RSA signs with RSASSA-PSS only, not with PKCS #1 v1.5", ErrMechanism)
	case s.size != 0 && ok:
		return fmt.Errorf("%w: RSASSA-PSS with an EC key", ErrMechanism)
	case ok && pss.SaltLength != rsa.PSSSaltLengthEqualsHash && pss.SaltLength != s.hash.Size():
		return fmt.Errorf("%w: the salt must be as long as the digest (RFC 7518, Section 3.5)", ErrMechanism)
	}
	return nil
}

// mechanism is what C_SignInit is given. Neither hashes: both take the digest.
func (s scheme) mechanism() []*p11.Mechanism {
	if s.size != 0 {
		return []*p11.Mechanism{p11.NewMechanism(p11.CKM_ECDSA, nil)}
	}
	params := p11.NewPSSParams(p11.CKM_SHA256, p11.CKG_MGF1_SHA256, uint(s.hash.Size()))
	return []*p11.Mechanism{p11.NewMechanism(p11.CKM_RSA_PKCS_PSS, params)}
}

// signature turns what C_Sign answered into what crypto.Signer promises, DER
// for ECDSA, where the token answers r||s (PKCS #11 v2.40, Section 2.3.1). A
// value that does not verify is refused: it may come from a fault, and a fault
// in a signature may give the key away.
func (s scheme) signature(pub crypto.PublicKey, digest, raw []byte) ([]byte, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if len(raw) != 2*s.size {
			return nil, fmt.Errorf("an answer of %d octets, expected r and s of %d octets each", len(raw), s.size)
		}
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:s.size]), new(big.Int).SetBytes(raw[s.size:])})
		if err != nil {
			return nil, err
		}
		if ecdsa.VerifyASN1(k, digest, der) {
			return der, nil
		}
	case *rsa.PublicKey:
		if rsa.VerifyPSS(k, s.hash, digest, raw, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil {
			return raw, nil
		}
	}
	return nil, fmt.Errorf("the answer does not verify with the public key")
}
