package api_test

import (
	"crypto"
	"net/http"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// OpenID4VCI 1.0, Section 12.2.2: JSON is always there, the JWT when it is
// asked for, and caches keep them apart.
func TestMetadataByAccept(t *testing.T) {
	w := start(t)
	get := func(accept string) answer {
		return w.send("GET", "/.well-known/openid-credential-issuer", map[string]string{"Accept": accept}, "")
	}
	for accept, want := range map[string]string{
		"": "application/json", "*/*": "application/json", "application/json": "application/json", "text/html": "application/json",
		"application/jwt": "application/jwt", "application/jwt, application/json": "application/jwt", "application/jwt;q=0.1, application/json": "application/json",
	} {
		a := get(accept)
		if a.status != http.StatusOK || a.header.Get("Content-Type") != want || a.header.Get("Vary") != "Accept" || a.header.Get("Cache-Control") != "public, max-age=300" {
			t.Errorf("%q: %d %v", accept, a.status, a.header)
		}
	}
	a := get("application/jwt")
	key := func(*jose.Token) (crypto.PublicKey, error) { return w.hierarchy.Metadata.Certificate.PublicKey, nil }
	if m, err := oid4vci.ParseSignedMetadata(string(a.body), w.base, w.clock.now(), key, oid4vci.InsecureLoopback); err != nil || m.NonceEndpoint == "" {
		t.Errorf("%v", err)
	}

	w = start(t, func(w *world) { w.tune = func(c *issuer.Config) { c.MetadataKeys = nil } })
	if a := w.send("GET", "/.well-known/openid-credential-issuer", map[string]string{"Accept": "application/jwt"}, ""); a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("without a key: %d %v", a.status, a.header)
	}
}
