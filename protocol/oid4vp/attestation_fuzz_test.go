package oid4vp

import (
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// The attestation is the attacker's; only one that the attester signed gives a
// key.
func FuzzVerifierAttestation(f *testing.F) {
	attester, key := newKey(f), newKey(f)
	trusted, _ := jose.PublicJWK(attester.Public())
	bound, _ := jose.PublicJWK(key.Public())
	claims := m{"iss": "https://attester.example", "sub": "receiver.example", "exp": now.Add(time.Hour).Unix(), "cnf": m{"jwk": bound}}
	good := signObject(f, attester, m{"alg": "ES256", "typ": TypAttestation}, claims)
	f.Add(good)
	f.Add(signObject(f, key, m{"alg": "ES256", "typ": TypAttestation}, claims))
	v := Verification{Attesters: map[string][]jose.JWK{"https://attester.example": {trusted}}, Now: now}
	f.Fuzz(func(t *testing.T, text string) {
		a, got, err := v.attestation(text)
		if err != nil {
			if got != nil || a.Issuer != "" {
				t.Fatal("a refused attestation gave something")
			}
			return
		}
		if a.Subject != "receiver.example" || jose.Thumbprint(got) != jose.Thumbprint(key.Public()) {
			t.Fatalf("%+v", a)
		}
	})
}
