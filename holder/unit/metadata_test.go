package unit_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust"
)

// signers trusts the authority's seal certificates as signers of metadata.
type signers struct{ a *authority }

func (s signers) VerifyChain(_ context.Context, chain []*x509.Certificate, when time.Time) error {
	_, err := s.a.store.Certificates(chain, trust.UseSeal, when)
	return err
}

// Where the unit knows who may sign an issuer's metadata it asks for signed
// ones, and what is signed is what counts (OpenID4VCI 1.0, Section 12.2.3; HAIP
// 1.0, Section 4.1).
func TestSignedMetadata(t *testing.T) {
	const typ = "openidvci-issuer-metadata+jwt"
	stranger := newAuthority(t, issuerURL)
	elsewhere := newAuthority(t, "https://other.example")
	for _, c := range []struct {
		name, want string
		typ        string
		by         *authority
		change     func(claims m)
		unit       func(*unit.Issuance)
	}{
		{name: "right"},
		{name: "another typ", want: "typ", typ: "JWT"},
		{name: "another issuer's", want: "sub", change: func(c m) { c["sub"] = "https://other.example" }},
		{name: "no sub", want: "sub", change: func(c m) { delete(c, "sub") }},
		{name: "another issuer inside", want: "credential_issuer", change: func(c m) { c["credential_issuer"] = "https://other.example" }},
		{name: "no iat", want: "iat", change: func(c m) { delete(c, "iat") }},
		{name: "over", want: "exp", change: func(c m) { c["exp"] = at.Add(-time.Minute).Unix() }},
		{name: "not yet", want: "iat", change: func(c m) { c["iat"] = at.Add(time.Hour).Unix() }},
		{name: "a signer nobody knows", want: "not trusted", by: stranger},
		{name: "a signer of another issuer", want: "not trusted", by: elsewhere, unit: func(s *unit.Issuance) { s.Metadata = signers{elsewhere} }},
		{name: "an endpoint over http", want: "credential_endpoint", change: func(c m) { c["credential_endpoint"] = "http://issuer.example/" }},
		{name: "nobody to trust", want: "Issuance.Metadata", unit: func(s *unit.Issuance) { s.Metadata = nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t)
			by, accept := c.by, ""
			if by == nil {
				by = d.a
			}
			claims := m{"sub": issuerURL, "iat": at.Unix(), "exp": at.Add(time.Hour).Unix()}
			for k, v := range d.metadata {
				claims[k] = v
			}
			claims["nonce_endpoint"] = issuerURL + "/signed-nonce"
			if c.change != nil {
				c.change(claims)
			}
			if c.typ == "" {
				c.typ = typ
			}
			token := must(by.seals.SignCompact(c.typ, at, must(jose.Marshal(claims))(t)))(t)
			d.cheat = func(where string, w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if where != "issuer.example/.well-known/openid-credential-issuer" {
					return false
				}
				accept = r.Header.Get("Accept")
				w.Header().Set("Content-Type", "application/jwt")
				_, _ = w.Write([]byte(token))
				return true
			}
			s := d.unit()
			s.Metadata, s.SignedMetadataOnly = signers{d.a}, true
			if c.unit != nil {
				c.unit(&s)
			}
			o, err := s.Discover(t.Context(), issuerURL, "led")
			if c.want == "" {
				if err != nil || o.Metadata.NonceEndpoint != issuerURL+"/signed-nonce" {
					t.Errorf("%v, %s", err, o.Metadata.NonceEndpoint)
				}
			} else if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if (s.Metadata != nil) != strings.Contains(accept, "application/jwt") {
				t.Errorf("Accept: %s", accept)
			}
		})
	}
	// Plain metadata do, unless the profile wants signed ones.
	d := newDouble(t)
	s := d.unit()
	s.Metadata = signers{d.a}
	must(s.Discover(t.Context(), issuerURL))(t)
	s.SignedMetadataOnly = true
	if _, err := s.Discover(t.Context(), issuerURL); !errors.Is(err, unit.ErrOffer) || !strings.Contains(err.Error(), "not signed") {
		t.Errorf("%v", err)
	}
}
