package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// recordedLog is a logger whose lines a test can read.
func recordedLog() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})), &b
}

type call struct {
	method, path, body string
	header             http.Header
}

func send(e http.Handler, c call) *httptest.ResponseRecorder {
	r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
	for k, v := range c.header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func engine(t *testing.T, routes ...Route) (*Engine, *bytes.Buffer) {
	t.Helper()
	log, b := recordedLog()
	e := New(Options{Log: log})
	e.Mount(routes...)
	return e, b
}

func jsonHeader() http.Header { return http.Header{"Content-Type": {"application/json"}} }

func problemOf(t *testing.T, w *httptest.ResponseRecorder) Problem {
	t.Helper()
	var p Problem
	if w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("Content-Type %q: %s", w.Header().Get("Content-Type"), w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || p.Title == "" || p.Type == "" {
		t.Fatalf("problem %s: %v", w.Body, err)
	}
	return p
}

func TestLogHoldsNothingOfTheRequest(t *testing.T) {
	e, log := engine(t,
		Route{Method: "POST", Path: "/offers/:id", Handler: func(r *Request) (Answer, error) {
			if r.Path("id") != "85073003328" || RequestID(r.Context()) != r.ID {
				t.Errorf("id %q, request %q", r.Path("id"), r.ID)
			}
			return JSON(http.StatusOK, map[string]string{"access_token": "tok-secret"}), nil
		}},
		Route{Method: "GET", Path: "/fail/:id", Handler: func(*Request) (Answer, error) {
			return Answer{}, fmt.Errorf("reading the register: %w", errors.New("disk is gone"))
		}},
	)
	send(e, call{"POST", "/offers/85073003328?code=sec-code", "body-secret", http.Header{
		"Authorization": {"Bearer header-secret"}, "X-Request-Id": {"85073003328"}, "User-Agent": {"agent-secret"}, "Referer": {"https://x/?referer-secret"},
	}})
	w := send(e, call{"GET", "/fail/85073003328?code=sec-code", "", nil})
	send(e, call{"GET", "/nowhere/85073003328", "", nil})
	send(e, call{"BREW", "/85073003328", "", nil})
	for _, word := range []string{"85073003328", "secret", "sec-code"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("the log holds %q: %s", word, log)
		}
	}
	if strings.Contains(w.Body.String(), "disk") || w.Code != 500 {
		t.Errorf("the answer tells the cause: %d %s", w.Code, w.Body)
	}
	var lines []map[string]any
	for line := range strings.Lines(log.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, m)
	}
	if len(lines) != 4 {
		t.Fatalf("%d events for 4 requests: %s", len(lines), log)
	}
	if l := lines[0]; l["route"] != "/offers/:id" || l["method"] != "POST" || l["status"] != 200.0 || l["bytes"].(float64) == 0 || l["request_id"] == "" || l["level"] != "INFO" {
		t.Errorf("event %v", l)
	}
	if l := lines[1]; l["cause"] != "reading the register: disk is gone" || l["level"] != "ERROR" || l["request_id"] != w.Header().Get("X-Request-Id") {
		t.Errorf("event %v", l)
	}
	if l := lines[3]; l["method"] != "(other)" || l["route"] != "(none)" {
		t.Errorf("event %v", l)
	}
}

func TestRequestID(t *testing.T) {
	e, _ := engine(t, Route{Method: "GET", Path: "/", Handler: func(r *Request) (Answer, error) { return NoContent(), nil }})
	const uuid, trace = "0b8ad6d2-3c1b-4d0e-9a0f-7c4f3b0c2f11", "4bf92f3577b34da6a3ce929d0e0e4736"
	for name, tt := range map[string]struct {
		header http.Header
		want   string
	}{
		"uuid":        {http.Header{"X-Request-Id": {uuid}}, uuid},
		"correlation": {http.Header{"X-Correlation-Id": {trace}}, trace},
		"none":        {nil, ""},
		"free text":   {http.Header{"X-Request-Id": {"85073003328"}}, ""},
		"line break":  {http.Header{"X-Request-Id": {uuid + "\nx"}}, ""},
		"too long":    {http.Header{"X-Request-Id": {uuid + uuid}}, ""},
	} {
		got := send(e, call{"GET", "/", "", tt.header}).Header().Get("X-Request-Id")
		if tt.want != "" && got != tt.want || !sane.MatchString(got) || tt.want == "" && got == tt.header.Get("X-Request-Id") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestHeaders(t *testing.T) {
	log, _ := recordedLog()
	e := New(Options{Log: log, HTTPS: true})
	e.Mount(
		Route{Method: "GET", Path: "/page", Handler: func(*Request) (Answer, error) {
			return HTML(200, []byte("<p>")).Cookie(http.Cookie{Name: "s", Value: "v", Path: "/"}).Cache(time.Hour), nil
		}},
		Route{Method: "GET", Path: "/json", CORS: true, Handler: func(*Request) (Answer, error) { return JSON(200, []int{1}), nil }},
		Route{Method: "GET", Path: "/once", Once: true, Handler: func(*Request) (Answer, error) { return NoContent(), nil }},
		Route{Method: "GET", Path: "/list", Handler: func(*Request) (Answer, error) {
			return Text(200, "application/statuslist+jwt", []byte("a.b.c")).ETag("v1").Cache(5 * time.Minute).Vary("Accept"), nil
		}},
		Route{Method: "POST", Path: "/go", Handler: func(*Request) (Answer, error) { return SeeOther("https://wallet.example/cb"), nil }},
		Route{Method: "GET", Path: "/go", Handler: func(*Request) (Answer, error) { return Found("https://wallet.example/cb"), nil }},
		Route{Method: "GET", Path: "/nothing", Handler: func(*Request) (Answer, error) { return Answer{}, nil }},
		Route{Method: "GET", Path: "/unwritable", Handler: func(*Request) (Answer, error) { return JSON(200, make(chan int)), nil }},
	)
	w := send(e, call{"GET", "/page", "", nil})
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Strict-Transport-Security": "max-age=31536000",
		"Content-Security-Policy": strictCSP, "X-Frame-Options": "DENY", "Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8",
		"Set-Cookie": "s=v; Path=/; HttpOnly; Secure; SameSite=Lax",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("page: %s is %q, want %q", name, got, want)
		}
	}
	w = send(e, call{"GET", "/json", "", nil})
	if h := w.Header(); h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json" || h.Get("Access-Control-Allow-Origin") != "*" || w.Body.String() != "[1]" || h.Get("Content-Security-Policy") != "default-src 'none'; frame-ancestors 'none'" {
		t.Errorf("json: %v %s", h, w.Body)
	}
	if h := send(e, call{"GET", "/list", "", nil}).Header(); h.Get("Cache-Control") != "public, max-age=300" || h.Get("ETag") != `"v1"` || h.Get("Vary") != "Accept" || h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("list: %v", h)
	}
	for ask, want := range map[string]int{`"v1"`: 304, `W/"v1"`: 304, `"v0", "v1"`: 304, "*": 304, `"v0"`: 200} {
		if w := send(e, call{"GET", "/list", "", http.Header{"If-None-Match": {ask}}}); w.Code != want || want == 304 && (w.Body.Len() > 0 || w.Header().Get("ETag") == "") {
			t.Errorf("If-None-Match %s: %d %s", ask, w.Code, w.Body)
		}
	}
	if w := send(e, call{"HEAD", "/list", "", nil}); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "5" {
		t.Errorf("HEAD: %d %q", w.Code, w.Body)
	}
	if w := send(e, call{"HEAD", "/once", "", nil}); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("HEAD of what serves once: %d", w.Code)
	}
	for method, want := range map[string]int{"POST": 303, "GET": 302} {
		if w := send(e, call{method, "/go", "", nil}); w.Code != want || w.Header().Get("Location") != "https://wallet.example/cb" {
			t.Errorf("%s /go: %d", method, w.Code)
		}
	}
	for path, want := range map[string]int{"/nothing": 500, "/unwritable": 500, "/missing": 404} {
		w := send(e, call{"GET", path, "", nil})
		if w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
		problemOf(t, w)
	}
	w = send(e, call{"DELETE", "/go", "", nil})
	if p := problemOf(t, w); p.Status != 405 || !strings.Contains(w.Header().Get("Allow"), "POST") {
		t.Errorf("405: %+v, Allow %q", p, w.Header().Get("Allow"))
	}
	if w := send(e, call{"OPTIONS", "/json", "", nil}); w.Code != 204 || w.Header().Get("Access-Control-Allow-Methods") != "GET" || w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("preflight: %d %v", w.Code, w.Header())
	}
	if len(e.Routes()) != 8 {
		t.Errorf("%d routes", len(e.Routes()))
	}
}

func TestEscapedSlashStaysInItsParameter(t *testing.T) {
	e, _ := engine(t,
		Route{Method: "GET", Path: "/a/:id", Handler: func(r *Request) (Answer, error) { return Text(200, "text/plain", []byte(r.Path("id"))), nil }},
		Route{Method: "GET", Path: "/a/:id/secret", Handler: func(*Request) (Answer, error) { t.Error("reached"); return NoContent(), nil }},
	)
	if w := send(e, call{"GET", "/a/x%2Fsecret", "", nil}); w.Body.String() != "x/secret" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestPanic(t *testing.T) {
	e, log := engine(t,
		Route{Method: "GET", Path: "/text", Handler: func(*Request) (Answer, error) { panic("claim-secret") }},
		Route{Method: "GET", Path: "/runtime", Handler: func(r *Request) (Answer, error) {
			var none []string
			return Text(200, "text/plain", []byte(none[len(r.ID)])), nil
		}},
	)
	for _, path := range []string{"/text", "/runtime"} {
		w := send(e, call{"GET", path, "", nil})
		if p := problemOf(t, w); p.Status != 500 {
			t.Errorf("%s: %+v", path, p)
		}
	}
	if s := log.String(); strings.Contains(s, "claim-secret") || !strings.Contains(s, "panic with a string") || !strings.Contains(s, "index out of range") || !strings.Contains(s, "engine_test.go") {
		t.Errorf("log %s", s)
	}
}

func TestErrors(t *testing.T) {
	sentinel := errors.New("offer is gone")
	log, _ := recordedLog()
	e := New(Options{Log: log, Errors: func(err error) error {
		if errors.Is(err, sentinel) {
			return &Problem{Status: http.StatusGone, Detail: "The offer is gone.", Remedy: "Ask for a new one."}
		}
		return nil
	}, ErrorPage: func(_ *Request, p *Problem) Answer { return HTML(p.Status, []byte("<h1>"+p.Title)) }})
	say := func(err error) Handler { return func(*Request) (Answer, error) { return Answer{}, err } }
	e.Mount(
		Route{Method: "GET", Path: "/mapped", Handler: say(fmt.Errorf("redeeming: %w", sentinel))},
		Route{Method: "GET", Path: "/late", Handler: say(fmt.Errorf("asking: %w", context.DeadlineExceeded))},
		Route{Method: "GET", Path: "/oauth", Handler: say(&OAuthError{Code: "invalid_grant", Description: "the \"code\" is spent\nor é", Extra: map[string]any{"error": "x", "interval": 5}})},
		Route{Method: "GET", Path: "/bearer", OAuth: true, Handler: say(&OAuthError{Status: 401, Code: "invalid_token", Header: http.Header{"Www-Authenticate": {`DPoP error="invalid_token"`}}})},
		Route{Method: "GET", Path: "/unknown", OAuth: true, Handler: say(errors.New("secret cause"))},
		Route{Method: "GET", Path: "/page", Page: true, Handler: say(sentinel)},
		Route{Method: "POST", Path: "/form", OAuth: true, Handler: func(r *Request) (Answer, error) {
			v, err := r.Form("resource")
			if err != nil {
				return Answer{}, err
			}
			g, err := v.Require("grant_type")
			return Text(200, "text/plain", []byte(g+strings.Join(v.All("resource"), ","))), err
		}},
	)
	if p := problemOf(t, send(e, call{"GET", "/mapped", "", nil})); p.Status != 410 || p.Remedy == "" || p.Title != "Gone" {
		t.Errorf("%+v", p)
	}
	if p := problemOf(t, send(e, call{"GET", "/late", "", nil})); p.Status != 503 {
		t.Errorf("%+v", p)
	}
	w := send(e, call{"GET", "/oauth", "", nil})
	if w.Code != 400 || w.Body.String() != `{"error":"invalid_grant","error_description":"the 'code' is spent?or ?","interval":5}` || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Pragma") != "no-cache" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := send(e, call{"GET", "/bearer", "", nil}); w.Code != 401 || w.Header().Get("WWW-Authenticate") != `DPoP error="invalid_token"` {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := send(e, call{"GET", "/unknown", "", nil}); w.Code != 500 || w.Body.String() != `{"error":"server_error"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := send(e, call{"GET", "/page", "", nil}); w.Code != 410 || w.Body.String() != "<h1>Gone" || w.Header().Get("Content-Security-Policy") != strictCSP {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for body, want := range map[string]string{
		"grant_type=a":                       "200 a",
		"grant_type=a&resource=x&resource=y": "200 ax,y",
		"grant_type=a&grant_type=a":          `400 "invalid_request"`,
		"grant_type=a&grant_type=":           `400 "invalid_request"`,
		"grant_type=":                        `400 "invalid_request"`,
		"":                                   `400 "invalid_request"`,
		"grant_type=%zz":                     `400 "invalid_request"`,
		"grant_type=%ff":                     `400 "invalid_request"`,
		"grant_type=a;b=c":                   `400 "invalid_request"`,
		"grant_type=" + strings.Repeat("a", 1<<17): `413 "invalid_request"`,
	} {
		w := send(e, call{"POST", "/form", body, form})
		got := fmt.Sprint(w.Code, " ", w.Body)
		if !strings.HasPrefix(got, want[:4]) || !strings.Contains(got, want[4:]) {
			t.Errorf("%.40s: %s, want %s", body, got, want)
		}
	}
	if w := send(e, call{"POST", "/form", "grant_type=a", jsonHeader()}); w.Code != 415 || !strings.Contains(w.Body.String(), "invalid_request") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestDecodeJSON(t *testing.T) {
	type offer struct {
		Name string `json:"name"`
	}
	h := func(decode func(*Request) (offer, error)) Handler {
		return func(r *Request) (Answer, error) {
			o, err := decode(r)
			return JSON(200, o), err
		}
	}
	e, _ := engine(t,
		Route{Method: "POST", Path: "/open", MaxBody: 100, Handler: h(func(r *Request) (offer, error) { return DecodeJSON[offer](r) })},
		Route{Method: "POST", Path: "/closed", MaxBody: 100, Handler: h(func(r *Request) (offer, error) {
			return DecodeClosedJSON[offer](r, "application/json", "application/x+json")
		})},
	)
	for _, tt := range []struct {
		path, body, contentType, coding string
		status                          int
	}{
		{"/open", `{"name":"a"}`, "application/json", "", 200},
		{"/open", `{"name":"a"}`, "application/json; charset=UTF-8", "", 200},
		{"/open", `{"name":"a","more":1}`, "application/json", "", 200},
		{"/closed", `{"name":"a","more":1}`, "application/json", "", 400},
		{"/closed", `{"name":"a"}`, "application/x+json", "", 200},
		{"/open", `{"name":"a"}`, "application/x+json", "", 415},
		{"/open", `{"name":"a"}`, "", "", 415},
		{"/open", `{"name":"a"}`, "text/plain", "", 415},
		{"/open", `{"name":"a"}`, "application/json; charset=latin1", "", 415},
		{"/open", `{"name":"a"}`, "application/json", "gzip", 415},
		{"/open", `{"name":"a","name":"b"}`, "application/json", "", 400},
		{"/open", `{"name":"a"}{}`, "application/json", "", 400},
		{"/open", `{"name":1}`, "application/json", "", 400},
		{"/open", "{\"name\":\"\xff\"}", "application/json", "", 400},
		{"/open", ``, "application/json", "", 400},
		{"/open", `{"name":"` + strings.Repeat("a", 200) + `"}`, "application/json", "", 413},
	} {
		h := http.Header{}
		if tt.contentType != "" {
			h.Set("Content-Type", tt.contentType)
		}
		if tt.coding != "" {
			h.Set("Content-Encoding", tt.coding)
		}
		w := send(e, call{"POST", tt.path, tt.body, h})
		if w.Code != tt.status {
			t.Errorf("%s %.40q as %q: %d %s, want %d", tt.path, tt.body, tt.contentType, w.Code, w.Body, tt.status)
		}
		if w.Code != 200 {
			problemOf(t, w)
		}
	}
	// The member is named, and what was expected; the value is not repeated.
	for body, want := range map[string][3]string{
		`{"nam":"canary"}`: {"Unknown member", "nam", "name"}, `{"name":["canary"]}`: {"Wrong JSON type", "name", "a string"}, `["canary"]`: {"Malformed request body", "", "an object"},
	} {
		w := send(e, call{"POST", "/closed", body, http.Header{"Content-Type": {"application/json"}}})
		if p := problemOf(t, w); p.Title != want[0] || p.Field != want[1] || p.Expected != want[2] || p.Remedy == "" || strings.Contains(w.Body.String(), "canary") {
			t.Errorf("%s: %s", body, w.Body)
		}
	}
	// A body whose length is not announced is bounded too.
	r := httptest.NewRequest("POST", "/open", io.MultiReader(strings.NewReader(`{"name":"`+strings.Repeat("a", 200)), strings.NewReader(`"}`)))
	r.ContentLength = -1
	r.Header = jsonHeader()
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	if w.Code != 413 {
		t.Errorf("unannounced: %d", w.Code)
	}
}

func TestAuthorizationHeader(t *testing.T) {
	e, _ := engine(t, Route{Method: "GET", Path: "/", Handler: func(r *Request) (Answer, error) {
		scheme, credentials, ok, err := r.Authorization()
		return Text(200, "text/plain", fmt.Append(nil, scheme, "|", credentials, "|", ok)), err
	}})
	for _, tt := range []struct {
		values []string
		want   string
	}{
		{nil, "||false"}, {[]string{"DPoP abc"}, "DPoP|abc|true"}, {[]string{"Bearer"}, "400"}, {[]string{"Bearer "}, "400"}, {[]string{"Bearer a", "DPoP b"}, "400"},
	} {
		w := send(e, call{"GET", "/", "", http.Header{"Authorization": tt.values}})
		if got := w.Body.String(); got != tt.want && (tt.want != "400" || w.Code != 400) {
			t.Errorf("%q: %d %s", tt.values, w.Code, got)
		}
	}
}

func TestMountRefuses(t *testing.T) {
	ok := func(*Request) (Answer, error) { return NoContent(), nil }
	for name, r := range map[string]Route{
		"no handler":                    {Method: "GET", Path: "/"},
		"no method":                     {Path: "/", Handler: ok},
		"relative path":                 {Method: "GET", Path: "x", Handler: ok},
		"permission without clients":    {Method: "GET", Path: "/", Handler: ok, Permission: "x"},
		"longer than idempotency locks": {Method: "GET", Path: "/", Handler: ok, Timeout: time.Hour, Idempotent: &Idempotency{IdempotencyOptions{Lock: time.Minute}}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: mounted", name)
				}
			}()
			engine(t, r)
		}()
	}
}

func TestHealth(t *testing.T) {
	var fault error
	e, log := engine(t, Health(map[string]Check{"store": func(context.Context) error { return fault }, "log": func(context.Context) error { return nil }})...)
	for path, want := range map[string]int{"/health/live": 200, "/health/ready": 200} {
		if w := send(e, call{"GET", path, "", nil}); w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	fault = errors.New("connection refused to 10.1.2.3")
	w := send(e, call{"GET", "/health/ready", "", nil})
	if p := problemOf(t, w); p.Status != 503 || p.Detail != "failing: [store]" {
		t.Errorf("%+v", p)
	}
	if !strings.Contains(log.String(), "connection refused") {
		t.Errorf("the log does not tell why: %s", log)
	}
	if w := send(e, call{"GET", "/health/live", "", nil}); w.Code != 200 {
		t.Errorf("live: %d", w.Code)
	}
}

func FuzzValues(f *testing.F) {
	for _, s := range []string{"a=b", "a=b&a=c", "a=&b", "%", "a=%ff", "a;b", "resource=1&resource=2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := values(s, []string{"resource"})
		if err != nil {
			if v.m != nil {
				t.Error("refused parameters were returned")
			}
			return
		}
		for name, all := range v.m {
			if len(all) == 0 || len(all) > 1 && name != "resource" {
				t.Errorf("%q has %d values", name, len(all))
			}
		}
	})
}

// What only degrades is named and leaves the server ready; what fails counts more.
func TestHealthDegraded(t *testing.T) {
	checks := map[string]Check{
		"a-key": func(context.Context) error { return fmt.Errorf("%w: away", ErrDegraded) },
		"store": func(context.Context) error { return nil },
	}
	e, _ := engine(t, Health(checks)...)
	if w := send(e, call{"GET", "/health/ready", "", nil}); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"degraded":["a-key"],"status":"degraded"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	checks["store"] = func(context.Context) error { return errors.New("gone") }
	if w := send(e, call{"GET", "/health/ready", "", nil}); w.Code != 503 || !strings.Contains(w.Body.String(), "store") || strings.Contains(w.Body.String(), "a-key") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
