package unit_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// A token that is not what was asked for is not used (RFC 9449, Section 5).
func TestBoundTokenRefused(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(d *double)
	}{
		{"bearer in answer to a proof", "token_type is Bearer", func(d *double) {
			d.cheat = answers("as.example/token", 200, m{"access_token": "x", "token_type": "Bearer"})
		}},
		{"DPoP without a proof", "token_type is DPoP", func(d *double) {
			delete(d.server, "dpop_signing_alg_values_supported")
			d.cheat = answers("as.example/token", 200, m{"access_token": "x", "token_type": "DPoP"})
		}},
		{"another type", "token_type", func(d *double) {
			d.cheat = answers("as.example/token", 200, m{"access_token": "x", "token_type": "N_A"})
		}},
		{"another scope", "scope of the token response", func(d *double) {
			delete(d.server, "authorization_details_types_supported")
			d.cheat = answers("as.example/token", 200, m{"access_token": "x", "token_type": "DPoP", "scope": "other"})
		}},
		{"nothing of what was asked", "covers nothing", func(d *double) {
			d.cheat = answers("as.example/token", 200, m{"access_token": "x", "token_type": "DPoP", "authorization_details": []any{
				m{"type": "openid_credential", "credential_configuration_id": "other", "credential_identifiers": []any{"x"}},
			}})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t)
			c.change(d)
			v, p := newVault(t, d.net)
			s := d.unit()
			_, err := d.signIn(s, v, must(s.Discover(t.Context(), issuerURL, "led"))(t))
			if err == nil || !strings.Contains(err.Error(), c.want) || len(p.names()) != 0 || len(d.requests) != 0 {
				t.Errorf("%v", err)
			}
		})
	}
}

// With several servers the first one that does the grant is taken, and one that
// cannot be reached is passed by (OpenID4VCI 1.0, Section 12.2.4).
func TestSeveralServers(t *testing.T) {
	d := newDouble(t)
	d.metadata["authorization_servers"] = []any{"https://gone.example", "https://other.example", serverURL}
	other := m{"issuer": "https://other.example", "token_endpoint": "https://other.example/token", "grant_types_supported": []any{"client_credentials"}}
	d.net.hosts["other.example"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, other) })
	s := d.unit()
	for _, link := range []string{d.offer(nil), d.offer(m{oid4vci.GrantPreAuthorizedCode: m{"pre-authorized_code": "c0de.pre-authorized"}})} {
		if o := must(s.Read(t.Context(), link))(t); o.Server.Issuer != serverURL {
			t.Errorf("%s", o.Server.Issuer)
		}
	}
	if _, err := s.Read(t.Context(), d.offer(m{"authorization_code": m{"authorization_server": "https://other.example"}})); !errors.Is(err, unit.ErrOffer) || !strings.Contains(err.Error(), "grant_types_supported") {
		t.Errorf("%v", err)
	}
	if _, err := s.Read(t.Context(), d.offer(m{"authorization_code": m{"authorization_server": "https://evil.example"}})); err == nil || len(d.net.to("evil.example")) != 0 {
		t.Errorf("%v", err)
	}
}

// The pre-authorized code flow has bound tokens too.
func TestPreAuthorizedDPoP(t *testing.T) {
	d := newDouble(t)
	v, _ := newVault(t, d.net)
	s := d.unit()
	o := must(s.Read(t.Context(), d.offer(m{oid4vci.GrantPreAuthorizedCode: m{"pre-authorized_code": "c0de.pre-authorized"}})))(t)
	taken := must(s.Accept(t.Context(), v, o, ""))(t)
	if len(taken.Items) != 1 || taken.Items[0].Source.Grant == "" {
		t.Errorf("%+v", taken)
	}
	for token, a := range d.tokens {
		if a.jkt == "" {
			t.Errorf("%s is bound to no key", token)
		}
	}
}

// The handle of the vault goes to the platform's own issuer, pushed, and never
// elsewhere.
func TestVaultHandle(t *testing.T) {
	d := newDouble(t)
	v, p := newVault(t, d.net)
	d.net.hosts["vault.example"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/vault/v1/handles" {
			answerJSON(w, 200, m{"vault_handle": "h4ndle"})
			return
		}
		p.ServeHTTP(w, r)
	})
	s := d.unit()
	for issuer, want := range map[string]string{"": "", "https://other.example": "", issuerURL: "h4ndle"} {
		s.Handles = []string{issuer}
		a := must(s.Authorize(t.Context(), v, must(s.Discover(t.Context(), issuerURL, "led"))(t), callback))(t)
		if got := d.lastForm.Get("vault_handle"); got != want || strings.Contains(a.URL, "h4ndle") {
			t.Errorf("%s: %q, %s", issuer, got, a.URL)
		}
	}
	delete(d.server, "pushed_authorization_request_endpoint")
	delete(d.server, "require_pushed_authorization_requests")
	s.Handles = []string{issuerURL}
	if _, err := s.Authorize(t.Context(), v, must(s.Discover(t.Context(), issuerURL, "led"))(t), callback); err == nil || !strings.Contains(err.Error(), "does not go through a browser") {
		t.Errorf("%v", err)
	}
}
