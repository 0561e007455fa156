package api_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// The whole authorization code flow of a public wallet whose tokens are bound.
func TestCodeFlow(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	pushed := l.request()
	pushed.Set("state", "kanarie-state")
	l.push(pushed)
	w.nowhere("pushed", "vault-1", "kanarie-state", loopbackCallback)
	code := l.code(l.request(), "lotte")
	w.nowhere("agreed", "vault-1", code)
	token := l.tokens(code)
	if token.text("token_type") != "DPoP" || token.text("refresh_token") == "" || token.text("scope") != "led_diploma" || token.header.Get(oauth.NonceHeader) == "" {
		t.Errorf("%v %s", token.header, token.body)
	}
	w.nowhere("redeemed", "vault-1")
	ids := identifiersOf(token)
	if len(ids) != 2 {
		t.Fatalf("identifiers %v", ids)
	}
	access := token.text("access_token")
	for _, id := range ids {
		a := l.fetch(access, id)
		if a.status != http.StatusOK || len(texts(a)) != 1 || a.header.Get(oauth.NonceHeader) == "" {
			t.Fatalf("%d %v %s", a.status, a.header, a.body)
		}
		n := l.call("/notification", access, map[string]string{"notification_id": a.text("notification_id"), "event": "credential_accepted"})
		if n.status != http.StatusNoContent {
			t.Errorf("notification: %d %s", n.status, n.body)
		}
	}
	w.nowhere("issued", "vault-1")
	// RFC 6749, Section 4.1.2: a code that comes again ends what the first got.
	says(t, "the code again", l.post("/token", l.tokenForm(code)), http.StatusBadRequest, "invalid_grant")
	says(t, "the access token after it", l.fetch(access, ids[0]), http.StatusUnauthorized, "invalid_token")
	says(t, "the refresh token after it", l.post("/token", l.refreshForm(token.text("refresh_token"))), http.StatusBadRequest, "invalid_grant")
}

// A wallet that asks with authorization details gets identifiers (OpenID4VCI
// 1.0, Section 6.2), and one that names this issuer as its resource too.
func TestCodeFlowWithDetails(t *testing.T) {
	w, _ := withWallets(t)
	d := diplomas()
	d.Datasets, d.Refused = d.Datasets[:1], nil
	w.source.set(d, nil)
	l := w.public()
	form := l.request()
	form.Del("scope")
	form.Set("resource", w.base)
	form.Set("authorization_details", `[{"type":"openid_credential","credential_configuration_id":"led_diploma"}]`)
	token := l.tokens(l.code(form, "lotte"))
	if len(identifiersOf(token)) != 1 || token.text("scope") != "" {
		t.Errorf("%s", token.body)
	}
}

// What a pushed request must be (RFC 9126, Section 2.1; RFC 7636; OpenID4VCI
// 1.0, Section 5; HAIP 1.0, Section 4).
func TestPushedRefused(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	used := l.request()
	l.push(used)
	asked := w.source.asked
	for name, c := range map[string]struct {
		change func(url.Values)
		status int
		code   string
	}{
		"no client":                   {func(f url.Values) { f.Del("client_id") }, 401, "invalid_client"},
		"an unknown client":           {func(f url.Values) { f.Set("client_id", "stranger") }, 401, "invalid_client"},
		"a client that must prove it": {func(f url.Values) { f.Set("client_id", keyWallet) }, 401, "invalid_client"},
		"an attested client bare":     {func(f url.Values) { f.Set("client_id", attestedWallet) }, 401, "invalid_client"},
		"a secret":                    {func(f url.Values) { f.Set("client_secret", "s") }, 401, "invalid_client"},
		"another redirect_uri":        {func(f url.Values) { f.Set("redirect_uri", "https://evil.example/callback") }, 400, "invalid_request"},
		"another path":                {func(f url.Values) { f.Set("redirect_uri", "http://127.0.0.1:51004/other") }, 400, "invalid_request"},
		"another loopback address":    {func(f url.Values) { f.Set("redirect_uri", "http://[::1]:51004/callback") }, 400, "invalid_request"},
		"a name for loopback":         {func(f url.Values) { f.Set("redirect_uri", "http://localhost:51004/callback") }, 400, "invalid_request"},
		"no redirect_uri":             {func(f url.Values) { f.Del("redirect_uri") }, 400, "invalid_request"},
		"no challenge":                {func(f url.Values) { f.Del("code_challenge") }, 400, "invalid_request"},
		"plain":                       {func(f url.Values) { f.Set("code_challenge_method", "plain") }, 400, "invalid_request"},
		"no method":                   {func(f url.Values) { f.Del("code_challenge_method") }, 400, "invalid_request"},
		"implicit":                    {func(f url.Values) { f.Set("response_type", "token") }, 400, "unsupported_response_type"},
		"a request_uri":               {func(f url.Values) { f.Set("request_uri", "urn:x") }, 400, "invalid_request"},
		"a request object":            {func(f url.Values) { f.Set("request", "e30.e30.") }, 400, "request_not_supported"},
		"a parameter twice":           {func(f url.Values) { f.Add("state", "2") }, 400, "invalid_request"},
		"another key":                 {func(f url.Values) { f.Set("dpop_jkt", strings.Repeat("A", 43)) }, 400, "invalid_dpop_proof"},
		"an unknown scope alone":      {func(f url.Values) { f.Set("scope", "openid") }, 400, "invalid_scope"},
		"another issuer":              {func(f url.Values) { f.Set("resource", "https://other.example") }, 400, "invalid_target"},
		"another configuration": {func(f url.Values) {
			f.Set("authorization_details", `[{"type":"openid_credential","credential_configuration_id":"other"}]`)
		}, 400, "invalid_authorization_details"},
		"no vault":            {func(f url.Values) { f.Del("vault_handle") }, 400, "invalid_request"},
		"a used vault handle": {func(f url.Values) { f["vault_handle"] = used["vault_handle"] }, 400, "invalid_request"},
	} {
		form := l.request()
		c.change(form)
		says(t, name, l.post("/par", form), c.status, c.code)
		w.clock.advance(time.Second) // the rate is limited
	}
	// Unknown scopes beside a known one do not count (OpenID4VCI 1.0, Section 5.1.2).
	form := l.request()
	form.Set("scope", "openid led_diploma offline_access led_diploma")
	l.push(form)
	basic := w.send("POST", "/par", map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic cHVibGljOg=="}, l.request().Encode())
	if says(t, "Basic", basic, http.StatusUnauthorized, "invalid_client"); !strings.HasPrefix(basic.header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("%v", basic.header)
	}
	if w.source.asked != asked {
		t.Error("the supplier was asked")
	}
}

// The browser brings a request_uri and its client, and nothing that counts
// beside them (RFC 9126, Section 4).
func TestAuthorizeRefused(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	uri := l.push(l.request())
	b := w.browser(asProgram)
	for name, q := range map[string]url.Values{
		"nothing":          {},
		"the front way":    l.request(),
		"another client":   {"client_id": {keyWallet}, "request_uri": {uri}},
		"no client":        {"request_uri": {uri}},
		"an unknown one":   {"client_id": {publicWallet}, "request_uri": {uri[:len(uri)-4] + "AAAA"}},
		"another kind":     {"client_id": {publicWallet}, "request_uri": {"https://evil.example/request.jwt"}},
		"without its name": {"client_id": {publicWallet}, "request_uri": {strings.TrimPrefix(uri, "urn:ietf:params:oauth:request_uri:")}},
	} {
		q.Del("vault_handle")
		a := b.send("GET", w.base+"/authorize?"+q.Encode(), nil)
		if w.problem(a, http.StatusBadRequest, "Unknown authorization request"); a.header.Get("Location") != "" {
			t.Errorf("%s: sent to %s", name, a.header.Get("Location"))
		}
	}
	// The page may be loaded again, and what stands beside is ignored.
	b.page(l.address(uri), "lotte")
	_, value := b.page(l.address(uri)+"&redirect_uri=https%3A%2F%2Fevil.example&state=other", "lotte")
	if q := back(t, b.decide(value, "allow"), loopbackCallback); q.Get("state") != "state-1" {
		t.Errorf("%v", q)
	}
	// After the answer the request is over.
	w.problem(b.send("GET", l.address(uri), nil), http.StatusBadRequest, "Unknown authorization request")
	late := l.push(l.request())
	w.clock.advance(10 * time.Minute)
	w.problem(b.send("GET", l.address(late), nil), http.StatusBadRequest, "Unknown authorization request")
}

// The page is in four languages, says who asks for what, and lets its form lead
// to this wallet alone.
func TestConsentPage(t *testing.T) {
	w, _ := withWallets(t)
	for lang, want := range map[string]string{"nl": "Weiger dan", "fr": "Refusez", "de": "lehnen Sie ab", "en": "Then refuse"} {
		t.Run(lang, func(t *testing.T) {
			l := w.public()
			form := l.request()
			form.Set("ui_locales", lang)
			b := w.browser(map[string]string{"Accept": "text/html", "Accept-Language": "es"})
			a, value := b.page(l.address(l.push(form)), "lotte")
			accessible(t, a, lang)
			for _, text := range []string{want, "Openbare &lt;portemonnee&gt;"} {
				if !strings.Contains(string(a.body), text) {
					t.Errorf("%q is missing in %s", text, a.body)
				}
			}
			if c := a.header.Get("Content-Security-Policy"); !strings.Contains(c, "form-action 'self' http://127.0.0.1:51004;") || !strings.Contains(c, "frame-ancestors 'none'") {
				t.Error(c)
			}
			if strings.Contains(string(a.body), insz) {
				t.Error("the page holds the national number")
			}
			// One of three records is refused: the citizen reads it, then goes on.
			a = b.decide(value, "allow")
			accessible(t, a, lang)
			if !strings.Contains(string(a.body), `href="http://127.0.0.1:51004/callback?code=`) || !strings.Contains(string(a.body), "BEWIJS-KANARIE-3") {
				t.Errorf("%s", a.body)
			}
		})
	}
}

// Only the citizen who signed in, in that browser and on that page, can agree;
// nothing is collected before, and no is an answer.
func TestConsentRefused(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	b := w.browser(asProgram)
	uri := l.push(l.request())
	_, value := b.page(l.address(uri), "lotte")
	for name, a := range map[string]answer{
		"another browser": w.browser(asProgram).decide(value, "allow"),
		"another form":    b.decide(value+"x", "allow"),
		"no form":         b.decide("", "allow"),
	} {
		if w.problem(a, http.StatusForbidden, "Not signed in"); t.Failed() {
			t.Fatal(name)
		}
	}
	if w.source.asked != 0 {
		t.Fatal("the supplier was asked before the citizen agreed")
	}
	q := back(t, b.decide(value, "deny"), loopbackCallback)
	if q.Get("error") != "access_denied" || q.Get("state") != "state-1" || q.Get("iss") != w.base || q.Has("code") {
		t.Errorf("%v", q)
	}
	if w.source.asked != 0 {
		t.Error("the supplier was asked although the citizen said no")
	}
	// What is not a yes is a no; and it was answered.
	w.problem(b.decide(value, "allow"), http.StatusForbidden, "Not signed in")
	other := w.browser(asProgram)
	_, value = other.page(l.address(l.push(l.request())), "lotte")
	if q := back(t, other.decide(value, ""), loopbackCallback); q.Get("error") != "access_denied" {
		t.Errorf("%v", q)
	}
	// Two pages of one request: the first answer counts.
	one, two := w.browser(asProgram), w.browser(asProgram)
	uri = l.push(l.request())
	_, first := one.page(l.address(uri), "lotte")
	_, second := two.page(l.address(uri), "lotte")
	back(t, one.decide(first, "allow"), loopbackCallback)
	w.problem(two.decide(second, "allow"), http.StatusBadRequest, "Unknown authorization request")
	// A page that was left open too long.
	_, value = b.page(l.address(l.push(l.request())), "lotte")
	w.clock.advance(9*time.Minute + time.Second)
	w.problem(b.decide(value, "allow"), http.StatusForbidden, "Not signed in")
}

// What cannot be had is told to the citizen, and to the wallet as an error.
func TestCodeFlowNothing(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	for name, c := range map[string]struct {
		citizen string
		set     func()
		error   string
		page    string
	}{
		"no data":     {"nobody", func() { w.source.set(diplomas(), nil) }, "access_denied", "holds no data about you"},
		"all refused": {"lotte", func() { w.source.set(diplomasAllRefused(), nil) }, "access_denied", "none of them can be sealed"},
		"away":        {"lotte", func() { w.source.set(issuer.Collection{}, provider.ErrUnavailable) }, "temporarily_unavailable", "does not answer now"},
	} {
		c.set()
		b := w.browser(asProgram)
		_, value := b.page(l.address(l.push(l.request())), c.citizen)
		if q := back(t, b.decide(value, "allow"), loopbackCallback); q.Get("error") != c.error || q.Get("iss") != w.base || q.Get("state") != "state-1" || q.Has("code") {
			t.Errorf("%s: %v", name, q)
		}
		b = w.browser(map[string]string{"Accept": "text/html", "Accept-Language": "en"})
		_, value = b.page(l.address(l.push(l.request())), c.citizen)
		a := b.decide(value, "allow")
		accessible(t, a, "en")
		if !strings.Contains(string(a.body), c.page) || !strings.Contains(string(a.body), "error="+c.error) {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

// A type that is for others' wallets too needs no vault.
func TestCodeFlowWithoutVault(t *testing.T) {
	w, _ := withWallets(t, func(c *issuer.Config) { c.Types[0].WithoutVault = true })
	l := w.public()
	form := l.request()
	form.Del("vault_handle")
	token := l.tokens(l.code(form, "lotte"))
	if a := l.fetch(token.text("access_token"), identifiersOf(token)[0]); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Without sign-in there is no such flow, and the metadata do not promise it.
func TestCodeFlowWithoutSignIn(t *testing.T) {
	w := start(t, func(w *world) { w.noSignIn = true })
	meta := w.send("GET", "/.well-known/oauth-authorization-server", nil, "")
	for _, name := range []string{"authorization_endpoint", "pushed_authorization_request_endpoint", "response_types_supported", "challenge_endpoint"} {
		if meta.json[name] != nil {
			t.Errorf("%s is %v", name, meta.json[name])
		}
	}
	w.problem(w.browser(asProgram).send("GET", w.base+"/authorize?client_id=x&request_uri=y", nil), http.StatusNotFound, "Not found")
	a := w.token(url.Values{"grant_type": {"authorization_code"}, "client_id": {"x"}, "code": {"c"}, "redirect_uri": {"r"}, "code_verifier": {"v"}})
	if a.status == http.StatusOK {
		t.Errorf("%s", a.body)
	}
}

// An issuer below a path of its host, as tenants are: its pages, its cookies and
// its proofs are its own.
func TestCodeFlowBelowPath(t *testing.T) {
	w, _ := withWalletsBelow(t, "/one")
	l := w.public()
	b := w.browser(map[string]string{"Accept": "text/html", "Accept-Language": "en"})
	a, value := b.page(l.address(l.push(l.request())), "lotte")
	for _, part := range []string{`href="/one/style.css"`, `action="/one/consent"`} {
		if !strings.Contains(string(a.body), part) {
			t.Errorf("%s is missing in %s", part, a.body)
		}
	}
	named := 0
	for _, c := range a.header.Values("Set-Cookie") {
		if name, _, _ := strings.Cut(c, "="); !regexp.MustCompile(`-[0-9a-f]{8}$`).MatchString(name) {
			t.Errorf("the cookie %s could be another issuer's on this host", name)
		}
		named++
	}
	if named == 0 {
		t.Error("no cookie")
	}
	accessible(t, b.decide(value, "allow"), "en")
	token := l.tokens(l.code(l.request(), "lotte"))
	if a := l.fetch(token.text("access_token"), identifiersOf(token)[0]); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	offer, _ := w.signInOffer(map[string]any{"subject": map[string]string{"insz": insz}, "supplier": "led"})
	if at := offer.header.Get("Location"); at != "/one/issuance/v1/offers/"+offer.text("offer_id") {
		t.Error(at)
	}
}

// Of answers at the same time one counts, and the supplier is asked once.
func TestParallelConsent(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	b := w.browser(asProgram)
	_, value := b.page(l.address(l.push(l.request())), "lotte")
	var all sync.WaitGroup
	var codes atomic.Int32
	for range 8 {
		all.Go(func() {
			a := b.decide(value, "allow")
			if strings.Contains(a.text("redirect_to"), "code=") {
				codes.Add(1)
			} else if a.status != http.StatusBadRequest && a.status != http.StatusForbidden { // its cookie may be gone by now
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if codes.Load() != 1 || w.source.asked != 1 {
		t.Errorf("%d codes, the supplier was asked %d times", codes.Load(), w.source.asked)
	}
}
