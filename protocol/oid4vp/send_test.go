package oid4vp

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

// OpenID4VP 1.0, Sections 8.2, 8.3 and 8.5, Appendix A.4: each response mode has
// its way, and an answer that is to be encrypted never goes in clear.
func TestResponseModes(t *testing.T) {
	key := newKey(t)
	jwk, _ := jose.PublicJWK(key.Public())
	jwk.Kid, jwk.Alg, jwk.Use = "k", "ECDH-ES", "enc"
	keys := &ClientMetadata{JWKS: &JWKS{Keys: []jose.JWK{jwk}}}
	answer := Response{VPToken: VPToken{"led": Presentations("a~b&c")}, State: "s1"}
	refusal := Response{Error: AccessDenied, State: "s1"}

	form, err := answer.Form(Request{ResponseMode: ModeDirectPost})
	if err != nil || len(form) != 2 || form.Get("vp_token") != `{"led":["a~b&c"]}` || form.Get("state") != "s1" {
		t.Errorf("%v, %v", form, err)
	}
	form, err = Response{Error: AccessDenied, ErrorDescription: "d"}.Form(Request{ResponseMode: ModeDirectPost})
	if err != nil || len(form) != 2 || form.Get("error") != "access_denied" || form.Get("error_description") != "d" {
		t.Errorf("%v, %v", form, err)
	}
	for _, r := range []Response{answer, refusal} {
		form, err := r.Form(Request{ResponseMode: ModeDirectPostJWT, ClientMetadata: keys})
		if err != nil || !slices.Equal(slices.Collect(maps.Keys(form)), []string{"response"}) {
			t.Fatalf("%v, %v", form, err)
		}
		plain, h, err := jose.DecryptCompact(form.Get("response"), key, jose.A128GCM)
		want, _ := jose.Marshal(r)
		if err != nil || string(plain) != string(want) || h.Kid != "k" {
			t.Errorf("%s, %v", plain, err)
		}
	}
	// Without a key for it an error goes in clear, and an answer does not go.
	if form, err := refusal.Form(Request{ResponseMode: ModeDirectPostJWT}); err != nil || form.Get("error") != "access_denied" || form.Get("state") != "s1" {
		t.Errorf("%v, %v", form, err)
	}
	if form, err := answer.Form(Request{ResponseMode: ModeDirectPostJWT}); err == nil || form != nil {
		t.Errorf("an answer went in clear: %v", form)
	}

	for _, tt := range []struct{ mode, to, want string }{
		{"", "https://r.example/cb", "https://r.example/cb#state=s1&vp_token=%7B%22led%22%3A%5B%22a~b%26c%22%5D%7D"},
		{ModeFragment, "https://r.example/cb?x=1", "https://r.example/cb?x=1#state=s1&vp_token=%7B%22led%22%3A%5B%22a~b%26c%22%5D%7D"},
		{ModeQuery, "https://r.example/cb?x=1", "https://r.example/cb?state=s1&vp_token=%7B%22led%22%3A%5B%22a~b%26c%22%5D%7D&x=1"},
		{ModeQuery, "https://r.example/cb?state=mine", ""},
		{ModeQuery, "https://r.example/\x7f", ""},
		{ModeFragment, "https://r.example/\x7f", ""},
	} {
		got, err := answer.Redirect(Request{ResponseMode: tt.mode, RedirectURI: tt.to})
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s to %s: %s, %v", tt.mode, tt.to, got, err)
		}
	}
	if got, err := refusal.Redirect(Request{RedirectURI: "https://r.example/cb"}); err != nil || got != "https://r.example/cb#error=access_denied&state=s1" {
		t.Errorf("%s, %v", got, err)
	}

	for _, mode := range []string{ModeDCAPI, ModeDCAPIJWT} {
		data, err := refusal.DC(Request{ResponseMode: mode, ClientMetadata: keys})
		b, _ := jose.Marshal(data)
		if err != nil || string(b) != `{"error":"access_denied"}` {
			t.Errorf("%s: %s, %v", mode, b, err)
		}
	}
	data, err := answer.DC(Request{ResponseMode: ModeDCAPI})
	if b, _ := jose.Marshal(data); err != nil || string(b) != `{"vp_token":{"led":["a~b&c"]}}` {
		t.Errorf("%s, %v", b, err)
	}
	data, err = answer.DC(Request{ResponseMode: ModeDCAPIJWT, ClientMetadata: keys})
	plain, _, openErr := jose.DecryptCompact(data.Response, key, jose.A128GCM)
	if err != nil || openErr != nil || data.VPToken != nil || string(plain) != `{"vp_token":{"led":["a~b&c"]}}` {
		t.Errorf("%+v, %s, %v, %v", data, plain, err, openErr)
	}
	if data, err := answer.DC(Request{ResponseMode: ModeDCAPIJWT}); err == nil || data.VPToken != nil || data.Response != "" {
		t.Errorf("an answer went in clear: %+v", data)
	}
}

// Section 8.3: the key for the answer is one for encryption; a key for
// signatures beside it is passed over.
func TestChoosesEncryptionKey(t *testing.T) {
	key := newKey(t)
	jwk := func(kid, use, alg string, pub any) jose.JWK {
		k, err := jose.PublicJWK(pub)
		if err != nil {
			t.Fatal(err)
		}
		k.Kid, k.Use, k.Alg = kid, use, alg
		return k
	}
	for use, name := range map[string]string{"enc": "use enc", "": "no use"} {
		m := &ClientMetadata{JWKS: &JWKS{Keys: []jose.JWK{
			jwk("sig", "sig", "ECDH-ES", newKey(t).Public()), jwk("es", "", "ES256", newKey(t).Public()), jwk("good", use, "ECDH-ES", key.Public()),
		}}}
		form, err := Response{VPToken: VPToken{"a": Presentations("x")}}.Encrypt(m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, h, err := jose.DecryptCompact(form.Get("response"), key, jose.A128GCM); err != nil || h.Kid != "good" || h.Alg != "ECDH-ES" {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

// Section 8.5: what the sender of a refused request may be told is a code and
// their own state.
func TestRejectionResponse(t *testing.T) {
	r := &Rejection{Sender: Verified{Request: Request{State: "s1"}}, Err: refuse(InvalidScope, "x", "scope", "with all its detail")}
	if got := r.Response(); got.Error != InvalidScope || got.State != "s1" || got.ErrorDescription != "" || got.VPToken != nil {
		t.Errorf("%+v", got)
	}
	for _, err := range []error{refuse("", "x", "y", "z"), url.InvalidHostError("x")} {
		if got := (&Rejection{Err: err}).Response(); got.Error != InvalidRequest {
			t.Errorf("%+v", got)
		}
	}
	if r.Error() != r.Err.Error() {
		t.Error(r.Error())
	}
}

// Appendix B.3.4: a verifier takes what its lists name.
func TestAccepts(t *testing.T) {
	says := func(entry string) *ClientMetadata {
		return &ClientMetadata{VPFormatsSupported: map[string]jsontext.Value{"dc+sd-jwt": jsontext.Value(entry)}}
	}
	for _, tt := range []struct {
		m              *ClientMetadata
		issuer, holder jose.Alg
		want           bool
	}{
		{nil, jose.ES256, jose.ES256, true},
		{&ClientMetadata{}, jose.ES384, jose.ES256, true},
		{&ClientMetadata{VPFormatsSupported: map[string]jsontext.Value{"mso_mdoc": jsontext.Value("{}")}}, jose.ES256, jose.ES256, false},
		{says(`{}`), jose.ES384, jose.EdDSA, true},
		{says(`{"sd-jwt_alg_values":["ES256"],"kb-jwt_alg_values":["ES384"]}`), jose.ES256, jose.ES384, true},
		{says(`{"sd-jwt_alg_values":["ES256"]}`), jose.ES384, jose.ES256, false},
		{says(`{"kb-jwt_alg_values":["ES384"]}`), jose.ES256, jose.ES256, false},
		{says(`{"kb-jwt_alg_values":["ES384"]}`), jose.ES256, "", true},
		{says(`{"sd-jwt_alg_values":[]}`), jose.ES256, jose.ES256, false},
		{says(`{"kb-jwt_alg_values":[]}`), jose.ES256, jose.ES256, false},
		{says(`[]`), jose.ES256, jose.ES256, false},
	} {
		if got := tt.m.Accepts("dc+sd-jwt", string(tt.issuer), tt.holder); got != tt.want {
			t.Errorf("%+v with %s, %s: %v", tt.m, tt.issuer, tt.holder, got)
		}
	}
}

// Sections 5.10 and 10: what a wallet says of itself, and how a request object
// comes back encrypted to it.
func TestWalletMetadata(t *testing.T) {
	formats := map[credential.Format]Supported{credential.FormatSDJWTVC: {Issuer: []jose.Alg{jose.ES256}}, credential.FormatMdoc: {Holder: []jose.Alg{jose.ES256}}}
	strict := NewWalletMetadata(formats, nil, "x509_hash:a")
	if !slices.Equal(strict.ClientIDPrefixesSupported, []string{"x509_hash", "x509_san_dns"}) || len(strict.RequestObjectSigningAlgValuesSupported) == 0 || strict.JWKS != nil || strict.Issuer != "" {
		t.Errorf("%+v", strict)
	}
	if !slices.Equal(strict.AuthorizationEncryptionAlgValues, []string{"ECDH-ES"}) || !slices.Equal(strict.AuthorizationEncryptionEncValues, []string{"A256GCM", "A128GCM"}) || strict.VPFormatsSupported["dc+sd-jwt"] == nil {
		t.Errorf("%+v", strict)
	}
	open := NewWalletMetadata(formats, []Prefix{PrefixRedirectURI, PrefixNone}, "redirect_uri:https://r.example")
	if !slices.Equal(open.ClientIDPrefixesSupported, []string{"redirect_uri", "pre-registered"}) || open.RequestObjectSigningAlgValuesSupported != nil {
		t.Errorf("%+v", open)
	}

	key := newKey(t)
	jwk, _ := jose.PublicJWK(key.Public())
	jwk.Kid, jwk.Alg = "w", "ECDH-ES"
	seal := func(kid, enc string) string {
		to := jwk
		to.Kid = kid
		object, err := jose.EncryptCompact([]byte("a.b.c"), to, enc)
		if err != nil {
			t.Fatal(err)
		}
		return object
	}
	if got, err := OpenObject(seal("w", "A256GCM"), key, "w", "A256GCM"); err != nil || got != "a.b.c" {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := OpenObject("a.b.c", key, "w", "A256GCM"); err != nil || got != "a.b.c" {
		t.Errorf("an object that is not encrypted: %s, %v", got, err)
	}
	for name, c := range map[string]struct{ object, kid string }{
		"another kid":             {seal("x", "A256GCM"), "w"},
		"no kid":                  {seal("", "A256GCM"), "w"},
		"an enc that was not ask": {seal("w", "A128GCM"), "w"},
		"no JWE":                  {"a.b.c.d.e", "w"},
	} {
		got, err := OpenObject(c.object, key, c.kid, "A256GCM")
		wantField(t, err, "request object", InvalidRequest)
		if got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, err := OpenObject(seal("w", "A256GCM"), newKey(t), "w", "A256GCM"); err == nil || strings.Contains(err.Error(), "a.b.c") {
		t.Errorf("another key opened it: %v", err)
	}
}
