package csc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // digests of the schemes below
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
)

// scheme is the one way a key signs, in the names of the API.
type scheme struct {
	name   string
	hash   crypto.Hash
	size   int    // octets of r and of s; 0 for RSA
	bits   int    // of the key
	hashID string // hashAlgorithmOID
	oid    string // signAlgo
	keyOID string // EC: the key's algorithm, which some name instead
	curve  string // OID
	params string // signAlgoParams, base64 of DER
}

const (
	oidSHA256 = "2.16.840.1.101.3.4.2.1" // RFC 5754, Section 2
	oidSHA384 = "2.16.840.1.101.3.4.2.2"
	oidEC     = "1.2.840.10045.2.1"     // RFC 5480, Section 2.1.1
	oidPSS    = "1.2.840.113549.1.1.10" // RFC 8017, Appendix A.2.3
)

// pssParams says SHA-256, MGF1 with SHA-256 and a salt of 32 octets (RFC 8017,
// Appendix A.2.3), in DER and base64.
var pssParams = base64.StdEncoding.EncodeToString([]byte{
	0x30, 0x34,
	0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
	0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08,
	0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
	0xa2, 0x03, 0x02, 0x01, 0x20,
})

// schemeOf is ES256, ES384 or PS256 (RFC 7518), by the key of a certificate.
func schemeOf(c *x509.Certificate) (s scheme, err error) {
	switch k := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			s = scheme{name: "ECDSA with P-256", hash: crypto.SHA256, size: 32, bits: 256, hashID: oidSHA256, oid: "1.2.840.10045.4.3.2", keyOID: oidEC, curve: "1.2.840.10045.3.1.7"}
		case elliptic.P384():
			s = scheme{name: "ECDSA with P-384", hash: crypto.SHA384, size: 48, bits: 384, hashID: oidSHA384, oid: "1.2.840.10045.4.3.3", keyOID: oidEC, curve: "1.3.132.0.34"}
		}
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n >= 2048 && n <= 8192 {
			s = scheme{name: "RSASSA-PSS", hash: crypto.SHA256, bits: n, hashID: oidSHA256, oid: oidPSS, params: pssParams}
		}
	}
	if s.name == "" {
		return s, fmt.Errorf("%w: no mechanism for a %T of this kind; use P-256, P-384 or RSA of 2048 to 8192 bits", ErrMechanism, c.PublicKey)
	}
	return s, nil
}

// knows says that a value of key.algo stands for the scheme (Section 11.10). For
// RSA the algorithm of the key would be PKCS #1 v1.5.
func (s scheme) knows(oid string) bool { return oid != "" && (oid == s.oid || oid == s.keyOID) }

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

var errSignature = errors.New("a signature does not verify with the key of the certificate")

// signature takes what a provider answered for a digest, r||s or ASN.1 for
// ECDSA, and gives what crypto.Signer promises, if it verifies.
func (s scheme) signature(pub crypto.PublicKey, digest, answer []byte) ([]byte, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(k, digest, answer) {
			return answer, nil
		}
		if len(answer) != 2*s.size {
			break
		}
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(answer[:s.size]), new(big.Int).SetBytes(answer[s.size:])})
		if err == nil && ecdsa.VerifyASN1(k, digest, der) {
			return der, nil
		}
	case *rsa.PublicKey:
		if rsa.VerifyPSS(k, s.hash, digest, answer, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil {
			return answer, nil
		}
	}
	return nil, errSignature
}
