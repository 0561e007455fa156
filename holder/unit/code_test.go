package unit_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
)

func (d *double) offer(grants m) string {
	o := m{"credential_issuer": issuerURL, "credential_configuration_ids": []any{"led"}, "x_unknown": 1}
	if grants != nil {
		o["grants"] = grants
	}
	return "openid-credential-offer://?credential_offer=" + url.QueryEscape(string(must(jose.Marshal(o))(d.t)))
}

// The authorization code flow, from the issuer and from the wallet, in every
// way that the metadata leave open (OpenID4VCI 1.0, Sections 3.4 and 5).
func TestCodeFlow(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*double)
		grants m
		check  func(t *testing.T, form url.Values)
	}{
		"details, pushed": {func(*double) {}, nil, func(t *testing.T, f url.Values) {
			if f.Has("issuer_state") || f.Has("scope") || f.Has("resource") || f.Has("vault_handle") || !f.Has("authorization_details") {
				t.Errorf("%v", f)
			}
		}},
		"identifiers": {func(d *double) { d.identifiers = map[string][]string{"led": {"one", "two"}} }, nil, nil},
		"scope": {func(d *double) { delete(d.server, "authorization_details_types_supported") }, nil, func(t *testing.T, f url.Values) {
			if f.Get("scope") != "led" || f.Has("authorization_details") {
				t.Errorf("%v", f)
			}
		}},
		"through the browser": {func(d *double) {
			delete(d.server, "pushed_authorization_request_endpoint")
			delete(d.server, "require_pushed_authorization_requests")
		}, nil, nil},
		"bearer tokens": {func(d *double) { delete(d.server, "dpop_signing_alg_values_supported") }, nil, func(t *testing.T, f url.Values) {
			if f.Has("dpop_jkt") {
				t.Errorf("%v", f)
			}
		}},
		"encrypted": {(*double).encrypted, nil, nil},
		"an offer": {func(*double) {}, m{"authorization_code": m{"issuer_state": "st&te=é"}}, func(t *testing.T, f url.Values) {
			if f.Get("issuer_state") != "st&te=é" {
				t.Errorf("%v", f)
			}
		}},
		"an offer that names the server": {func(d *double) { d.metadata["authorization_servers"] = []any{"https://other.example", serverURL} },
			m{"authorization_code": m{"authorization_server": serverURL}}, nil},
		"an offer of no grant":           {func(*double) {}, m{}, nil},
		"an empty offer of other grants": {func(*double) {}, m{"urn:x:other": m{}, "authorization_code": m{}}, nil},
		"no word on grants":              {func(d *double) { delete(d.server, "grant_types_supported") }, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t)
			c.change(d)
			v, p := newVault(t, d.net)
			s := d.unit()
			o := must(s.Read(t.Context(), d.offer(c.grants)))(t)
			if c.grants == nil {
				o = must(s.Discover(t.Context(), issuerURL))(t)
			}
			if !o.NeedsSignIn() || o.NeedsTxCode() {
				t.Fatal("not a code flow")
			}
			a := must(s.Authorize(t.Context(), v, o, callback))(t)
			pushed := strings.Contains(a.URL, "request_uri=")
			if pushed != (d.server["pushed_authorization_request_endpoint"] != nil) || pushed == a.Expires.IsZero() || pushed && strings.Contains(a.URL, a.State) {
				t.Errorf("%s until %s", a.URL, a.Expires)
			}
			for _, f := range d.pushed {
				if c.check != nil {
					c.check(t, f)
				}
			}
			taken := must(s.Redeem(t.Context(), v, a, d.browse(a.URL)))(t)
			want := max(1, len(d.identifiers["led"]))
			if len(taken.Items) != want || kindsOf(t, v)[unit.KindCredential] != want || len(d.events) != want || len(taken.Items[0].Copies) != 2 {
				t.Errorf("%d items, %v", len(taken.Items), d.events)
			}
			if it := taken.Items[0]; it.Source == nil || it.Source.Issuer != issuerURL || it.Source.Configuration != "led" || it.Source.Notification == "" || !it.Expires.Equal(at.Add(24*60*60*1e9)) {
				t.Errorf("%+v until %s", it.Source, it.Expires)
			}
			for _, r := range d.requests {
				if (r.CredentialIdentifier != "") != (d.identifiers != nil) || (r.CredentialConfigurationID != "") == (d.identifiers != nil) {
					t.Errorf("%+v", r)
				}
			}
			// One answer is all there is.
			if _, err := s.Redeem(t.Context(), v, a, url.Values{"state": {a.State}, "code": {"x"}, "iss": {serverURL}}); !errors.Is(err, unit.ErrAuthorization) || !strings.Contains(err.Error(), "answered before") {
				t.Errorf("%v", err)
			}
			for _, b := range p.items {
				if strings.Contains(string(b), "s3cr3t") {
					t.Error("the platform sees more than ciphertext")
				}
			}
		})
	}
}

// Every request is bound to one key, which is the issuance's alone, and each
// server's nonces are learned with one try.
func TestOneKeyPerIssuance(t *testing.T) {
	d := newDouble(t)
	v, _ := newVault(t, d.net)
	s := d.unit()
	var keys []string
	for range 2 {
		o := must(s.Discover(t.Context(), issuerURL, "led"))(t)
		must(d.signIn(s, v, o))(t)
		for _, a := range d.tokens {
			if !slices.Contains(keys, a.jkt) {
				keys = append(keys, a.jkt)
			}
		}
	}
	if len(keys) != 2 {
		t.Errorf("%d keys for two issuances", len(keys))
	}
	tries := map[string]int{}
	for _, x := range d.net.to("as.example") {
		tries[strings.Fields(x)[1]]++
	}
	// The first request of each line has no nonce; the one after it has.
	if tries[serverURL+"/par"] != 4 || tries[serverURL+"/token"] != 2 {
		t.Errorf("%v", tries)
	}
}
