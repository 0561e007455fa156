package oid4vci

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

const pushed = "response_type=code&client_id=wallet&redirect_uri=https%3A%2F%2Fw.example%2Fcb&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"

// OpenID4VCI 1.0, Section 5.1; RFC 9126, Section 2.1.
func TestPushedRequest(t *testing.T) {
	form, _ := url.ParseQuery(pushed + "&scope=led++diploma&issuer_state=i&resource=https://issuer.example&vault_handle=h&unknown=x&ui_locales=nl" +
		"&dpop_jkt=0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I&authorization_details=" + url.QueryEscape(`[{"type":"openid_credential","credential_configuration_id":"led"}]`))
	r, err := ParsePushedRequest(form)
	if err != nil || r.ClientID != "wallet" || r.RedirectURI != "https://w.example/cb" || r.State != "s" || !slices.Equal(r.Scopes, []string{"led", "diploma"}) || r.IssuerState != "i" ||
		len(r.Details) != 1 || r.DPoPJKT == "" || r.VaultHandle != "h" || r.UILocales != "nl" || r.Resource != "https://issuer.example" {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, tt := range []struct {
		change, field string
		code          ErrorCode
	}{
		{"&state=t", "", InvalidRequest},
		{"&request_uri=urn:x", "request_uri", InvalidRequest},
		{"&request=x", "request", RequestNotSupported},
		{"-response_type", "response_type", InvalidRequest},
		{"=response_type=token", "response_type", UnsupportedResponseType},
		{"-redirect_uri", "redirect_uri", InvalidRequest},
		{"=state=" + strings.Repeat("s", maxState+1), "state", InvalidRequest},
		{"-code_challenge_method", "code_challenge_method", InvalidRequest},
		{"=code_challenge_method=plain", "code_challenge_method", InvalidRequest},
		{"-code_challenge", "code_challenge", InvalidRequest},
		{"=code_challenge=short", "code_challenge", InvalidRequest},
		{"&dpop_jkt=x", "dpop_jkt", InvalidRequest},
		{"&scope=" + strings.Repeat("s+", MaxList+1), "scope", InvalidScope},
		{"&authorization_details=x", "authorization_details", InvalidAuthorizationDetails},
		{"&issuer_state=" + strings.Repeat("s", MaxText+1), "issuer_state", InvalidRequest},
	} {
		form, _ := url.ParseQuery(pushed)
		switch name, value, _ := strings.Cut(tt.change[1:], "="); tt.change[0] {
		case '-':
			form.Del(name)
		case '=':
			form.Set(name, value)
		default:
			form, _ = url.ParseQuery(pushed + tt.change)
		}
		_, err := ParsePushedRequest(form)
		wantField(t, err, tt.field, tt.code)
	}
}

func FuzzParsePushedRequest(f *testing.F) {
	f.Add(pushed)
	f.Add(pushed + "&scope=a+b&issuer_state=x")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		r, err := ParsePushedRequest(form)
		if err == nil && (len(r.CodeChallenge) != 43 || form.Has("request_uri") || r.RedirectURI == "") {
			t.Fatalf("accepted %q", body)
		}
	})
}
