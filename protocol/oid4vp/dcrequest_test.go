package oid4vp

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
)

// toBrowser is a request that may go over the Digital Credentials API.
func toBrowser(t testing.TB, leaf *x509.Certificate) Request {
	r := toSign(t, leaf)
	r.ResponseMode, r.ResponseURI, r.State, r.Audience, r.ExpectedOrigins = ModeDCAPIJWT, "", "", "", []string{site}
	return r
}

// What is made is what a wallet takes, and from no other origin (OpenID4VP 1.0,
// Appendix A).
func TestMakeDC(t *testing.T) {
	ca, key := newAuthority(t), newKey(t)
	leaf := ca.leaf(t, key.Public(), "receiver.example")
	chain := []*x509.Certificate{leaf}
	check := func(d DCRequest, err error, origin string, prefixes ...Prefix) (Verified, error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return VerifyDC(t.Context(), d.Protocol, d.Data, Verification{Origin: origin, Chain: ca, Now: now, Prefixes: prefixes, Modes: []string{ModeDCAPIJWT, ModeDCAPI}})
	}
	r := toBrowser(t, leaf)
	d, err := r.SignDC(key, chain)
	if v, err := check(d, err, site); err != nil || v.ClientID != HashClientID(leaf) || v.PresentTo() != OriginAudience(site) || d.Protocol != ProtocolSigned {
		t.Errorf("signed: %v", err)
	}
	if _, err := check(d, nil, "https://evil.example"); err == nil {
		t.Error("signed: taken from another origin")
	}

	m := r
	m.ClientID, m.VerifierInfo = "", nil
	signers := []RequestSigner{
		{ClientID: "x509_san_dns:receiver.example", Key: key, Chain: chain},
		{ClientID: HashClientID(leaf), VerifierInfo: []VerifierInfo{Info("a.b.c")}, Key: key, Chain: chain},
	}
	d, err = m.SignMulti(signers)
	for _, p := range []Prefix{PrefixX509SANDNS, PrefixX509Hash} {
		v, err := check(d, err, site, p)
		if err != nil || v.Prefix != p || (p == PrefixX509Hash) != (v.VerifierInfo != nil) {
			t.Errorf("multi-signed, %s: %v", p, err)
		}
	}
	if _, err := check(d, nil, "https://evil.example"); err == nil {
		t.Error("multi-signed: taken from another origin")
	}

	d, err = m.UnsignedDC()
	if v, err := check(d, err, site); err != nil || v.ClientID != "" || v.Signed {
		t.Errorf("unsigned: %v", err)
	}
	if strings.Contains(string(d.Data), "expected_origins") || strings.Contains(string(d.Data), `"exp"`) {
		t.Errorf("unsigned: %s", d.Data)
	}
	m.ResponseMode = ModeDCAPI
	if d, err := m.UnsignedDC(AnswerInClear); err != nil {
		t.Error(err)
	} else if v, err := check(d, nil, site); err != nil || v.Encrypted() {
		t.Errorf("in clear: %v", err)
	}
}

func TestMakeDCRefuses(t *testing.T) {
	ca, key := newAuthority(t), newKey(t)
	leaf := ca.leaf(t, key.Public(), "receiver.example")
	chain := []*x509.Certificate{leaf}
	for name, c := range map[string]struct {
		change func(*Request)
		field  string
	}{
		"no origins":       {func(r *Request) { r.ExpectedOrigins = nil }, "expected_origins"},
		"too many origins": {func(r *Request) { r.ExpectedOrigins = make([]string, MaxList+1) }, "expected_origins"},
		"origin of a file": {func(r *Request) { r.ExpectedOrigins = []string{site, "file:///x"} }, "origin"},
		"origin in clear":  {func(r *Request) { r.ExpectedOrigins = []string{"http://receiver.example"} }, "origin"},
		"state":            {func(r *Request) { r.State = NewSecret() }, "state"},
		"response_uri":     {func(r *Request) { r.ResponseURI = site }, "response_uri"},
		"redirect_uri":     {func(r *Request) { r.RedirectURI = site }, "response_uri"},
		"answer in clear":  {func(r *Request) { r.ResponseMode = ModeDCAPI }, "response_mode"},
		"mode of the post": {func(r *Request) { r.ResponseMode = ModeDirectPostJWT }, "response_mode"},
		"short nonce":      {func(r *Request) { r.Nonce = "abc" }, "nonce"},
		"no keys":          {func(r *Request) { r.ClientMetadata = nil }, "client_metadata.jwks"},
	} {
		r := toBrowser(t, leaf)
		c.change(&r)
		_, err := r.SignDC(key, chain)
		wantField(t, err, c.field, codeOf(err))
		r.ClientID, r.VerifierInfo = "", nil
		if d, err := r.UnsignedDC(); err == nil || d.Data != nil {
			t.Errorf("%s: made unsigned", name)
		}
		if d, err := r.SignMulti([]RequestSigner{{ClientID: HashClientID(leaf), Key: key, Chain: chain}}); err == nil || d.Data != nil {
			t.Errorf("%s: signed by several", name)
		}
	}
	r := toBrowser(t, leaf)
	one := RequestSigner{ClientID: r.ClientID, Key: key, Chain: chain}
	if _, err := r.SignMulti([]RequestSigner{one}); err == nil {
		t.Error("client_id in the payload")
	}
	if _, err := r.UnsignedDC(); err == nil {
		t.Error("client_id in an unsigned request")
	}
	r.ClientID, r.VerifierInfo = "", nil
	for name, signers := range map[string][]RequestSigner{
		"nobody": nil, "one twice": {one, one}, "another's key": {{ClientID: one.ClientID, Key: newKey(t), Chain: chain}},
		"another's name": {{ClientID: "x509_san_dns:bank.example", Key: key, Chain: chain}}, "no certificate": {{ClientID: one.ClientID, Key: key}},
		"too many": make([]RequestSigner, maxSignatures+1),
	} {
		if d, err := r.SignMulti(signers); err == nil || d.Data != nil {
			t.Errorf("%s: signed", name)
		}
	}
	posted := toSign(t, leaf)
	posted.ExpectedOrigins = []string{site}
	_, err := posted.Sign(key, chain)
	wantField(t, err, "expected_origins", "")
	posted.ExpectedOrigins, posted.ResponseMode, posted.ClientMetadata = nil, ModeDirectPost, nil
	if text, err := posted.Sign(key, chain, AnswerInClear); err != nil || text == "" {
		t.Errorf("direct_post: %v", err)
	}
}

func codeOf(err error) ErrorCode {
	if e, ok := err.(*Error); ok {
		return e.Code
	}
	return ""
}

// Appendix A.4; Section 8.3: nothing in clear where encryption was asked for.
func TestParseDCResponse(t *testing.T) {
	for _, c := range []struct {
		text      string
		encrypted bool
		ok        bool
	}{
		{`{"response":"a.b.c.d.e"}`, true, true},
		{`{"vp_token":{"a":["x"]}}`, false, true},
		{`{"error":"access_denied"}`, true, true},
		{`{"error":"access_denied"}`, false, true},
		{`{"vp_token":{"a":["x"]}}`, true, false},
		{`{"response":"a.b.c.d.e"}`, false, false},
		{`{"response":"a","vp_token":{"a":["x"]}}`, true, false},
		{`{"response":"a","error":"access_denied"}`, true, false},
		{`{"error":"a b\u0000"}`, true, false},
		{`{}`, true, false},
		{`[]`, true, false},
		{`{"response":"a","response":"b"}`, true, false},
	} {
		d, err := ParseDCResponse([]byte(c.text), c.encrypted)
		if (err == nil) != c.ok || err != nil && (d.VPToken != nil || d.Response != "" || d.Error != "") {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	if _, err := ParseDCResponse(make([]byte, jose.MaxToken+1), true); err == nil {
		t.Error("endless")
	}
}

func TestCheckOrigin(t *testing.T) {
	for text, want := range map[string]bool{
		"https://www.example.org": true, "https://www.example.org:8443": true, "https://www.example.org/": false, "https://www.example.org:443": false,
		"https://WWW.example.org": false, "https://www.example.org?x": false, "https://u@www.example.org": false, "http://www.example.org": false, "https://": false,
		"www.example.org": false, "": false, "file:///x": false, "android:apk-key-hash:abc": false, "https://www.example.org:": false,
	} {
		if err := CheckOrigin(text); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	if CheckOrigin("http://localhost:8083") == nil || CheckOrigin("http://localhost:8083", InsecureLoopback) != nil {
		t.Error("loopback")
	}
}

func FuzzParseDCResponse(f *testing.F) {
	f.Add([]byte(`{"response":"a.b.c.d.e"}`), true)
	f.Add([]byte(`{"vp_token":{"a":["x"]}}`), false)
	f.Fuzz(func(t *testing.T, b []byte, encrypted bool) {
		d, err := ParseDCResponse(b, encrypted)
		if err == nil && encrypted && d.VPToken != nil {
			t.Fatal("taken in clear")
		}
	})
}
