package oid4vci

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func vector(t testing.TB, name string) []byte {
	t.Helper()
	return testvectors.File(t, "openid4vci/1.0/examples", name)
}

// body is the JSON of an HTTP example.
func body(t testing.TB, name string) []byte {
	t.Helper()
	text := string(vector(t, name))
	return []byte(text[strings.Index(text, "{"):])
}

// inline returns the examples of the specification's text for a section.
func inline(t testing.TB, section string) []string {
	t.Helper()
	var v struct {
		Examples []struct{ Section, Text, Content, Example, Body string } `json:"examples"`
	}
	if err := json.Unmarshal(testvectors.File(t, "openid4vci/1.0", "inline-examples.json"), &v); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range v.Examples {
		if e.Section == section {
			out = append(out, e.Text+e.Content+e.Example+e.Body)
		}
	}
	if len(out) == 0 || out[0] == "" {
		t.Fatalf("no inline example for section %s", section)
	}
	return out
}

// wantField asserts the field, and the code, of a refusal.
func wantField(t testing.TB, err error, field string, code ErrorCode) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a refusal of %q", err, field)
	}
	if !strings.Contains(e.Field, field) || e.Code != code {
		t.Errorf("got code %q field %q (%v), want %q %q", e.Code, e.Field, e, code, field)
	}
	if e.Spec == "" {
		t.Errorf("no clause in %v", e)
	}
	if d := e.Response().Description; strings.ContainsAny(d, "\"\\\n") {
		t.Errorf("description %q is not fit for the wire", d)
	}
}

func TestOfferExamples(t *testing.T) {
	for _, name := range []string{
		"credential_offer_by_reference.json", "credential_offer_multiple_credentials.json", "credential_offer_pre-authz_code.json", "credential_offer_authz_code.txt",
	} {
		o, err := ParseCredentialOffer(body(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		link, err := o.Link()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseLink(link)
		if err != nil || fmt.Sprintf("%+v", *again.Offer.Grants) == "" {
			t.Fatalf("%s: %v", name, err)
		}
		a, _ := jose.Marshal(o)
		b, _ := jose.Marshal(again.Offer)
		if string(a) != string(b) {
			t.Errorf("%s: %s became %s", name, a, b)
		}
	}
	// An empty tx_code object means that a code is needed: it must survive.
	o, err := ParseCredentialOffer(body(t, "credential_offer_by_reference.json"))
	if err != nil || o.Grants.PreAuthorizedCode.TxCode == nil {
		t.Fatalf("%+v, %v", o, err)
	}
	b, _ := jose.Marshal(o)
	if !strings.Contains(string(b), `"tx_code":{}`) {
		t.Errorf("an empty tx_code was lost: %s", b)
	}
	// HAIP's old example has credentials instead of configuration ids.
	_, err = ParseCredentialOffer(testvectors.File(t, "haip/1.0/examples", "credential_offer_sd_jwt_vc.json"))
	wantField(t, err, "credential_configuration_ids", "")
}

func TestInlineLinks(t *testing.T) {
	for _, text := range append(inline(t, "4.1.2"), inline(t, "4.1.3")[1:]...) {
		// Examples are broken over lines for display.
		var b strings.Builder
		for line := range strings.Lines(text) {
			b.WriteString(strings.TrimSpace(line))
		}
		link := strings.TrimPrefix(b.String(), "GET ")
		link = strings.Replace(link, "/credential_offer?", "https://wallet.example/credential_offer?", 1)
		inv, err := ParseLink(link)
		if err != nil {
			t.Errorf("%s: %v", link, err)
			continue
		}
		if (inv.Offer == nil) == (inv.OfferURI == "") {
			t.Errorf("%s: %+v", link, inv)
		}
	}
}

const goodOffer = `{"credential_issuer":"https://issuer.example/t","credential_configuration_ids":["a","b"],"grants":{"urn:ietf:params:oauth:grant-type:pre-authorized_code":{"pre-authorized_code":"c0de","tx_code":{"length":4}}},"other":1}`

func TestOfferRefuses(t *testing.T) {
	if _, err := ParseCredentialOffer([]byte(goodOffer)); err != nil {
		t.Fatal(err)
	}
	const grant = `"urn:ietf:params:oauth:grant-type:pre-authorized_code":`
	for _, tt := range []struct{ old, new, field string }{
		{`https://issuer`, `http://issuer`, "credential_issuer"},
		{`https://issuer.example/t`, `http://127.0.0.1/t`, "credential_issuer"},
		{`https://issuer.example/t`, `https://issuer.example/t?x`, "credential_issuer"},
		{`https://issuer.example/t`, `https://issuer.example/t#x`, "credential_issuer"},
		{`https://issuer.example/t`, `https://user@issuer.example/t`, "credential_issuer"},
		{`https://issuer.example/t`, `https:///t`, "credential_issuer"},
		{`https://issuer.example/t`, `issuer.example`, "credential_issuer"},
		{`https://issuer.example/t`, `https://issuer.example/ t`, "credential_issuer"},
		{`"credential_issuer"`, `"x"`, "credential_issuer"},
		{`["a","b"]`, `[]`, "credential_configuration_ids"},
		{`["a","b"]`, `null`, "credential_configuration_ids"},
		{`["a","b"]`, `["a","a"]`, "credential_configuration_ids[1]"},
		{`["a","b"]`, `["a",""]`, "credential_configuration_ids[1]"},
		{`["a","b"]`, `"a"`, "credential offer"},
		{`"c0de"`, `""`, "pre-authorized_code"},
		{`"pre-authorized_code":"c0de",`, ``, "pre-authorized_code"},
		{`"length":4`, `"length":-1`, "tx_code.length"},
		{`"length":4`, `"length":1000`, "tx_code.length"},
		{`"length":4`, `"length":"4"`, "credential offer"},
		{`"length":4`, `"input_mode":"digits"`, "tx_code.input_mode"},
		{`"length":4`, `"description":"` + strings.Repeat("é", 301) + `"`, "tx_code.description"},
		{`"tx_code"`, `"authorization_server":"http://x.example","tx_code"`, "authorization_server"},
		{`"other":1`, `"other":1,"other":2`, "credential offer"},
		{`"other":1}`, `"other":1} x`, "credential offer"},
		{grant, grant + `{},` + grant, "credential offer"},
	} {
		o, err := ParseCredentialOffer([]byte(strings.Replace(goodOffer, tt.old, tt.new, 1)))
		if err == nil {
			t.Errorf("%s: accepted", tt.new)
			continue
		}
		wantField(t, err, tt.field, "")
		if o.CredentialIssuer != "" {
			t.Errorf("%s: a failed parse returned an offer", tt.new)
		}
		if strings.Contains(err.Error(), "c0de") {
			t.Errorf("the error tells the code: %v", err)
		}
	}
	if _, err := ParseCredentialOffer([]byte(strings.Replace(goodOffer, "https://issuer.example", "http://127.0.0.1:8080", 1)), InsecureLoopback); err != nil {
		t.Errorf("loopback in the development profile: %v", err)
	}
	if _, err := ParseCredentialOffer([]byte(strings.Replace(goodOffer, "https://issuer", "http://issuer", 1)), InsecureLoopback); err == nil {
		t.Error("http to another host was accepted in the development profile")
	}
	if _, err := ParseCredentialOffer([]byte(strings.Replace(goodOffer, `"length":4`, `"description":"`+strings.Repeat("é", 300)+`"`, 1))); err != nil {
		t.Errorf("300 characters: %v", err)
	}
}

func TestLinkRefuses(t *testing.T) {
	offer := url.QueryEscape(goodOffer)
	uri := url.QueryEscape("https://issuer.example/offer/1")
	for _, link := range []string{
		"openid-credential-offer://?credential_offer=" + offer + "&credential_offer_uri=" + uri,
		"openid-credential-offer://?credential_offer=" + offer + "&credential_offer=" + offer,
		"openid-credential-offer://?credential_offer_uri=" + uri + "&credential_offer_uri=" + uri,
		"openid-credential-offer://", "openid-credential-offer://?x=y", "", "://",
		"openid-credential-offer://?credential_offer_uri=" + url.QueryEscape("http://issuer.example/offer"),
		"openid-credential-offer://?credential_offer_uri=" + url.QueryEscape("file:///etc/passwd"),
		"http://wallet.example/?credential_offer=" + offer,
		"javascript:?credential_offer=" + offer,
		"openid-credential-offer://?credential_offer=%7B%7D",
		"openid-credential-offer://?credential_offer=" + offer + ";x=%",
	} {
		if inv, err := ParseLink(link); err == nil || inv != (Invocation{}) {
			t.Errorf("%.80s: %+v, %v", link, inv, err)
		}
	}
	link, err := LinkByReference("https://issuer.example/offer/1?a=b c")
	if err == nil {
		t.Errorf("a URI with a space became %s", link)
	}
	if link, err = LinkByReference("https://issuer.example/offer/1?a=b&c=d"); err != nil {
		t.Fatal(err)
	}
	if inv, err := ParseLink(link); err != nil || inv.OfferURI != "https://issuer.example/offer/1?a=b&c=d" {
		t.Errorf("%+v, %v", inv, err)
	}
}

func TestOfferAgainstMetadata(t *testing.T) {
	o, err := ParseCredentialOffer([]byte(goodOffer))
	if err != nil {
		t.Fatal(err)
	}
	one, two := "https://as.example", "https://as2.example"
	m := CredentialIssuerMetadata{CredentialIssuer: "https://issuer.example/t", CredentialConfigurationsSupported: map[string]CredentialConfiguration{"a": {}, "b": {}}}
	if err := o.Check(m); err != nil || o.AuthorizationServer(m) != m.CredentialIssuer {
		t.Fatal(err)
	}
	m.AuthorizationServers = []string{one, two}
	if o.AuthorizationServer(m) != one {
		t.Error("the first server is not used")
	}
	o.Grants.PreAuthorizedCode.AuthorizationServer = two
	if err := o.Check(m); err != nil || o.AuthorizationServer(m) != two {
		t.Error(err)
	}
	o.Grants.PreAuthorizedCode.AuthorizationServer = "https://evil.example"
	wantField(t, o.Check(m), "authorization_server", "")
	o.Grants.PreAuthorizedCode.AuthorizationServer = one
	m.AuthorizationServers = []string{one}
	wantField(t, o.Check(m), "authorization_server", "")
	o.Grants.PreAuthorizedCode.AuthorizationServer = ""
	m.CredentialIssuer += "/"
	wantField(t, o.Check(m), "credential_issuer", "")
	m.CredentialIssuer = o.CredentialIssuer
	delete(m.CredentialConfigurationsSupported, "b")
	wantField(t, o.Check(m), "credential_configuration_ids[1]", "")
}

func TestSecretPrintsNothing(t *testing.T) {
	o, err := ParseCredentialOffer([]byte(goodOffer))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if text := fmt.Sprintf(verb, *o.Grants.PreAuthorizedCode); strings.Contains(text, "c0de") || strings.Contains(text, "63306465") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func FuzzParseCredentialOffer(f *testing.F) {
	f.Add([]byte(goodOffer))
	for _, name := range []string{"credential_offer_by_reference.json", "credential_offer_multiple_credentials.json", "credential_offer_authz_code.txt"} {
		f.Add(body(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ParseCredentialOffer(b)
		if err != nil {
			if o.CredentialIssuer != "" || o.CredentialConfigurationIDs != nil || o.Grants != nil {
				t.Fatal("a failed parse returned an offer")
			}
			return
		}
		link, err := o.Link()
		if err != nil {
			t.Fatal(err)
		}
		if inv, err := ParseLink(link); err != nil || inv.Offer == nil || inv.Offer.CredentialIssuer != o.CredentialIssuer {
			t.Fatalf("an offer does not survive its link: %v", err)
		}
	})
}

func FuzzParseLink(f *testing.F) {
	f.Add("openid-credential-offer://?credential_offer=" + url.QueryEscape(goodOffer))
	f.Add("openid-credential-offer://?credential_offer_uri=" + url.QueryEscape("https://issuer.example/offer/1"))
	f.Add("haip-vci://x?credential_offer_uri=https%3A%2F%2Fa")
	f.Fuzz(func(t *testing.T, link string) {
		inv, err := ParseLink(link)
		if err == nil && (inv.Offer == nil) == (inv.OfferURI == "") || err != nil && inv != (Invocation{}) {
			t.Fatalf("%+v, %v", inv, err)
		}
	})
}
