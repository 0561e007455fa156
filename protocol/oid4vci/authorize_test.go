package oid4vci

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// What a wallet asks is what a server reads; the handle goes only into what is
// pushed (OpenID4VCI 1.0, Section 5.1).
func TestAuthorizationForm(t *testing.T) {
	for _, r := range []AuthorizationRequest{
		{ClientID: "w", RedirectURI: "http://127.0.0.1:1/x", State: "s", CodeChallenge: strings.Repeat("c", 43)},
		{
			ClientID: "w", RedirectURI: "https://w.example/?x=y", State: "s &=", CodeChallenge: strings.Repeat("c", 43), Scopes: []string{"a", "b"}, IssuerState: "i\u00e9", Resource: "https://i.example",
			DPoPJKT: strings.Repeat("j", 43), UILocales: "nl fr", Details: []AuthorizationDetail{{Type: TypeOpenIDCredential, CredentialConfigurationID: "led", Locations: []string{"https://i.example"}}}, VaultHandle: "h",
		},
	} {
		pushed, err := r.Pushed()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParsePushedRequest(pushed)
		if err != nil || !reflect.DeepEqual(got.Details, r.Details) || got.VaultHandle != r.VaultHandle || got.State != r.State || got.IssuerState != r.IssuerState || strings.Join(got.Scopes, " ") != strings.Join(r.Scopes, " ") ||
			got.DPoPJKT != r.DPoPJKT || got.Resource != r.Resource || got.UILocales != r.UILocales || got.RedirectURI != r.RedirectURI || got.ClientID != r.ClientID {
			t.Errorf("%+v, %v", got, err)
		}
		if form, err := r.Form(); err != nil || form.Has(VaultHandleParameter) {
			t.Errorf("%v, %v", form, err)
		}
	}
}

// RFC 9126, Section 2.2.
func TestPushedResponse(t *testing.T) {
	if r, err := ParsePushedResponse([]byte(`{"request_uri":"urn:x","expires_in":60,"unknown":1}`)); err != nil || r.RequestURI != "urn:x" || r.ExpiresIn != 60 {
		t.Errorf("%+v, %v", r, err)
	}
	for body, field := range map[string]string{
		`{"expires_in":60}`: "request_uri", `{"request_uri":"","expires_in":60}`: "request_uri", `{"request_uri":"urn:x"}`: "expires_in",
		`{"request_uri":"urn:x","expires_in":-1}`: "expires_in", `{"request_uri":"` + strings.Repeat("x", MaxText+1) + `","expires_in":60}`: "request_uri",
		`[]`: "pushed authorization response", `{"request_uri":"a","request_uri":"b","expires_in":1}`: "pushed authorization response",
	} {
		_, err := ParsePushedResponse([]byte(body))
		wantField(t, err, field, "")
	}
}

// RFC 6749, Section 4.1.2; RFC 9207, Section 2.4.
func TestAuthorizationResponse(t *testing.T) {
	m := AuthorizationServerMetadata{Issuer: "https://as.example", AuthorizationResponseIssParameterSupported: true}
	for _, c := range []struct{ query, field string }{
		{"state=s&code=c&iss=https://as.example&unknown=x", ""},
		{"state=s&error=access_denied&iss=https://as.example", ""},
		{"state=s&code=c", "iss"},
		{"state=s&code=c&iss=https://as.example/", "iss"},
		{"state=s&code=c&iss=https://other.example", "iss"},
		{"state=s&state=s&code=c", "state"},
		{"code=c&iss=https://as.example", "state"},
		{"state=t&code=c&iss=https://as.example", "state"},
		{"state=s&code=&iss=https://as.example", "code"},
		{"state=s&code=a&code=b&iss=https://as.example", "code"},
		{"state=s&iss=https://as.example", "code"},
		{"state=s&code=" + strings.Repeat("c", MaxText+1), "code"},
		{"state=s&error=a&error=b", "error"},
	} {
		q, _ := url.ParseQuery(c.query)
		r, err := ParseAuthorizationResponse(q, "s")
		if err == nil {
			err = r.CheckIss(m, false)
		}
		if c.field != "" {
			wantField(t, err, c.field, "")
		} else if err != nil || (r.Code == "") == (r.Error.Error == "") {
			t.Errorf("%s: %+v, %v", c.query, r, err)
		}
	}
	// Lax is for servers that promise nothing.
	r := AuthorizationResponse{Code: "c"}
	if err := r.CheckIss(m, true); err == nil {
		t.Error("a server that promises iss may leave it out")
	}
	m.AuthorizationResponseIssParameterSupported = false
	if err := r.CheckIss(m, true); err != nil {
		t.Error(err)
	}
	if err := r.CheckIss(m, false); err == nil {
		t.Error("iss is missing")
	}
	r.Iss = "https://other.example"
	if err := r.CheckIss(m, true); err == nil {
		t.Error("another server")
	}
}

func FuzzParseAuthorizationResponse(f *testing.F) {
	f.Add("state=s&code=c&iss=https://as.example")
	f.Add("state=s&error=access_denied&error_description=%1b")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r, err := ParseAuthorizationResponse(q, "s")
		if err != nil && r != (AuthorizationResponse{}) {
			t.Fatal("a failed parse returned something")
		}
		if err == nil && ((r.Code == "") == (r.Error.Error == "") || q.Get("state") != "s") {
			t.Fatalf("accepted %q", query)
		}
	})
}
