package api_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/api"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/signin"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// Each route that touches a vault wants the citizen's session; no other way in
// exists.
func TestEveryVaultRouteWantsTheCitizen(t *testing.T) {
	p := newPlatform(t)
	e := api.New(p.core, nil, api.Options{})
	n := 0
	for _, r := range e.Routes() {
		if r.Spec == "" && !strings.HasPrefix(r.Path, "/health/") {
			t.Errorf("%s %s names no specification", r.Method, r.Path)
		}
		if r.Permission != "" {
			t.Errorf("%s %s is for a client of the operator: nobody but the citizen works on a vault", r.Method, r.Path)
		}
		if !strings.HasPrefix(r.Path, "/vault/") || r.Path == "/vault/v1/openapi.json" {
			continue
		}
		n++
		for name, x := range map[string]call{
			"no session":      {},
			"bearer":          {authorization: new("Bearer abc")},
			"unknown session": {authorization: new("DPoP abc")},
			"client key":      {authorization: new("Bearer zk_abc")},
		} {
			x.method, x.path = r.Method, strings.ReplaceAll(r.Path, ":name", "index.jwe")
			res, body := p.do(nil, x)
			if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "DPoP ") {
				t.Errorf("%s %s with %s: %d %s", r.Method, r.Path, name, res.StatusCode, body)
			}
			if (name == "no session") == strings.Contains(res.Header.Get("WWW-Authenticate"), "error=") {
				t.Errorf("%s: %s", name, res.Header.Get("WWW-Authenticate"))
			}
		}
	}
	if n < 16 {
		t.Errorf("only %d vault routes", n)
	}
}

// RFC 9449, Sections 4.3, 7 and 11.1.
func TestDPoP(t *testing.T) {
	p := newPlatform(t)
	c := p.signIn("lotte")
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	proof := func(key *ecdsa.PrivateKey, method, target, token string, at time.Time) *string {
		s, err := oauth.NewProof(key, method, target, token, p.core.ProofNonce(), at)
		if err != nil {
			t.Fatal(err)
		}
		return &s
	}
	key := c.Key.(*ecdsa.PrivateKey)
	target := p.url + "/vault/v1"
	once := proof(key, "GET", target, c.AccessToken, time.Now())
	old, _ := oauth.NewProof(key, "GET", target, c.AccessToken, "nonce-of-yesterday", time.Now())
	without, _ := oauth.NewProof(key, "GET", target, c.AccessToken, "", time.Now())
	if res, _ := p.do(c, call{method: "GET", path: "/vault/v1", proof: once}); res.StatusCode != http.StatusNotFound {
		t.Fatalf("a good request: %d", res.StatusCode) // signed in, without a vault
	}
	bearer := "Bearer " + c.AccessToken
	none := ""
	for name, x := range map[string]call{
		"replay":        {proof: once},
		"bearer use":    {authorization: &bearer},
		"other key":     {proof: proof(other, "GET", target, c.AccessToken, time.Now())},
		"other method":  {proof: proof(key, "POST", target, c.AccessToken, time.Now())},
		"other address": {proof: proof(key, "GET", target+"/items", c.AccessToken, time.Now())},
		"other host":    {proof: proof(key, "GET", "https://evil.example/vault/v1", c.AccessToken, time.Now())},
		"other token":   {proof: proof(key, "GET", target, "other", time.Now())},
		"no ath":        {proof: proof(key, "GET", target, "", time.Now())},
		"old nonce":     {proof: &old},
		"no nonce":      {proof: &without},
		"no proof":      {proof: &none},
	} {
		x.method, x.path = "GET", "/vault/v1"
		res, body := p.do(c, x)
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
		if strings.Contains(body, c.AccessToken) {
			t.Errorf("%s: the answer repeats the token", name)
		}
		// Whoever is refused has the nonce for the next try.
		nonces := res.Header.Values("DPoP-Nonce")
		if len(nonces) != 1 || !p.core.GaveProofNonce(nonces[0]) || strings.HasSuffix(name, "nonce") != strings.Contains(res.Header.Get("WWW-Authenticate"), "use_dpop_nonce") {
			t.Errorf("%s: nonces %v, %s", name, nonces, res.Header.Get("WWW-Authenticate"))
		}
	}
	if res, _ := p.do(c, call{method: "GET", path: "/vault/v1"}); res.StatusCode != http.StatusNotFound {
		t.Error("a fresh proof after the refusals:", res.StatusCode)
	}
	// A client's clock may be wrong: the nonce says when the proof was made.
	for _, wrong := range []time.Duration{-time.Hour, time.Hour} {
		if res, body := p.do(c, call{method: "GET", path: "/vault/v1", proof: proof(key, "GET", target, c.AccessToken, time.Now().Add(wrong))}); res.StatusCode != http.StatusNotFound {
			t.Errorf("a clock that is wrong by %s: %d %s", wrong, res.StatusCode, body)
		}
	}
}

func TestLoginRefusals(t *testing.T) {
	p := newPlatform(t)
	challenge := oauth.Challenge(oauth.NewVerifier())
	for name, uri := range map[string]string{
		"foreign":        "https://evil.example/cb",
		"foreign http":   "http://evil.example:4711/cb",
		"host name":      "http://localhost:4711/cb",
		"https loopback": "https://127.0.0.1:4711/cb",
		"no port":        "http://127.0.0.1/cb",
		"user":           "http://127.0.0.1:80@evil.example:4711/cb",
		"other loopback": "http://127.0.0.2:4711/cb",
		"mapped":         "http://[::ffff:127.0.0.1]:4711/cb",
		"fragment":       loopbackURI + "#x",
		"query":          loopbackURI + "?next=https://evil.example",
		"scheme":         "javascript:alert(1)",
	} {
		res, _ := p.do(nil, call{method: "GET", path: "/session/login?" + url.Values{"redirect_uri": {uri}, "state": {"s"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}.Encode()})
		if res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.Header.Get("Location"))
		}
		if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: a person gets %s", name, res.Header.Get("Content-Type"))
		}
	}
	b := browser()
	for name, q := range map[string]url.Values{
		"no challenge":   {},
		"plain":          {"code_challenge": {challenge}, "code_challenge_method": {"plain"}},
		"no method":      {"code_challenge": {challenge}},
		"short":          {"code_challenge": {"abc"}, "code_challenge_method": {"S256"}},
		"a long state":   {"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "state": {strings.Repeat("s", 600)}},
		"method, no S25": {"code_challenge_method": {"S256"}},
	} {
		q.Set("redirect_uri", loopbackURI)
		if !q.Has("state") {
			q.Set("state", "s")
		}
		res, err := b.Get(p.url + "/session/login?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		at, err := res.Location()
		if err != nil || at.Query().Get("error") != "invalid_request" || at.Query().Get("iss") != p.url || at.Host != "127.0.0.1:4711" {
			t.Errorf("%s: %v %v", name, at, err)
		}
	}
	if res, _ := p.do(nil, call{method: "GET", path: "/session/login?state=s"}); res.StatusCode != http.StatusBadRequest {
		t.Error("state without redirect_uri:", res.StatusCode)
	}
	// Both loopback addresses of RFC 8252, Section 7.3.
	for _, uri := range []string{loopbackURI, "http://[::1]:4711/cb"} {
		_, at := p.walk(browser(), p.client().LoginURL(uri, "s", oauth.NewVerifier()), "lotte")
		if at == nil || !strings.HasPrefix(at.String(), uri+"?") {
			t.Errorf("%s: %v", uri, at)
		}
	}
}

func TestCallback(t *testing.T) {
	p := newPlatform(t)
	// Without the browser's ticket an answer of the provider is worth nothing.
	res, body := p.do(nil, call{method: "GET", path: "/session/callback?code=x&state=y", header: http.Header{"Accept-Language": {"de"}}})
	if res.StatusCode != http.StatusBadRequest || !strings.Contains(body, "Anmeldung") || res.Header.Get("Content-Language") != "de" {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	// The page after a sign-in without a wallet unit.
	for lang, title := range map[string]string{"nl-BE": "U bent aangemeld", "fr": "Vous êtes connecté", "de": "Sie sind angemeldet", "en": "You are signed in", "ja": "U bent aangemeld"} {
		b := browser()
		b.Transport = accepting(lang)
		res, at := p.walk(b, p.url+"/session/login", "sam")
		if at != nil {
			t.Fatalf("left for %s", at)
		}
		page := read(t, res)
		if res.StatusCode != http.StatusOK || !strings.Contains(page, "<h1>"+title+"</h1>") || !strings.Contains(page, `<html lang="`) {
			t.Errorf("%s: %d %s", lang, res.StatusCode, page)
		}
		if res.Header.Get("Content-Security-Policy") == "" || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", res.Header)
		}
		u, _ := url.Parse(p.url + "/session/callback")
		if len(b.Jar.Cookies(u)) != 0 {
			t.Error("the ticket stays in the browser")
		}
	}
	if res, css := p.get(p.url+"/session/page.css", "text/css"); res.StatusCode != 200 || !strings.Contains(css, "body") {
		t.Error(res.StatusCode)
	}
}

type accepting string

func (a accepting) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Accept-Language", string(a))
	return http.DefaultTransport.RoundTrip(r)
}

func read(t *testing.T, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTokenRefusals(t *testing.T) {
	p := newPlatform(t)
	c, verifier := p.client(), oauth.NewVerifier()
	code := func() string {
		_, at := p.walk(browser(), c.LoginURL(loopbackURI, "s", verifier), "lotte")
		return at.Query().Get("code")
	}
	good := code()
	target := p.url + "/session/token"
	post := func(form url.Values, proof *string) (int, string) {
		t.Helper()
		if proof == nil {
			s, err := oauth.NewProof(c.Key, "POST", target, "", p.core.ProofNonce(), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			proof = &s
		}
		res, body := p.do(nil, call{method: "POST", path: "/session/token", body: form.Encode(), proof: proof, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
		var e struct {
			Error string `json:"error"`
		}
		if err := jose.Unmarshal([]byte(body), &e); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if res.Header.Get("Cache-Control") != "no-store" {
			t.Error("a token answer can be cached")
		}
		return res.StatusCode, e.Error
	}
	form := func(change ...string) url.Values {
		f := url.Values{"grant_type": {"authorization_code"}, "code": {good}, "code_verifier": {verifier}}
		for n := 0; n < len(change); n += 2 {
			f.Set(change[n], change[n+1])
		}
		return f
	}
	empty := ""
	old, _ := oauth.NewProof(c.Key, "POST", target, "", "nonce-of-yesterday", time.Now())
	none, _ := oauth.NewProof(c.Key, "POST", target, "", "", time.Now())
	once, _ := oauth.NewProof(c.Key, "POST", target, "", p.core.ProofNonce(), time.Now())
	for _, x := range []struct {
		name, want string
		form       url.Values
		proof      *string
	}{
		{"other grant", "unsupported_grant_type", form("grant_type", "password"), nil},
		{"no code", "invalid_request", form("code", ""), nil},
		{"no verifier", "invalid_request", form("code_verifier", ""), nil},
		{"other verifier", "invalid_grant", form("code_verifier", oauth.NewVerifier()), nil},
		{"other code", "invalid_grant", form("code", "x"), &once},
		{"replayed proof", "invalid_dpop_proof", form(), &once},
		{"no proof", "invalid_dpop_proof", form(), &empty},
		{"old nonce", "use_dpop_nonce", form(), &old},
		{"no nonce", "use_dpop_nonce", form(), &none},
	} {
		if status, got := post(x.form, x.proof); status != 400 || got != x.want {
			t.Errorf("%s: %d %s, expected %s", x.name, status, got, x.want)
		}
	}
	if status, _ := post(form(), nil); status != 200 {
		t.Error("the good one:", status)
	}
	if status, got := post(form(), nil); status != 400 || got != "invalid_grant" {
		t.Error("a code was used twice:", status, got)
	}
	res, _ := p.do(nil, call{method: "POST", path: "/session/token", body: `{}`})
	if res.StatusCode != http.StatusUnsupportedMediaType {
		t.Error("JSON at the token endpoint:", res.StatusCode)
	}
}

func TestItemRefusals(t *testing.T) {
	p := newPlatform(t)
	v, _ := p.vault("lotte")
	theirs, _ := p.vault("sam")
	name, _ := unit.NewName(rand.Reader)
	seal := func(resource string) string {
		b, err := unit.SealEnvelope(rand.Reader, v.Keys.Vault.PublicKey(), resource, []byte(`{"canary":1}`))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	good := seal(v.Info.Storage + name)
	jwe, create := []string{"application/jose+json"}, []string{"*"}
	path := "/vault/v1/items/" + name
	for _, x := range []struct {
		what string
		call call
		want int
	}{
		{"no condition", call{method: "PUT", path: path, body: good, header: http.Header{"Content-Type": jwe}}, 428},
		{"both conditions", call{method: "PUT", path: path, body: good, header: http.Header{"Content-Type": jwe, "If-None-Match": create, "If-Match": {`"a"`}}}, 400},
		{"weak tag", call{method: "PUT", path: path, body: good, header: http.Header{"Content-Type": jwe, "If-Match": {`W/"a"`}}}, 400},
		{"any tag", call{method: "PUT", path: path, body: good, header: http.Header{"Content-Type": jwe, "If-Match": {`*`}}}, 400},
		{"nothing to replace", call{method: "PUT", path: path, body: good, header: http.Header{"Content-Type": jwe, "If-Match": {`"a"`}}}, 412},
		{"plain JSON type", call{method: "PUT", path: path, body: good, header: http.Header{"Content-Type": {"application/json"}, "If-None-Match": create}}, 415},
		{"type with parameter", call{method: "PUT", path: path, body: good, header: http.Header{"Content-Type": {"application/jose+json; charset=utf-8"}, "If-None-Match": create}}, 415},
		{"compressed", call{method: "PUT", path: path, body: good, header: http.Header{"Content-Type": jwe, "Content-Encoding": {"gzip"}, "If-None-Match": create}}, 415},
		{"plaintext", call{method: "PUT", path: path, body: `{"name":"canary"}`, header: http.Header{"Content-Type": jwe, "If-None-Match": create}}, 422},
		{"other resource's aad", call{method: "PUT", path: path, body: seal(v.Info.Storage + "index.jwe"), header: http.Header{"Content-Type": jwe, "If-None-Match": create}}, 422},
		{"other vault's aad", call{method: "PUT", path: path, body: seal(theirs.Info.Storage + name), header: http.Header{"Content-Type": jwe, "If-None-Match": create}}, 422},
		{"room beside it", call{method: "PUT", path: path, body: strings.Replace(good, `{"jwe"`, `{"title":"canary","jwe"`, 1), header: http.Header{"Content-Type": jwe, "If-None-Match": create}}, 422},
		{"too large", call{method: "PUT", path: path, body: strings.Repeat("x", 4<<20+1), header: http.Header{"Content-Type": jwe, "If-None-Match": create}}, 413},
		{"telling name", call{method: "PUT", path: "/vault/v1/items/diploma", body: good, header: http.Header{"Content-Type": jwe, "If-None-Match": create}}, 422},
		{"way out", call{method: "GET", path: "/vault/v1/items/..%2f..%2fetc"}, 404},
		{"not there", call{method: "GET", path: path}, 404},
		{"delete what is not there", call{method: "DELETE", path: path}, 404},
		{"other method", call{method: "PATCH", path: path}, 405},
		{"no such path", call{method: "GET", path: "/vault/v2"}, 404},
		{"good", call{method: "PUT", path: path, body: good, header: http.Header{"Content-Type": jwe, "If-None-Match": create}}, 201},
		{"again", call{method: "PUT", path: path, body: good, header: http.Header{"Content-Type": jwe, "If-None-Match": create}}, 412},
	} {
		res, body := p.do(v.Platform, x.call)
		if res.StatusCode != x.want {
			t.Errorf("%s: %d, expected %d: %s", x.what, res.StatusCode, x.want, body)
		}
		if strings.Contains(body, "canary") {
			t.Errorf("%s: the answer repeats the input", x.what)
		}
		if x.want == 415 && x.what != "compressed" && res.Header.Get("Accept") != "application/jose+json" {
			t.Errorf("%s: what is accepted is not said", x.what)
		}
	}
	// Another citizen does not find it.
	if res, _ := p.do(theirs.Platform, call{method: "GET", path: path}); res.StatusCode != 404 {
		t.Error("an item of another vault:", res.StatusCode)
	}
	// HEAD and conditional GET.
	res, body := p.do(v.Platform, call{method: "HEAD", path: path})
	tag := res.Header.Get("ETag")
	if res.StatusCode != 200 || body != "" || tag == "" || res.Header.Get("Content-Type") != "application/jose+json" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if res, _ := p.do(v.Platform, call{method: "GET", path: path, header: http.Header{"If-None-Match": {tag}}}); res.StatusCode != http.StatusNotModified {
		t.Error(res.StatusCode)
	}
	if res, _ := p.do(v.Platform, call{method: "PUT", path: path, body: good, header: http.Header{"Content-Type": jwe, "If-Match": {tag}}}); res.StatusCode != 204 || res.Header.Get("ETag") == "" {
		t.Error(res.StatusCode)
	}
}

func TestVaultRefusals(t *testing.T) {
	p := newPlatform(t)
	c := p.signIn("lotte")
	if _, err := c.Vault(t.Context()); !errors.Is(err, unit.ErrNotFound) {
		t.Error(err)
	}
	v, _, err := unit.Create(t.Context(), p.setup(c))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = unit.Create(t.Context(), p.setup(p.signIn("lotte")))
	var r *unit.Refusal
	if !errors.As(err, &r) || r.Status != http.StatusConflict {
		t.Errorf("a second vault: %v", err)
	}
	ks, err := c.Keystore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shape, _ := ks.Marshal()
	private, _ := jose.PrivateJWK(v.Keys.DID)
	leaked, _ := jose.Marshal(map[string]any{"did_key": private, "encryption_key": v.Keys.VaultJWK()})
	for _, x := range []struct {
		what string
		call call
		want int
	}{
		{"private key", call{method: "POST", path: "/vault/v1", body: string(leaked)}, 422},
		{"misspelt member", call{method: "POST", path: "/vault/v1", body: `{"did_kee":{}}`}, 400},
		{"member twice", call{method: "PUT", path: "/vault/v1/link", body: `{"link_proof":"a","link_proof":"b"}`}, 400},
		{"no JSON", call{method: "POST", path: "/vault/v1/handles", body: "issuer=x", header: http.Header{"Content-Type": {"text/plain"}}}, 415},
		{"long body", call{method: "PUT", path: "/vault/v1/link", body: `{"link_proof":"` + strings.Repeat("a", 20<<10) + `"}`}, 413},
		{"bad link proof", call{method: "PUT", path: "/vault/v1/link", body: `{"link_proof":"a.b.c"}`}, 422},
		{"bad rotation", call{method: "POST", path: "/vault/v1/rotate", body: `{"did_key":{"kty":"EC"},"continuity":"a","link_proof":"b"}`}, 422},
		{"reactivate an active one", call{method: "POST", path: "/vault/v1/reactivate", body: `{"link_proof":"x"}`}, 409},
		{"unknown issuer", call{method: "POST", path: "/vault/v1/handles", body: `{"issuer":"https://evil.example"}`}, 422},
		{"unknown event", call{method: "POST", path: "/vault/v1/events", body: `{"kind":"vault.delete","organisation":"x"}`}, 422},
		{"share without purpose", call{method: "POST", path: "/vault/v1/events", body: `{"kind":"share","organisation":"x"}`}, 422},
		{"number in a share", call{method: "POST", path: "/vault/v1/events", body: `{"kind":"share","organisation":"` + lotte + `","purpose":"p","legal_basis":"l","data_type":"d"}`}, 422},
		{"bad time", call{method: "GET", path: "/vault/v1/events?from=yesterday"}, 400},
		{"keystore as text", call{method: "PUT", path: "/vault/v1/keystore", body: `{"password":"canary"}`}, 422},
		{"keystore that changed", call{method: "PUT", path: "/vault/v1/keystore", body: string(shape), header: http.Header{"If-Match": {`"k99"`}}}, 412},
		{"keystore that exists", call{method: "PUT", path: "/vault/v1/keystore", body: string(shape), header: http.Header{"If-None-Match": {"*"}}}, 412},
		{"keystore too long", call{method: "PUT", path: "/vault/v1/keystore", body: `{"keys":"` + strings.Repeat("A", 40<<10) + `"}`}, 413},
		{"keystore", call{method: "PUT", path: "/vault/v1/keystore", body: string(shape), header: http.Header{"If-Match": {`"k1"`}}}, 204},
	} {
		res, body := p.do(c, x.call)
		if res.StatusCode != x.want {
			t.Errorf("%s: %d, expected %d: %s", x.what, res.StatusCode, x.want, body)
		}
		if strings.Contains(body, "canary") || strings.Contains(body, lotte) {
			t.Errorf("%s: the answer repeats the input", x.what)
		}
		if x.want >= 400 && res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s", x.what, res.Header.Get("Content-Type"))
		}
	}
}

func TestPublicDocuments(t *testing.T) {
	p := newPlatform(t)
	v, _ := p.vault("lotte")
	webid := v.Info.WebID
	for _, x := range []struct {
		path, accept string
		want         int
		typ          string
	}{
		{"", "", 200, "text/turtle"},
		{"", "*/*", 200, "text/turtle"},
		{"", "application/ld+json", 200, "application/ld+json"},
		{"", "application/ld+json, text/turtle;q=0.6", 200, "text/turtle"},
		{"", "text/html", 406, "application/problem+json"},
		{"/did.json", "", 200, "application/json"},
		{"/did.json", "application/did+json", 200, "application/did+json"},
		{"/did.json", "application/did+json;q=0, application/json", 200, "application/json"},
		{"/link.jwt", "", 200, "application/jwt"},
		{"/rotations.json", "", 200, "application/json"},
	} {
		res, _ := p.get(webid+x.path, x.accept)
		if res.StatusCode != x.want || res.Header.Get("Content-Type") != x.typ {
			t.Errorf("%s with Accept %q: %d %s", x.path, x.accept, res.StatusCode, res.Header.Get("Content-Type"))
		}
		if res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: scripts of others cannot read a public document", x.path)
		}
		if negotiated := x.path == "" || x.path == "/did.json"; negotiated && !strings.Contains(res.Header.Get("Vary"), "Accept") {
			t.Errorf("%s: Vary %q", x.path, res.Header.Get("Vary"))
		}
		if x.want == 200 {
			if res, _ := p.do(nil, call{method: "GET", path: strings.TrimPrefix(webid, p.url) + x.path, header: http.Header{"Accept": {x.accept}, "If-None-Match": {res.Header.Get("ETag")}}}); res.StatusCode != 304 {
				t.Errorf("%s: unchanged, but answers %d", x.path, res.StatusCode)
			}
		}
	}
	for path, want := range map[string]int{
		"/profiles/7c3e0c7e-0000-4000-8000-000000000000": 404, "/profiles/x": 404, "/profiles/..%2fx": 404, strings.TrimPrefix(webid, p.url) + "/x": 404, "/profiles": 404,
	} {
		if res, _ := p.get(p.url+path, "*/*"); res.StatusCode != want {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	// CORS is for these documents only.
	if res, _ := p.do(v.Platform, call{method: "GET", path: "/vault/v1", header: http.Header{"Origin": {"https://evil.example"}}}); res.StatusCode != 200 || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a script of another origin can read the vault API")
	}
	res, _ := p.get(p.url+"/.well-known/vault-platform", "")
	if res.Header.Get("Content-Type") != "application/jwk-set+json" || !strings.Contains(res.Header.Get("Cache-Control"), "max-age") {
		t.Error(res.Header)
	}
	if res, _ := p.get(p.url+"/health/ready", ""); res.StatusCode != 200 {
		t.Error(res.StatusCode)
	}
}

type fixedSignIn struct{}

func (fixedSignIn) Start(context.Context, []byte, signin.Demand) (string, string, error) {
	return "https://op.example/authorize", "ticket", nil
}

func (fixedSignIn) Finish(context.Context, url.Values, string) (signin.Identity, []byte, error) {
	return signin.Identity{}, nil, signin.ErrTicket
}

// The ticket's cookie can be read by no script and set by no other host.
func TestTicketCookie(t *testing.T) {
	p := newPlatform(t)
	for secure, want := range map[bool]string{
		true:  "__Host-zegel-sign-in=ticket; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax",
		false: "zegel-sign-in=ticket; Path=/session; Max-Age=600; HttpOnly; SameSite=Lax",
	} {
		core := p.core
		if secure {
			core = p.https(t)
		}
		e := api.New(core, fixedSignIn{}, api.Options{Log: slog.New(slog.DiscardHandler)})
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest("GET", "/session/login", nil))
		if got := w.Header().Get("Set-Cookie"); w.Code != http.StatusFound || got != want {
			t.Errorf("%d %s, expected %s", w.Code, got, want)
		}
	}
}
