package unit_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// An offer is a stranger's word: each of these is refused before the code is
// sent anywhere (OpenID4VCI 1.0, Section 13.5).
func TestOfferRefused(t *testing.T) {
	a := newAuthority(t, issuerURL)
	answering := func(path string, f func(w http.ResponseWriter)) func(*fakeIssuer) {
		return func(i *fakeIssuer) {
			i.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == path {
					f(w)
					return true
				}
				return false
			}
		}
	}
	redirect := func(w http.ResponseWriter) {
		w.Header().Set("Location", "https://other.example/x")
		w.WriteHeader(http.StatusFound)
	}
	long := func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"x":"` + strings.Repeat("x", 9<<20) + `"}`)) }
	const metadata, server, offer = "/.well-known/openid-credential-issuer", "/.well-known/oauth-authorization-server", "/offers/s3cr3t"
	for _, c := range []struct {
		name, want string
		change     func(*fakeIssuer)
	}{
		{"metadata of another issuer", "credential_issuer", func(i *fakeIssuer) { i.metadata["credential_issuer"] = "https://other.example" }},
		{"metadata with a slash more", "credential_issuer", func(i *fakeIssuer) { i.metadata["credential_issuer"] = issuerURL + "/" }},
		{"an endpoint over http", "credential_endpoint", func(i *fakeIssuer) { i.metadata["credential_endpoint"] = "http://issuer.example/credential" }},
		{"an endpoint on this machine", "nonce_endpoint", func(i *fakeIssuer) { i.metadata["nonce_endpoint"] = "http://127.0.0.1/nonce" }},
		{"an unknown configuration", "credential_configuration_ids", func(i *fakeIssuer) { i.offer["credential_configuration_ids"] = []any{"led", "pid"} }},
		{"the issuer over http", "credential_issuer", func(i *fakeIssuer) { i.offer["credential_issuer"] = "http://issuer.example" }},
		{"the issuer on this machine", "credential_issuer", func(i *fakeIssuer) { i.offer["credential_issuer"] = "http://localhost:8081" }},
		{"a server that is not listed", "authorization_server", func(i *fakeIssuer) {
			i.metadata["authorization_servers"] = []any{issuerURL, "https://as.example"}
			i.grant()["authorization_server"] = "https://other.example"
		}},
		{"a server where none are listed", "authorization_server", func(i *fakeIssuer) { i.grant()["authorization_server"] = "https://other.example" }},
		{"metadata of another server", "issuer", func(i *fakeIssuer) { i.server["issuer"] = "https://other.example" }},
		{"a token endpoint over http", "token_endpoint", func(i *fakeIssuer) { i.server["token_endpoint"] = "http://issuer.example/token" }},
		{"no grant that is known", "neither an authorization code nor a pre-authorized code", func(i *fakeIssuer) { i.offer["grants"] = m{"urn:x:other": m{}} }},
		{"no endpoint for an authorization code", "authorization_endpoint", func(i *fakeIssuer) { i.offer["grants"] = m{"authorization_code": m{}} }},
		{"another format", "format is ac_vc", func(i *fakeIssuer) {
			i.led()["format"], i.led()["doctype"] = "ac_vc", "d"
			delete(i.led(), "vct")
		}},
		{"another proof", "jwt proofs with ES256", func(i *fakeIssuer) {
			i.led()["proof_types_supported"] = m{"jwt": m{"proof_signing_alg_values_supported": []any{"ES384"}}}
		}},
		{"attested keys", "key attestations", func(i *fakeIssuer) {
			i.led()["proof_types_supported"].(m)["jwt"].(m)["key_attestations_required"] = m{"key_storage": []any{"iso_18045_high"}}
		}},
		{"encrypted responses to plain requests", "demands encryption", func(i *fakeIssuer) {
			i.metadata["credential_response_encryption"] = m{"alg_values_supported": []any{"ECDH-ES"}, "enc_values_supported": []any{"A256GCM"}, "encryption_required": true}
		}},
		{"redirected metadata", "status 302", answering(metadata, redirect)},
		{"redirected server metadata", "status 302", answering(server, redirect)},
		{"redirected offer", "status 302", answering(offer, redirect)},
		{"endless metadata", "longer than", answering(metadata, long)},
		{"endless server metadata", "longer than", answering(server, long)},
		{"endless offer", "longer than", answering(offer, long)},
		{"an offer that is a JWT", "offer", answering(offer, func(w http.ResponseWriter) { _, _ = w.Write([]byte("e30.e30.")) })},
		{"an offer that is gone", "status 404", answering(offer, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) })},
		{"metadata that is a page", "metadata", answering(metadata, func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newIssuer(t, a, newNetwork(), issuerURL)
			c.change(i)
			_, err := i.wallet(2).Read(t.Context(), i.linkByReference())
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, unit.ErrNotFound) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%v", err)
			}
			for _, s := range i.net.sent {
				if !strings.HasPrefix(s, "GET ") || strings.Contains(s, "c0de.pre-authorized") {
					t.Errorf("sent %s", s)
				}
			}
			if n := len(i.net.to("other.example")) + len(i.net.to("localhost:8081")); n != 0 {
				t.Error("the unit went elsewhere")
			}
		})
	}
	i := newIssuer(t, a, newNetwork(), issuerURL)
	for name, link := range map[string]string{
		"both ways": i.link() + "&credential_offer_uri=" + url.QueryEscape(issuerURL+"/offers/s3cr3t"),
		"neither":   "openid-credential-offer://?x=y",
		"http":      "openid-credential-offer://?credential_offer_uri=" + url.QueryEscape("http://issuer.example/offers/s3cr3t"),
	} {
		if _, err := i.wallet(1).Read(t.Context(), link); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A client that follows redirects is set up wrongly, and found out.
func TestRedirectsFound(t *testing.T) {
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	defer s.Close()
	mux.Handle("/.well-known/openid-credential-issuer", http.RedirectHandler("/elsewhere", http.StatusFound))
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, m{}) })
	i := newIssuer(t, newAuthority(t, issuerURL), newNetwork(), s.URL)
	wallet := i.wallet(1)
	wallet.HTTP, wallet.Words = http.DefaultClient, []oid4vci.Option{oid4vci.InsecureLoopback}
	if _, err := wallet.Read(t.Context(), i.link()); !errors.Is(err, unit.ErrRedirected) {
		t.Error(err)
	}
}
