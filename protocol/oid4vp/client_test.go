package oid4vp

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

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
		{"typ with its media type prefix", byHash, func(h, p m) { h["typ"] = "application/" + TypRequest }, nil, "request object", InvalidRequest},
		{"b64", byHash, func(h, p m) { h["b64"] = true }, nil, "request object", InvalidRequest},
		{"empty x5c", byHash, func(h, p m) { h["x5c"] = []string{} }, nil, "x5c", InvalidClient},
		{"x5c that is no certificate", byHash, func(h, p m) { h["x5c"] = []string{"AAAA"} }, nil, "x5c", InvalidClient},
		{"more certificates than any chain has", byHash, func(h, p m) {
			h["x5c"] = slices.Repeat(chain, jose.MaxChain+1)
		}, nil, "x5c", InvalidClient},
		{"another's certificate before ours", byHash, func(h, p m) {
			h["x5c"] = jose.EncodeX5C([]*x509.Certificate{ca.leaf(t, other.Public(), host), leaf})
		}, nil, "request object", InvalidClient},
		{"self-signed certificate after the leaf", byHash, func(h, p m) {
			h["x5c"] = jose.EncodeX5C([]*x509.Certificate{leaf, self})
		}, nil, "x5c", InvalidClient},
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
		{"name in another case", "x509_san_dns:RECEIVER.example", nil, nil, "client_id", InvalidClient},
		{"name only as common name", "x509_san_dns:receiver", func(h, p m) { p["response_uri"] = "https://receiver/r" }, nil, "client_id", InvalidClient},
		{"no name", "x509_san_dns:", nil, nil, "client_id", InvalidClient},
		{"response_uri on another port is on the host", byDNS, func(h, p m) { p["response_uri"] = "https://receiver.example:8443/r" }, nil, "", ""},
		{"response_uri whose host goes on", byDNS, func(h, p m) { p["response_uri"] = "https://receiver.example.evil.example/r" }, nil, "response_uri", InvalidClient},
		{"response_uri with a dot at the end", byDNS, func(h, p m) { p["response_uri"] = "https://receiver.example./r" }, nil, "response_uri", InvalidClient},
		{"response_uri elsewhere is the hash's own affair", byHash, func(h, p m) { p["response_uri"] = "https://platform.example/r" }, nil, "", ""},
		{"hash of the certificate in hexadecimal", fmt.Sprintf("x509_hash:%x", sha256.Sum256(leaf.Raw)), nil, nil, "client_id", InvalidClient},
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
		{"empty redirect_uri beside response_uri", byHash, func(h, p m) { p["redirect_uri"] = "" }, nil, "redirect_uri", InvalidRequest},
		{"redirect_uri null", byHash, func(h, p m) { p["redirect_uri"] = nil }, nil, "redirect_uri", InvalidRequest},
		{"response_mode of the browser", byHash, func(h, p m) { p["response_mode"] = "dc_api.jwt" }, nil, "response_mode", InvalidRequest},
		{"no response_uri", byHash, func(h, p m) { delete(p, "response_uri") }, nil, "response_uri", InvalidRequest},
		{"response_uri http", byHash, func(h, p m) { p["response_uri"] = "http://receiver.example/r" }, nil, "response_uri", InvalidRequest},
		{"response_uri loopback", byHash, func(h, p m) { p["response_uri"] = "http://127.0.0.1/r" }, nil, "response_uri", InvalidRequest},
		{"response_uri loopback in development", byHash, func(h, p m) { p["response_uri"] = "http://127.0.0.1/r" }, func(v *Verification) { v.Options = []Option{InsecureLoopback} }, "", ""},
		{"no nonce", byHash, func(h, p m) { delete(p, "nonce") }, nil, "nonce", InvalidRequest},
		{"nonce not URL-safe", byHash, func(h, p m) { p["nonce"] = "a b" }, nil, "nonce", InvalidRequest},
		{"state not URL-safe", byHash, func(h, p m) { p["state"] = "a&b" }, nil, "state", InvalidRequest},
		{"no state", byHash, func(h, p m) { delete(p, "state") }, nil, "", ""},
		{"nonce overlong", byHash, func(h, p m) { p["nonce"] = strings.Repeat("a", MaxText+1) }, nil, "nonce", InvalidRequest},
		{"aud a list", byHash, func(h, p m) { p["aud"] = []any{AudienceSelfIssued} }, nil, "request object", InvalidRequest},
		{"payload overlong", byHash, func(h, p m) { p["unknown"] = strings.Repeat("a", MaxMessage) }, nil, "request object", InvalidRequest},
		{"iss of another type is ignored", byHash, func(h, p m) { p["iss"] = 1 }, nil, "", ""},
		{"no state without holder binding", byHash, func(h, p m) {
			delete(p, "state")
			p["dcql_query"].(m)["credentials"].([]any)[0].(m)["require_cryptographic_holder_binding"] = false
		}, nil, "state", InvalidRequest},
		{"no query", byHash, func(h, p m) { delete(p, "dcql_query") }, nil, "dcql_query", InvalidRequest},
		{"scope too", byHash, func(h, p m) { p["scope"] = "x" }, nil, "scope", InvalidScope},
		{"bad query", byHash, func(h, p m) { p["dcql_query"] = m{"credentials": []any{}} }, nil, "credentials", InvalidRequest},
		{"transaction data", byHash, func(h, p m) { p["transaction_data"] = []any{"e30"} }, nil, "transaction_data", InvalidTransactionData},
		{"transaction data null", byHash, func(h, p m) { p["transaction_data"] = nil }, nil, "transaction_data", InvalidTransactionData},
		{"transaction data of another type", byHash, func(h, p m) { p["transaction_data"] = "e30" }, nil, "transaction_data", InvalidTransactionData},
		{"empty transaction data", byHash, func(h, p m) { p["transaction_data"] = []any{} }, nil, "transaction_data", InvalidTransactionData},
		{"request in the object", byHash, func(h, p m) { p["request"] = "a.b.c" }, nil, "request", InvalidRequest},
		{"request_uri null in the object", byHash, func(h, p m) { p["request_uri"] = nil }, nil, "request", InvalidRequest},
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
		{"no enc at all", byHash, func(h, p m) {
			p["client_metadata"].(m)["encrypted_response_enc_values_supported"] = []any{}
		}, nil, "encrypted_response_enc_values_supported", InvalidRequest},
		{"enc left out", byHash, func(h, p m) { delete(p["client_metadata"].(m), "encrypted_response_enc_values_supported") }, nil, "", ""},
		{"kid twice", byHash, func(h, p m) { p["client_metadata"].(m)["jwks"] = m{"keys": []any{keys(p)[0], keys(p)[0]}} }, nil, "client_metadata.jwks", InvalidRequest},
		{"format not offered", byHash, func(h, p m) { p["client_metadata"].(m)["vp_formats_supported"] = m{"mso_mdoc": m{}} }, nil, "vp_formats_supported", VPFormatsNotSupported},
		{"empty verifier_info", byHash, func(h, p m) { p["verifier_info"] = []any{} }, nil, "verifier_info", InvalidRequest},
		{"verifier_info without format", byHash, func(h, p m) { p["verifier_info"] = []any{m{"data": "x"}} }, nil, "verifier_info[0]", InvalidRequest},
		{"verifier_info without data", byHash, func(h, p m) { p["verifier_info"] = []any{m{"format": "x"}} }, nil, "verifier_info[0]", InvalidRequest},
		{"verifier_info of no credential", byHash, func(h, p m) {
			p["verifier_info"] = []any{m{"format": "x", "data": "y", "credential_ids": []any{}}}
		}, nil, "verifier_info[0].credential_ids", InvalidRequest},
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
		v.Now = time.Time{}
		if _, err := VerifyRequest(t.Context(), text, v); err == nil || ofTheSender(err) {
			t.Error("a request was accepted at no time")
		}
		v.Now, v.ClientID = now, ""
		if _, err := VerifyRequest(t.Context(), text, v); err == nil || ofTheSender(err) {
			t.Error("a request was accepted that no link named")
		}
		v.Chain, v.ClientID = nil, byHash
		if _, err := VerifyRequest(t.Context(), text, v); err == nil || ofTheSender(err) {
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

		// The algorithm must be on the list, and fit the certificate's key.
		text := signObject(t, key, m{"alg": "ES256", "typ": TypRequest, "x5c": chain}, request(t, byHash))
		_, rest, _ := strings.Cut(text, ".")
		for _, alg := range []string{"HS256", "RS256", "ES512", "EdDSA", "es256", ""} {
			head, _ := jose.Marshal(m{"alg": alg, "typ": TypRequest, "x5c": chain})
			_, err := VerifyRequest(t.Context(), jose.Encode(head)+"."+rest, v)
			wantField(t, err, "request object", InvalidRequest)
		}
		head, _ = jose.Marshal(m{"alg": "ES384", "typ": TypRequest, "x5c": chain})
		_, err = VerifyRequest(t.Context(), jose.Encode(head)+"."+rest, v)
		wantField(t, err, "request object", InvalidClient)
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
