package tsl

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1"     // names a certificate that is compared whole, protects nothing
	_ "crypto/sha256" // digests of the algorithms below
	_ "crypto/sha512"
	"errors"
	"math/big"
	"slices"
)

// Algorithms of canonicalisation and transforms, the only ones there are here.
const (
	algExclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
	algEnveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
)

const minRSA = 2048

// digests are the digest algorithms allowed over what is signed.
var digests = map[string]crypto.Hash{
	"http://www.w3.org/2001/04/xmlenc#sha256":       crypto.SHA256,
	"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	"http://www.w3.org/2001/04/xmlenc#sha512":       crypto.SHA512,
}

const algSHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"

type family uint8

const (
	pkcs1 family = iota + 1
	pss
	ec
)

type method struct {
	family family
	hash   crypto.Hash
}

// methods are the signature algorithms allowed (RFC 9231, Section 2.3).
var methods = map[string]method{
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256":      {pkcs1, crypto.SHA256},
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384":      {pkcs1, crypto.SHA384},
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512":      {pkcs1, crypto.SHA512},
	"http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1": {pss, crypto.SHA256},
	"http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1": {pss, crypto.SHA384},
	"http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1": {pss, crypto.SHA512},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256":    {ec, crypto.SHA256},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384":    {ec, crypto.SHA384},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512":    {ec, crypto.SHA512},
}

var (
	errKey       = errors.New("the key of the certificate does not fit the signature algorithm, is RSA below 2048 bits, or on another curve than P-256, P-384 and P-521")
	errSignature = errors.New("the signature does not fit")
)

// verify checks a signature value over octets.
func (m method) verify(pub crypto.PublicKey, signed, value []byte) error {
	h := m.hash.New()
	h.Write(signed)
	digest := h.Sum(nil)
	switch key := pub.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSA {
			return errKey
		}
		switch m.family {
		case pkcs1:
			return fits(rsa.VerifyPKCS1v15(key, m.hash, digest, value) == nil)
		case pss:
			return fits(rsa.VerifyPSS(key, m.hash, digest, value, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil)
		}
	case *ecdsa.PublicKey:
		if m.family == ec && slices.Contains([]elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}, key.Curve) {
			return fits(verifyEC(key, digest, value))
		}
	}
	return errKey
}

func fits(ok bool) error {
	if !ok {
		return errSignature
	}
	return nil
}

// verifyEC reads r and s of fixed length one after the other (XML Signature
// 1.1, Section 6.4.3).
func verifyEC(key *ecdsa.PublicKey, digest, value []byte) bool {
	size := (key.Curve.Params().BitSize + 7) / 8
	if len(value) != 2*size {
		return false
	}
	r, s := new(big.Int).SetBytes(value[:size]), new(big.Int).SetBytes(value[size:])
	return ecdsa.Verify(key, digest, r, s)
}

func sum(h crypto.Hash, b []byte) []byte {
	d := h.New()
	d.Write(b)
	return d.Sum(nil)
}

func sha1Sum(b []byte) []byte {
	d := sha1.Sum(b)
	return d[:]
}
