package rest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTenants(t *testing.T) {
	named := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s?%s", name, r.URL.EscapedPath(), r.URL.RawQuery)
		})
	}
	none := named("none")
	one, err := NewTenants(map[string]http.Handler{"https://a.example": named("root"), "https://a.example/one": named("one"), "https://a.example/one/two": named("two")}, none)
	if err != nil {
		t.Fatal(err)
	}
	several, err := NewTenants(map[string]http.Handler{"https://a.example/one": named("one"), "https://B.example": named("b"), "http://localhost:8081/x": named("x")}, none)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		on                 *Tenants
		host, target, want string
	}{
		{one, "a.example", "/token?a=1", "root /token?a=1"},
		{one, "10.0.0.1", "/", "root /?"},
		{one, "a.example", "/one/token?a=1", "one /token?a=1"},
		{one, "a.example", "/one", "one /?"},
		{one, "a.example", "/one/", "one /?"},
		{one, "a.example", "/onetoken", "root /onetoken?"},
		{one, "a.example", "/one/two/status/1", "two /status/1?"},
		{one, "a.example", "/one/twofold", "one /twofold?"},
		{one, "a.example", "/one/offers/a%2Fb%20c", "one /offers/a%2Fb%20c?"},
		{one, "a.example", "/%6fne/token", "root /%6fne/token?"},
		{one, "a.example", "/.well-known/openid-credential-issuer", "root /.well-known/openid-credential-issuer?"},
		{one, "a.example", "/.well-known/openid-credential-issuer/one", "one /.well-known/openid-credential-issuer?"},
		{one, "a.example", "/.well-known/openid-credential-issuer/one/two", "two /.well-known/openid-credential-issuer?"},
		{one, "a.example", "/.well-known/openid-credential-issuer/three", "root /.well-known/openid-credential-issuer/three?"},
		{one, "a.example", "/one/.well-known/openid-credential-issuer", "one /.well-known/openid-credential-issuer?"},
		{several, "a.example", "/token", "none /token?"},
		{several, "a.example", "/one/token", "one /token?"},
		{several, "A.EXAMPLE:443", "/one/token", "one /token?"},
		{several, "b.example", "/one/token", "b /one/token?"},
		{several, "b.example", "/.well-known/x/one", "b /.well-known/x/one?"},
		{several, "c.example", "/one/token", "none /one/token?"},
		{several, "localhost:8081", "/x/token", "x /token?"},
		{several, "localhost:8082", "/x/token", "none /x/token?"},
	} {
		r := httptest.NewRequest("GET", c.target, nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		c.on.ServeHTTP(w, r)
		if got := w.Body.String(); got != c.want {
			t.Errorf("%s%s: %q, want %q", c.host, c.target, got, c.want)
		}
		if r.URL.RequestURI() != c.target {
			t.Errorf("%s: the request was changed to %s", c.target, r.URL.RequestURI())
		}
	}
	for _, base := range []string{"", "a.example", "https://a.example/", "https://a.example/one/", "https://a.example//one", "https://a.example/a%20b", "https://a.example/..", "https://a.example/.well-known", "https://a.example/a?b", "https://a.example#f"} {
		if _, err := NewTenants(map[string]http.Handler{base: none}, none); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
	if _, err := NewTenants(map[string]http.Handler{"https://a.example/x": none, "http://A.example/x": none}, none); err == nil {
		t.Error("one place for two tenants")
	}
}
