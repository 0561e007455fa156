package verifier_test

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// dids knows one document.
type dids struct{ key crypto.PublicKey }

const verifierDID = "did:web:verifier.example"

func (d dids) Resolve(_ context.Context, id string) (*did.Document, error) {
	if id != verifierDID {
		return nil, errors.New("no such DID")
	}
	k, err := jose.PublicJWK(d.key)
	if err != nil {
		return nil, err
	}
	b, err := jose.Marshal(map[string]any{"@context": []string{"https://www.w3.org/ns/did/v1"}, "id": id, "authentication": []any{
		map[string]any{"id": id + "#k", "type": "JsonWebKey", "controller": id, "publicKeyJwk": k},
	}})
	if err != nil {
		return nil, err
	}
	return did.ParseDocument(b)
}

func attestation(t *testing.T, by crypto.Signer, key crypto.PublicKey, change func(map[string]any)) string {
	t.Helper()
	k, err := jose.PublicJWK(key)
	if err != nil {
		t.Fatal(err)
	}
	a := map[string]any{"iss": "https://attester.example", "sub": "university.example", "exp": time.Date(2026, 12, 25, 0, 0, 0, 0, time.UTC).Unix(), "cnf": map[string]any{"jwk": k}}
	if change != nil {
		change(a)
	}
	payload, err := jose.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jose.SignCompact(by, jose.Header{Alg: jose.ES256, Typ: oid4vp.TypAttestation}, payload)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A receiver has the client identifier that is configured for it; what wallets
// present is bound to that one (OpenID4VP 1.0, Sections 5.9.3 and 14.10).
func TestClientIdentifiers(t *testing.T) {
	attester := world.NewKey()
	vouch, err := jose.PublicJWK(attester.Public())
	if err != nil {
		t.Fatal(err)
	}
	for prefix, set := range map[oid4vp.Prefix]func(*verifier.Access){
		oid4vp.PrefixX509Hash:      func(*verifier.Access) {},
		oid4vp.PrefixDecentralized: func(a *verifier.Access) { a.KeyID = verifierDID + "#k" },
		oid4vp.PrefixAttestation: func(a *verifier.Access) {
			a.Attestation = attestation(t, attester, a.Signer.Public(), nil)
		},
	} {
		var key crypto.PublicKey
		w := world.New(t, func(c *verifier.Config) {
			a := c.Access[world.University]
			set(&a)
			key = a.Signer.Public()
			c.Access[world.University] = a
		})
		s := start(t, w, order(query, verifier.CrossDevice))
		in, err := oid4vp.ParseLink(s.Link)
		if err != nil {
			t.Fatal(err)
		}
		object, err := w.Verifier.RequestObject(t.Context(), world.Last(in.RequestURI), oid4vp.RequestURIPost{})
		if err != nil {
			t.Fatal(err)
		}
		v, err := oid4vp.VerifyRequest(t.Context(), object, oid4vp.Verification{ClientID: in.ClientID, Prefixes: []oid4vp.Prefix{prefix}, Chain: world.Anchored{W: w}, Now: w.Now(),
			DIDs: dids{key}, Attesters: map[string][]jose.JWK{"https://attester.example": {vouch}}})
		if err != nil || v.Prefix != prefix {
			t.Fatalf("%s: %v", prefix, err)
		}
		a := world.Asked{Verified: v, W: w}
		if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths()))); err != nil || !result(t, w, s, "").Verified {
			t.Errorf("%s: %v", prefix, err)
		}
		// Over the Digital Credentials API the certificate signs.
		d := start(t, w, browserOrder(everyProtocol...))
		for _, r := range d.Digital {
			if _, err := w.Browser(r, origin); err != nil {
				t.Errorf("%s, %s: %v", prefix, r.Protocol, err)
			}
		}
	}
}

func TestClientIdentifiersRefused(t *testing.T) {
	w := world.New(t)
	attester := world.NewKey()
	for name, c := range map[string]struct {
		set  func(*verifier.Access)
		text string
	}{
		"two identifiers": {func(a *verifier.Access) { a.KeyID, a.DNSName = verifierDID+"#k", "verifier.example" }, "exclude each other"},
		"no fragment":     {func(a *verifier.Access) { a.KeyID = verifierDID }, "KeyID"},
		"no DID":          {func(a *verifier.Access) { a.KeyID = "https://verifier.example#k" }, "KeyID"},
		"a path":          {func(a *verifier.Access) { a.KeyID = verifierDID + "/x#k" }, "KeyID"},
		"no attestation":  {func(a *verifier.Access) { a.Attestation = "x" }, "Attestation"},
		"of another key": {func(a *verifier.Access) {
			a.Attestation = attestation(t, attester, attester.Public(), nil)
		}, "cnf.jwk"},
		"over": {func(a *verifier.Access) {
			a.Attestation = attestation(t, attester, a.Signer.Public(), func(x map[string]any) { x["exp"] = w.Now().Unix() })
		}, "over"},
		"fixed addresses": {func(a *verifier.Access) {
			a.Attestation = attestation(t, attester, a.Signer.Public(), func(x map[string]any) { x["redirect_uris"] = []string{"https://x.example"} })
		}, "redirect_uris"},
	} {
		access := map[string]verifier.Access{world.Employer: w.Access[world.Employer]}
		a := w.Access[world.University]
		c.set(&a)
		access[world.University] = a
		if err := w.Verifier.Install(t.Context(), w.Receivers(world.Register), access); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
