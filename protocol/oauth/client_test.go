package oauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

type object = map[string]any

func newKey(t testing.TB) (*ecdsa.PrivateKey, jose.JWK) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jose.PublicJWK(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return key, jwk
}

func signed(t testing.TB, key crypto.Signer, header, claims object) string {
	t.Helper()
	payload, err := jose.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jose.SignCompact(key, header, payload)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func with(m object, change object) object {
	m = maps.Clone(m)
	for k, v := range change {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	return m
}

func codeOf(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}

const server = "https://as.example"

// attested is a wallet provider, an instance and what a server expects of them.
type attested struct {
	provider, instance       *ecdsa.PrivateKey
	providerJWK, instanceJWK jose.JWK
	e                        AttestationExpect
}

func newAttested(t testing.TB) attested {
	var a attested
	a.provider, a.providerJWK = newKey(t)
	a.instance, a.instanceJWK = newKey(t)
	a.e = AttestationExpect{
		Key: func(_ context.Context, t *jose.Token) (crypto.PublicKey, error) {
			if t.Header.Kid != "p1" {
				return nil, errors.New("unknown")
			}
			return a.provider.Public(), nil
		},
		Issuer: func(iss string) bool { return iss == "https://provider.example" }, Audience: server, ClientID: "wallet",
		CheckChallenge: only("c1"), Now: now, MaxAge: time.Minute,
	}
	return a
}

func (a attested) headers(attestation, pop string) http.Header {
	h := http.Header{}
	h.Set(HeaderClientAttestation, attestation)
	h.Set(HeaderClientAttestationPoP, pop)
	return h
}

// Draft -10, Sections 5 to 7, and -07 with its iss.
func TestClientAttestation(t *testing.T) {
	a := newAttested(t)
	attestation, err := NewClientAttestation(a.provider, "p1", nil, AttestationClaims{Issuer: "https://provider.example", ClientID: "wallet", IssuedAt: jose.Date(now), Expires: jose.Date(now.Add(time.Hour)), Name: "Wallet"}, a.instance.Public())
	if err != nil {
		t.Fatal(err)
	}
	pop, err := NewAttestationPoP(a.instance, "wallet", server, "c1", now.Add(-24*time.Hour)) // with a challenge the clock does not count
	if err != nil {
		t.Fatal(err)
	}
	got, err := VerifyClientAttestation(t.Context(), a.headers(attestation, pop), a.e)
	if err != nil || got.ClientID != "wallet" || got.Thumbprint != a.instanceJWK.Thumbprint() || got.JTI == "" || got.Combined || got.Issuer != "https://provider.example" {
		t.Fatalf("%+v %v", got, err)
	}
	// A server without challenges looks at the clock.
	clock := a.e
	clock.CheckChallenge = nil
	if _, err := VerifyClientAttestation(t.Context(), a.headers(attestation, pop), clock); codeOf(err) != InvalidClientAttestation {
		t.Errorf("an old proof: %v", err)
	}
	// Combined with DPoP (draft -10, Section 7.3): the caller compares the keys.
	h := http.Header{}
	h.Set(HeaderClientAttestation, attestation)
	h.Set("DPoP", "x")
	if got, err := VerifyClientAttestation(t.Context(), h, a.e); err != nil || !got.Combined || got.JTI != "" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestClientAttestationRefused(t *testing.T) {
	a := newAttested(t)
	stranger, _ := newKey(t)
	private, err := jose.PrivateJWK(a.instance)
	if err != nil {
		t.Fatal(err)
	}
	head, popHead := object{"alg": "ES256", "typ": TypClientAttestation, "kid": "p1"}, object{"alg": "ES256", "typ": TypClientAttestationPoP}
	claims := object{"sub": "wallet", "exp": now.Add(time.Hour).Unix(), "cnf": object{"jwk": a.instanceJWK}}
	popClaims := object{"aud": server, "jti": "j", "iat": now.Unix(), "challenge": "c1"}
	good, goodPoP := signed(t, a.provider, head, claims), signed(t, a.instance, popHead, popClaims)
	if _, err := VerifyClientAttestation(t.Context(), a.headers(good, goodPoP), a.e); err != nil {
		t.Fatalf("what is broken below must hold first: %v", err)
	}
	ofProvider := func(h, c object) string { return signed(t, a.provider, with(head, h), with(claims, c)) }
	ofInstance := func(h, c object) string { return signed(t, a.instance, with(popHead, h), with(popClaims, c)) }
	type pair struct{ attestation, pop, code string }
	cases := map[string]pair{
		"another provider":       {signed(t, stranger, head, claims), goodPoP, InvalidClientAttestation},
		"unknown kid":            {ofProvider(object{"kid": "p2"}, nil), goodPoP, InvalidClientAttestation},
		"key in the header only": {signed(t, a.instance, object{"alg": "ES256", "typ": TypClientAttestation, "jwk": a.instanceJWK}, claims), goodPoP, InvalidClientAttestation},
		"no sub":                 {ofProvider(nil, object{"sub": nil}), goodPoP, InvalidClientAttestation},
		"another client":         {ofProvider(nil, object{"sub": "other"}), goodPoP, InvalidClientAttestation},
		"no exp":                 {ofProvider(nil, object{"exp": nil}), goodPoP, InvalidClientAttestation},
		"over":                   {ofProvider(nil, object{"exp": now.Unix()}), goodPoP, UseFreshAttestation},
		"not yet":                {ofProvider(nil, object{"nbf": now.Add(time.Hour).Unix()}), goodPoP, InvalidClientAttestation},
		"another iss":            {ofProvider(nil, object{"iss": "https://evil.example"}), goodPoP, InvalidClientAttestation},
		"no cnf":                 {ofProvider(nil, object{"cnf": nil}), goodPoP, InvalidClientAttestation},
		"private key":            {ofProvider(nil, object{"cnf": object{"jwk": private}}), goodPoP, InvalidClientAttestation},
		"crit":                   {ofProvider(object{"crit": []string{"x"}}, nil), goodPoP, InvalidClientAttestation},
		"no JWT":                 {"x", goodPoP, InvalidClientAttestation},
		"long":                   {good + strings.Repeat("A", maxAttestation), goodPoP, InvalidClientAttestation},

		"proof of another key":    {good, signed(t, stranger, popHead, popClaims), InvalidClientAttestation},
		"proof for another":       {good, ofInstance(nil, object{"aud": "https://rs.example"}), InvalidClientAttestation},
		"proof for the endpoint":  {good, ofInstance(nil, object{"aud": server + "/token"}), InvalidClientAttestation},
		"proof for two":           {good, ofInstance(nil, object{"aud": []string{server, "https://rs.example"}}), InvalidClientAttestation},
		"proof for nobody":        {good, ofInstance(nil, object{"aud": nil}), InvalidClientAttestation},
		"proof of another iss":    {good, ofInstance(nil, object{"iss": "other"}), InvalidClientAttestation},
		"proof without jti":       {good, ofInstance(nil, object{"jti": nil}), InvalidClientAttestation},
		"proof with a long jti":   {good, ofInstance(nil, object{"jti": strings.Repeat("j", 129)}), InvalidClientAttestation},
		"proof without iat":       {good, ofInstance(nil, object{"iat": nil}), InvalidClientAttestation},
		"proof without challenge": {good, ofInstance(nil, object{"challenge": nil}), UseAttestationChallenge},
		"proof of another one":    {good, ofInstance(nil, object{"challenge": "c2"}), UseAttestationChallenge},
		"proof is none":           {good, "x", InvalidClientAttestation},
	}
	for _, typ := range typs {
		if typ != TypClientAttestation {
			cases["typ "+typ] = pair{ofProvider(object{"typ": typ}, nil), goodPoP, InvalidClientAttestation}
		}
		if typ != TypClientAttestationPoP {
			cases["proof of typ "+typ] = pair{good, ofInstance(object{"typ": typ}, nil), InvalidClientAttestation}
		}
	}
	for name, c := range cases {
		if got, err := VerifyClientAttestation(t.Context(), a.headers(c.attestation, c.pop), a.e); codeOf(err) != c.code || got != (ClientAttestation{}) {
			t.Errorf("%s: %+v, %v, expected %s", name, got, err, c.code)
		}
	}
	for name, h := range map[string]http.Header{
		"two attestations": {HeaderClientAttestation: {good, good}, "Oauth-Client-Attestation-Pop": {goodPoP}},
		"two proofs":       {"Oauth-Client-Attestation": {good}, "Oauth-Client-Attestation-Pop": {goodPoP, goodPoP}},
		"no proof":         {"Oauth-Client-Attestation": {good}},
		"no attestation":   {"Oauth-Client-Attestation-Pop": {goodPoP}},
	} {
		if _, err := VerifyClientAttestation(t.Context(), h, a.e); codeOf(err) != InvalidClientAttestation {
			t.Errorf("%s: %v", name, err)
		}
	}
	untrusting := a.e
	untrusting.Key = nil
	if _, err := VerifyClientAttestation(t.Context(), a.headers(good, goodPoP), untrusting); codeOf(err) != InvalidClientAttestation {
		t.Errorf("nobody is trusted: %v", err)
	}
}

// The published examples, of draft -10. The provider's key is not published, so
// only the proofs can be checked.
func TestClientAttestationVectors(t *testing.T) {
	var v struct {
		JWTs []struct {
			Typ     string `json:"typ"`
			JWT     string `json:"jwt"`
			Payload struct {
				Audience  string `json:"aud"`
				Challenge string `json:"challenge"`
				Confirm   struct {
					JWK jose.JWK `json:"jwk"`
				} `json:"cnf"`
			} `json:"payload"`
		} `json:"jwts"`
	}
	if err := jose.Unmarshal(testvectors.File(t, "attestation-based-client-auth", "examples.json"), &v); err != nil {
		t.Fatal(err)
	}
	key, err := v.JWTs[0].Payload.Confirm.JWK.Key()
	if err != nil {
		t.Fatal(err)
	}
	proofs := 0
	for _, j := range v.JWTs[1:] {
		proofs++
		e := AttestationExpect{Audience: j.Payload.Audience, CheckChallenge: only(j.Payload.Challenge), Now: now}
		if jti, err := openAttestationPoP(j.JWT, key, "https://client.example.com", e); err != nil || jti == "" {
			t.Errorf("%q %v", jti, err)
		}
	}
	if proofs != 2 {
		t.Errorf("%d proofs", proofs)
	}
}

// RFC 7523, Section 3.
func TestClientAssertion(t *testing.T) {
	key, jwk := newKey(t)
	stranger, _ := newKey(t)
	jwk.Kid = "k1"
	e := AssertionExpect{
		Keys: func(_ context.Context, id string) ([]jose.JWK, error) {
			if id != "backend" {
				return nil, errors.New("unknown")
			}
			return []jose.JWK{jwk}, nil
		},
		Audiences: []string{server, server + "/token"}, ClientID: "backend", Now: now,
	}
	form, err := NewClientAssertion(key, "k1", "backend", server, now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := VerifyClientAssertion(t.Context(), form, e)
	if err != nil || got.ClientID != "backend" || got.JTI == "" || !got.Expires.After(now) {
		t.Fatalf("%+v %v", got, err)
	}
	head := object{"alg": "ES256"}
	claims := object{"iss": "backend", "sub": "backend", "aud": server + "/token", "jti": "j", "exp": now.Add(time.Minute).Unix()}
	of := func(h, c object) url.Values {
		return url.Values{"client_assertion_type": {AssertionJWT}, "client_assertion": {signed(t, key, with(head, h), with(claims, c))}}
	}
	// Without typ and kid, for the token endpoint, as older clients make them.
	if _, err := VerifyClientAssertion(t.Context(), of(nil, nil), e); err != nil {
		t.Fatal(err)
	}
	cases := map[string]url.Values{
		"another key":    {"client_assertion_type": {AssertionJWT}, "client_assertion": {signed(t, stranger, head, claims)}},
		"another kid":    of(object{"kid": "k2"}, nil),
		"another client": of(nil, object{"iss": "other", "sub": "other"}),
		"iss and sub":    of(nil, object{"iss": "other"}),
		"no iss":         of(nil, object{"iss": nil, "sub": nil}),
		"another aud":    of(nil, object{"aud": "https://other.example"}),
		"two auds":       of(nil, object{"aud": []string{server, "https://other.example"}}),
		"no aud":         of(nil, object{"aud": nil}),
		"no jti":         of(nil, object{"jti": nil}),
		"long jti":       of(nil, object{"jti": strings.Repeat("j", 129)}),
		"no exp":         of(nil, object{"exp": nil}),
		"over":           of(nil, object{"exp": now.Unix()}),
		"too long":       of(nil, object{"exp": now.Add(time.Hour).Unix()}),
		"nbf ahead":      of(nil, object{"nbf": now.Add(time.Hour).Unix()}),
		"iat ahead":      of(nil, object{"iat": now.Add(time.Hour).Unix()}),
		"type":           {"client_assertion_type": {"saml"}, "client_assertion": form["client_assertion"]},
		"no JWT":         {"client_assertion_type": {AssertionJWT}, "client_assertion": {"x"}},
		"crit":           of(object{"crit": []string{"x"}}, nil),
	}
	for _, typ := range typs {
		if typ != "JWT" && typ != "" {
			cases["typ "+typ] = of(object{"typ": typ}, nil)
		}
	}
	for name, form := range cases {
		if got, err := VerifyClientAssertion(t.Context(), form, e); codeOf(err) != InvalidClient || got != (ClientAssertion{}) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	e.ClientID = "other"
	if _, err := VerifyClientAssertion(t.Context(), form, e); codeOf(err) != InvalidClient {
		t.Errorf("the request names another client: %v", err)
	}
}

func FuzzVerifyClientAttestation(f *testing.F) {
	a := newAttested(f)
	attestation, _ := NewClientAttestation(a.provider, "p1", nil, AttestationClaims{ClientID: "wallet", Expires: jose.Date(now.Add(time.Hour))}, a.instance.Public())
	pop, _ := NewAttestationPoP(a.instance, "wallet", server, "c1", now)
	f.Add(attestation, pop)
	f.Add(pop, attestation)
	f.Fuzz(func(t *testing.T, attestation, pop string) {
		if got, err := VerifyClientAttestation(context.Background(), a.headers(attestation, pop), a.e); err != nil && got != (ClientAttestation{}) {
			t.Fatal("a failed check returned an attestation")
		}
	})
}

func FuzzVerifyClientAssertion(f *testing.F) {
	key, jwk := newKey(f)
	form, _ := NewClientAssertion(key, "", "backend", server, now)
	f.Add(form.Get("client_assertion"))
	f.Fuzz(func(t *testing.T, text string) {
		got, err := VerifyClientAssertion(context.Background(), url.Values{"client_assertion_type": {AssertionJWT}, "client_assertion": {text}}, AssertionExpect{
			Keys: func(context.Context, string) ([]jose.JWK, error) { return []jose.JWK{jwk}, nil }, Audiences: []string{server}, Now: now,
		})
		if err != nil && got != (ClientAssertion{}) {
			t.Fatal("a failed check returned an assertion")
		}
	})
}
