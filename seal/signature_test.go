package seal_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

// A signature that is no JWS is judged by the same rules as a seal on a token,
// and each of them is refused by name.
func TestValidateSignature(t *testing.T) {
	h := newHierarchy(t)
	ca := mint(t, authority("Stranger"), nil)
	stranger := mint(t, leaf(), &ca)
	content := []byte("what is signed")
	signed := func(key crypto.Signer, chain ...*x509.Certificate) seal.Signature {
		value, err := jose.Sign(key, jose.ES256, content)
		if err != nil {
			t.Fatal(err)
		}
		out := seal.Signature{Level: seal.IssuerAuth, Spec: "ISO/IEC 18013-5", Alg: jose.ES256, SignedAt: now,
			Verify: func(pub crypto.PublicKey) error { return jose.VerifySignature(pub, jose.ES256, content, value) }}
		for _, c := range chain {
			out.Chain = append(out.Chain, c.Raw)
		}
		return out
	}
	sealer, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	key, err := sealer.Signer(now)
	if err != nil {
		t.Fatal(err)
	}
	good, other := signed(key, sealer.Chain()...), signed(stranger.Key, stranger.Certificate)
	for _, c := range []struct {
		name   string
		change func(*seal.Signature)
		at     time.Time
		sub    seal.SubIndication
		check  string // that fails; "" when all hold
	}{
		{name: "good"},
		{name: "again, from the cache"},
		{name: "a Data Integrity proof", change: func(s *seal.Signature) { s.Level = seal.DataIntegrity }},
		{name: "of no level", change: func(s *seal.Signature) { s.Level = "" }, sub: seal.FormatFailure, check: seal.CheckFormat},
		{name: "a level of something else", change: func(s *seal.Signature) { s.Level = seal.BaselineB }, sub: seal.FormatFailure, check: seal.CheckFormat},
		{name: "no signing time", change: func(s *seal.Signature) { s.SignedAt = time.Time{} }, sub: seal.FormatFailure, check: seal.CheckFormat},
		{name: "no certificate", change: func(s *seal.Signature) { s.Chain = nil }, sub: seal.NoSigningCertificateFound, check: seal.CheckCertificate},
		{name: "no DER", change: func(s *seal.Signature) { s.Chain = [][]byte{{1}} }, sub: seal.NoSigningCertificateFound, check: seal.CheckCertificate},
		{name: "another's certificate", change: func(s *seal.Signature) { s.Chain = other.Chain }, sub: seal.HashFailure, check: seal.CheckSignature},
		{name: "a stranger's", change: func(s *seal.Signature) { *s = other }, sub: seal.NoCertificateChainFound, check: seal.CheckChain},
		{name: "an algorithm that seals do not use", change: func(s *seal.Signature) { s.Alg = jose.EdDSA }, sub: seal.CryptoConstraintsFailure, check: seal.CheckAlgorithm},
		{name: "signed in the future", change: func(s *seal.Signature) { s.SignedAt = now.Add(time.Hour) }, sub: seal.SigConstraintsFailure, check: seal.CheckAttributes},
		{name: "signed before the certificate", change: func(s *seal.Signature) { s.SignedAt = now.AddDate(-20, 0, 0) }, sub: seal.SigConstraintsFailure, check: seal.CheckAttributes},
		{name: "out of date", at: now.AddDate(30, 0, 0), sub: seal.OutOfBoundsNoPOE, check: seal.CheckValidity},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, at := good, now
			if c.change != nil {
				c.change(&s)
			}
			if !c.at.IsZero() {
				at = c.at
			}
			got, err := newValidator(t, h, now).ValidateSignature(t.Context(), s, at)
			if err != nil {
				t.Fatal(err)
			}
			if c.check == "" {
				if got.Err() != nil || got.Level != s.Level || got.Qualification != seal.AdESeal || got.Provider == nil || !got.ClaimedTime.Equal(now) {
					t.Fatalf("%s %s %s\n%s", got.Indication, got.Level, got.Qualification, got.Checks)
				}
				return
			}
			if got.Err() == nil || got.SubIndication != c.sub || !slices.Contains(got.Checks.Failures(), c.check) || got.Qualification != seal.NotApplicable {
				t.Errorf("%s %s %s, expected %s\n%s", got.Indication, got.SubIndication, got.Qualification, c.sub, got.Checks)
			}
		})
	}
}

// A revoked certificate is refused here as it is for tokens, and without trust
// or time nothing is judged.
func TestValidateSignatureRevoked(t *testing.T) {
	h := newHierarchy(t)
	s, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	in := seal.Signature{Level: seal.IssuerAuth, Alg: jose.ES256, SignedAt: now, Chain: [][]byte{s.Certificate().Raw}, Verify: func(crypto.PublicKey) error { return nil }}
	v := newValidator(t, h, now)
	v.Revocation = always{trust.RevocationStatus{State: trust.Revoked}}
	got, err := v.ValidateSignature(t.Context(), in, now)
	if err != nil || got.Err() == nil || got.SubIndication != seal.RevokedNoPOE {
		t.Errorf("%s %s, %v", got.Indication, got.SubIndication, err)
	}
	if _, err := v.ValidateSignature(t.Context(), in, time.Time{}); err == nil {
		t.Error("judged at no time")
	}
	in.Verify = nil
	if _, err := v.ValidateSignature(t.Context(), in, now); err == nil {
		t.Error("judged without a signature")
	}
	if _, err := s.Signer(now.AddDate(50, 0, 0)); err == nil {
		t.Error("the key is given out for a time at which its certificate is over")
	}
}

type always struct{ status trust.RevocationStatus }

func (a always) Revocation(context.Context, *x509.Certificate, *x509.Certificate, time.Time) (trust.RevocationStatus, error) {
	return a.status, nil
}
