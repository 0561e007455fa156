package oid4vci

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// Attesters are the issuers of key attestations that are trusted: by their
// keys, or by the authorities that certify them.
type Attesters struct {
	// Keys are named by kid.
	Keys []jose.JWK
	// Anchors certify those who sign with x5c.
	Anchors []*x509.Certificate
	Now     func() time.Time
}

var errAttester = errors.New("no issuer of key attestations that is trusted here")

// Key finds the key of a trusted attester by x5c or kid, as
// AttestationPolicy.Key wants it. A key that merely stands in the header is
// never taken. The chain of x5c neither starts with a self-signed certificate
// nor holds the anchor (HAIP 1.0, Section 4.5.1).
func (a Attesters) Key(_ context.Context, t *jose.Token) (crypto.PublicKey, error) {
	if len(t.Header.X5C) > 0 {
		return a.certified(t.Header)
	}
	i := slices.IndexFunc(a.Keys, func(k jose.JWK) bool { return k.Kid != "" && k.Kid == t.Header.Kid })
	if i < 0 {
		return nil, fmt.Errorf("%w: neither x5c nor the kid of a trusted key", errAttester)
	}
	return a.Keys[i].Key()
}

func (a Attesters) certified(h jose.Header) (crypto.PublicKey, error) {
	chain, err := h.Certificates()
	if err != nil {
		return nil, err
	}
	if err := wire.CheckChain(chain); err != nil {
		return nil, fmt.Errorf("%w: %w", errAttester, err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, anchor := range a.Anchors {
		// An anchor need not be self-signed to be one.
		if slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return bytes.Equal(c.Raw, anchor.Raw) }) {
			return nil, fmt.Errorf("%w: x5c holds the trust anchor: leave it out (HAIP 1.0, Section 4.5.1)", errAttester)
		}
		roots.AddCert(anchor)
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	leaf := chain[0]
	if leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return nil, fmt.Errorf("%w: the certificate is not for signatures (RFC 5280, Section 4.2.1.3)", errAttester)
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: a.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil, fmt.Errorf("%w: the chain leads to no trusted authority", errAttester)
	}
	return leaf.PublicKey, nil
}

// AttestationClaims are what an attester says of keys (Appendix D.1).
type AttestationClaims struct {
	// Issuer is optional.
	Issuer             string           `json:"iss,omitzero"`
	IssuedAt           jose.NumericDate `json:"iat"`
	Expires            jose.NumericDate `json:"exp,omitzero"`
	AttestedKeys       []jose.JWK       `json:"attested_keys"`
	KeyStorage         []string         `json:"key_storage,omitempty"`
	UserAuthentication []string         `json:"user_authentication,omitempty"`
	Certification      string           `json:"certification,omitzero"`
	Nonce              Secret           `json:"nonce,omitzero"`
	// Status, as a credential has it, lets the attestation be revoked.
	Status any `json:"status,omitempty"`
}

// NewKeyAttestation signs a key attestation. The signer is named by its chain,
// leaf first and without the anchor, or else by kid.
func NewKeyAttestation(attester crypto.Signer, kid string, chain []*x509.Certificate, c AttestationClaims) (string, error) {
	alg, err := jose.AlgFor(attester.Public())
	if err != nil {
		return "", err
	}
	for i := range c.AttestedKeys {
		if _, err := c.AttestedKeys[i].Key(); err != nil {
			return "", err
		}
	}
	payload, err := jose.Marshal(c)
	if err != nil {
		return "", err
	}
	header := struct {
		Alg jose.Alg `json:"alg"`
		Typ string   `json:"typ"`
		Kid string   `json:"kid,omitzero"`
		X5C []string `json:"x5c,omitempty"`
	}{Alg: alg, Typ: TypKeyAttestation}
	if len(chain) > 0 {
		header.X5C = jose.EncodeX5C(chain)
	} else {
		header.Kid = kid
	}
	return jose.SignCompact(attester, header, payload)
}
