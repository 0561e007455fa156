package oid4vp

import (
	"crypto/ecdsa"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

const site = "https://receiver.example"

// browserRequest is what a request over the Digital Credentials API holds.
func browserRequest(t testing.TB, client string) m {
	p := request(t, client)
	for _, name := range []string{"response_uri", "wallet_nonce", "state", "aud", "iss", "iat", "exp"} {
		delete(p, name)
	}
	p["response_mode"], p["expected_origins"] = ModeDCAPIJWT, []any{"https://other.example", site}
	return p
}

// multi signs the payload with one signature for each header.
func multi(t testing.TB, key *ecdsa.PrivateKey, payload m, headers ...m) m {
	t.Helper()
	var signatures []any
	body := ""
	for _, h := range headers {
		parts := strings.Split(signObject(t, key, h, payload), ".")
		body = parts[1]
		signatures = append(signatures, m{"protected": parts[0], "signature": parts[2], "header": m{"client_id": "x509_hash:unprotected"}})
	}
	return m{"payload": body, "signatures": signatures}
}

// OpenID4VP 1.0, Appendix A: the three ways of a request, held against the
// origin that the platform vouches for.
func TestVerifyDC(t *testing.T) {
	ca, key := newAuthority(t), newKey(t)
	leaf := ca.leaf(t, key.Public(), "receiver.example")
	client := HashClientID(leaf)
	chain := jose.EncodeX5C([]*x509.Certificate{leaf})
	header := m{"alg": "ES256", "typ": TypRequest, "x5c": chain}
	signed := func(p m) any { return m{"request": signObject(t, key, header, p), "unknown": 1} }
	for _, tt := range []struct {
		name     string
		protocol string // signed when empty
		change   func(p m)
		data     func(p m) any
		tune     func(*Verification)
		field    string
		code     ErrorCode
		told     bool
	}{
		{name: "signed"},
		{name: "signed for any wallet", change: func(p m) { p["aud"] = AudienceSelfIssued }},
		{name: "state does not count", change: func(p m) { p["state"] = "a b&c" }},
		{name: "addresses do not count", change: func(p m) { p["response_uri"] = "https://evil.example/r" }},
		{name: "redirect does not count", change: func(p m) { p["redirect_uri"] = "javascript:alert(1)" }},
		{name: "by name, whatever the origin's host", change: func(p m) {
			p["client_id"], p["expected_origins"] = "x509_san_dns:receiver.example", []any{"https://shop.example"}
		}, tune: func(v *Verification) { v.Origin = "https://shop.example" }},
		{name: "of an app", change: func(p m) { p["expected_origins"] = []any{"android:apk-key-hash:abc"} }, tune: func(v *Verification) { v.Origin = "android:apk-key-hash:abc" }},
		{name: "without holder binding no state is needed", change: func(p m) {
			p["dcql_query"].(m)["credentials"].([]any)[0].(m)["require_cryptographic_holder_binding"] = false
		}},
		{name: "for another wallet", change: func(p m) { p["aud"] = "https://wallet.example" }, field: "aud", code: InvalidRequest, told: true},
		{name: "from another site", tune: func(v *Verification) { v.Origin = "https://evil.example" }, field: "expected_origins", code: InvalidRequest, told: true},
		{name: "origin with a slash", tune: func(v *Verification) { v.Origin = site + "/" }, field: "expected_origins", code: InvalidRequest, told: true},
		{name: "origin in capitals", tune: func(v *Verification) { v.Origin = "https://RECEIVER.example" }, field: "expected_origins", code: InvalidRequest, told: true},
		{name: "origin with its port", tune: func(v *Verification) { v.Origin = site + ":443" }, field: "expected_origins", code: InvalidRequest, told: true},
		{name: "no expected_origins", change: func(p m) { delete(p, "expected_origins") }, field: "expected_origins", code: InvalidRequest, told: true},
		{name: "empty expected_origins", change: func(p m) { p["expected_origins"] = []any{} }, field: "expected_origins", code: InvalidRequest, told: true},
		{name: "endless expected_origins", change: func(p m) { p["expected_origins"] = many(MaxList+1, func(int) any { return site }) }, field: "expected_origins", code: InvalidRequest, told: true},
		{name: "expected_origins as text", change: func(p m) { p["expected_origins"] = site }, field: "request object", code: InvalidRequest},
		{name: "no client_id", change: func(p m) { delete(p, "client_id") }, field: "client_id", code: InvalidRequest},
		{name: "another's client_id", change: func(p m) { p["client_id"] = "x509_hash:AAAA" }, field: "client_id", code: InvalidClient},
		{name: "client_id of the origin", change: func(p m) { p["client_id"] = "origin:" + site }, field: "client_id", code: InvalidClient},
		{name: "mode of the post", change: func(p m) { p["response_mode"], p["response_uri"] = ModeDirectPostJWT, site+"/r" }, field: "response_mode", code: InvalidRequest},
		{name: "mode of the post, and that is accepted", change: func(p m) { p["response_mode"], p["response_uri"] = ModeDirectPostJWT, site+"/r" }, tune: func(v *Verification) { v.Modes = []string{ModeDirectPostJWT} }, field: "response_mode", code: InvalidRequest},
		{name: "in clear", change: func(p m) { p["response_mode"] = ModeDCAPI }, field: "response_mode", code: InvalidRequest},
		{name: "in clear, and that is accepted", change: func(p m) { p["response_mode"] = ModeDCAPI }, tune: func(v *Verification) { v.Modes = []string{ModeDCAPI} }},
		{name: "nothing to encrypt to", change: func(p m) { delete(p, "client_metadata") }, field: "client_metadata", code: InvalidRequest, told: true},
		{name: "no query", change: func(p m) { delete(p, "dcql_query") }, field: "dcql_query", code: InvalidRequest, told: true},
		{name: "another authority", tune: func(v *Verification) { v.Chain = newAuthority(t) }, field: "x5c", code: InvalidClient},
		{name: "no object", data: func(m) any { return m{} }, field: "request", code: InvalidRequest},
		{name: "object that is none", data: func(m) any { return m{"request": m{}} }, field: "request", code: InvalidRequest},
		{name: "bare parameters", data: func(p m) any { return p }, field: "request", code: InvalidRequest},
		{name: "an object without signature", data: func(p m) any {
			b, _ := jose.Marshal(p)
			return m{"request": jose.Encode([]byte(`{"alg":"none","typ":"oauth-authz-req+jwt"}`)) + "." + jose.Encode(b) + "."}
		}, field: "request object", code: InvalidRequest},

		{name: "unsigned", protocol: ProtocolUnsigned, data: func(p m) any { return p }},
		{name: "unsigned, in the name of another", protocol: ProtocolUnsigned, change: func(p m) {
			p["client_id"], p["expected_origins"] = "x509_san_dns:bank.example", []any{"https://bank.example"}
		}, data: func(p m) any { return p }},
		{name: "unsigned, with times and addresses of other ways", protocol: ProtocolUnsigned, change: func(p m) {
			p["exp"], p["aud"], p["state"], p["response_uri"] = 1, "https://wallet.example", "a b", "https://evil.example"
		}, data: func(p m) any { return p }},
		{name: "unsigned, no nonce", protocol: ProtocolUnsigned, change: func(p m) { delete(p, "nonce") }, data: func(p m) any { return p }, field: "nonce", code: InvalidRequest, told: true},
		{name: "unsigned, mode of the post", protocol: ProtocolUnsigned, change: func(p m) { p["response_mode"], p["response_uri"] = ModeDirectPostJWT, site+"/r" }, data: func(p m) any { return p }, field: "response_mode", code: InvalidRequest},
		{name: "unsigned, a signed one within", protocol: ProtocolUnsigned, data: signed, field: "request", code: InvalidRequest},

		{name: "no protocol", protocol: " ", field: "protocol", code: InvalidRequest},
		{name: "old protocol", protocol: "openid4vp", field: "protocol", code: InvalidRequest},
		{name: "endless", data: func(m) any { return strings.Repeat("a", jose.MaxToken) }, field: "data", code: InvalidRequest},
		{name: "no origin", tune: func(v *Verification) { v.Origin = "" }, field: "origin", code: InvalidRequest},
		{name: "origin that is no address", tune: func(v *Verification) { v.Origin = "https://receiver.example\x7f" }, field: "origin", code: InvalidRequest},
		{name: "null origin", tune: func(v *Verification) { v.Origin = "null" }, field: "origin", code: InvalidRequest},
		{name: "endless origin", tune: func(v *Verification) { v.Origin = site + strings.Repeat("a", MaxText) }, field: "origin", code: InvalidRequest},
		{name: "http origin", tune: func(v *Verification) { v.Origin = "http://receiver.example" }, field: "origin", code: InvalidRequest},
		{name: "loopback origin", tune: func(v *Verification) { v.Origin = "http://localhost:8080" }, field: "origin", code: InvalidRequest},
		{name: "loopback origin in development", change: func(p m) { p["expected_origins"] = []any{"http://localhost:8080"} }, tune: func(v *Verification) {
			v.Origin, v.Options = "http://localhost:8080", []Option{InsecureLoopback}
		}},
		{name: "http origin in development", tune: func(v *Verification) {
			v.Origin, v.Options = "http://receiver.example", []Option{InsecureLoopback}
		}, field: "origin", code: InvalidRequest},
		{name: "file", tune: func(v *Verification) { v.Origin = "file:///tmp" }, field: "origin", code: InvalidRequest},
		{name: "script", tune: func(v *Verification) { v.Origin = "javascript:alert(1)" }, field: "origin", code: InvalidRequest},
		{name: "web socket", tune: func(v *Verification) { v.Origin = "wss://receiver.example" }, field: "origin", code: InvalidRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := browserRequest(t, client)
			if tt.change != nil {
				tt.change(p)
			}
			if tt.data == nil {
				tt.data = signed
			}
			v := Verification{Origin: site, Chain: ca, Now: now}
			if tt.tune != nil {
				tt.tune(&v)
			}
			protocol := ProtocolSigned
			if tt.protocol != "" {
				protocol = tt.protocol
			}
			b, err := jose.Marshal(tt.data(p))
			if err != nil {
				t.Fatal(err)
			}
			got, err := VerifyDC(t.Context(), protocol, b, v)
			if tt.field != "" {
				wantField(t, err, tt.field, tt.code)
				if got.DCQLQuery != nil || rejected(err) != tt.told {
					t.Errorf("returned, or told to whom it must not be: %v", err)
				}
				return
			}
			if err != nil || got.PresentTo() != "origin:"+v.Origin || got.Signed != (protocol == ProtocolSigned) || got.State != "" || got.replyTo() != "" {
				t.Fatalf("%+v, %v", got, err)
			}
			if !got.Signed && (got.ClientID != "" || got.ExpectedOrigins != nil || got.Chain != nil || got.Prefix != PrefixOrigin) {
				t.Errorf("what does not count was kept: %+v", got)
			}
		})
	}
}

// Appendix A.3.2.2: one request in the name of several clients; the first that
// is accepted counts, with what its protected header says.
func TestMultiSigned(t *testing.T) {
	ca, evil, key := newAuthority(t), newAuthority(t), newKey(t)
	leaf, foreign := ca.leaf(t, key.Public(), "receiver.example"), evil.leaf(t, key.Public(), "receiver.example")
	of := func(l *x509.Certificate) m {
		return m{"alg": "ES256", "typ": TypRequest, "x5c": jose.EncodeX5C([]*x509.Certificate{l}), "client_id": HashClientID(l), "verifier_info": []any{m{"format": "x", "data": "y"}}}
	}
	but := func(h m, name string, value any) m {
		h = maps.Clone(h)
		h[name] = value
		return h
	}
	ours, theirs := of(leaf), of(foreign)
	payload := func(change func(p m)) m {
		p := browserRequest(t, "")
		delete(p, "client_id")
		delete(p, "verifier_info")
		if change != nil {
			change(p)
		}
		return p
	}
	cut := func(change func(signature m)) func(m) {
		return func(request m) { change(request["signatures"].([]any)[0].(m)) }
	}
	for _, tt := range []struct {
		name    string
		payload func(p m)
		headers []m
		change  func(request m)
		field   string
		code    ErrorCode
		told    bool
	}{
		{name: "ours alone", headers: []m{ours}},
		{name: "after another's", headers: []m{theirs, ours}},
		{name: "before another's", headers: []m{ours, theirs}},
		{name: "as many as are looked at", headers: append(slices.Repeat([]m{theirs}, maxSignatures-1), ours)},
		{name: "more than are looked at", headers: append(slices.Repeat([]m{theirs}, maxSignatures), ours), field: "signatures", code: InvalidRequest},
		{name: "none", field: "signatures", code: InvalidRequest},
		{name: "another's alone", headers: []m{theirs}, field: "x5c", code: InvalidClient},
		{name: "the first reason counts", headers: []m{theirs, but(ours, "typ", "JWT")}, field: "x5c", code: InvalidClient},
		{name: "no typ", headers: []m{but(ours, "typ", "JWT")}, field: "request object", code: InvalidRequest},
		{name: "alg none", headers: []m{ours}, change: cut(func(s m) {
			s["protected"], s["signature"] = jose.Encode([]byte(`{"alg":"none","typ":"oauth-authz-req+jwt","client_id":"`+HashClientID(leaf)+`"}`)), ""
		}), field: "request object", code: InvalidRequest},
		{name: "no client_id", headers: []m{but(ours, "client_id", nil)}, field: "client_id", code: InvalidRequest},
		{name: "client_id of another type", headers: []m{but(ours, "client_id", 1)}, field: "protected", code: InvalidRequest},
		{name: "client_id of another", headers: []m{but(ours, "client_id", HashClientID(foreign))}, field: "client_id", code: InvalidClient},
		{name: "client_id in the payload", payload: func(p m) { p["client_id"] = HashClientID(leaf) }, headers: []m{ours}, field: "payload", code: InvalidRequest},
		{name: "client_id null in the payload", payload: func(p m) { p["client_id"] = nil }, headers: []m{ours}, field: "payload", code: InvalidRequest},
		{name: "verifier_info in the payload", payload: func(p m) { p["verifier_info"] = []any{} }, headers: []m{ours}, field: "payload", code: InvalidRequest},
		{name: "a request in the payload", payload: func(p m) { p["request"] = "a.b.c" }, headers: []m{ours}, field: "request", code: InvalidRequest},
		{name: "of another origin", payload: func(p m) { p["expected_origins"] = []any{"https://other.example"} }, headers: []m{ours}, field: "expected_origins", code: InvalidRequest, told: true},
		{name: "what is told is of whom we know", payload: func(p m) { delete(p, "nonce") }, headers: []m{theirs, ours, theirs}, field: "nonce", code: InvalidRequest, told: true},
		{name: "signature of another payload", headers: []m{ours}, change: func(r m) { r["payload"] = jose.Encode([]byte(`{"nonce":"x"}`)) }, field: "request object", code: InvalidClient},
		{name: "payload that is no JSON", headers: []m{ours}, change: func(r m) { r["payload"] = jose.Encode([]byte(`{`)) }, field: "payload", code: InvalidRequest},
		{name: "no protected header", headers: []m{ours}, change: cut(func(s m) { delete(s, "protected") }), field: "signatures", code: InvalidRequest},
		{name: "no signature", headers: []m{ours}, change: cut(func(s m) { delete(s, "signature") }), field: "request object", code: InvalidClient},
		{name: "dots in the signature", headers: []m{ours}, change: cut(func(s m) { s["signature"] = "a.b" }), field: "signatures", code: InvalidRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := multi(t, key, payload(tt.payload), tt.headers...)
			if tt.change != nil {
				tt.change(request)
			}
			b, _ := jose.Marshal(m{"request": request})
			got, err := VerifyDC(t.Context(), ProtocolMultiSigned, b, Verification{Origin: site, Chain: ca, Now: now})
			if tt.field != "" {
				wantField(t, err, tt.field, tt.code)
				if got.DCQLQuery != nil || rejected(err) != tt.told {
					t.Errorf("returned, or told to whom it must not be: %v", err)
				}
				return
			}
			if err != nil || got.ClientID != HashClientID(leaf) || len(got.VerifierInfo) != 1 || got.PresentTo() != "origin:"+site || !got.Signed {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	b, _ := jose.Marshal(m{"request": "a.b.c"})
	_, err := VerifyDC(t.Context(), ProtocolMultiSigned, b, Verification{Origin: site, Chain: ca, Now: now})
	wantField(t, err, "request", InvalidRequest)
}

// The payloads that Appendix A.3.2 prints, signed.
func TestDCVectors(t *testing.T) {
	ca, key := newAuthority(t), newKey(t)
	leaf := ca.leaf(t, key.Public(), "rp.example.com")
	header := m{"alg": "ES256", "typ": TypRequest, "x5c": jose.EncodeX5C([]*x509.Certificate{leaf})}
	v := Verification{Origin: "https://origin2.example.com", Modes: []string{ModeDCAPI}, Chain: ca, Now: now}
	read := func(name string) m {
		text := strings.ReplaceAll(string(testvectors.File(t, "openid4vp/1.0/examples/digital_credentials_api", name)), "{...}", exampleQuery)
		var p m
		if err := jose.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	b, _ := jose.Marshal(m{"request": signObject(t, key, header, read("signed_request_payload_compact.json"))})
	if got, err := VerifyDC(t.Context(), ProtocolSigned, b, v); err != nil || got.PresentTo() != "origin:https://origin2.example.com" || got.ClientID != "x509_san_dns:rp.example.com" {
		t.Errorf("%+v, %v", got, err)
	}
	header["client_id"] = "x509_san_dns:rp.example.com"
	b, _ = jose.Marshal(m{"request": multi(t, key, read("signed_request_payload.json"), header)})
	if got, err := VerifyDC(t.Context(), ProtocolMultiSigned, b, v); err != nil || got.ClientID != "x509_san_dns:rp.example.com" {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzVerifyDC(f *testing.F) {
	ca, key := newAuthority(f), newKey(f)
	leaf := ca.leaf(f, key.Public(), "receiver.example")
	header := m{"alg": "ES256", "typ": TypRequest, "x5c": jose.EncodeX5C([]*x509.Certificate{leaf})}
	for protocol, data := range map[string]any{
		ProtocolUnsigned: browserRequest(f, ""),
		ProtocolSigned:   m{"request": signObject(f, key, header, browserRequest(f, HashClientID(leaf)))},
	} {
		b, _ := jose.Marshal(data)
		f.Add(protocol, b, site)
	}
	header["client_id"] = HashClientID(leaf)
	p := browserRequest(f, "")
	delete(p, "client_id")
	delete(p, "verifier_info")
	b, _ := jose.Marshal(m{"request": multi(f, key, p, header)})
	f.Add(ProtocolMultiSigned, b, site)
	f.Fuzz(func(t *testing.T, protocol string, data []byte, origin string) {
		got, err := VerifyDC(t.Context(), protocol, data, Verification{Origin: origin, Chain: ca, Now: now})
		switch {
		case err != nil && got.DCQLQuery != nil:
			t.Fatal("a refused request was returned")
		case err != nil:
		case got.PresentTo() != "origin:"+origin || !got.Encrypted() || got.replyTo() != "":
			t.Fatalf("%+v", got)
		case got.Signed && (got.ClientID != HashClientID(leaf) || !slices.Contains(got.ExpectedOrigins, origin)):
			t.Fatalf("%+v", got)
		}
	})
}
