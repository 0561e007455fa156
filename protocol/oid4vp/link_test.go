package oid4vp

import (
	"net/url"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

func TestLink(t *testing.T) {
	link := Link("x509_hash:a+b/c=", "https://receiver.example/r?x=1&y=2", "post")
	in, err := ParseLink(link)
	if err != nil || in != (Invocation{ClientID: "x509_hash:a+b/c=", RequestURI: "https://receiver.example/r?x=1&y=2", Method: "post"}) {
		t.Fatalf("%+v, %v", in, err)
	}
	// The example of Section 5.4.
	found := false
	for _, text := range inline(t, "5.4") {
		if !strings.Contains(text, "request_uri_method") {
			continue
		}
		var b strings.Builder
		for line := range strings.Lines(text) {
			b.WriteString(strings.TrimSpace(line))
		}
		q := strings.TrimSuffix(strings.TrimPrefix(b.String(), "GET /authorize?"), " HTTP/1.1")
		if in, err := ParseLink("openid4vp://authorize?" + q); err != nil || in.Method != "post" || in.ClientID != "x509_san_dns:client.example.org" {
			t.Errorf("%+v, %v", in, err)
		}
		found = true
	}
	if !found {
		t.Error("no example link")
	}
	if in, err := ParseLink("haip-vp://?client_id=a&request=x.y.z&dcql_query=%7B"); err != nil || in != (Invocation{ClientID: "a", Request: "x.y.z"}) {
		t.Errorf("%+v, %v", in, err)
	}
	uri := url.QueryEscape("https://receiver.example/r")
	for _, tt := range []struct {
		link, field string
		code        ErrorCode
	}{
		{"openid4vp://?client_id=a&request_uri=" + uri, "", ""},
		{"openid4vp://?client_id=a&request_uri=" + uri + "&request_uri_method=get", "", ""},
		{"openid4vp://?client_id=a&request_uri=" + uri + "&request_uri_method=POST", "request_uri_method", InvalidRequestURIMethod},
		{"openid4vp://?client_id=a&request_uri=" + uri + "&request_uri_method=", "request_uri_method", InvalidRequestURIMethod},
		{"openid4vp://?client_id=a&request=x.y.z&request_uri=" + uri, "request_uri", InvalidRequest},
		{"openid4vp://?client_id=a&request=", "request", InvalidRequest},
		{"openid4vp://?client_id=a", "request_uri", InvalidRequest},
		{"openid4vp://?client_id=a&response_type=vp_token&dcql_query=%7B", "dcql_query", InvalidRequest},
		{"openid4vp://?client_id=a&response_type=vp_token&dcql_query=%7B%22a%22%3A1%2C%22a%22%3A2%7D", "dcql_query", InvalidRequest},
		{"openid4vp://?client_id=a&request_uri_method=post", "request_uri_method", InvalidRequest},
		{"openid4vp://?client_id=a&request=x.y.z&request_uri_method=post", "request_uri_method", InvalidRequest},
		{"openid4vp://?request_uri=" + uri, "client_id", InvalidRequest},
		{"openid4vp://?client_id=a&client_id=b&request_uri=" + uri, "link", InvalidRequest},
		{"openid4vp://?client_id=a&request_uri=" + uri + "&request_uri=" + uri, "link", InvalidRequest},
		{"openid4vp://?client_id=a&request_uri=http%3A%2F%2Freceiver.example", "request_uri", InvalidRequest},
		{"openid4vp://?client_id=a&request_uri=file%3A%2F%2F%2Fetc%2Fpasswd", "request_uri", InvalidRequest},
		{"openid4vp://?client_id=a&request_uri=http%3A%2F%2F127.0.0.1%2Fr", "request_uri", InvalidRequest},
		{"http://wallet.example?client_id=a&request_uri=" + uri, "link", InvalidRequest},
		{"openid4vp://?%zz", "link", InvalidRequest},
		{"openid4vp://\x7f?client_id=a&request_uri=" + uri, "link", InvalidRequest},
		{"openid4vp://?client_id=" + strings.Repeat("a", MaxText+1) + "&request_uri=" + uri, "client_id", InvalidRequest},
		{"", "link", InvalidRequest},
		{"openid4vp://?client_id=a&request_uri=" + uri + "&x=" + strings.Repeat("a", MaxMessage), "link", InvalidRequest},
	} {
		in, err := ParseLink(tt.link)
		if tt.field == "" {
			if err != nil || in.Method != "get" {
				t.Errorf("%s: %+v, %v", tt.link, in, err)
			}
			continue
		}
		wantField(t, err, tt.field, tt.code)
		if in != (Invocation{}) {
			t.Errorf("%s: %+v", tt.link, in)
		}
	}
}

func TestRequestURIPost(t *testing.T) {
	text := inline(t, "5.10")[0]
	var b strings.Builder
	for line := range strings.Lines(text[strings.Index(text, "wallet_metadata="):]) {
		b.WriteString(strings.TrimSpace(line))
	}
	form, err := url.ParseQuery(b.String())
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParseRequestURIPost(form)
	if err != nil || p.WalletNonce != "qPmxiNFCR3QTm19POc8u" || p.WalletMetadata.VPFormatsSupported["dc+sd-jwt"] == nil {
		t.Fatalf("%+v, %v", p, err)
	}
	if object, err := p.WalletMetadata.Encrypt("a.b.c"); err != nil || object != "a.b.c" {
		t.Errorf("a wallet without keys got %s, %v", object, err)
	}
	key := newKey(t)
	jwk, _ := jose.PublicJWK(key.Public())
	jwk.Kid, jwk.Alg = "w", "ECDH-ES"
	p.WalletMetadata.JWKS = &wire.JWKS{Keys: []jose.JWK{jwk}}
	if form, err = p.Form(); err != nil {
		t.Fatal(err)
	}
	if p, err = ParseRequestURIPost(form); err != nil {
		t.Fatal(err)
	}
	object, err := p.WalletMetadata.Encrypt("a.b.c")
	if err != nil {
		t.Fatal(err)
	}
	if plain, h, err := jose.DecryptCompact(object, key, "A128GCM"); err != nil || string(plain) != "a.b.c" || h.Kid != "w" {
		t.Errorf("%s, %+v, %v", plain, h, err)
	}
	// Who asks for encryption gets the object encrypted or not at all.
	for name, change := range map[string]func(*WalletMetadata){
		"key for signatures": func(w *WalletMetadata) { w.JWKS.Keys[0].Use = "sig" },
		"key without alg":    func(w *WalletMetadata) { w.JWKS.Keys[0].Alg = "" },
		"unknown enc":        func(w *WalletMetadata) { w.RequestObjectEncryptionEncValues = []string{"A128CBC-HS256"} },
	} {
		w := WalletMetadata{JWKS: &JWKS{Keys: []jose.JWK{jwk}}}
		change(&w)
		object, err := w.Encrypt("a.b.c")
		if object != "" {
			t.Errorf("%s: %s", name, object)
		}
		wantField(t, err, "wallet_metadata", InvalidRequest)
	}
	for name, form := range map[string]url.Values{
		"nonce twice":       {"wallet_nonce": {"a", "b"}},
		"metadata":          {"wallet_metadata": {"{"}},
		"duplicate":         {"wallet_metadata": {`{"issuer":"a","issuer":"b"}`}},
		"keys":              {"wallet_metadata": {`{"jwks":{"keys":[]}}`}},
		"overlong metadata": {"wallet_metadata": {`{"x":"` + strings.Repeat("a", MaxMessage) + `"}`}},
		"overlong nonce":    {"wallet_nonce": {strings.Repeat("a", MaxText+1)}},
	} {
		if p, err := ParseRequestURIPost(form); err == nil || p != (RequestURIPost{}) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if form, err := (RequestURIPost{}).Form(); err != nil || len(form) != 0 {
		t.Errorf("who says nothing posts %v, %v", form, err)
	}
	if object, err := (*WalletMetadata)(nil).Encrypt("a.b.c"); err != nil || object != "a.b.c" {
		t.Errorf("a wallet that says nothing got %s, %v", object, err)
	}
	if p, err := ParseRequestURIPost(url.Values{}); err != nil || p.WalletNonce != "" {
		t.Errorf("%+v, %v", p, err)
	}
}

func FuzzParseRequestURIPost(f *testing.F) {
	f.Add("wallet_nonce=a&wallet_metadata=%7B%22issuer%22%3A%22https%3A%2F%2Fw.example%22%7D")
	f.Add("wallet_metadata=%7B%22jwks%22%3A%7B%22keys%22%3A%5B%5D%7D%7D")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		p, err := ParseRequestURIPost(form)
		if err != nil {
			if p != (RequestURIPost{}) {
				t.Fatal("a failed parse returned something")
			}
			return
		}
		again, err := p.Form()
		if err != nil {
			t.Fatal(err)
		}
		q, err := ParseRequestURIPost(again)
		if err != nil || q.WalletNonce != p.WalletNonce || (q.WalletMetadata == nil) != (p.WalletMetadata == nil) {
			t.Fatalf("%+v, %v", q, err)
		}
		if object, err := p.WalletMetadata.Encrypt("a.b.c"); err == nil && (object == "a.b.c") != (p.WalletMetadata == nil || p.WalletMetadata.JWKS == nil) {
			t.Fatal("a request object went in clear to a wallet that sent keys")
		}
	})
}

func FuzzParseLink(f *testing.F) {
	f.Add(Link("x509_hash:a", "https://receiver.example/r", "post"))
	f.Add("openid4vp://?client_id=a&request=x.y.z")
	f.Fuzz(func(t *testing.T, link string) {
		in, err := ParseLink(link)
		if err != nil && in != (Invocation{}) || err == nil && (in.ClientID == "" || (in.RequestURI == "") != (in.Method == "") || in.RequestURI == "" && in.Request == "" && in.Parameters == "") {
			t.Fatalf("%+v, %v", in, err)
		}
	})
}
