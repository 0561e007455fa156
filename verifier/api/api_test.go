package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/api"
	"github.com/zegel-id/zegel/verifier/internal/world"
	"github.com/zegel-id/zegel/verifier/policy"
	"github.com/zegel-id/zegel/verifier/receivers"
)

// edge is the verifier behind its handler. Every exchange is held against the
// OpenAPI document that the handler serves.
type edge struct {
	t       *testing.T
	w       *world.World
	handler http.Handler
	router  routers.Router
	keys    map[string]string

	mu  sync.Mutex
	log bytes.Buffer
}

func (e *edge) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.log.Write(b)
}

func open(t *testing.T, change ...func(*api.Options)) *edge {
	t.Helper()
	e := &edge{t: t, w: world.New(t), keys: map[string]string{}}
	var clients []rest.Client
	for _, c := range []rest.Client{
		{ID: world.University, Permissions: []string{api.Permission}}, {ID: world.Employer, Permissions: []string{api.Permission}},
		{ID: "stranger", Permissions: []string{api.Permission}}, {ID: "other", Permissions: []string{"offer"}},
	} {
		key, digest := rest.NewKey()
		c.Keys, e.keys[c.ID] = []string{digest}, key
		clients = append(clients, c)
	}
	known, err := rest.NewClients(clients...)
	if err != nil {
		t.Fatal(err)
	}
	o := api.Options{
		Clients: known, Store: e.w.Store, Secret: bytes.Repeat([]byte{1}, 32), Now: e.w.Now,
		Log: slog.New(slog.NewJSONHandler(e, &slog.HandlerOptions{Level: slog.LevelDebug})), StreamPoll: 2 * time.Millisecond,
	}
	for _, f := range change {
		f(&o)
	}
	e.handler, err = api.New(e.w.Verifier, o)
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	e.handler.ServeHTTP(rec, httptest.NewRequest("GET", "/verifier/v1/openapi.json", nil))
	doc, err := openapi3.NewLoader().LoadFromData(rec.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e.router, err = gorillamux.NewRouter(doc); err != nil {
		t.Fatal(err)
	}
	return e
}

func init() {
	for _, text := range []string{"application/oauth-authz-req+jwt", "application/jwt", "text/html", "text/event-stream", "text/css", "text/javascript"} {
		openapi3filter.RegisterBodyDecoder(text, openapi3filter.PlainBodyDecoder)
	}
}

type call struct {
	method, path, client string
	body, mediaType      string
	header               map[string]string
}

// answers holds an answer against the document.
func (e *edge) answers(in *openapi3filter.RequestValidationInput, status int, h http.Header, body []byte) error {
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: h, Options: in.Options}
	out.SetBodyBytes(body)
	return openapi3filter.ValidateResponse(e.t.Context(), out)
}

// do sends a request and checks what comes back against the document; a
// request that is meant to be good is checked too.
func (e *edge) do(c call, want int) *httptest.ResponseRecorder {
	e.t.Helper()
	r := httptest.NewRequest(c.method, world.URL+c.path, strings.NewReader(c.body))
	if c.client != "" {
		r.Header.Set("Authorization", "Bearer "+e.keys[c.client])
	}
	if c.mediaType != "" {
		r.Header.Set("Content-Type", c.mediaType)
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	check := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
	check.Header = r.Header.Clone()
	rec := httptest.NewRecorder()
	e.handler.ServeHTTP(rec, r)
	if rec.Code != want {
		e.t.Errorf("%s %s: %d, want %d: %s", c.method, pattern(c.path), rec.Code, want, rec.Body)
	}
	route, params, err := e.router.FindRoute(check)
	if err != nil {
		e.t.Fatalf("%s %s is not in the document: %v", c.method, c.path, err)
	}
	in := &openapi3filter.RequestValidationInput{
		Request: check, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if want < 300 {
		if err := openapi3filter.ValidateRequest(e.t.Context(), in); err != nil {
			e.t.Errorf("request: %v", err)
		}
	}
	if err := e.answers(in, rec.Code, rec.Header(), rec.Body.Bytes()); err != nil {
		e.t.Errorf("%s %s: %v", c.method, pattern(c.path), err)
	}
	// The check itself must be able to fail.
	if b := rec.Body.String(); strings.HasSuffix(b, "}") && b != "{}" && rec.Code < 300 {
		if e.answers(in, rec.Code, rec.Header(), []byte(`{"unheard":1,`+b[1:])) == nil {
			e.t.Errorf("%s %s: the document lets everything through", c.method, pattern(c.path))
		}
	}
	return rec
}

func pattern(path string) string { return path[:min(len(path), 40)] }

const order = `{"dcql_query":{"credentials":[{"id":"diploma","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/types/led-diploma"]},"claims":[{"path":["title"]}]}]},` +
	`"purpose":"enrolment","flow":"same-device","redirect_uri":"https://www.university.example/back"}`

type started struct {
	ID   string `json:"transaction_id"`
	URI  string `json:"request_uri"`
	Link string `json:"link"`
}

func (e *edge) start(body string) started {
	e.t.Helper()
	rec := e.do(call{method: "POST", path: "/verifier/v1/transactions", client: world.University, body: body, mediaType: "application/json"}, http.StatusCreated)
	var s started
	if err := json.Unmarshal(rec.Body.Bytes(), &s); err != nil {
		e.t.Fatal(err)
	}
	return s
}

func (e *edge) fetch(s started) world.Asked {
	e.t.Helper()
	in, err := oid4vp.ParseLink(s.Link)
	if err != nil {
		e.t.Fatal(err)
	}
	rec := e.do(call{method: "POST", path: strings.TrimPrefix(in.RequestURI, world.URL), body: "wallet_nonce=n-0", mediaType: "application/x-www-form-urlencoded"}, 200)
	if got := rec.Header().Get("Content-Type"); got != "application/oauth-authz-req+jwt" {
		e.t.Errorf("content type %s", got)
	}
	return e.w.Read(rec.Body.String(), in.ClientID, "n-0")
}

const formType = "application/x-www-form-urlencoded"

func (e *edge) respond(a world.Asked, form url.Values, want int) map[string]string {
	e.t.Helper()
	rec := e.do(call{method: "POST", path: strings.TrimPrefix(a.ResponseURI, world.URL), body: form.Encode(), mediaType: formType}, want)
	var out map[string]string
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		e.t.Fatal(err)
	}
	if rec.Header().Get("Cache-Control") != "no-store" {
		e.t.Error("the answer to a wallet may be cached")
	}
	return out
}

func TestFlow(t *testing.T) {
	e := open(t)
	s := e.start(order)
	tx := "/verifier/v1/transactions/" + s.ID
	e.do(call{method: "GET", path: tx, client: world.University}, 200)
	e.do(call{method: "GET", path: tx + "/result", client: world.University}, http.StatusConflict)
	a := e.fetch(s)
	out := e.respond(a, a.Form(a.Present(e.w.Issue(), a.Paths())), 200)
	u, err := url.Parse(out["redirect_uri"])
	if err != nil || u.Host != "www.university.example" {
		t.Fatalf("%v", out)
	}
	if rec := e.do(call{method: "GET", path: tx, client: world.University}, 200); !strings.Contains(rec.Body.String(), `"answered"`) {
		t.Errorf("state %s", rec.Body)
	}
	e.do(call{method: "GET", path: tx + "/result", client: world.University}, 403)
	e.do(call{method: "GET", path: tx + "/result?response_code=wrong", client: world.University}, 403)
	rec := e.do(call{method: "GET", path: tx + "/result?" + u.RawQuery, client: world.University}, 200)
	if b := rec.Body.String(); !strings.Contains(b, `"verified":true`) || !strings.Contains(b, `"claims":{"title":"CANARY-TITLE"}`) {
		t.Errorf("result %s", b)
	}
	e.do(call{method: "GET", path: tx + "/result?" + u.RawQuery, client: world.University}, http.StatusGone)
	e.do(call{method: "GET", path: tx, client: world.University}, 200)
	e.respond(a, a.Form(a.Present(e.w.Issue(), a.Paths())), http.StatusGone)

	// What is logged names routes, never what stands in addresses and bodies.
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, secret := range append(slices.Clone(world.Canaries), s.ID, world.Last(s.URI), a.Secret(), string(a.Nonce), string(a.State), u.Query().Get("response_code"), e.keys[world.University]) {
		if strings.Contains(e.log.String(), secret) {
			t.Errorf("%.12s stands in the log", secret)
		}
	}
	if !strings.Contains(e.log.String(), `"/response/:response"`) {
		t.Error("the log names no route")
	}
}

// A receiver that asks again with the same key gets the same transaction.
func TestIdempotency(t *testing.T) {
	e := open(t)
	c := call{method: "POST", path: "/verifier/v1/transactions", client: world.University, body: order, mediaType: "application/json", header: map[string]string{"Idempotency-Key": "a"}}
	if one, two := e.do(c, 201).Body.String(), e.do(c, 201).Body.String(); one != two {
		t.Error("two transactions for one key")
	}
}

func TestRefusals(t *testing.T) {
	e := open(t)
	s := e.start(order)
	tx := "/verifier/v1/transactions/" + s.ID
	post := func(client, body string) call {
		return call{method: "POST", path: "/verifier/v1/transactions", client: client, body: body, mediaType: "application/json"}
	}
	with := func(from, to string) string { return strings.Replace(order, from, to, 1) }
	for _, c := range []struct {
		name string
		call call
		want int
		text string
	}{
		{"no key", post("", order), 401, ""},
		{"other permission", post("other", order), 403, "present"},
		{"not in the register", post("stranger", order), 403, "register"},
		{"misspelt member", post(world.University, with(`"purpose"`, `"purpos"`)), 400, ""},
		{"claim outside the registration", post(world.University, with(`["title"]`, `["person","given_name"]`)), 400, `"field":"dcql_query"`},
		{"unknown purpose", post(world.University, with("enrolment", "marketing")), 400, `those are: enrolment`},
		{"unknown policy", post(world.University, with(`"purpose"`, `"policy":"none","purpose"`)), 400, `"field":"policy"`},
		{"evidence without a key", call{method: "GET", path: tx + "/evidence"}, 401, ""},
		{"other receiver's evidence", call{method: "GET", path: tx + "/evidence", client: world.Employer}, 404, ""},
		{"evidence before the answer", call{method: "GET", path: tx + "/evidence", client: world.University}, 409, ""},
		{"policies without a key", call{method: "GET", path: "/verifier/v1/policies"}, 401, ""},
		{"redirect elsewhere", post(world.University, with("www.university.example", "evil.example")), 400, `"field":"redirect_uri"`},
		{"media type", call{method: "POST", path: "/verifier/v1/transactions", client: world.University, body: order, mediaType: "text/plain"}, 415, ""},
		{"other receiver's state", call{method: "GET", path: tx, client: world.Employer}, 404, ""},
		{"other receiver's result", call{method: "GET", path: tx + "/result", client: world.Employer}, 404, ""},
		{"state without a key", call{method: "GET", path: tx}, 401, ""},
		{"result without a key", call{method: "GET", path: tx + "/result"}, 401, ""},
		{"unknown transaction", call{method: "GET", path: "/verifier/v1/transactions/" + strings.Repeat("A", 43), client: world.University}, 404, ""},
		{"no transaction", call{method: "GET", path: "/verifier/v1/transactions/x", client: world.University}, 404, ""},
		{"unknown request", call{method: "GET", path: "/request/" + strings.Repeat("A", 43)}, 404, `"error":"invalid_request"`},
		{"nonce with spaces", call{method: "POST", path: strings.TrimPrefix(s.URI, world.URL), body: "wallet_nonce=a+b", mediaType: formType}, 400, `"error":"invalid_request"`},
		{"nonce twice", call{method: "POST", path: strings.TrimPrefix(s.URI, world.URL), body: "wallet_nonce=a&wallet_nonce=b", mediaType: formType}, 400, `"error":"invalid_request"`},
		{"metadata that is no JSON", call{method: "POST", path: strings.TrimPrefix(s.URI, world.URL), body: "wallet_metadata=x", mediaType: formType}, 400, "wallet_metadata"},
		{"unknown response address", call{method: "POST", path: "/response/" + strings.Repeat("A", 43), body: "response=a.b.c.d.e", mediaType: formType}, 404, `"error":"invalid_request"`},
		{"transaction id as response address", call{method: "POST", path: "/response/" + s.ID, body: "response=a.b.c.d.e", mediaType: formType}, 404, ""},
		{"response as JSON", call{method: "POST", path: "/response/" + strings.Repeat("A", 43), body: "{}", mediaType: "application/json"}, 415, ""},
	} {
		rec := e.do(c.call, c.want)
		if !strings.Contains(rec.Body.String(), c.text) {
			t.Errorf("%s: %s does not hold %s", c.name, rec.Body, c.text)
		}
		for _, secret := range []string{s.ID, world.Last(s.URI)} {
			if strings.Contains(rec.Body.String(), secret) {
				t.Errorf("%s: a secret is repeated", c.name)
			}
		}
	}
	// Looking at the address spends nothing, fetching does.
	rec := httptest.NewRecorder()
	e.handler.ServeHTTP(rec, httptest.NewRequest("HEAD", strings.TrimPrefix(s.URI, world.URL), nil))
	if rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %d", rec.Code)
	}
	e.do(call{method: "GET", path: strings.TrimPrefix(s.URI, world.URL)}, 200)
	e.do(call{method: "GET", path: strings.TrimPrefix(s.URI, world.URL)}, http.StatusGone)

	// A wallet is told what failed, and the receiver is too.
	s = e.start(order)
	a := e.fetch(s)
	out := e.respond(a, url.Values{"vp_token": {`{}`}, "state": {string(a.State)}}, 400)
	if out["error"] != "invalid_request" || !strings.Contains(out["error_description"], "vp_token") {
		t.Errorf("plain vp_token: %v", out)
	}
	out = e.respond(a, a.Form(a.Present(e.w.Issue(), a.Paths(), func(b *world.Binding) { b.Nonce = "old" })), 400)
	if out["error"] != "invalid_request" || !strings.Contains(out["error_description"], "replay") {
		t.Errorf("replay: %v", out)
	}
	// Nor does looking spend a result.
	look := httptest.NewRequest("HEAD", "/verifier/v1/transactions/"+s.ID+"/result", nil)
	look.Header.Set("Authorization", "Bearer "+e.keys[world.University])
	rec = httptest.NewRecorder()
	e.handler.ServeHTTP(rec, look)
	if rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("HEAD of a result: %d", rec.Code)
	}
	got := e.do(call{method: "GET", path: "/verifier/v1/transactions/" + s.ID + "/result", client: world.University}, 200)
	if b := got.Body.String(); !strings.Contains(b, `"verified":false`) || strings.Contains(b, `"claims"`) {
		t.Errorf("result %s", b)
	}
	e.w.Suspend()
	e.do(call{method: "GET", path: tx, client: world.University}, 403)
	e.do(call{method: "GET", path: tx + "/result", client: world.University}, 403)
}

// The policies that a receiver may name are listed, and the result names the
// one that judged.
func TestPolicies(t *testing.T) {
	e := open(t)
	rec := e.do(call{method: "GET", path: "/verifier/v1/policies", client: world.University}, 200)
	var list struct {
		Policies []struct {
			Digest string          `json:"digest"`
			Policy json.RawMessage `json:"policy"`
		} `json:"policies"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &list); err != nil || len(list.Policies) != 1 {
		t.Fatalf("%s %v", rec.Body, err)
	}
	if p, err := policy.Parse("platform", list.Policies[0].Policy); err != nil || p.Ref().Digest != list.Policies[0].Digest || p.ID != policy.Platform {
		t.Errorf("%s %v", rec.Body, err)
	}
	s := e.start(strings.Replace(order, `"purpose"`, `"policy":"platform","purpose"`, 1))
	a := e.fetch(s)
	e.respond(a, url.Values{"error": {"access_denied"}, "state": {string(a.State)}}, 200)
	rec = e.do(call{method: "GET", path: "/verifier/v1/transactions/" + s.ID + "/result", client: world.University}, 200)
	if !strings.Contains(rec.Body.String(), list.Policies[0].Digest) {
		t.Errorf("the result names no policy: %s", rec.Body)
	}
}

// Evidence is served as the result is, and nothing of it is logged.
func TestEvidence(t *testing.T) {
	e := open(t)
	s := e.start(strings.Replace(order, `"purpose"`, `"evidence":true,"purpose"`, 1))
	tx := "/verifier/v1/transactions/" + s.ID
	a := e.fetch(s)
	u, err := url.Parse(e.respond(a, a.Form(a.Present(e.w.Issue(), a.Paths())), 200)["redirect_uri"])
	if err != nil {
		t.Fatal(err)
	}
	e.do(call{method: "GET", path: tx + "/evidence", client: world.University}, 403)
	rec := e.do(call{method: "GET", path: tx + "/evidence?" + u.RawQuery, client: world.University}, 200)
	if rec.Header().Get("Content-Type") != "application/jwt" || rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%v", rec.Header())
	}
	r := verifier.Reverify(t.Context(), rec.Body.String(), e.w.Hierarchy.Anchors())
	if _, anchored := r.OK(); !anchored || !r.Result.Verified {
		t.Errorf("%v", r.Checks)
	}
	e.do(call{method: "GET", path: tx + "/evidence?" + u.RawQuery, client: world.University}, http.StatusGone)
	e.do(call{method: "GET", path: tx + "/result?" + u.RawQuery, client: world.University}, http.StatusGone)

	s = e.start(order)
	a = e.fetch(s)
	e.respond(a, url.Values{"error": {"access_denied"}, "state": {string(a.State)}}, 200)
	rec = e.do(call{method: "GET", path: "/verifier/v1/transactions/" + s.ID + "/evidence", client: world.University}, 404)
	if !strings.Contains(rec.Body.String(), "evidence: true") {
		t.Errorf("no remedy: %s", rec.Body)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range world.Canaries {
		if strings.Contains(e.log.String(), c) {
			t.Errorf("%s stands in the log", c)
		}
	}
}

func TestWalletRefuses(t *testing.T) {
	e := open(t)
	s := e.start(order)
	a := e.fetch(s)
	e.respond(a, url.Values{"error": {"access_denied"}, "state": {string(a.State)}}, 200)
	rec := e.do(call{method: "GET", path: "/verifier/v1/transactions/" + s.ID + "/result", client: world.University}, 200)
	if !strings.Contains(rec.Body.String(), `"wallet_error":"access_denied"`) {
		t.Errorf("result %s", rec.Body)
	}
}

func TestRegister(t *testing.T) {
	e := open(t)
	rec := e.do(call{method: "GET", path: "/receivers"}, 200)
	var p receivers.Published
	if err := jose.UnmarshalClosed(rec.Body.Bytes(), &p); err != nil || len(p.Receivers) != 2 {
		t.Errorf("%+v %v", p, err)
	}
	rec = e.do(call{method: "GET", path: "/receivers.jwt"}, 200)
	tok, err := jose.Parse(rec.Body.String())
	if err != nil || tok.Header.Typ != receivers.Typ || tok.Verify(e.w.Hierarchy.Registrar.Key.Public()) != nil {
		t.Errorf("%v", err)
	}
	e.w.Suspend()
	for accept, want := range map[string]string{"nl-BE": `lang="nl"`, "fr": "Inscrire", "de-AT,en;q=0.5": "Einschreiben", "en": "suspended", "xx": `lang="nl"`} {
		rec = e.do(call{method: "GET", path: "/receivers", header: map[string]string{"Accept": "text/html", "Accept-Language": accept}}, 200)
		if b := rec.Body.String(); !strings.Contains(b, want) || !strings.Contains(b, "Voorbeelduniversiteit (TEST)") || !strings.Contains(b, `<main>`) {
			t.Errorf("%s: page lacks %s", accept, want)
		}
		if rec.Header().Get("Content-Type") != "text/html; charset=utf-8" || rec.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("headers %v", rec.Header())
		}
	}
}

// The document describes every route of the API, and nothing else.
func TestDocumentIsComplete(t *testing.T) {
	e := open(t)
	for path, methods := range map[string][]string{
		"/verifier/v1/transactions": {"POST"}, "/verifier/v1/transactions/x": {"GET"}, "/verifier/v1/transactions/x/result": {"GET"}, "/verifier/v1/policies": {"GET"}, "/verifier/v1/transactions/x/events": {"GET"}, "/verifier/v1/transactions/x/evidence": {"GET"},
		"/verifier/v1/transactions/x/response": {"POST"}, "/ask/x": {"GET"}, "/ask/x/back": {"GET"}, "/ask/x/state": {"GET"}, "/ask/x/response": {"POST"}, "/ask.css": {"GET"}, "/ask.js": {"GET"},
		"/request/x": {"GET", "POST"}, "/response/x": {"POST"}, "/receivers": {"GET"}, "/receivers.jwt": {"GET"},
	} {
		for _, m := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
			rec := httptest.NewRecorder()
			e.handler.ServeHTTP(rec, httptest.NewRequest(m, path, nil))
			served := rec.Code != http.StatusMethodNotAllowed
			_, _, err := e.router.FindRoute(httptest.NewRequest(m, path, nil))
			if want := slices.Contains(methods, m); served != want || (err == nil) != want {
				t.Errorf("%s %s: served %v, described %v, want %v", m, path, served, err == nil, want)
			}
		}
	}
	rec := httptest.NewRecorder()
	e.handler.ServeHTTP(rec, httptest.NewRequest("GET", "/health/ready", nil))
	if b, _ := io.ReadAll(rec.Body); rec.Code != 200 {
		t.Errorf("ready: %s", b)
	}
}
