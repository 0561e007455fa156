package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/vcapi"
)

// Without clients, a page of somebody else in a browser on this machine gets nothing
// signed: neither under a name of its own that leads here, nor across origins.
func TestPageInABrowser(t *testing.T) {
	send := func(w *world, method, path, host string, header ...string) *http.Response {
		t.Helper()
		req, err := http.NewRequest(method, w.url+path, strings.NewReader(`{"credential":{}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		for _, h := range header {
			name, value, _ := strings.Cut(h, ": ")
			req.Header.Set(name, value)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	const asJSON = "Content-Type: application/json"
	open := start(t, nil)
	for _, route := range (server{}).routes() {
		path := strings.NewReplacer(":issuer", "eddsa-status", ":holder", "eddsa-rdfc", ":list", "x", ":purpose", "revocation").Replace(route.Path)
		for _, host := range []string{"evil.example", "evil.example:8480", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "localhost@evil.example"} {
			if res := send(open, route.Method, path, host, asJSON); res.StatusCode != http.StatusMisdirectedRequest && res.StatusCode != http.StatusBadRequest {
				t.Errorf("%s as %s: %d", route.Path, host, res.StatusCode)
			} else if host != "localhost@evil.example" && res.StatusCode != http.StatusMisdirectedRequest { // which net/http refuses itself
				t.Errorf("%s as %s: %d, expected 421", route.Path, host, res.StatusCode)
			}
		}
		for _, host := range []string{"localhost", "LOCALHOST:8480", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:8480"} {
			if res := send(open, route.Method, path, host, asJSON); res.StatusCode == http.StatusMisdirectedRequest {
				t.Errorf("%s as %s is refused", route.Path, host)
			}
		}
		if route.Method != http.MethodPost {
			continue
		}
		res := send(open, http.MethodOptions, path, "localhost", "Origin: https://evil.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
		if allowed := res.Header.Get("Access-Control-Allow-Origin"); allowed != "" || res.StatusCode < 400 {
			t.Errorf("%s lets scripts of %q call: %d", route.Path, allowed, res.StatusCode)
		}
		// What a page can send without asking first (Fetch Standard, "CORS-safelisted request-header").
		for _, simple := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
			if res := send(open, route.Method, path, "localhost", "Content-Type: "+simple); res.StatusCode != http.StatusUnsupportedMediaType {
				t.Errorf("%s takes %q: %d", route.Path, simple, res.StatusCode)
			}
		}
	}
	// With clients it is the key that counts, and the name may be that of a proxy.
	closed := start(t, func(o *Options, _ *vcapi.VerifierConfig) {
		clients, err := rest.NewClients()
		if err != nil {
			t.Fatal(err)
		}
		o.InsecureAnybody, o.Clients = false, clients
	})
	if res := send(closed, "POST", "/credentials/verify", "vc.example", asJSON); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("with clients: %d", res.StatusCode)
	}
}
