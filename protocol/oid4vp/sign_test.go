package oid4vp

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

// toSign is a request that may be signed by the key of leaf.
func toSign(t testing.TB, leaf *x509.Certificate) Request {
	t.Helper()
	jwk, err := jose.PublicJWK(newKey(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	jwk.Kid, jwk.Alg, jwk.Use = "1", "ECDH-ES", "enc"
	q := query(t, exampleQuery)
	return Request{
		ClientID: HashClientID(leaf), ResponseType: ResponseTypeVPToken, ResponseMode: ModeDirectPostJWT, ResponseURI: "https://receiver.example/r",
		Nonce: NewSecret(), State: NewSecret(), Audience: AudienceSelfIssued, IssuedAt: jose.Date(now), Expires: jose.Date(now.Add(time.Minute)), DCQLQuery: &q,
		ClientMetadata: &ClientMetadata{JWKS: &JWKS{Keys: []jose.JWK{jwk}}, EncValuesSupported: []string{"A128GCM", "A256GCM"},
			VPFormatsSupported: map[string]jsontext.Value{"dc+sd-jwt": Supported{Issuer: []jose.Alg{jose.ES256}, Holder: []jose.Alg{jose.ES256}}.Entry(credential.FormatSDJWTVC)}},
		VerifierInfo: []VerifierInfo{Info("a.b.c")},
	}
}

func TestSignRequest(t *testing.T) {
	ca, key := newAuthority(t), newKey(t)
	leaf := ca.leaf(t, key.Public(), "receiver.example")
	for _, clientID := range []string{HashClientID(leaf), "x509_san_dns:receiver.example"} {
		r := toSign(t, leaf)
		r.ClientID = clientID
		text, err := r.Sign(key, []*x509.Certificate{leaf})
		if err != nil {
			t.Fatal(err)
		}
		got, err := VerifyRequest(t.Context(), text, Verification{ClientID: clientID, Chain: ca, Now: now})
		if err != nil || got.Nonce != r.Nonce || got.DCQLQuery.Credentials[0].ID != "led" {
			t.Fatalf("%v", err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v", r, got), string(r.Nonce)) {
			t.Error("a request prints its nonce")
		}
		if found, err := got.RegistrationIn(); err != nil || found != "a.b.c" {
			t.Errorf("%q, %v", found, err)
		}
		head, _, _ := strings.Cut(text, ".")
		b, err := jose.Decode(head)
		if err != nil || !strings.Contains(string(b), `"typ":"oauth-authz-req+jwt"`) || strings.Contains(string(b), `"jwk"`) {
			t.Errorf("header %s", b)
		}
	}
}

// What a wallet would refuse, or could not see to be weak, is not signed.
func TestSignRefuses(t *testing.T) {
	ca, key := newAuthority(t), newKey(t)
	leaf := ca.leaf(t, key.Public(), "receiver.example")
	for _, tt := range []struct {
		name   string
		change func(*Request)
		field  string
		code   ErrorCode
	}{
		{"no nonce", func(r *Request) { r.Nonce = "" }, "nonce", ""},
		{"short nonce", func(r *Request) { r.Nonce = "n-0S6_WzA2Mj" }, "nonce", ""},
		{"nonce not URL-safe", func(r *Request) { r.Nonce = Secret(strings.Repeat("+", 30)) }, "nonce", InvalidRequest},
		{"short state", func(r *Request) { r.State = "af0ifjsldkj" }, "state", ""},
		{"no iat", func(r *Request) { r.IssuedAt = 0 }, "iat", ""},
		{"no exp", func(r *Request) { r.Expires = 0 }, "iat", ""},
		{"exp before iat", func(r *Request) { r.Expires = r.IssuedAt - 1 }, "exp", InvalidRequest},
		{"client of another certificate", func(r *Request) { r.ClientID = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk" }, "client_id", InvalidClient},
		{"response elsewhere than the name", func(r *Request) {
			r.ClientID, r.ResponseURI = "x509_san_dns:receiver.example", "https://platform.example/r"
		}, "response_uri", InvalidClient},
		{"claim twice", func(r *Request) {
			r.DCQLQuery.Credentials[0].Claims = append(r.DCQLQuery.Credentials[0].Claims, r.DCQLQuery.Credentials[0].Claims[0])
		}, "claims[1].path", InvalidRequest},
		{"key without alg beside a good one", func(r *Request) {
			k := r.ClientMetadata.JWKS.Keys[0]
			k.Kid, k.Alg = "2", ""
			r.ClientMetadata.JWKS.Keys = append(r.ClientMetadata.JWKS.Keys, k)
		}, "client_metadata.jwks", ""},
		{"no audience", func(r *Request) { r.Audience = "" }, "aud", InvalidRequest},
		{"redirect_uri too", func(r *Request) { r.RedirectURI = "https://receiver.example/cb" }, "redirect_uri", InvalidRequest},
		{"in clear", func(r *Request) { r.ResponseMode = ModeDirectPost }, "response_mode", InvalidRequest},
		{"transaction data", func(r *Request) { r.TransactionData = []string{"e30"} }, "transaction_data", InvalidTransactionData},
	} {
		r := toSign(t, leaf)
		tt.change(&r)
		text, err := r.Sign(key, []*x509.Certificate{leaf})
		if err == nil || text != "" {
			t.Errorf("%s: signed", tt.name)
			continue
		}
		wantField(t, err, tt.field, tt.code)
	}

	r := toSign(t, leaf)
	refused := func(name string, key crypto.Signer, chain ...*x509.Certificate) {
		t.Helper()
		if text, err := r.Sign(key, chain); err == nil || text != "" {
			t.Errorf("%s: signed", name)
		}
	}
	refused("no chain", key)
	refused("chain with its anchor", key, leaf, ca.cert)
	refused("self-signed", ca.key, ca.cert)
	refused("chain of another key", newKey(t), leaf)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edLeaf := ca.leaf(t, ed.Public(), "receiver.example")
	r.ClientID = HashClientID(edLeaf)
	refused("algorithm that no wallet takes", ed, edLeaf)
}

func TestRegistrationIn(t *testing.T) {
	leaf := newAuthority(t).leaf(t, newKey(t).Public())
	only := func(ids ...string) VerifierInfo {
		info := Info("a.b.c")
		info.CredentialIDs = ids
		return info
	}
	for _, tt := range []struct {
		name string
		info []VerifierInfo
		ok   bool
	}{
		{"one", []VerifierInfo{Info("a.b.c")}, true},
		{"beside others", []VerifierInfo{{Format: "jwt", Data: jsontext.Value(`"x"`)}, Info("a.b.c")}, true},
		{"for this query", []VerifierInfo{only("led")}, true},
		{"for another query", []VerifierInfo{only("pid")}, false},
		{"for no query", []VerifierInfo{{Format: FormatRegistration, Data: jsontext.Value(`"a.b.c"`), CredentialIDs: []string{}}}, false},
		{"two", []VerifierInfo{Info("a.b.c"), Info("d.e.f")}, false},
		{"none", nil, false},
		{"of another format", []VerifierInfo{{Format: "jwt", Data: jsontext.Value(`"a.b.c"`)}}, false},
		{"an object", []VerifierInfo{{Format: FormatRegistration, Data: jsontext.Value(`{}`)}}, false},
	} {
		r := toSign(t, leaf)
		r.VerifierInfo = tt.info
		text, err := r.RegistrationIn()
		if (err == nil) != tt.ok || (text == "a.b.c") != tt.ok || err != nil && !errors.Is(err, ErrRegistration) {
			t.Errorf("%s: %q, %v", tt.name, text, err)
		}
	}
}
