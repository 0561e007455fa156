package oid4vci

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// certify makes a certificate; a nil parent makes a self-signed one.
func certify(t testing.TB, name string, ca bool, pub crypto.PublicKey, parent *x509.Certificate, by crypto.Signer, usage x509.KeyUsage) *x509.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: ca, BasicConstraintsValid: true, KeyUsage: usage,
	}
	if parent == nil {
		parent = tmpl
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, pub, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAttesters(t *testing.T) {
	root, mid, leaf, stranger, holder := newKey(t), newKey(t), newKey(t), newKey(t), newKey(t)
	anchor := certify(t, "root", true, root.Public(), nil, root, x509.KeyUsageCertSign)
	between := certify(t, "between", true, mid.Public(), anchor, root, x509.KeyUsageCertSign)
	wallet := certify(t, "wallet", false, leaf.Public(), between, mid, x509.KeyUsageDigitalSignature)
	direct := certify(t, "direct", false, leaf.Public(), anchor, root, x509.KeyUsageDigitalSignature)
	agreement := certify(t, "agreement", false, leaf.Public(), anchor, root, x509.KeyUsageKeyAgreement)
	self := certify(t, "self", false, leaf.Public(), nil, leaf, x509.KeyUsageDigitalSignature)
	known := public(t, leaf)
	known.Kid = "wallet-1"

	a := Attesters{Keys: []jose.JWK{known, {Kty: "EC"}}, Anchors: []*x509.Certificate{anchor}, Now: func() time.Time { return now }}
	crossed := a
	crossed.Anchors = []*x509.Certificate{between}
	late := a
	late.Now = func() time.Time { return now.Add(2 * time.Hour) }
	for _, tt := range []struct {
		name  string
		trust Attesters
		kid   string
		chain []*x509.Certificate
		by    crypto.Signer
		good  bool
	}{
		{"by kid", a, "wallet-1", nil, leaf, true},
		{"by chain", a, "", []*x509.Certificate{wallet, between}, leaf, true},
		{"by a chain of one", a, "", []*x509.Certificate{direct}, leaf, true},
		{"by an anchor that is not self-signed", crossed, "", []*x509.Certificate{wallet}, leaf, true},
		{"the kid of another's key", a, "wallet-1", nil, stranger, false},
		{"an unknown kid", a, "wallet-2", nil, leaf, false},
		{"no name", a, "", nil, leaf, false},
		{"the anchor comes along", a, "", []*x509.Certificate{wallet, between, anchor}, leaf, false},
		{"an anchor comes along that is not self-signed", crossed, "", []*x509.Certificate{wallet, between}, leaf, false},
		{"the leaf is self-signed", a, "", []*x509.Certificate{self}, leaf, false},
		{"the leaf is an anchor, self-signed", Attesters{Anchors: []*x509.Certificate{self}, Now: a.Now}, "", []*x509.Certificate{self}, leaf, false},
		{"the chain is broken", a, "", []*x509.Certificate{wallet}, leaf, false},
		{"no anchors", Attesters{Now: a.Now}, "", []*x509.Certificate{direct}, leaf, false},
		{"the certificate is not for signatures", a, "", []*x509.Certificate{agreement}, leaf, false},
		{"the certificate is over", late, "", []*x509.Certificate{direct}, leaf, false},
		{"the signature is another's", a, "", []*x509.Certificate{direct}, stranger, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := NewKeyAttestation(tt.by, tt.kid, tt.chain, AttestationClaims{
				IssuedAt: jose.Date(now), Expires: jose.Date(now.Add(30 * time.Minute)), AttestedKeys: []jose.JWK{public(t, holder)}, Nonce: cNonce,
			})
			if err != nil {
				t.Fatal(err)
			}
			p := policy()
			p.Attestation = &AttestationPolicy{Required: true, Key: tt.trust.Key}
			proof, err := NewAttestedProof(holder, ProofClaims{Audience: issuer, IssuedAt: jose.Date(now), Nonce: cNonce}, text)
			if err != nil {
				t.Fatal(err)
			}
			for field, proofs := range map[string]Proofs{"proofs.jwt[0] key_attestation": {JWT: []string{proof}}, "proofs.attestation[0]": {Attestation: []string{text}}} {
				keys, err := VerifyProofs(t.Context(), proofs, p)
				if tt.good && (err != nil || len(keys) != 1 || keys[0].JWK != public(t, holder) || keys[0].Attestation == nil) {
					t.Errorf("%s: %+v, %v", proofs.Type(), keys, err)
				}
				if !tt.good {
					wantField(t, err, field, InvalidProof)
				}
			}
		})
	}
}

// An attested key that signs otherwise than the issuer's list says is not
// bound to anything.
func TestAttestedKeyOfAnotherKind(t *testing.T) {
	attester := newKey(t)
	key, err := jose.PublicJWK(rsaKey(t))
	if err != nil {
		t.Fatal(err)
	}
	known := public(t, attester)
	known.Kid = "a"
	text, err := NewKeyAttestation(attester, "a", nil, AttestationClaims{IssuedAt: jose.Date(now), AttestedKeys: []jose.JWK{key}, Nonce: cNonce})
	if err != nil {
		t.Fatal(err)
	}
	p := policy()
	p.Attestation = &AttestationPolicy{Key: Attesters{Keys: []jose.JWK{known}}.Key}
	_, err = VerifyProofs(t.Context(), Proofs{Attestation: []string{text}}, p)
	wantField(t, err, "key_attestation", InvalidProof)
}

func rsaKey(t testing.TB) crypto.PublicKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}
