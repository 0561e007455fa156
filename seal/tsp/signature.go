package tsp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidRSA  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidPSS  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
)

// signatures are the allowed signature algorithms that name their digest.
var signatures = []struct {
	id   asn1.ObjectIdentifier
	hash crypto.Hash
	alg  x509.SignatureAlgorithm
}{
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, crypto.SHA256, x509.ECDSAWithSHA256},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, crypto.SHA384, x509.ECDSAWithSHA384},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, crypto.SHA512, x509.ECDSAWithSHA512},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, crypto.SHA256, x509.SHA256WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, crypto.SHA384, x509.SHA384WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, crypto.SHA512, x509.SHA512WithRSA},
}

// byHash are the algorithms of each digest, by the family of the key.
var byHash = map[crypto.Hash]struct{ rsa, pss, ecdsa x509.SignatureAlgorithm }{
	crypto.SHA256: {x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256},
	crypto.SHA384: {x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384},
	crypto.SHA512: {x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512},
}

// checkSignature verifies the signature over the signed attributes (RFC 5652,
// Section 5.6). The algorithm must go with the digest of the signer and with the
// key.
func (t *Token) checkSignature(c *x509.Certificate) error {
	alg, err := t.signer.algorithm(c)
	if err != nil {
		return err
	}
	if err := c.CheckSignature(alg, t.signer.signedAttrs, t.signer.value); err != nil {
		return fmt.Errorf("%w with the key of its signer (RFC 5652, Section 5.6)", ErrSignature)
	}
	return nil
}

// SignatureAlgorithm is what the certificate of the signer signed the token with;
// ErrAlgorithm for one that is not allowed.
func (t *Token) SignatureAlgorithm(signer *x509.Certificate) (x509.SignatureAlgorithm, error) {
	return t.signer.algorithm(signer)
}

// algorithm decides what to verify with: by the identifier, the digest and the
// key together.
func (s *signerInfo) algorithm(c *x509.Certificate) (x509.SignatureAlgorithm, error) {
	hash, err := s.digest.digest()
	if err != nil {
		return x509.UnknownSignatureAlgorithm, err
	}
	alg := s.named(hash)
	ok := false
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		ok = key.N.BitLen() >= 2048 && key.N.BitLen() <= 8192 && (alg == byHash[hash].rsa || alg == byHash[hash].pss)
	case *ecdsa.PublicKey:
		ok = alg == byHash[hash].ecdsa
	}
	if !ok {
		return x509.UnknownSignatureAlgorithm, fmt.Errorf("%w: signature %s with digest %s and a %s key", ErrAlgorithm, s.signature.id, s.digest.id, c.PublicKeyAlgorithm)
	}
	return alg, nil
}

// named is the algorithm that the identifier names with a digest.
func (s *signerInfo) named(hash crypto.Hash) x509.SignatureAlgorithm {
	id := s.signature.id
	if id.Equal(oidPSS) && pssOf(s.signature.parameters, hash) {
		return byHash[hash].pss
	}
	if !s.signature.plain() {
		return x509.UnknownSignatureAlgorithm
	}
	if id.Equal(oidRSA) {
		return byHash[hash].rsa
	}
	for _, k := range signatures {
		if k.id.Equal(id) && k.hash == hash {
			return k.alg
		}
	}
	return x509.UnknownSignatureAlgorithm
}

// pssOf reports whether RSASSA-PSS-params name one digest throughout, and a salt
// as long as it (RFC 4055, Section 3.1).
func pssOf(der []byte, want crypto.Hash) bool {
	in := cryptobyte.String(der)
	var body, hash, mask, maskBody, salt cryptobyte.String
	var maskID asn1.ObjectIdentifier
	var length int
	constructed2 := cbasn1.Tag(2).ContextSpecific().Constructed()
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1(&hash, constructed0) ||
		!body.ReadASN1(&mask, constructed1) || !body.ReadASN1(&salt, constructed2) || !body.Empty() {
		return false
	}
	if !mask.ReadASN1(&maskBody, cbasn1.SEQUENCE) || !mask.Empty() || !maskBody.ReadASN1ObjectIdentifier(&maskID) || !maskID.Equal(oidMGF1) {
		return false
	}
	for _, s := range []*cryptobyte.String{&hash, &maskBody} {
		a, ok := readAlgorithm(s)
		if !ok || !s.Empty() {
			return false
		}
		if h, err := a.digest(); err != nil || h != want {
			return false
		}
	}
	return salt.ReadASN1Integer(&length) && salt.Empty() && length == want.Size()
}
