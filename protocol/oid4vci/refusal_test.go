package oid4vci

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// A proof that is right in everything but carries its key in a certificate is
// refused where certificates are not allowed (Appendix F.1).
func TestProofX5CNotAllowed(t *testing.T) {
	key := newKey(t)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "holder"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	text := sign(t, key, map[string]any{"alg": "ES256", "typ": TypProof, "x5c": jose.EncodeX5C([]*x509.Certificate{cert})}, map[string]any{"aud": issuer, "iat": now.Unix(), "nonce": cNonce})
	p := policy()
	keys, err := VerifyProofs(t.Context(), Proofs{JWT: []string{text}}, p)
	wantField(t, err, "x5c", InvalidProof)
	if keys != nil {
		t.Error("a refused proof gives a key")
	}
	p.AllowX5C = true
	if _, err := VerifyProofs(t.Context(), Proofs{JWT: []string{text}}, p); err != nil {
		t.Fatalf("the proof must hold but for the certificate: %v", err)
	}
}

// A policy that says nothing accepts nothing.
func TestProofPolicyIsNeeded(t *testing.T) {
	text, err := NewProof(newKey(t), ProofClaims{Issuer: "wallet", Audience: issuer, IssuedAt: jose.Date(now), Nonce: cNonce})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*ProofPolicy){
		"no issuer": func(p *ProofPolicy) { p.Issuer = "" }, "no alg": func(p *ProofPolicy) { p.Algs = nil }, "no time": func(p *ProofPolicy) { p.Now = time.Time{} }, "no keys": func(p *ProofPolicy) { p.MaxKeys = 0 },
	} {
		p := policy()
		change(&p)
		if keys, err := VerifyProofs(t.Context(), Proofs{JWT: []string{text}}, p); err == nil || keys != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Parameters of the response's encryption that cannot be used as they stand
// (Sections 8.2 and 10; RFC 7517, Section 4.2).
func TestResponseEncryptionRefused(t *testing.T) {
	jwk := public(t, newKey(t))
	jwk.Alg, jwk.Use = "ECDH-ES", "enc"
	good := ResponseEncryption{JWK: jwk, Enc: "A256GCM"}
	if err := good.validate(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*ResponseEncryption){
		"jwk.alg": func(e *ResponseEncryption) { e.JWK.Alg = "" },
		"jwk.use": func(e *ResponseEncryption) { e.JWK.Use = "sig" },
		"enc":     func(e *ResponseEncryption) { e.Enc = "" },
		"jwk":     func(e *ResponseEncryption) { e.JWK.X = "AA" },
	} {
		e := good
		change(&e)
		wantField(t, e.validate(), "credential_response_encryption."+field, InvalidEncryptionParameters)
	}
	m := CredentialIssuerMetadata{CredentialResponseEncryption: &CredentialResponseEncryption{}}
	m.CredentialResponseEncryption.AlgValuesSupported, m.CredentialResponseEncryption.EncValuesSupported = []string{"ECDH-ES"}, []string{"A256GCM"}
	if err := m.checkEncryption(&good, true); err != nil {
		t.Fatal(err)
	}
	wantField(t, m.checkEncryption(&good, false), "credential_response_encryption", InvalidEncryptionParameters)
	ed, _ := jose.PublicJWK(ed25519.PublicKey(make([]byte, 32)))
	ed.Alg = "ECDH-ES"
	for field, change := range map[string]func(*ResponseEncryption){
		"jwk":     func(e *ResponseEncryption) { e.JWK = ed }, // it agrees on nothing, which must be seen before issuing
		"jwk.alg": func(e *ResponseEncryption) { e.JWK.Alg = "ECDH-ES+A256KW" },
		"enc":     func(e *ResponseEncryption) { e.Enc = "A128GCM" },
		"zip":     func(e *ResponseEncryption) { e.Zip = "DEF" },
	} {
		e := good
		change(&e)
		wantField(t, m.checkEncryption(&e, true), "credential_response_encryption."+field, InvalidEncryptionParameters)
	}
}
