package oid4vp

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

var now = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

// inline returns the examples of the specification's text for a section.
func inline(t testing.TB, section string) []string {
	t.Helper()
	var v struct {
		Examples []struct{ Section, Text string } `json:"examples"`
	}
	if err := json.Unmarshal(testvectors.File(t, "openid4vp/1.0", "inline-examples.json"), &v); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range v.Examples {
		if e.Section == section {
			out = append(out, e.Text)
		}
	}
	if len(out) == 0 {
		t.Fatalf("no inline example for section %s", section)
	}
	return out
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// authority is an access-certificate authority for tests, and a ChainVerifier.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func certificate(t testing.TB, tmpl, parent *x509.Certificate, pub crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	t.Helper()
	tmpl.SerialNumber, tmpl.NotBefore, tmpl.NotAfter = big.NewInt(1), now.Add(-time.Hour), now.Add(24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, pub, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newAuthority(t testing.TB) authority {
	key := newKey(t)
	tmpl := &x509.Certificate{Subject: pkix.Name{CommonName: "access CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	return authority{key, certificate(t, tmpl, tmpl, key.Public(), key)}
}

func (a authority) leaf(t testing.TB, pub crypto.PublicKey, names ...string) *x509.Certificate {
	return certificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: "receiver"}, DNSNames: names}, a.cert, pub, a.key)
}

func (a authority) VerifyChain(_ context.Context, chain []*x509.Certificate, at time.Time) error {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err
}

const exampleQuery = `{"credentials":[{"id":"led","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/led"]},"claims":[{"path":["degree"]}]}]}`

type m = map[string]any

// request is the payload of a good request of client.
func request(t testing.TB, clientID string) m {
	t.Helper()
	enc, err := jose.PublicJWK(newKey(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	enc.Kid, enc.Alg, enc.Use = "enc-1", "ECDH-ES", "enc"
	var q any
	if err := json.Unmarshal([]byte(exampleQuery), &q); err != nil {
		t.Fatal(err)
	}
	return m{
		"client_id": clientID, "response_type": "vp_token", "response_mode": "direct_post.jwt", "response_uri": "https://receiver.example/response/1",
		"nonce": "n-0S6_WzA2Mj", "state": "s.1~", "wallet_nonce": "w1", "aud": AudienceSelfIssued, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "iss": "ignored",
		"dcql_query": q,
		"client_metadata": m{"jwks": m{"keys": []any{enc}}, "encrypted_response_enc_values_supported": []any{"A128GCM", "A256GCM"},
			"vp_formats_supported": m{"dc+sd-jwt": m{"sd-jwt_alg_values": []any{"ES256"}}}},
		"verifier_info": []any{m{"format": FormatRegistration, "data": "a.b.c"}},
		"unknown":       m{"x": 1},
	}
}

func signObject(t testing.TB, key crypto.Signer, header, payload any) string {
	t.Helper()
	b, err := jose.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jose.SignCompact(key, header, b)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestVerifyRequest(t *testing.T) {
	ca, evil := newAuthority(t), newAuthority(t)
	key, other := newKey(t), newKey(t)
	const host = "receiver.example"
	leaf := ca.leaf(t, key.Public(), host, "alias.example")
	chain := jose.EncodeX5C([]*x509.Certificate{leaf})
	byHash, byDNS := HashClientID(leaf), "x509_san_dns:"+host
	self := func() *x509.Certificate {
		tmpl := &x509.Certificate{Subject: pkix.Name{CommonName: "receiver"}, DNSNames: []string{host}}
		return certificate(t, tmpl, tmpl, key.Public(), key)
	}()
	keys := func(p m) []any { return p["client_metadata"].(m)["jwks"].(m)["keys"].([]any) }
	for _, tt := range []struct {
		name   string
		client string
		change func(h, p m)
		tune   func(*Verification)
		field  string
		code   ErrorCode
	}{
		{"x509_hash", byHash, nil, nil, "", ""},
		{"x509_san_dns", byDNS, nil, nil, "", ""},
		{"no typ", byHash, func(h, p m) { delete(h, "typ") }, nil, "request object", InvalidRequest},
		{"typ JWT", byHash, func(h, p m) { h["typ"] = "JWT" }, nil, "request object", InvalidRequest},
		{"typ of a registration certificate", byHash, func(h, p m) { h["typ"] = TypRegistration }, nil, "request object", InvalidRequest},
		{"crit", byHash, func(h, p m) { h["crit"] = []string{"x"} }, nil, "request object", InvalidRequest},
		{"no x5c", byHash, func(h, p m) { delete(h, "x5c"); jwk, _ := jose.PublicJWK(key.Public()); h["jwk"] = jwk }, nil, "x5c", InvalidClient},
		{"chain with its anchor", byHash, func(h, p m) { h["x5c"] = jose.EncodeX5C([]*x509.Certificate{leaf, ca.cert}) }, nil, "x5c", InvalidClient},
		{"self-signed leaf", HashClientID(self), func(h, p m) { h["x5c"] = jose.EncodeX5C([]*x509.Certificate{self}) }, nil, "x5c", InvalidClient},
		{"another authority", byHash, nil, func(v *Verification) { v.Chain = evil }, "x5c", InvalidClient},
		{"certificate of another authority", "", func(h, p m) {
			l := evil.leaf(t, key.Public(), host)
			h["x5c"], p["client_id"] = jose.EncodeX5C([]*x509.Certificate{l}), HashClientID(l)
		}, nil, "x5c", InvalidClient},
		{"certificate out of date", byHash, func(h, p m) { p["exp"] = now.Add(72 * time.Hour).Unix() }, func(v *Verification) { v.Now = now.Add(48 * time.Hour) }, "x5c", InvalidClient},
		{"certificate of another key", "", func(h, p m) {
			l := ca.leaf(t, other.Public(), host)
			h["x5c"], p["client_id"] = jose.EncodeX5C([]*x509.Certificate{l}), HashClientID(l)
		}, nil, "request object", InvalidClient},
		{"hash of another certificate", "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk", nil, nil, "client_id", InvalidClient},
		{"hash with padding", byHash + "=", nil, nil, "client_id", InvalidClient},
		{"name not in the certificate", "x509_san_dns:evil.example", func(h, p m) { p["response_uri"] = "https://evil.example/r" }, nil, "client_id", InvalidClient},
		{"response_uri on another host", byDNS, func(h, p m) { p["response_uri"] = "https://alias.example/r" }, nil, "response_uri", InvalidClient},
		{"response_uri on a host below", byDNS, func(h, p m) { p["response_uri"] = "https://x.receiver.example/r" }, nil, "response_uri", InvalidClient},
		{"response_uri with the name as user", byDNS, func(h, p m) { p["response_uri"] = "https://receiver.example@evil.example/r" }, nil, "response_uri", InvalidRequest},
		{"redirect_uri cannot be signed", "redirect_uri:https://receiver.example/response/1", nil, nil, "client_id", InvalidClient},
		{"origin", "origin:https://receiver.example", nil, nil, "client_id", InvalidClient},
		{"unknown prefix", "x509_new:receiver.example", nil, nil, "client_id", InvalidClient},
		{"no prefix", "receiver.example", nil, nil, "client_id", InvalidClient},
		{"openid_federation", "openid_federation:https://receiver.example", nil, nil, "client_id", InvalidClient},
		{"verifier_attestation", "verifier_attestation:receiver.example", nil, nil, "client_id", InvalidClient},
		{"decentralized_identifier", "decentralized_identifier:did:web:receiver.example", nil, nil, "client_id", InvalidClient},
		{"another client than the link's", byHash, nil, func(v *Verification) { v.ClientID = byDNS }, "client_id", InvalidRequest},
		{"the link's client without its prefix", byDNS, nil, func(v *Verification) { v.ClientID = host }, "client_id", InvalidRequest},
		{"no client_id", byHash, func(h, p m) { delete(p, "client_id") }, nil, "client_id", InvalidRequest},
		{"wallet_nonce missing", byHash, func(h, p m) { delete(p, "wallet_nonce") }, nil, "wallet_nonce", InvalidRequest},
		{"wallet_nonce of another wallet", byHash, func(h, p m) { p["wallet_nonce"] = "w2" }, nil, "wallet_nonce", InvalidRequest},
		{"wallet_nonce that was not sent", byHash, nil, func(v *Verification) { v.WalletNonce = "" }, "wallet_nonce", InvalidRequest},
		{"aud missing", byHash, func(h, p m) { delete(p, "aud") }, nil, "aud", InvalidRequest},
		{"aud of another wallet", byHash, func(h, p m) { p["aud"] = "https://wallet.example" }, nil, "aud", InvalidRequest},
		{"aud of this wallet", byHash, func(h, p m) { p["aud"] = "https://wallet.example" }, func(v *Verification) { v.Audience = "https://wallet.example" }, "", ""},
		{"expired", byHash, func(h, p m) { p["exp"] = now.Unix() }, nil, "exp", InvalidRequest},
		{"exp a string", byHash, func(h, p m) { p["exp"] = "9999999999" }, nil, "request object", InvalidRequest},
		{"iat ahead", byHash, func(h, p m) { p["iat"] = now.Add(time.Hour).Unix() }, nil, "iat", InvalidRequest},
		{"nbf ahead", byHash, func(h, p m) { p["nbf"] = now.Add(time.Hour).Unix() }, nil, "nbf", InvalidRequest},
		{"response_type", byHash, func(h, p m) { p["response_type"] = "vp_token id_token" }, nil, "response_type", UnsupportedResponseType},
		{"response_mode in clear", byHash, func(h, p m) { p["response_mode"] = "direct_post" }, nil, "response_mode", InvalidRequest},
		{"response_mode missing", byHash, func(h, p m) { delete(p, "response_mode") }, nil, "response_mode", InvalidRequest},
		{"redirect_uri beside response_uri", byHash, func(h, p m) { p["redirect_uri"] = "https://receiver.example/cb" }, nil, "redirect_uri", InvalidRequest},
		{"no response_uri", byHash, func(h, p m) { delete(p, "response_uri") }, nil, "response_uri", InvalidRequest},
		{"response_uri http", byHash, func(h, p m) { p["response_uri"] = "http://receiver.example/r" }, nil, "response_uri", InvalidRequest},
		{"response_uri loopback", byHash, func(h, p m) { p["response_uri"] = "http://127.0.0.1/r" }, nil, "response_uri", InvalidRequest},
		{"response_uri loopback in development", byHash, func(h, p m) { p["response_uri"] = "http://127.0.0.1/r" }, func(v *Verification) { v.Options = []Option{InsecureLoopback} }, "", ""},
		{"no nonce", byHash, func(h, p m) { delete(p, "nonce") }, nil, "nonce", InvalidRequest},
		{"nonce not URL-safe", byHash, func(h, p m) { p["nonce"] = "a b" }, nil, "nonce", InvalidRequest},
		{"state not URL-safe", byHash, func(h, p m) { p["state"] = "a&b" }, nil, "state", InvalidRequest},
		{"no state", byHash, func(h, p m) { delete(p, "state") }, nil, "", ""},
		{"no state without holder binding", byHash, func(h, p m) {
			delete(p, "state")
			p["dcql_query"].(m)["credentials"].([]any)[0].(m)["require_cryptographic_holder_binding"] = false
		}, nil, "state", InvalidRequest},
		{"no query", byHash, func(h, p m) { delete(p, "dcql_query") }, nil, "dcql_query", InvalidRequest},
		{"scope too", byHash, func(h, p m) { p["scope"] = "x" }, nil, "scope", InvalidScope},
		{"bad query", byHash, func(h, p m) { p["dcql_query"] = m{"credentials": []any{}} }, nil, "credentials", InvalidRequest},
		{"transaction data", byHash, func(h, p m) { p["transaction_data"] = []any{"e30"} }, nil, "transaction_data", InvalidTransactionData},
		{"empty transaction data", byHash, func(h, p m) { p["transaction_data"] = []any{} }, nil, "transaction_data", InvalidTransactionData},
		{"request in the object", byHash, func(h, p m) { p["request"] = "a.b.c" }, nil, "request", InvalidRequest},
		{"request_uri in the object", byHash, func(h, p m) { p["request_uri"] = "https://x.example" }, nil, "request", InvalidRequest},
		{"no client_metadata", byHash, func(h, p m) { delete(p, "client_metadata") }, nil, "client_metadata.jwks", InvalidRequest},
		{"no encryption key", byHash, func(h, p m) { delete(p["client_metadata"].(m), "jwks") }, nil, "client_metadata.jwks", InvalidRequest},
		{"encryption key without alg", byHash, func(h, p m) { k := keys(p)[0].(jose.JWK); k.Alg = ""; keys(p)[0] = k }, nil, "client_metadata.jwks", InvalidRequest},
		{"encryption key without kid", byHash, func(h, p m) { k := keys(p)[0].(jose.JWK); k.Kid = ""; keys(p)[0] = k }, nil, "client_metadata.jwks", InvalidRequest},
		{"private encryption key", byHash, func(h, p m) { k := keys(p)[0].(jose.JWK); k.D = "AA"; keys(p)[0] = k }, nil, "client_metadata.jwks", InvalidRequest},
		{"key for signatures only", byHash, func(h, p m) { k := keys(p)[0].(jose.JWK); k.Use = "sig"; keys(p)[0] = k }, nil, "client_metadata.jwks", InvalidRequest},
		{"unknown enc only", byHash, func(h, p m) {
			p["client_metadata"].(m)["encrypted_response_enc_values_supported"] = []any{"A128CBC-HS256"}
		}, nil, "encrypted_response_enc_values_supported", InvalidRequest},
		{"format not offered", byHash, func(h, p m) { p["client_metadata"].(m)["vp_formats_supported"] = m{"mso_mdoc": m{}} }, nil, "vp_formats_supported", VPFormatsNotSupported},
		{"empty verifier_info", byHash, func(h, p m) { p["verifier_info"] = []any{} }, nil, "verifier_info", InvalidRequest},
		{"verifier_info without format", byHash, func(h, p m) { p["verifier_info"] = []any{m{"data": "x"}} }, nil, "verifier_info[0]", InvalidRequest},
		{"verifier_info without data", byHash, func(h, p m) { p["verifier_info"] = []any{m{"format": "x"}} }, nil, "verifier_info[0]", InvalidRequest},
		{"verifier_info of another credential", byHash, func(h, p m) {
			p["verifier_info"] = []any{m{"format": "x", "data": "y", "credential_ids": []any{"z"}}}
		}, nil, "verifier_info[0]", InvalidRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := m{"alg": "ES256", "typ": TypRequest, "x5c": chain}
			p := request(t, tt.client)
			if tt.change != nil {
				tt.change(h, p)
			}
			v := Verification{WalletNonce: "w1", Chain: ca, Now: now}
			v.ClientID, _ = p["client_id"].(string)
			if v.ClientID == "" {
				v.ClientID = tt.client
			}
			if tt.tune != nil {
				tt.tune(&v)
			}
			got, err := VerifyRequest(t.Context(), signObject(t, key, h, p), v)
			if tt.field == "" {
				if err != nil || got.ClientID != tt.client || len(got.Chain) == 0 || got.Prefix == "" {
					t.Fatalf("%+v, %v", got, err)
				}
				return
			}
			if err == nil {
				t.Fatal("accepted")
			}
			wantField(t, err, tt.field, tt.code)
			if got.ClientID != "" || got.Chain != nil {
				t.Error("a refused request was returned")
			}
		})
	}
	t.Run("changed", func(t *testing.T) {
		text := signObject(t, key, m{"alg": "ES256", "typ": TypRequest, "x5c": chain}, request(t, byHash))
		v := Verification{ClientID: byHash, WalletNonce: "w1", Chain: ca, Now: now}
		for i := 0; i < len(text); i += 31 {
			if text[i] == '.' {
				continue
			}
			swap := byte('A')
			if text[i] == swap {
				swap = 'B'
			}
			if _, err := VerifyRequest(t.Context(), text[:i]+string(swap)+text[i+1:], v); err == nil {
				t.Fatalf("a request changed at %d was accepted", i)
			}
		}
		v.Chain = nil
		if _, err := VerifyRequest(t.Context(), text, v); err == nil {
			t.Error("a request was accepted without a chain verifier")
		}
	})
	t.Run("alg not accepted", func(t *testing.T) {
		h := m{"alg": "none", "typ": TypRequest, "x5c": chain}
		head, _ := jose.Marshal(h)
		body, _ := jose.Marshal(request(t, byHash))
		v := Verification{ClientID: byHash, WalletNonce: "w1", Chain: ca, Now: now}
		_, err := VerifyRequest(t.Context(), jose.Encode(head)+"."+jose.Encode(body)+".", v)
		wantField(t, err, "request object", InvalidRequest)
	})
}

// X-2 of the texts' own advice: no other kind of JWT is a request object.
func TestRequestTypConfusion(t *testing.T) {
	ca, key := newAuthority(t), newKey(t)
	leaf := ca.leaf(t, key.Public(), "receiver.example")
	for _, typ := range []string{"openid4vci-proof+jwt", "key-attestation+jwt", "openidvci-issuer-metadata+jwt", "oauth-client-attestation+jwt", "oauth-client-attestation-pop+jwt", "dpop+jwt", "verifier-attestation+jwt", "kb+jwt", "dc+sd-jwt", "vc+jwt", "vp+jwt", "vc+sd-jwt", "statuslist+jwt", "rc-wrp+jwt", "JWT", "OAUTH-AUTHZ-REQ+JWT", ""} {
		text := signObject(t, key, m{"alg": "ES256", "typ": typ, "x5c": jose.EncodeX5C([]*x509.Certificate{leaf})}, request(t, HashClientID(leaf)))
		if _, err := VerifyRequest(t.Context(), text, Verification{ClientID: HashClientID(leaf), WalletNonce: "w1", Chain: ca, Now: now}); !errors.Is(err, jose.ErrTyp) {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

func TestSignRequest(t *testing.T) {
	ca, key, enc := newAuthority(t), newKey(t), newKey(t)
	leaf := ca.leaf(t, key.Public(), "receiver.example")
	jwk, _ := jose.PublicJWK(enc.Public())
	jwk.Kid, jwk.Alg, jwk.Use = "1", "ECDH-ES", "enc"
	q := query(t, exampleQuery)
	r := Request{
		ClientID: HashClientID(leaf), ResponseType: ResponseTypeVPToken, ResponseMode: ModeDirectPostJWT, ResponseURI: "https://receiver.example/r",
		Nonce: NewSecret(), State: NewSecret(), Audience: AudienceSelfIssued, IssuedAt: jose.Date(now), Expires: jose.Date(now.Add(time.Minute)), DCQLQuery: &q,
		ClientMetadata: &ClientMetadata{JWKS: &wire.JWKS{Keys: []jose.JWK{jwk}}, EncValuesSupported: []string{"A128GCM", "A256GCM"},
			VPFormatsSupported: map[string]jsontext.Value{"dc+sd-jwt": SDJWTFormat([]jose.Alg{jose.ES256}, []jose.Alg{jose.ES256})}},
		VerifierInfo: []VerifierInfo{Info("a.b.c")},
	}
	text, err := r.Sign(key, []*x509.Certificate{leaf})
	if err != nil {
		t.Fatal(err)
	}
	got, err := VerifyRequest(t.Context(), text, Verification{ClientID: r.ClientID, Chain: ca, Now: now})
	if err != nil || got.Nonce != r.Nonce || got.DCQLQuery.Credentials[0].ID != "led" {
		t.Fatalf("%v", err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", r, got), string(r.Nonce)) {
		t.Error("a request prints its nonce")
	}
	if found, err := got.RegistrationIn(); err != nil || found != "a.b.c" {
		t.Errorf("%q, %v", found, err)
	}
	bad := r
	bad.Nonce = ""
	if _, err := bad.Sign(key, []*x509.Certificate{leaf}); err == nil {
		t.Error("a request that a wallet would refuse was signed")
	}
	if _, err := r.Sign(key, []*x509.Certificate{leaf, ca.cert}); err == nil {
		t.Error("a chain with its anchor was signed")
	}
	bad = r
	bad.VerifierInfo = append(bad.VerifierInfo, Info("d.e.f"))
	if _, err := bad.RegistrationIn(); !errors.Is(err, ErrRegistration) {
		t.Error("two registration certificates were accepted")
	}
	bad.VerifierInfo = nil
	if _, err := bad.RegistrationIn(); !errors.Is(err, ErrRegistration) {
		t.Error("no registration certificate was accepted")
	}
}

func TestSplit(t *testing.T) {
	for in, want := range map[string][2]string{
		"x509_san_dns:client.example.org":            {"x509_san_dns", "client.example.org"},
		"decentralized_identifier:did:example:123":   {"decentralized_identifier", "did:example:123"},
		"redirect_uri:https://client.example.org/cb": {"redirect_uri", "https://client.example.org/cb"},
		"origin:https://a":                           {"origin", "https://a"},
		"https://client.example.org":                 {"", "https://client.example.org"},
		"client":                                     {"", "client"},
		"X509_hash:abc":                              {"", "X509_hash:abc"},
	} {
		prefix, rest := Split(in)
		if string(prefix) != want[0] || rest != want[1] {
			t.Errorf("%s: %s, %s", in, prefix, rest)
		}
	}
}

func TestLink(t *testing.T) {
	link := Link("x509_hash:a+b/c=", "https://receiver.example/r?x=1&y=2", "post")
	in, err := ParseLink(link)
	if err != nil || in != (Invocation{"x509_hash:a+b/c=", "https://receiver.example/r?x=1&y=2", "post"}) {
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
	uri := url.QueryEscape("https://receiver.example/r")
	for _, tt := range []struct {
		link, field string
		code        ErrorCode
	}{
		{"openid4vp://?client_id=a&request_uri=" + uri, "", ""},
		{"openid4vp://?client_id=a&request_uri=" + uri + "&request_uri_method=get", "", ""},
		{"openid4vp://?client_id=a&request_uri=" + uri + "&request_uri_method=POST", "request_uri_method", InvalidRequestURIMethod},
		{"openid4vp://?client_id=a&request_uri=" + uri + "&request_uri_method=", "request_uri_method", InvalidRequestURIMethod},
		{"openid4vp://?client_id=a&request=x.y.z", "request_uri", InvalidRequest},
		{"openid4vp://?client_id=a&request=x.y.z&request_uri=" + uri, "request_uri", InvalidRequest},
		{"openid4vp://?client_id=a&response_type=vp_token&dcql_query=%7B%7D", "request_uri", InvalidRequest},
		{"openid4vp://?client_id=a&request_uri_method=post", "request_uri", InvalidRequest},
		{"openid4vp://?request_uri=" + uri, "client_id", InvalidRequest},
		{"openid4vp://?client_id=a&client_id=b&request_uri=" + uri, "link", InvalidRequest},
		{"openid4vp://?client_id=a&request_uri=" + uri + "&request_uri=" + uri, "link", InvalidRequest},
		{"openid4vp://?client_id=a&request_uri=http%3A%2F%2Freceiver.example", "request_uri", InvalidRequest},
		{"openid4vp://?client_id=a&request_uri=file%3A%2F%2F%2Fetc%2Fpasswd", "request_uri", InvalidRequest},
		{"openid4vp://?client_id=a&request_uri=http%3A%2F%2F127.0.0.1%2Fr", "request_uri", InvalidRequest},
		{"http://wallet.example?client_id=a&request_uri=" + uri, "link", InvalidRequest},
		{"openid4vp://?%zz", "link", InvalidRequest},
		{"", "link", InvalidRequest},
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
	for name, form := range map[string]url.Values{
		"nonce twice":    {"wallet_nonce": {"a", "b"}},
		"metadata":       {"wallet_metadata": {"{"}},
		"duplicate":      {"wallet_metadata": {`{"issuer":"a","issuer":"b"}`}},
		"keys":           {"wallet_metadata": {`{"jwks":{"keys":[]}}`}},
		"overlong nonce": {"wallet_nonce": {strings.Repeat("a", MaxText+1)}},
	} {
		if p, err := ParseRequestURIPost(form); err == nil || p != (RequestURIPost{}) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if p, err := ParseRequestURIPost(url.Values{}); err != nil || p.WalletNonce != "" {
		t.Errorf("%+v, %v", p, err)
	}
}

func FuzzVerifyRequest(f *testing.F) {
	ca, key := newAuthority(f), newKey(f)
	leaf := ca.leaf(f, key.Public(), "receiver.example")
	client := HashClientID(leaf)
	good := signObject(f, key, m{"alg": "ES256", "typ": TypRequest, "x5c": jose.EncodeX5C([]*x509.Certificate{leaf})}, request(f, client))
	f.Add(good)
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Fuzz(func(t *testing.T, text string) {
		v, err := VerifyRequest(t.Context(), text, Verification{ClientID: client, WalletNonce: "w1", Chain: ca, Now: now})
		if (err == nil) != (v.ClientID == client) {
			t.Fatalf("%+v, %v", v, err)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	good, _ := jose.Marshal(request(f, "x509_hash:a"))
	f.Add(good)
	p := request(f, "x509_hash:a")
	maps.Copy(p, m{"transaction_data": []any{"e30"}, "state": ""})
	other, _ := jose.Marshal(p)
	f.Add(other)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRequest(b, now)
		if err != nil {
			if r.ClientID != "" || r.DCQLQuery != nil {
				t.Fatal("a failed parse returned a request")
			}
			return
		}
		if r.DCQLQuery == nil || r.ClientMetadata == nil || r.ResponseURI == "" || r.Nonce == "" || r.RedirectURI != "" || r.TransactionData != nil {
			t.Fatalf("%+v", r)
		}
	})
}

func FuzzParseLink(f *testing.F) {
	f.Add(Link("x509_hash:a", "https://receiver.example/r", "post"))
	f.Add("openid4vp://?client_id=a&request=x.y.z")
	f.Fuzz(func(t *testing.T, link string) {
		in, err := ParseLink(link)
		if err != nil && in != (Invocation{}) || err == nil && (in.ClientID == "" || in.RequestURI == "" || in.Method != "get" && in.Method != "post") {
			t.Fatalf("%+v, %v", in, err)
		}
	})
}
