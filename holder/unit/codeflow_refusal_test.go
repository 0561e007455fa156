package unit_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// The browser's answer is a stranger's word too.
func TestAnswerRefused(t *testing.T) {
	for _, c := range []struct {
		name, want string
		spent      bool
		server     func(m)
		change     func(url.Values)
	}{
		{"no iss", "iss: is missing", true, nil, func(q url.Values) { q.Del("iss") }},
		{"another iss", "iss: is another server", true, nil, func(q url.Values) { q.Set("iss", "https://as.example.evil") }},
		{"iss of the issuer", "iss: is another server", true, nil, func(q url.Values) { q.Set("iss", issuerURL) }},
		{"another iss where none is promised", "iss: is another server", true, func(s m) { delete(s, "authorization_response_iss_parameter_supported") }, func(q url.Values) { q.Set("iss", issuerURL) }},
		{"no iss where none is promised", "iss: is missing", true, func(s m) { delete(s, "authorization_response_iss_parameter_supported") }, func(q url.Values) { q.Del("iss") }},
		{"iss twice", "iss: stands there twice", false, nil, func(q url.Values) { q.Add("iss", serverURL) }},
		{"another state", "state: is another", false, nil, func(q url.Values) { q.Set("state", "x") }},
		{"no state", "state: is another", false, nil, func(q url.Values) { q.Del("state") }},
		{"state twice", "state: stands there twice", false, nil, func(q url.Values) { q.Add("state", "x") }},
		{"code twice", "code: stands there twice", false, nil, func(q url.Values) { q.Add("code", "x") }},
		{"no code", "code: is missing", false, nil, func(q url.Values) { q.Del("code") }},
		{"a huge code", "code: is missing or longer", false, nil, func(q url.Values) { q.Set("code", strings.Repeat("x", 5000)) }},
		{"an error", "The citizen? said no (access_denied)", true, nil, func(q url.Values) {
			q.Del("code")
			q.Set("error", "access_denied")
			q.Set("error_description", "The citizen\x1b said no")
		}},
		{"an error with a code", "access_denied", true, nil, func(q url.Values) { q.Set("error", "access_denied") }},
		{"an error of another server", "iss: is another server", true, nil, func(q url.Values) { q.Set("error", "access_denied"); q.Set("iss", issuerURL) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t)
			if c.server != nil {
				c.server(d.server)
			}
			v, _ := newVault(t, d.net)
			s := d.unit()
			a := must(s.Authorize(t.Context(), v, must(s.Discover(t.Context(), issuerURL, "led"))(t), callback))(t)
			q := d.browse(a.URL)
			right := url.Values{"code": q["code"], "state": q["state"], "iss": q["iss"]}
			c.change(q)
			if _, err := s.Redeem(t.Context(), v, a, q); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%v", err)
			}
			if d.lastForm.Has("code") {
				t.Error("the code was sent")
			}
			// What was not an answer to this request does not stop it.
			if _, err := s.Redeem(t.Context(), v, a, right); (err != nil) != c.spent {
				t.Errorf("the right answer after it: %v", err)
			}
		})
	}
	// A profile may do without iss where the server never sends it.
	d := newDouble(t)
	delete(d.server, "authorization_response_iss_parameter_supported")
	v, _ := newVault(t, d.net)
	s := d.unit()
	s.InsecureNoIss = true
	a := must(s.Authorize(t.Context(), v, must(s.Discover(t.Context(), issuerURL, "led"))(t), callback))(t)
	q := d.browse(a.URL)
	q.Del("iss")
	must(s.Redeem(t.Context(), v, a, q))(t)
}

// A server that could not keep the flow safe, or does not take it, is not gone
// to.
func TestAuthorizeRefused(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(d *double)
	}{
		{"no PKCE", "code_challenge_methods_supported", func(d *double) { delete(d.server, "code_challenge_methods_supported") }},
		{"plain PKCE", "code_challenge_methods_supported", func(d *double) { d.server["code_challenge_methods_supported"] = []any{"plain"} }},
		{"pushed requests without an endpoint", "pushed_authorization_request_endpoint", func(d *double) { delete(d.server, "pushed_authorization_request_endpoint") }},
		{"an endpoint over http", "pushed_authorization_request_endpoint", func(d *double) { d.server["pushed_authorization_request_endpoint"] = "http://as.example/par" }},
		{"a page over http", "authorization_endpoint", func(d *double) { d.server["authorization_endpoint"] = "http://as.example/authorize" }},
		{"no page", "authorization_endpoint", func(d *double) { delete(d.server, "authorization_endpoint") }},
		{"no code", "response_types_supported", func(d *double) { d.server["response_types_supported"] = []any{"token"} }},
		{"no such grant", "grant_types_supported", func(d *double) { d.server["grant_types_supported"] = []any{oid4vci.GrantPreAuthorizedCode} }},
		{"another server's metadata", "issuer", func(d *double) { d.server["issuer"] = "https://other.example" }},
		{"neither scope nor details", "has no scope", func(d *double) {
			delete(d.server, "authorization_details_types_supported")
			delete(d.metadata["credential_configurations_supported"].(m)["led"].(m), "scope")
		}},
		{"a client of another kind", "token_endpoint_auth_methods_supported", func(d *double) { d.server["token_endpoint_auth_methods_supported"] = []any{"tls_client_auth"} }},
		{"an answer to the push that is none", "request_uri", func(d *double) { d.cheat = answers("as.example/par", 201, m{"expires_in": 60}) }},
		{"a request that is over at once", "expires_in", func(d *double) { d.cheat = answers("as.example/par", 201, m{"request_uri": "urn:x", "expires_in": 0}) }},
		{"a refusal", "invalid_scope", func(d *double) { d.cheat = answers("as.example/par", 400, m{"error": "invalid_scope"}) }},
		{"a redirect", "status 307", func(d *double) {
			d.cheat = func(where string, w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if where == "as.example/par" {
					http.Redirect(w, r, "https://other.example/", http.StatusTemporaryRedirect)
				}
				return where == "as.example/par"
			}
		}},
		{"nonces for ever", "use_dpop_nonce", func(d *double) {
			d.cheat = func(where string, w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if where == "as.example/par" {
					w.Header().Set("DPoP-Nonce", d.draw("nonce"))
					answerJSON(w, 400, m{"error": "use_dpop_nonce"})
				}
				return where == "as.example/par"
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t)
			c.change(d)
			v, _ := newVault(t, d.net)
			s := d.unit()
			o, err := s.Discover(t.Context(), issuerURL, "led")
			if err == nil {
				_, err = s.Authorize(t.Context(), v, o, callback)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if n := len(d.net.to("other.example")); n != 0 {
				t.Error("the unit went elsewhere")
			}
			posts := slices.DeleteFunc(d.net.to("as.example"), func(x string) bool { return !strings.HasPrefix(x, "POST ") })
			if c.want == "use_dpop_nonce" && len(posts) != 2 {
				t.Errorf("%d tries", len(posts))
			}
		})
	}
	d := newDouble(t)
	v, _ := newVault(t, d.net)
	s := d.unit()
	o := must(s.Discover(t.Context(), issuerURL, "led"))(t)
	for _, redirect := range []string{"", "/callback", callback + "#x", ":"} {
		if _, err := s.Authorize(t.Context(), v, o, redirect); !errors.Is(err, unit.ErrAuthorization) || !strings.Contains(err.Error(), "redirect_uri") {
			t.Errorf("%q: %v", redirect, err)
		}
	}
	s.Client.ID = ""
	if _, err := s.Authorize(t.Context(), v, o, callback); err == nil || !strings.Contains(err.Error(), "Issuance.Client") {
		t.Errorf("%v", err)
	}
	if _, err := s.Discover(t.Context(), issuerURL, "pid"); err == nil || !strings.Contains(err.Error(), "credential_configuration_ids") {
		t.Errorf("%v", err)
	}
	pre := must(s.Read(t.Context(), d.offer(m{oid4vci.GrantPreAuthorizedCode: m{"pre-authorized_code": "c0de.pre-authorized"}})))(t)
	if _, err := s.Authorize(t.Context(), v, pre, callback); !errors.Is(err, unit.ErrOffer) {
		t.Errorf("%v", err)
	}
}
