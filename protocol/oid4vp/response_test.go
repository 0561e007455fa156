package oid4vp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

func TestEncryptedResponseVector(t *testing.T) {
	var v struct {
		Response struct {
			Response string `json:"response"`
		} `json:"response"`
		Request struct {
			ClientMetadata *ClientMetadata `json:"client_metadata"`
		} `json:"request"`
		Key jose.JWK `json:"private_jwk"`
	}
	if err := jose.Unmarshal(testvectors.File(t, "openid4vp/1.0/kat", "encrypted-response-ecdh-es-a128gcm.json"), &v); err != nil {
		t.Fatal(err)
	}
	signer, err := v.Key.Private()
	if err != nil {
		t.Fatal(err)
	}
	key := ecKey(t, signer)
	form, err := ParseForm(url.Values{"response": {v.Response.Response}})
	if err != nil {
		t.Fatal(err)
	}
	if kid, err := form.Kid(); err != nil || kid != "ac" {
		t.Errorf("%s, %v", kid, err)
	}
	plain, err := form.Open(key, "ac", "A128GCM")
	if err != nil {
		t.Fatal(err)
	}
	q := Query{Credentials: []CredentialQuery{{ID: "example_credential_id"}}}
	r, err := ParseResponse(plain, q)
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := Text(r.VPToken["example_credential_id"][0]); !ok || text != "eyJhb...YMetA" {
		t.Errorf("%s", text)
	}
	if _, err := form.Open(key, "other", "A128GCM"); err == nil {
		t.Error("a response with another kid was opened")
	}
	if _, err := form.Open(key, "ac", "A256GCM"); err == nil {
		t.Error("a response with an enc that was not offered was opened")
	}
	if _, err := form.Open(newKey(t), "ac", "A128GCM"); err == nil {
		t.Error("a response was opened with another key")
	}
	// The client metadata of the example: the first key is one we can use, and
	// the keys of unknown curves do no harm.
	if err := v.Request.ClientMetadata.validate(true); err != nil {
		t.Error(err)
	}
	if k, ok := v.Request.ClientMetadata.JWKS.Encryption(); !ok || k.Kid != "ac" {
		t.Errorf("%+v", k)
	}
	answer, err := Response{VPToken: VPToken{"example_credential_id": Presentations("a~b~")}, State: "s"}.Encrypt(v.Request.ClientMetadata)
	if err != nil {
		t.Fatal(err)
	}
	if form, err = ParseForm(answer); err != nil {
		t.Fatal(err)
	}
	if plain, err = form.Open(key, "ac", "A128GCM"); err != nil {
		t.Fatal(err)
	}
	if r, err = ParseResponse(plain, q); err != nil || r.State != "s" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := (Response{}).Encrypt(nil); err == nil {
		t.Error("a response was encrypted for nobody")
	}
}

func TestEncPreference(t *testing.T) {
	for _, tt := range []struct {
		list []string
		want string
	}{
		{nil, "A128GCM"}, {[]string{"A128GCM"}, "A128GCM"}, {[]string{"A128GCM", "A256GCM"}, "A256GCM"}, {[]string{"A128CBC-HS256"}, ""}, {[]string{}, ""},
	} {
		if got, ok := (&ClientMetadata{EncValuesSupported: tt.list}).Enc(); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%v: %s, %v", tt.list, got, ok)
		}
	}
}

func TestParseForm(t *testing.T) {
	for _, tt := range []struct {
		form, field string
	}{
		{"response=a.b.c.d.e", ""},
		{"error=access_denied&state=x&error_description=no", ""},
		{"", "response"},
		{"state=x", "response"},
		{"response=", "response"},
		{"vp_token=%7B%7D&state=x", "vp_token"},
		{"response=a.b.c.d.e&vp_token=%7B%7D", "vp_token"},
		{"response=a&error=b", "error"},
		{"response=a&response=b", "form"},
		{"error=a&error=b", "form"},
		{"error=" + strings.Repeat("a", 100), "error"},
		{"error=a%22b", "error"},
		{"error=%E2%80%AE", "error"},
		{"error=access_denied&vp_token=", "vp_token"},
		{"error=a&state=" + strings.Repeat("a", MaxText+1), "form"},
		{"response=" + strings.Repeat("a", jose.MaxToken+1), "form"},
	} {
		form, err := url.ParseQuery(tt.form)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParseForm(form)
		if tt.field == "" {
			if err != nil || (f.Response == "") == (f.Error == "") {
				t.Errorf("%s: %+v, %v", tt.form, f, err)
			}
			continue
		}
		wantField(t, err, tt.field, InvalidRequest)
		if f != (Form{}) {
			t.Errorf("%s: %+v", tt.form, f)
		}
	}
	// The error example of Section 8.2.
	for _, text := range inline(t, "8.2") {
		if !strings.Contains(text, "error_description") {
			continue
		}
		var b strings.Builder
		for line := range strings.Lines(text[strings.Index(text, "error="):]) {
			b.WriteString(strings.TrimSpace(line))
		}
		form, _ := url.ParseQuery(b.String())
		if f, err := ParseForm(form); err != nil || f.Error != InvalidRequest || f.State != "eyJhb...6-sVA" {
			t.Errorf("%+v, %v", f, err)
		}
	}
}

func TestParseResponse(t *testing.T) {
	q := Query{Credentials: []CredentialQuery{{ID: "a"}, {ID: "b", Multiple: true}}}
	for _, tt := range []struct{ text, field string }{
		{`{"vp_token":{"a":["x"]},"state":"s","other":1}`, ""},
		{`{"vp_token":{"a":["x"],"b":["y",{"proof":{}}]}}`, ""},
		{`{"error":"access_denied"}`, ""},
		{`{}`, "vp_token"},
		{`{"vp_token":{}}`, "vp_token"},
		{`{"vp_token":null}`, "vp_token"},
		{`{"vp_token":"x"}`, "vp_token"},
		{`{"vp_token":["x"]}`, "vp_token"},
		{`{"vp_token":{"a":"x"}}`, "vp_token"},
		{`{"vp_token":{"a":[]}}`, "vp_token"},
		{`{"vp_token":{"a":null}}`, "vp_token"},
		{`{"vp_token":{"a":["x","y"]}}`, "vp_token"},
		{`{"vp_token":{"a":[""]}}`, "vp_token"},
		{`{"vp_token":{"a":[1]}}`, "vp_token"},
		{`{"vp_token":{"a":[null]}}`, "vp_token"},
		{`{"vp_token":{"a":[["x"]]}}`, "vp_token"},
		{`{"vp_token":{"c":["x"]}}`, "vp_token"},
		{`{"vp_token":{"a":["x"],"c":["x"]}}`, "vp_token"},
		{`{"vp_token":{"a":["x"],"a":["y"]}}`, "vp_token"},
		{`{"vp_token":{"a":["x"]},"error":"access_denied"}`, "error"},
		{`{"vp_token":{"a":["x"]}} x`, "vp_token"},
		{`{"vp_token":"{\"a\":[\"x\"]}"}`, "vp_token"},
		{`{"vp_token":{"a":["x"]},"state":1}`, "vp_token"},
		{`[]`, "vp_token"},
		{`{"error":"a\u0000b"}`, "error"},
		{`{"vp_token":{"a":["` + strings.Repeat("x", jose.MaxToken) + `"]}}`, "response"},
		{`{"vp_token":{"b":[` + strings.Repeat(`"x",`, MaxList) + `"x"]}}`, "vp_token"},
	} {
		r, err := ParseResponse([]byte(tt.text), q)
		if tt.field == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.text, err)
			}
			continue
		}
		wantField(t, err, tt.field, InvalidRequest)
		if r.VPToken != nil {
			t.Errorf("%s: a failed parse returned a token", tt.text)
		}
	}
	// The examples of Section 8.1.1, which name the query my_credential.
	my := Query{Credentials: []CredentialQuery{{ID: "my_credential", Multiple: true}}}
	for _, text := range inline(t, "8.1.1") {
		text = strings.ReplaceAll(text, ", ...]", "]")
		if _, err := ParseResponse([]byte(`{"vp_token":`+text+`}`), my); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestState(t *testing.T) {
	r := Response{State: "s"}
	if err := r.CheckState("s"); err != nil {
		t.Error(err)
	}
	wantField(t, r.CheckState("t"), "state", InvalidRequest)
	wantField(t, r.CheckState(""), "state", InvalidRequest)
	wantField(t, Response{}.CheckState("s"), "state", InvalidRequest)
	if err := (Response{}).CheckState(""); err != nil {
		t.Error(err)
	}
	if Secret("").Equal("") {
		t.Error("an empty secret equals an empty one")
	}
}

func TestSecret(t *testing.T) {
	a, b := NewSecret(), NewSecret()
	if a == b || len(a) < 22 || !wire.URLSafe(string(a)) || !a.Equal(a) || a.Equal(b) {
		t.Error("secrets repeat, are short or are not URL-safe")
	}
	for _, verb := range []string{"%v", "%s", "%q", "%#v", "%x"} {
		if strings.Contains(fmt.Sprintf(verb, a), string(a)) {
			t.Errorf("%s prints a secret", verb)
		}
	}
	page, err := a.Redirect("https://receiver.example/done?x=1")
	if err != nil || page != "https://receiver.example/done?response_code="+string(a)+"&x=1" {
		t.Errorf("%s, %v", page, err)
	}
	if _, err := a.Redirect("http://receiver.example/done"); err == nil {
		t.Error("a code would travel in clear")
	}
}

func TestParseAccepted(t *testing.T) {
	for text, ok := range map[string]bool{
		`{}`: true, `{"redirect_uri":"https://client.example.org/cb#response_code=0915"}`: true, `{"redirect_uri":"https://client.example.org/cb?response_code=0915","x":1}`: true,
		`{"redirect_uri":"http://client.example.org/cb"}`: false, `{"redirect_uri":"javascript:alert(1)"}`: false, `{"redirect_uri":1}`: false, `[]`: false,
		`{"redirect_uri":"https://a.example/#` + "\u00e9" + `"}`: false, `{"redirect_uri":"/cb"}`: false,
	} {
		a, err := ParseAccepted([]byte(text))
		if (err == nil) != ok || err != nil && a != (Accepted{}) {
			t.Errorf("%s: %+v, %v", text, a, err)
		}
	}
	if _, err := ParseAccepted([]byte(`{"x":"` + strings.Repeat("a", MaxMessage) + `"}`)); err == nil {
		t.Error("an overlong answer was read")
	}
	text := ""
	for _, e := range inline(t, "8.2") {
		if strings.Contains(e, "response_code") {
			text = e[strings.Index(e, "{"):]
		}
	}
	if a, err := ParseAccepted([]byte(text)); err != nil || a.RedirectURI == "" {
		t.Errorf("%+v, %v", a, err)
	}
}

func FuzzParseForm(f *testing.F) {
	f.Add("response=a.b.c.d.e")
	f.Add("error=access_denied&error_description=no&state=s")
	f.Add("vp_token=%7B%7D&state=s")
	f.Add("response=a&response=b")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		r, err := ParseForm(form)
		switch {
		case err != nil:
			if r != (Form{}) {
				t.Fatal("a failed parse returned a form")
			}
		case form.Has("vp_token"), (r.Response == "") == (r.Error == ""), wire.Description(r.Description) != r.Description:
			t.Fatalf("%q was accepted as %+v", body, r)
		case r.Response != "":
			_, _ = r.Kid()
			if _, err := r.Open(fuzzKey, "k", "A128GCM"); err == nil {
				t.Fatal("what nobody encrypted was opened")
			}
		}
	})
}

var fuzzKey = func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}()

func FuzzParseAccepted(f *testing.F) {
	f.Add([]byte(`{"redirect_uri":"https://client.example.org/cb#response_code=0915"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAccepted(b)
		if err != nil && a != (Accepted{}) || a.RedirectURI != "" && !strings.HasPrefix(strings.ToLower(a.RedirectURI), "https://") {
			t.Fatalf("%+v, %v", a, err)
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	q := Query{Credentials: []CredentialQuery{{ID: "a"}, {ID: "b", Multiple: true}}}
	f.Add([]byte(`{"vp_token":{"a":["x"],"b":["y",{"proof":{}}]},"state":"s"}`))
	f.Add([]byte(`{"error":"access_denied"}`))
	for _, text := range inline(f, "8.1.1") {
		f.Add([]byte(`{"vp_token":` + text + `}`))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseResponse(b, q)
		if err != nil {
			if r.VPToken != nil || r.Error != "" {
				t.Fatal("a failed parse returned a response")
			}
			return
		}
		if (len(r.VPToken) == 0) == (r.Error == "") {
			t.Fatalf("%+v", r)
		}
		for id, list := range r.VPToken {
			if c, ok := q.Find(id); !ok || len(list) == 0 || len(list) > 1 && !c.Multiple {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func ecKey(t testing.TB, s crypto.Signer) *ecdsa.PrivateKey {
	t.Helper()
	key, ok := s.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatalf("%T is no EC key", s)
	}
	return key
}
