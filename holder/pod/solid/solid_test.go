package solid

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/holder/pod/podtest"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// script is a server that answers as a test says, and no other way: what a
// hostile or broken Solid server might do.
type script struct {
	*httptest.Server
	answers map[string]http.HandlerFunc // by method and path
	asked   []string
}

func newScript(t *testing.T, answers map[string]http.HandlerFunc) (*script, *Host) {
	t.Helper()
	s := &script{answers: map[string]http.HandlerFunc{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		if f := s.answers[r.Method+" "+r.URL.Path]; f != nil {
			f(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	s.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1) + "/"
	s.answers["GET /.well-known/openid-configuration"] = says(fmt.Sprintf(`{"issuer":%q,"token_endpoint":%q}`, s.URL, s.URL+"token"))
	s.answers["POST /token"] = says(`{"access_token":"t","token_type":"DPoP","expires_in":600}`)
	maps.Copy(s.answers, answers)
	h, err := New(Config{Server: s.URL, HTTP: s.Client(), Publish: func(context.Context, string, string, string) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return s, h
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func (s *script) open(t *testing.T, h *Host) *pod.Pod {
	t.Helper()
	b, err := jose.Marshal(access{Root: s.URL + "p/", WebID: "https://id.example/x", ClientID: "id+/", ClientSecret: "s:%"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.Open(t.Context(), pod.Location{URL: s.URL + "p/vault/", Access: b})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wants(t *testing.T, err, sentinel error, without ...string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("got error %v, want %v", err, sentinel)
		return
	}
	for _, s := range append(without, "localhost", "secret") {
		if strings.Contains(err.Error(), s) {
			t.Errorf("the error tells %q: %v", s, err)
		}
	}
}

// A redirect is not followed, wherever it leads: a token and a proof are for
// one server.
func TestRedirectsAreRefused(t *testing.T) {
	caught := 0
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { caught++ }))
	defer thief.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		redirect := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, thief.URL, status) }
		for _, path := range []string{"GET /.well-known/openid-configuration", "POST /token", "GET /p/vault/index.jwe"} {
			s, h := newScript(t, map[string]http.HandlerFunc{path: redirect})
			_, err := s.open(t, h).Get(t.Context(), pod.IndexName)
			wants(t, err, pod.ErrUnavailable, thief.URL)
		}
	}
	if caught != 0 {
		t.Errorf("%d redirects were followed", caught)
	}

	// A Doer that follows nevertheless: its answer is not used.
	s, h := newScript(t, map[string]http.HandlerFunc{"GET /p/vault/index.jwe": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }})
	s.answers["GET /elsewhere"] = says("x")
	h.http = http.DefaultClient
	_, err := s.open(t, h).Get(t.Context(), pod.IndexName)
	wants(t, err, pod.ErrUnavailable, "elsewhere")
}

func TestForeignAddressesAreRefused(t *testing.T) {
	caught := 0
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { caught++ }))
	defer thief.Close()

	s, h := newScript(t, nil)
	s.answers["GET /.well-known/openid-configuration"] = says(fmt.Sprintf(`{"issuer":%q,"token_endpoint":%q}`, s.URL, thief.URL+"/token"))
	_, err := s.open(t, h).Get(t.Context(), pod.IndexName)
	wants(t, err, pod.ErrUnavailable)

	s, h = newScript(t, map[string]http.HandlerFunc{"GET /.well-known/openid-configuration": says(`{"issuer":"https://other.example/","token_endpoint":"https://other.example/token"}`)})
	_, err = s.open(t, h).Get(t.Context(), pod.IndexName)
	wants(t, err, pod.ErrUnavailable, "other.example")

	_, h = newScript(t, map[string]http.HandlerFunc{"GET /.account/": says(fmt.Sprintf(`{"controls":{"account":{"create":%q},"password":{"login":%q}}}`, thief.URL, thief.URL))})
	_, err = h.Create(t.Context(), "https://id.example/x")
	wants(t, err, pod.ErrUnavailable)
	_, err = h.signIn(t.Context(), "a@b", "secret")
	wants(t, err, pod.ErrUnavailable)

	// The access control document of the root.
	s, h = newScript(t, map[string]http.HandlerFunc{"HEAD /p/": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "<"+thief.URL+`/acl>; rel="acl"`)
	}})
	c, err := h.client("id", "secret")
	if err != nil {
		t.Fatal(err)
	}
	wants(t, c.control(t.Context(), s.URL+"p/", nobody), pod.ErrUnavailable)
	if caught != 0 {
		t.Errorf("%d requests went to another server", caught)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	flood := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", pod.MediaType)
		w.Header().Set("ETag", `"1"`)
		chunk := []byte(strings.Repeat("x", 1<<16))
		for range (maxListing >> 16) + 16 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	for _, path := range []string{"GET /p/vault/index.jwe", "GET /p/vault/", "POST /token", "GET /.well-known/openid-configuration"} {
		s, h := newScript(t, map[string]http.HandlerFunc{path: flood})
		p := s.open(t, h)
		var err error
		if strings.HasSuffix(path, "vault/") {
			_, err = p.List(t.Context())
		} else {
			_, err = p.Get(t.Context(), pod.IndexName)
		}
		wants(t, err, pod.ErrTooLarge)
	}
}

func TestStatuses(t *testing.T) {
	for status, want := range map[int]error{400: pod.ErrUnavailable, 403: pod.ErrDenied, 401: pod.ErrDenied, 404: pod.ErrNotFound, 410: pod.ErrNotFound,
		409: pod.ErrUnavailable, 413: pod.ErrTooLarge, 429: pod.ErrUnavailable, 500: pod.ErrUnavailable, 503: pod.ErrUnavailable, 204: pod.ErrUnavailable, 206: pod.ErrUnavailable} {
		answer := func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			if status != 204 {
				_, _ = io.WriteString(w, "the secret of localhost")
			}
		}
		s, h := newScript(t, map[string]http.HandlerFunc{"GET /p/vault/index.jwe": answer})
		_, err := s.open(t, h).Get(t.Context(), pod.IndexName)
		wants(t, err, want)
	}
	// Nobody there at all.
	s, h := newScript(t, nil)
	s.Close()
	_, err := s.open(t, h).Get(t.Context(), pod.IndexName)
	wants(t, err, pod.ErrUnavailable)
}

// What is read must be replaceable: it needs a strong ETag and a media type.
func TestGetWantsETag(t *testing.T) {
	for _, tag := range []string{"", `W/"1"`, "1", `"`, `"` + strings.Repeat("x", 300) + `"`} {
		s, h := newScript(t, map[string]http.HandlerFunc{"GET /p/vault/index.jwe": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", pod.MediaType)
			w.Header().Set("ETag", tag)
		}})
		_, err := s.open(t, h).Get(t.Context(), pod.IndexName)
		wants(t, err, pod.ErrUnavailable)
	}
}

// The version of a writer who came right after must not pass for ours.
func TestReadBackOfAnother(t *testing.T) {
	s, h := newScript(t, map[string]http.HandlerFunc{
		"PUT /p/vault/index.jwe": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) },
		"GET /p/vault/index.jwe": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", pod.MediaType)
			w.Header().Set("ETag", `"2"`)
			_, _ = io.WriteString(w, "another")
		},
	})
	p := s.open(t, h)
	_, err := p.Put(t.Context(), pod.IndexName, pod.MediaType, podtest.NewKey(t).Seal(t, p.Resource(pod.IndexName), []byte("x")).Envelope(t), pod.IfAbsent())
	wants(t, err, pod.ErrPrecondition)
}

func TestTokenAnswers(t *testing.T) {
	for body, want := range map[string]error{
		`{"access_token":"t","token_type":"Bearer","expires_in":600}`:                                   pod.ErrUnavailable,
		`{"access_token":"","token_type":"DPoP","expires_in":600}`:                                      pod.ErrUnavailable,
		`{"access_token":"a\r\nb","token_type":"DPoP","expires_in":600}`:                                pod.ErrUnavailable,
		`{"access_token":"t","token_type":"DPoP","expires_in":0}`:                                       pod.ErrUnavailable,
		`{"access_token":"t","token_type":"DPoP","expires_in":-1}`:                                      pod.ErrUnavailable,
		`{"access_token":"t","token_type":"DPoP"}`:                                                      pod.ErrUnavailable,
		`{"access_token":"t","access_token":"secret","token_type":"DPoP","expires_in":1}`:               pod.ErrUnavailable,
		`{"access_token":"` + strings.Repeat("t", maxToken+1) + `","token_type":"DPoP","expires_in":1}`: pod.ErrUnavailable,
		`secret`: pod.ErrUnavailable,
	} {
		s, h := newScript(t, map[string]http.HandlerFunc{"POST /token": says(body)})
		_, err := s.open(t, h).Get(t.Context(), pod.IndexName)
		wants(t, err, want)
	}
	for status, code := range map[int]string{401: "invalid_client", 400: "unauthorized_client"} {
		s, h := newScript(t, map[string]http.HandlerFunc{"POST /token": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"error":%q}`, code)
		}})
		_, err := s.open(t, h).Get(t.Context(), pod.IndexName)
		wants(t, err, pod.ErrDenied)
	}
}

// The token request and the proofs, seen from the server; with a server that
// demands nonces (RFC 9449, Section 8).
func TestProofsAndNonces(t *testing.T) {
	var s *script
	nonce, thumbprint := "n-1", ""
	tokens := 0
	check := func(r *http.Request, token string) bool {
		t.Helper()
		p, err := oauth.VerifyProof(r.Header, oauth.Expect{Method: r.Method, URL: strings.TrimSuffix(s.URL, "/") + r.URL.Path, Token: token, Thumbprint: thumbprint, CheckNonce: func(n string) bool { return n == nonce }, Now: time.Now(), MaxAge: time.Minute})
		if err != nil {
			return false
		}
		thumbprint = p.Thumbprint
		return true
	}
	s, h := newScript(t, map[string]http.HandlerFunc{
		"POST /token": func(w http.ResponseWriter, r *http.Request) {
			tokens++
			user, secret, _ := r.BasicAuth()
			if u, _ := url.QueryUnescape(user); u != "id+/" {
				t.Errorf("client id %q", u)
			}
			if p, _ := url.QueryUnescape(secret); p != "s:%" {
				t.Errorf("client secret %q", p)
			}
			if _, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")); err != nil {
				t.Error(err)
			}
			if r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("scope") != "webid" {
				t.Errorf("token request %v", r.PostForm)
			}
			w.Header().Set("DPoP-Nonce", nonce)
			if !check(r, "") {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"error":"use_dpop_nonce"}`)
				return
			}
			_, _ = io.WriteString(w, `{"access_token":"t","token_type":"dpop","expires_in":86400}`)
		},
		"GET /p/vault/index.jwe": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("DPoP-Nonce", nonce)
			if r.Header.Get("Authorization") != "DPoP t" || !check(r, "t") {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.Header().Set("Content-Type", pod.MediaType+"; charset=utf-8")
			w.Header().Set("ETag", `"1"`)
			_, _ = io.WriteString(w, "x")
		},
	})
	now := time.Now()
	h.now = func() time.Time { return now }
	p := s.open(t, h)
	get := func() {
		t.Helper()
		if o, err := p.Get(t.Context(), pod.IndexName); err != nil || o.MediaType != pod.MediaType {
			t.Errorf("got %q, error %v", o.MediaType, err)
		}
	}
	get()
	if tokens != 2 { // refused without a nonce, then given
		t.Errorf("%d token requests, want 2", tokens)
	}
	get()
	if tokens != 2 {
		t.Errorf("%d token requests, want 2: the token was not kept", tokens)
	}
	nonce = "n-2" // the server moved on: 401 once, then with the new nonce
	get()
	tokens = 0
	now = now.Add(maxLifetime - margin - time.Second)
	if tok := h.clients["id+/"]; tok == nil || !now.Before(tok.expires) {
		t.Error("the token was not kept for its bounded lifetime")
	}
	now = now.Add(2 * time.Second)
	if tok := h.clients["id+/"]; now.Before(tok.expires) {
		t.Error("the token is kept past its bounded lifetime")
	}
}

func TestLocations(t *testing.T) {
	_, h := newScript(t, nil)
	base := h.server.String()
	in := func(root string) pod.Access {
		b, _ := jose.Marshal(access{Root: root, WebID: "https://id.example/x", ClientID: "i", ClientSecret: "s"})
		return b
	}
	for _, at := range []pod.Location{
		{},
		{URL: base + "p/vault/"},
		{URL: base + "p/vault/", Access: pod.Access("secret")},
		{URL: base + "q/vault/", Access: in(base + "p/")},
		{URL: "https://other.example/p/vault/", Access: in("https://other.example/p/")},
		{URL: base + "../p/vault/", Access: in(base + "../p/")},
		{URL: base + "p/%2e%2e/vault/", Access: in(base + "p/%2e%2e/")},
		{URL: base + "p/?x/vault/", Access: in(base + "p/?x/")},
		{URL: base + "p/vault/", Access: append(in(base+"p/"), "{}"...)},
	} {
		if _, err := h.Open(t.Context(), at); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got error %v", at.URL, err)
		}
	}
	if _, err := h.Open(t.Context(), pod.Location{URL: base + "p/vault/", Access: in(base + "p/")}); err != nil {
		t.Error(err)
	}
	for range maxClients + 10 { // memory stays bounded
		if _, err := h.client(pod.NewName(), "s"); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.clients) > maxClients {
		t.Errorf("%d clients are kept", len(h.clients))
	}
}

func TestConfig(t *testing.T) {
	publish := func(context.Context, string, string, string) error { return nil }
	for _, c := range []Config{
		{Server: "http://127.0.0.1:3000/", HTTP: http.DefaultClient, Publish: publish},
		{Server: "http://solid.example/", HTTP: http.DefaultClient, Publish: publish},
		{Server: "https://solid.example", HTTP: http.DefaultClient, Publish: publish},
		{Server: "https://solid.example/", Publish: publish},
		{Server: "https://solid.example/", HTTP: http.DefaultClient},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%q was accepted", c.Server)
		}
	}
	if _, err := New(Config{Server: "https://solid.example/pods/", HTTP: http.DefaultClient, Publish: publish}); err != nil {
		t.Error(err)
	}
}

const listing = `[{"@id":"https://s.example/p/","@type":["http://www.w3.org/ns/ldp#Container"],
"http://www.w3.org/ns/ldp#contains":[{"@id":"https://s.example/p/a"},{"@id":"https://s.example/p/b/"}]},
{"@id":"https://s.example/p/b/","http://www.w3.org/ns/ldp#contains":[{"@id":"https://s.example/p/b/c"}]}]`

func TestListings(t *testing.T) {
	got, err := contained([]byte(listing), "https://s.example/p/")
	if err != nil || strings.Join(got, " ") != "https://s.example/p/a https://s.example/p/b/" {
		t.Errorf("got %q, error %v", got, err)
	}
	for _, foreign := range []string{"https://s.example/q", "https://s.example/p/", "https://s.example/p/a/b", "https://s.example/p/../q", "https://s.example/p/%2e%2e/q",
		"https://s.example/p/a%2Fb", "https://s.example/p/%2e%2e/", "https://s.example/p//a", "https://s.example/p/a?x", "https://s.example/p/a#x", "http://s.example/p/a", "https://t.example/p/a", "https://u@s.example/p/a", "", "a"} {
		body := fmt.Sprintf(`[{"@id":"https://s.example/p/","http://www.w3.org/ns/ldp#contains":[{"@id":%q}]}]`, foreign)
		if got, err := contained([]byte(body), "https://s.example/p/"); !errors.Is(err, pod.ErrUnavailable) {
			t.Errorf("%s: got %q, error %v", foreign, got, err)
		}
	}
	for _, other := range []string{"", "{}", `{"@context":"https://c.example/","contains":[]}`, "<a> <b> <c>.", listing + "x"} {
		if _, err := contained([]byte(other), "https://s.example/p/"); !errors.Is(err, pod.ErrUnavailable) {
			t.Errorf("%q: got error %v", other, err)
		}
	}
}

func FuzzListing(f *testing.F) {
	f.Add([]byte(listing))
	f.Add([]byte(`[]`))
	f.Add([]byte(strings.ReplaceAll(listing, "/p/a", "/p/../a")))
	f.Fuzz(func(t *testing.T, body []byte) {
		const container = "https://s.example/p/"
		members, err := contained(body, container)
		if err != nil && members != nil {
			t.Fatal("an error with members")
		}
		for _, m := range members {
			// Sent as it is, and not below the container: a deletion elsewhere.
			req, err := http.NewRequest(http.MethodDelete, m, nil)
			if err != nil || req.URL.String() != m || req.URL.Host != "s.example" {
				t.Fatalf("%q is not sent as it is", m)
			}
			p, err := url.PathUnescape(req.URL.EscapedPath())
			name := strings.TrimSuffix(strings.TrimPrefix(p, "/p/"), "/")
			if err != nil || !strings.HasPrefix(p, "/p/") || name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/") {
				t.Fatalf("%q is not a member", m)
			}
		}
	})
}

func FuzzRegistrationToken(f *testing.F) {
	const webID = "https://id.example/profiles/1"
	f.Add(`<` + webID + `> <http://www.w3.org/ns/solid/terms#oidcIssuerRegistrationToken> "330020a1-36ae-471b-8a57-ddbac8b5170b".`)
	f.Add(`<` + webID + `> <http://www.w3.org/ns/solid/terms#oidcIssuerRegistrationToken> "a". <x> <y> "z".`)
	f.Add(`<https://other.example/> <http://www.w3.org/ns/solid/terms#oidcIssuerRegistrationToken> "330020a1-36ae-471b-8a57-ddbac8b5170b".`)
	f.Fuzz(func(t *testing.T, text string) {
		token, ok := registrationToken(text, webID)
		if ok != (token != "") {
			t.Fatal("a token without ok, or ok without one")
		}
		if ok && (strings.ContainsAny(token, "\"\\\n<>. ") || !strings.Contains(text, "<"+webID+">")) {
			t.Fatalf("accepted %q", token)
		}
	})
}

func FuzzLink(f *testing.F) {
	f.Add(`<.acl>; rel="acl"`)
	f.Add(`<a>; rel="type", <https://s.example/p/.acl>; rel="acl"; x=y`)
	f.Add(`<<>>;;rel=acl`)
	f.Fuzz(func(t *testing.T, line string) {
		target, ok := linked(http.Header{"Link": {line}}, "https://s.example/p/", "acl")
		if u, err := url.Parse(target); ok && (err != nil || !u.IsAbs()) {
			t.Fatalf("%q is no address", target)
		}
	})
}

func TestLink(t *testing.T) {
	for line, want := range map[string]string{
		`<.acl>; rel="acl"`: "https://s.example/p/.acl",
		`<x>; rel="type", <https://s.example/p/.acl>; title=a; rel=acl`: "https://s.example/p/.acl",
		`<x>; rel="acls"`: "",
		`x; rel="acl"`:    "",
	} {
		if got, ok := linked(http.Header{"Link": {line}}, "https://s.example/p/", "acl"); got != want || ok != (want != "") {
			t.Errorf("%s: got %q", line, got)
		}
	}
}
