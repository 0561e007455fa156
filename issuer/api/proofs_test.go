package api_test

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// attested starts an issuer that trusts one attester and takes these proofs.
func attested(t *testing.T, p issuer.KeyProofs) (*world, *ecdsa.PrivateKey) {
	attester := newKey(t)
	w := start(t, func(w *world) {
		w.tune = func(c *issuer.Config) {
			jwk, err := jose.PublicJWK(attester.Public())
			if err != nil {
				t.Fatal(err)
			}
			jwk.Kid = "attester"
			c.Attesters = &oid4vci.AttestationPolicy{
				Key: oid4vci.Attesters{Keys: []jose.JWK{jwk}, Now: c.Now}.Key,
				CheckStatus: func(context.Context, []byte) error {
					return errors.New("revoked")
				},
			}
			c.Types[0].Proofs = p
		}
	})
	return w, attester
}

func (w *world) attest(by *ecdsa.PrivateKey, nonce string, change func(*oid4vci.AttestationClaims), of ...*ecdsa.PrivateKey) string {
	w.Helper()
	c := oid4vci.AttestationClaims{
		IssuedAt: jose.Date(w.clock.now()), Expires: jose.Date(w.clock.now().Add(time.Hour)), KeyStorage: []string{"iso_18045_high"},
		UserAuthentication: []string{"iso_18045_high"}, Nonce: oid4vci.Secret(nonce),
	}
	for _, k := range of {
		jwk, err := jose.PublicJWK(k.Public())
		if err != nil {
			w.Fatal(err)
		}
		c.AttestedKeys = append(c.AttestedKeys, jwk)
	}
	if change != nil {
		change(&c)
	}
	text, err := oid4vci.NewKeyAttestation(by, "attester", nil, c)
	if err != nil {
		w.Fatal(err)
	}
	return text
}

// OpenID4VCI 1.0, Appendices D.1, F.1 and F.3: keys that a trusted attester
// vouches for, with or without a proof of possession.
func TestKeyAttestations(t *testing.T) {
	w, attester := attested(t, issuer.KeyProofs{
		Types: []oid4vci.ProofType{oid4vci.ProofJWT, oid4vci.ProofAttestation}, Attested: true, KeyStorage: []string{"iso_18045_high"},
	})
	m := w.described()
	types := m.CredentialConfigurationsSupported["led_diploma"].ProofTypesSupported
	for _, p := range []oid4vci.ProofType{oid4vci.ProofJWT, oid4vci.ProofAttestation} {
		if r := types[p].KeyAttestationsRequired; r == nil || len(r.KeyStorage) != 1 || r.UserAuthentication != nil {
			t.Errorf("%s: %+v", p, types[p])
		}
	}
	token, ids := w.redeem(w.offer("OVO000001"))
	ask := func(kind string, proofs ...any) answer {
		return w.credential(token, map[string]any{"credential_identifier": ids[0], "proofs": map[string]any{kind: proofs}})
	}
	jwt := func(key *ecdsa.PrivateKey, nonce, attestation string) string {
		return w.proof(key, nonce, func(h, _ map[string]any) { h["key_attestation"] = attestation })
	}
	key, stranger := newKey(t), newKey(t)
	n := w.nonce()
	for name, refuse := range map[string]func(n string) answer{
		"no attestation":          func(n string) answer { return ask("jwt", w.proof(key, n, nil)) },
		"attested by a stranger":  func(n string) answer { return ask("jwt", jwt(key, n, w.attest(stranger, n, nil, key))) },
		"another key is attested": func(n string) answer { return ask("jwt", jwt(key, n, w.attest(attester, n, nil, stranger))) },
		"another nonce":           func(n string) answer { return ask("jwt", jwt(key, n, w.attest(attester, "x", nil, key))) },
		"weak storage": func(n string) answer {
			return ask("jwt", jwt(key, n, w.attest(attester, n, func(c *oid4vci.AttestationClaims) { c.KeyStorage = []string{"iso_18045_basic"} }, key)))
		},
		"over": func(n string) answer {
			return ask("jwt", jwt(key, n, w.attest(attester, n, func(c *oid4vci.AttestationClaims) { c.Expires = jose.Date(w.clock.now().Add(-time.Hour)) }, key)))
		},
		"revoked": func(n string) answer {
			return ask("attestation", w.attest(attester, n, func(c *oid4vci.AttestationClaims) {
				c.Status = map[string]any{"status_list": map[string]any{"idx": 1, "uri": "https://attester.example/1"}}
			}, key))
		},
		"attestation by a stranger":   func(n string) answer { return ask("attestation", w.attest(stranger, n, nil, key)) },
		"attestation with an old one": func(n string) answer { return ask("attestation", w.attest(attester, "x", nil, key)) },
		"attestation without a nonce": func(n string) answer { return ask("attestation", w.attest(attester, "", nil, key)) },
		"two attestations": func(n string) answer {
			return ask("attestation", w.attest(attester, n, nil, key), w.attest(attester, n, nil, stranger))
		},
		"more keys than a batch holds": func(n string) answer { return ask("attestation", w.attest(attester, n, nil, keys(t, 9)...)) },
		"a proof of another type":      func(n string) answer { return ask("di_vp", map[string]any{}) },
	} {
		if a := refuse(w.nonce()); a.status != http.StatusBadRequest || !strings.HasPrefix(a.text("error"), "invalid_") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := ask("jwt", jwt(key, n, w.attest(attester, n, nil, key))); a.status != http.StatusOK || len(texts(a)) != 1 {
		t.Errorf("jwt: %d %s", a.status, a.body)
	}
	n = w.nonce()
	a := w.credential(token, map[string]any{"credential_identifier": ids[1], "proofs": map[string]any{"attestation": []string{w.attest(attester, n, nil, keys(t, 3)...)}}})
	if a.status != http.StatusOK || len(texts(a)) != 3 {
		t.Errorf("attestation: %d %s", a.status, a.body)
	}
}

// OpenID4VCI 1.0, Appendix F.2.
func TestPresentationProof(t *testing.T) {
	w, _ := attested(t, issuer.KeyProofs{Types: []oid4vci.ProofType{oid4vci.ProofJWT, oid4vci.ProofDIVP}})
	c := w.described().CredentialConfigurationsSupported["led_diploma"]
	if p := c.ProofTypesSupported[oid4vci.ProofDIVP]; len(p.ProofSigningAlgValuesSupported) != 1 || p.ProofSigningAlgValuesSupported[0] != "ecdsa-jcs-2019" || len(c.CryptographicBindingMethodsSupported) != 3 {
		t.Errorf("%+v", c)
	}
	token, ids := w.redeem(w.offer("OVO000001"))
	ask := func(id string, claims oid4vci.PresentationClaims) answer {
		p, err := oid4vci.NewPresentationProof(newKey(t), claims)
		if err != nil {
			t.Fatal(err)
		}
		return w.credential(token, map[string]any{"credential_identifier": id, "proofs": map[string]any{"di_vp": []any{p}}})
	}
	good := oid4vci.PresentationClaims{Audience: w.base, Created: w.clock.now(), Nonce: oid4vci.Secret(w.nonce())}
	for name, bend := range map[string]func(*oid4vci.PresentationClaims){
		"domain":    func(c *oid4vci.PresentationClaims) { c.Audience = "https://other.example" },
		"challenge": func(c *oid4vci.PresentationClaims) { c.Nonce = "x" },
	} {
		bad := good
		bend(&bad)
		if a := ask(ids[0], bad); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := ask(ids[0], good); a.status != http.StatusOK || len(texts(a)) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := ask(ids[1], good); a.status != http.StatusBadRequest || a.text("error") != "invalid_nonce" {
		t.Errorf("the nonce again: %d %s", a.status, a.body)
	}
}
