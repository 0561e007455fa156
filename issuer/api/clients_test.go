package api_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// A client with a key authenticates at both endpoints, with a fresh assertion
// for each request (RFC 7523, Section 3; RFC 9126, Section 2).
func TestConfidentialClient(t *testing.T) {
	w, k := withWallets(t)
	l := w.confidential(k)
	token := l.tokens(l.code(l.request(), "lotte"))
	if a := l.fetch(token.text("access_token"), identifiersOf(token)[0]); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := l.post("/token", l.refreshForm(token.text("refresh_token"))); a.status != http.StatusOK {
		t.Errorf("renewed: %d %s", a.status, a.body)
	}
	code := l.code(l.request(), "lotte")
	good := *l
	for name, change := range map[string]func(form url.Values){
		"none":    func(f url.Values) { f.Del("client_assertion"); f.Del("client_assertion_type") },
		"no type": func(f url.Values) { f.Del("client_assertion_type") },
		"another type": func(f url.Values) {
			f.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")
		},
		"another client":   func(f url.Values) { f.Set("client_id", publicWallet) },
		"a secret too":     func(f url.Values) { f.Set("client_secret", "s") },
		"another audience": assertion(t, w, k, keyWallet, "https://other.example"),
		"another subject":  assertion(t, w, k, attestedWallet, w.base),
		"another key":      assertion(t, w, walletKeys{client: newKey(t)}, keyWallet, w.base),
	} {
		l.authenticate = func(form url.Values, h map[string]string) { good.authenticate(form, h); change(form) }
		says(t, name, l.post("/token", l.tokenForm(code)), http.StatusUnauthorized, "invalid_client")
		form := l.request()
		says(t, name+", pushed", l.post("/par", form), http.StatusUnauthorized, "invalid_client")
		w.clock.advance(time.Second)
	}
	once := url.Values{}
	good.authenticate(once, nil)
	l.authenticate = func(form url.Values, _ map[string]string) {
		for name, values := range once {
			form[name] = values
		}
	}
	first := l.post("/token", l.tokenForm("x"))
	says(t, "first", first, http.StatusBadRequest, "invalid_grant")
	says(t, "the same again", l.post("/token", l.tokenForm(code)), http.StatusUnauthorized, "invalid_client")
	// The PAR endpoint may be the audience of what goes there.
	l.authenticate = func(form url.Values, _ map[string]string) { assertion(t, w, k, keyWallet, w.base+"/par")(form) }
	l.push(l.request())
	says(t, "the PAR endpoint's at the token endpoint", l.post("/token", l.tokenForm("x")), http.StatusUnauthorized, "invalid_client")
}

func assertion(t *testing.T, w *world, k walletKeys, client, audience string) func(url.Values) {
	return func(form url.Values) {
		made, err := oauth.NewClientAssertion(k.client, "c1", client, audience, w.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		id := form["client_id"]
		for name, values := range made {
			form[name] = values
		}
		form["client_id"] = id
	}
}

// An instance of a wallet that its provider vouches for (OpenID4VCI 1.0,
// Appendix E; HAIP 1.0, Section 4.4.1; attestation-based client authentication).
func TestAttestedWallet(t *testing.T) {
	w, k := withWallets(t)
	instance := newKey(t)
	l := w.attested(k, instance)
	token := l.tokens(l.code(l.request(), "lotte"))
	if a := l.fetch(token.text("access_token"), identifiersOf(token)[0]); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.nowhere("attested", "vault-1")
	// Codes and refresh tokens are this instance's (Sections 9.3 and 9.4).
	code := l.code(l.request(), "lotte")
	other := w.attested(k, newKey(t))
	other.key, other.verifier, other.nonce = l.key, l.verifier, l.nonce
	says(t, "another instance", other.post("/token", l.tokenForm(code)), http.StatusBadRequest, "invalid_grant")
	says(t, "another instance renews", other.post("/token", l.refreshForm(token.text("refresh_token"))), http.StatusBadRequest, "invalid_grant")
	l.tokens(code)
	if a := l.post("/token", l.refreshForm(token.text("refresh_token"))); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	// The attestation without DPoP gives a bearer token, and a refresh token that
	// is bound to the instance.
	l.key = nil
	bearer := l.tokens(l.code(l.request(), "lotte"))
	if bearer.text("token_type") != "Bearer" || bearer.json["expires_in"].(float64) > 300 || bearer.text("refresh_token") == "" {
		t.Errorf("%s", bearer.body)
	}
	if a := l.post("/token", l.refreshForm(bearer.text("refresh_token"))); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	other.key = nil
	says(t, "another instance renews a bearer token", other.post("/token", l.refreshForm(bearer.text("refresh_token"))), http.StatusBadRequest, "invalid_grant")
}

// Attestation and proof that do not hold are refused by name (Section 6.2).
func TestAttestedWalletRefused(t *testing.T) {
	w, k := withWallets(t)
	instance := newKey(t)
	l := w.attested(k, instance)
	l.post("/token", l.tokenForm("x")) // for the nonce
	attest := func(change func(*oauth.AttestationClaims)) func(map[string]string) {
		return func(h map[string]string) { h[oauth.HeaderClientAttestation] = w.attestation(k, instance, change) }
	}
	strange := walletKeys{provider: newKey(t)}
	used := w.pop(instance, w.challenge())
	for name, c := range map[string]struct {
		change func(map[string]string)
		status int
		code   string
	}{
		"no challenge": {func(h map[string]string) { h[oauth.HeaderClientAttestationPoP] = w.pop(instance, "") }, 400, "use_attestation_challenge"},
		"own challenge": {func(h map[string]string) {
			h[oauth.HeaderClientAttestationPoP] = w.pop(instance, jose.Encode(make([]byte, 24)))
		}, 400, "use_attestation_challenge"},
		"another's proof":                  {func(h map[string]string) { h[oauth.HeaderClientAttestationPoP] = w.pop(newKey(t), w.challenge()) }, 400, "invalid_client_attestation"},
		"no attestation":                   {func(h map[string]string) { delete(h, oauth.HeaderClientAttestation) }, 400, "invalid_client_attestation"},
		"a strange signer":                 {func(h map[string]string) { h[oauth.HeaderClientAttestation] = w.attestation(strange, instance, nil) }, 400, "invalid_client_attestation"},
		"over":                             {attest(func(c *oauth.AttestationClaims) { c.Expires = jose.Date(w.clock.now().Add(-time.Second)) }), 400, "use_fresh_attestation"},
		"another provider":                 {attest(func(c *oauth.AttestationClaims) { c.Issuer = "https://other.example" }), 400, "invalid_client_attestation"},
		"another client":                   {attest(func(c *oauth.AttestationClaims) { c.ClientID = keyWallet }), 400, "invalid_client_attestation"},
		"DPoP in its place by another key": {func(h map[string]string) { delete(h, oauth.HeaderClientAttestationPoP) }, 400, "invalid_client_attestation"},
	} {
		good := w.attested(k, instance)
		l.authenticate = func(f url.Values, h map[string]string) { good.authenticate(f, h); c.change(h) }
		a := l.post("/token", l.tokenForm("x"))
		says(t, name, a, c.status, c.code)
		if c.code == "use_attestation_challenge" && a.header.Get(oauth.HeaderAttestationChallenge) == "" {
			t.Errorf("%s: no challenge in %v", name, a.header)
		}
		says(t, name+", pushed", l.post("/par", l.request()), c.status, c.code)
		w.clock.advance(time.Second)
	}
	for n, code := range []string{"invalid_grant", "invalid_client_attestation"} {
		l.authenticate = func(_ url.Values, h map[string]string) {
			h[oauth.HeaderClientAttestation], h[oauth.HeaderClientAttestationPoP] = w.attestation(k, instance, nil), used
		}
		if a := l.post("/token", l.tokenForm("x")); a.text("error") != code {
			t.Errorf("use %d: %s", n+1, a.body)
		}
	}
	// A provider may attest its own wallets only, and no wallet for a wallet.
	l = w.attested(k, instance)
	good := l.authenticate
	l.authenticate = func(f url.Values, h map[string]string) {
		good(f, h)
		f.Set("client_id", publicWallet)
	}
	says(t, "another client_id", l.post("/token", l.tokenForm("x")), http.StatusBadRequest, "invalid_client_attestation")
	l.authenticate = func(f url.Values, h map[string]string) {
		good(f, h)
		w.confidential(k).authenticate(f, h)
	}
	says(t, "two ways at once", l.post("/token", l.tokenForm("x")), http.StatusUnauthorized, "invalid_client")
}

// The DPoP proof can be the proof of the instance (Section 8 of draft -10).
func TestAttestedWalletCombined(t *testing.T) {
	w, k := withWallets(t)
	instance := newKey(t)
	l := w.attested(k, instance)
	l.key = instance
	l.authenticate = func(_ url.Values, h map[string]string) {
		h[oauth.HeaderClientAttestation] = w.attestation(k, instance, nil)
	}
	token := l.tokens(l.code(l.request(), "lotte"))
	if a := l.fetch(token.text("access_token"), identifiersOf(token)[0]); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	l.key = nil
	says(t, "neither", l.post("/token", l.tokenForm("x")), http.StatusBadRequest, "invalid_client_attestation")
}

// Wallets that nobody registered redeem offers only where they may.
func TestAnonymousWallets(t *testing.T) {
	none, err := authz.NewClients(false, authz.Client{ID: publicWallet, Name: "P", Method: authz.MethodNone})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := withWallets(t, func(c *issuer.Config) { c.Wallets = none })
	offer := w.offer("OVO000001")
	form := tokenForm(offer)
	says(t, "no client_id", w.token(form), http.StatusUnauthorized, "invalid_client")
	form.Set("client_id", "stranger")
	says(t, "a stranger", w.token(form), http.StatusUnauthorized, "invalid_client")
	form.Set("client_id", publicWallet)
	if a := w.token(form); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	meta := w.send("GET", "/.well-known/oauth-authorization-server", nil, "")
	if meta.json["pre-authorized_grant_anonymous_access_supported"] == true {
		t.Errorf("%s", meta.body)
	}
	// Where they may, a registered one must still authenticate.
	w, _ = withWallets(t)
	form = tokenForm(w.offer("OVO000001"))
	form.Set("client_id", keyWallet)
	says(t, "a registered one", w.token(form), http.StatusUnauthorized, "invalid_client")
}

// The metadata of the authorization server say all of it (RFC 8414, Section 2;
// RFC 9126, Section 5; RFC 9207, Section 3; RFC 9449, Section 5.1;
// attestation-based client authentication -10, Section 10).
func TestServerMetadata(t *testing.T) {
	w, _ := withWallets(t)
	meta := w.send("GET", "/.well-known/oauth-authorization-server", nil, "")
	for name, path := range map[string]string{
		"issuer": "", "authorization_endpoint": "/authorize", "token_endpoint": "/token", "pushed_authorization_request_endpoint": "/par", "challenge_endpoint": "/challenge",
	} {
		if meta.text(name) != w.base+path {
			t.Errorf("%s is %q", name, meta.text(name))
		}
	}
	for _, name := range []string{"require_pushed_authorization_requests", "authorization_response_iss_parameter_supported", "pre-authorized_grant_anonymous_access_supported"} {
		if meta.json[name] != true {
			t.Errorf("%s is %v", name, meta.json[name])
		}
	}
	for name, want := range map[string][]string{
		"response_types_supported": {"code"}, "code_challenge_methods_supported": {"S256"}, "scopes_supported": {"led_diploma"},
		"grant_types_supported":                 {grantType, "authorization_code", "refresh_token"},
		"authorization_details_types_supported": {"openid_credential"},
		"token_endpoint_auth_methods_supported": {"none", "private_key_jwt", "attest_jwt_client_auth", "attest_jwt_client_auth_dpop"},
	} {
		var got []string
		for _, v := range meta.list(name) {
			got = append(got, v.(string))
		}
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s is %v", name, got)
		}
	}
	for _, name := range []string{
		"dpop_signing_alg_values_supported", "token_endpoint_auth_signing_alg_values_supported", "client_attestation_signing_alg_values_supported", "client_attestation_pop_signing_alg_values_supported",
	} {
		if !slices.Contains(meta.list(name), any("ES256")) || slices.Contains(meta.list(name), any("none")) || strings.Contains(string(meta.body), "HS256") {
			t.Errorf("%s is %v", name, meta.list(name))
		}
	}
}
