package oid4vci

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
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

var now = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, key crypto.Signer, header, payload any) string {
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

func public(t testing.TB, key crypto.Signer) jose.JWK {
	t.Helper()
	jwk, err := jose.PublicJWK(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return jwk
}

const issuer, cNonce = "https://issuer.example/led", "n-0S6_WzA2Mj"

func policy() ProofPolicy {
	return ProofPolicy{
		Issuer: issuer, ClientID: "wallet", Algs: []jose.Alg{jose.ES256}, Now: now, MaxKeys: 3,
		CheckNonce: func(_ context.Context, nonce string) error {
			if nonce != cNonce {
				return ErrNonce
			}
			return nil
		},
	}
}

func TestProofVector(t *testing.T) {
	var v struct {
		Proof  string `json:"proof_jwt"`
		Header struct {
			JWK jose.JWK `json:"jwk"`
		} `json:"header"`
	}
	if err := json.Unmarshal(testvectors.File(t, "openid4vci/1.0/kat", "jwt-proof.json"), &v); err != nil {
		t.Fatal(err)
	}
	p := policy()
	p.Issuer, p.Now, p.ClientID = exampleIssuer, time.Unix(1701960444, 0), ""
	p.CheckNonce = func(_ context.Context, nonce string) error {
		if nonce != "LarRGSbmUPYtRYO6BQ4yn8" {
			return ErrNonce
		}
		return nil
	}
	keys, err := VerifyProofs(t.Context(), Proofs{JWT: []string{v.Proof}}, p)
	if err != nil || len(keys) != 1 || keys[0].JWK.Thumbprint() != v.Header.JWK.Thumbprint() {
		t.Fatalf("%+v, %v", keys, err)
	}
	for i := 0; i < len(v.Proof); i += 5 {
		swap := byte('A')
		if v.Proof[i] == '.' {
			continue
		}
		if v.Proof[i] == swap {
			swap = 'B'
		}
		if _, err := VerifyProofs(t.Context(), Proofs{JWT: []string{v.Proof[:i] + string(swap) + v.Proof[i+1:]}}, p); err == nil {
			t.Fatalf("a proof changed at %d was accepted", i)
		}
	}
	p.Now = p.Now.Add(7 * time.Minute)
	_, err = VerifyProofs(t.Context(), Proofs{JWT: []string{v.Proof}}, p)
	wantField(t, err, "iat", InvalidProof)
}

func TestNewProofVerifies(t *testing.T) {
	a, b := newKey(t), newKey(t)
	var texts []string
	for _, key := range []*ecdsa.PrivateKey{a, b} {
		text, err := NewProof(key, ProofClaims{Issuer: "wallet", Audience: issuer, IssuedAt: jose.Date(now), Nonce: cNonce})
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	asked := 0
	p := policy()
	p.CheckNonce = func(context.Context, string) error { asked++; return nil }
	keys, err := VerifyProofs(t.Context(), Proofs{JWT: texts}, p)
	if err != nil || len(keys) != 2 || keys[0].JWK != public(t, a) || keys[1].JWK != public(t, b) {
		t.Fatalf("%+v, %v", keys, err)
	}
	if asked != 1 {
		t.Errorf("one nonce in two proofs was checked %d times", asked)
	}
	_, err = VerifyProofs(t.Context(), Proofs{JWT: []string{texts[0], texts[0]}}, p)
	wantField(t, err, "proofs.jwt[1]", InvalidProof)
	_, err = VerifyProofs(t.Context(), Proofs{JWT: append(texts, texts...)}, p)
	wantField(t, err, "proofs", InvalidProof)
	p.CheckNonce = func(context.Context, string) error { return errors.New("store is down") }
	var e *Error
	if _, err = VerifyProofs(t.Context(), Proofs{JWT: texts}, p); err == nil || errors.As(err, &e) {
		t.Errorf("a check that could not be made became %v", err)
	}
}

func TestProofRefuses(t *testing.T) {
	key, other := newKey(t), newKey(t)
	private, err := jose.PrivateJWK(key)
	if err != nil {
		t.Fatal(err)
	}
	type m = map[string]any
	for _, tt := range []struct {
		name   string
		change func(h, p m)
		tune   func(*ProofPolicy)
		field  string
		code   ErrorCode
	}{
		{"good", nil, nil, "", ""},
		{"iss left out", func(h, p m) { delete(p, "iss") }, nil, "", ""},
		{"typ missing", func(h, p m) { delete(h, "typ") }, nil, "proofs.jwt[0]", InvalidProof},
		{"typ JWT", func(h, p m) { h["typ"] = "JWT" }, nil, "proofs.jwt[0]", InvalidProof},
		{"typ in other case", func(h, p m) { h["typ"] = "OpenID4VCI-Proof+JWT" }, nil, "proofs.jwt[0]", InvalidProof},
		{"crit", func(h, p m) { h["crit"] = []string{"b64"} }, nil, "proofs.jwt[0]", InvalidProof},
		{"alg not on the list", nil, func(p *ProofPolicy) { p.Algs = []jose.Alg{jose.EdDSA} }, "proofs.jwt[0]", InvalidProof},
		{"no key", func(h, p m) { delete(h, "jwk") }, nil, "header", InvalidProof},
		{"jwk and kid", func(h, p m) { h["kid"] = "did:example:1#1" }, nil, "header", InvalidProof},
		{"jwk and empty kid", func(h, p m) { h["kid"] = "" }, nil, "header", InvalidProof},
		{"jwk and x5c", func(h, p m) { h["x5c"] = []string{} }, nil, "header", InvalidProof},
		{"trust_chain without kid", func(h, p m) { h["trust_chain"] = []string{"x"} }, nil, "header", InvalidProof},
		{"kid not resolved here", func(h, p m) { delete(h, "jwk"); h["kid"] = "did:example:1#1" }, nil, "kid", InvalidProof},
		{"private key in the header", func(h, p m) { h["jwk"] = private }, nil, "jwk", InvalidProof},
		{"symmetric key in the header", func(h, p m) { h["jwk"] = m{"kty": "oct", "k": "AAAA"} }, nil, "jwk", InvalidProof},
		{"another key in the header", func(h, p m) { h["jwk"] = public(t, other) }, nil, "proofs.jwt[0]", InvalidProof},
		{"x5c not allowed", func(h, p m) { delete(h, "jwk"); h["x5c"] = []string{"AAAA"} }, nil, "x5c", InvalidProof},
		{"aud missing", func(h, p m) { delete(p, "aud") }, nil, "aud", InvalidProof},
		{"aud of another issuer", func(h, p m) { p["aud"] = issuer + "/" }, nil, "aud", InvalidProof},
		{"aud an array", func(h, p m) { p["aud"] = []string{issuer} }, nil, "proofs.jwt[0]", InvalidProof},
		{"iss of another client", func(h, p m) { p["iss"] = "other" }, nil, "iss", InvalidProof},
		{"iss with anonymous access", nil, func(p *ProofPolicy) { p.ClientID = "" }, "iss", InvalidProof},
		{"iat missing", func(h, p m) { delete(p, "iat") }, nil, "iat", InvalidProof},
		{"iat a string", func(h, p m) { p["iat"] = "1" }, nil, "proofs.jwt[0]", InvalidProof},
		{"iat too old", func(h, p m) { p["iat"] = now.Add(-7 * time.Minute).Unix() }, nil, "iat", InvalidProof},
		{"iat in the future", func(h, p m) { p["iat"] = now.Add(2 * time.Minute).Unix() }, nil, "iat", InvalidProof},
		{"nonce missing", func(h, p m) { delete(p, "nonce") }, nil, "nonce", InvalidProof},
		{"nonce empty", func(h, p m) { p["nonce"] = "" }, nil, "nonce", InvalidProof},
		{"nonce wrong", func(h, p m) { p["nonce"] = "x" }, nil, "nonce", InvalidNonce},
		{"nonce not needed without an endpoint", func(h, p m) { delete(p, "nonce") }, func(p *ProofPolicy) { p.CheckNonce = nil }, "", ""},
		{"attestation required", nil, func(p *ProofPolicy) { p.Attestation = &AttestationPolicy{Required: true} }, "key_attestation", InvalidProof},
		{"attestation malformed", func(h, p m) { h["key_attestation"] = "x.y.z" }, nil, "key_attestation", InvalidProof},
		{"attestation an object", func(h, p m) { h["key_attestation"] = m{} }, nil, "header", InvalidProof},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := m{"alg": "ES256", "typ": TypProof, "jwk": public(t, key)}
			p := m{"iss": "wallet", "aud": issuer, "iat": now.Unix(), "nonce": cNonce}
			if tt.change != nil {
				tt.change(h, p)
			}
			pol := policy()
			if tt.tune != nil {
				tt.tune(&pol)
			}
			keys, err := VerifyProofs(t.Context(), Proofs{JWT: []string{sign(t, key, h, p)}}, pol)
			if tt.field == "" {
				if err != nil || len(keys) != 1 {
					t.Fatalf("%v, %v", keys, err)
				}
				return
			}
			wantField(t, err, tt.field, tt.code)
			if keys != nil {
				t.Error("an error goes with keys")
			}
		})
	}
}

// Every other kind of JWT the same key may have signed is refused.
func TestProofTypConfusion(t *testing.T) {
	key := newKey(t)
	for _, typ := range []string{"key-attestation+jwt", "openidvci-issuer-metadata+jwt", "oauth-client-attestation+jwt", "oauth-client-attestation-pop+jwt", "dpop+jwt", "oauth-authz-req+jwt", "verifier-attestation+jwt", "kb+jwt", "dc+sd-jwt", "vc+jwt", "vp+jwt", "vc+sd-jwt", "statuslist+jwt", "rc-wrp+jwt", "JWT", "jwt", "at+jwt"} {
		p := map[string]any{"iss": "wallet", "aud": issuer, "iat": now.Unix(), "nonce": cNonce, "exp": now.Add(time.Hour).Unix(), "attested_keys": []any{public(t, key)}}
		text := sign(t, key, map[string]any{"alg": "ES256", "typ": typ, "jwk": public(t, key)}, p)
		if _, err := VerifyProofs(t.Context(), Proofs{JWT: []string{text}}, policy()); !errors.Is(err, jose.ErrTyp) {
			t.Errorf("%s as a proof: %v", typ, err)
		}
		if _, err := ParseKeyAttestation(text); (typ == TypKeyAttestation) != (err == nil) {
			t.Errorf("%s as a key attestation: %v", typ, err)
		}
	}
}

func TestProofKid(t *testing.T) {
	key := newKey(t)
	p := policy()
	p.ResolveKid = func(_ context.Context, kid string) (crypto.PublicKey, error) {
		if kid != "did:example:1#1" {
			return nil, errors.New("not found")
		}
		return key.Public(), nil
	}
	proof := func(kid string) Proofs {
		return Proofs{JWT: []string{sign(t, key, map[string]any{"alg": "ES256", "typ": TypProof, "kid": kid}, map[string]any{"aud": issuer, "iat": now.Unix(), "nonce": cNonce})}}
	}
	keys, err := VerifyProofs(t.Context(), proof("did:example:1#1"), p)
	if err != nil || keys[0].Kid != "did:example:1#1" {
		t.Fatalf("%+v, %v", keys, err)
	}
	_, err = VerifyProofs(t.Context(), proof("did:example:2#1"), p)
	wantField(t, err, "kid", InvalidProof)
}

func TestProofX5C(t *testing.T) {
	key := newKey(t)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "holder"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	p := policy()
	p.AllowX5C = true
	text := sign(t, key, map[string]any{"alg": "ES256", "typ": TypProof, "x5c": jose.EncodeX5C([]*x509.Certificate{cert})}, map[string]any{"aud": issuer, "iat": now.Unix(), "nonce": cNonce})
	keys, err := VerifyProofs(t.Context(), Proofs{JWT: []string{text}}, p)
	if err != nil || keys[0].JWK != public(t, key) {
		t.Fatalf("%+v, %v", keys, err)
	}
}

func TestKeyAttestation(t *testing.T) {
	type m = map[string]any
	attester, k1, k2, outside := newKey(t), newKey(t), newKey(t), newKey(t)
	trusted := &AttestationPolicy{Required: true, KeyStorage: []string{"iso_18045_high", "iso_18045_moderate"},
		Key: func(context.Context, *jose.Token) (crypto.PublicKey, error) { return attester.Public(), nil }}
	make := func(change func(h, p m)) string {
		h := m{"alg": "ES256", "typ": TypKeyAttestation}
		p := m{"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "nonce": cNonce, "key_storage": []string{"iso_18045_moderate"}, "attested_keys": []any{public(t, k1), public(t, k2)}}
		if change != nil {
			change(h, p)
		}
		return sign(t, attester, h, p)
	}
	proof := func(key crypto.Signer, attestation string, change func(h m)) Proofs {
		h := m{"alg": "ES256", "typ": TypProof, "jwk": public(t, key), "key_attestation": attestation}
		if change != nil {
			change(h)
		}
		return Proofs{JWT: []string{sign(t, key, h, m{"aud": issuer, "iat": now.Unix(), "nonce": cNonce})}}
	}
	withPolicy := func(a *AttestationPolicy) ProofPolicy {
		p := policy()
		p.Attestation = a
		return p
	}

	keys, err := VerifyProofs(t.Context(), proof(k2, make(nil), nil), withPolicy(trusted))
	if err != nil || len(keys) != 2 || keys[0].JWK != public(t, k1) || keys[0].Attestation == nil {
		t.Fatalf("jwt with attestation: %+v, %v", keys, err)
	}
	// The example of Appendix F.1 points at an attested key by its place.
	byPlace := func(h m) { delete(h, "jwk"); h["kid"] = "1" }
	if keys, err = VerifyProofs(t.Context(), proof(k2, make(nil), byPlace), withPolicy(trusted)); err != nil || len(keys) != 2 {
		t.Fatalf("kid into the attestation: %+v, %v", keys, err)
	}
	_, err = VerifyProofs(t.Context(), proof(k1, make(nil), byPlace), withPolicy(trusted))
	wantField(t, err, "proofs.jwt[0]", InvalidProof)
	if keys, err = VerifyProofs(t.Context(), Proofs{Attestation: []string{make(func(h, p m) { delete(p, "exp") })}}, withPolicy(trusted)); err != nil || len(keys) != 2 {
		t.Fatalf("attestation proof: %+v, %v", keys, err)
	}
	// Without a rule whom to trust, what an attestation says is not believed.
	keys, err = VerifyProofs(t.Context(), proof(k2, make(nil), nil), withPolicy(nil))
	if err != nil || len(keys) != 1 || keys[0].Attestation != nil {
		t.Fatalf("untrusted attestation: %+v, %v", keys, err)
	}
	_, err = VerifyProofs(t.Context(), Proofs{Attestation: []string{make(nil)}}, withPolicy(nil))
	wantField(t, err, "proofs.attestation[0]", InvalidProof)

	for _, tt := range []struct {
		name   string
		proofs Proofs
		tune   func(*ProofPolicy)
		field  string
		code   ErrorCode
	}{
		{"signed by a key outside", proof(outside, make(nil), nil), nil, "proofs.jwt[0]", InvalidProof},
		{"no exp with jwt", proof(k1, make(func(h, p m) { delete(p, "exp") }), nil), nil, "exp", InvalidProof},
		{"expired", proof(k1, make(func(h, p m) { p["exp"] = now.Unix() }), nil), nil, "exp", InvalidProof},
		{"no iat", proof(k1, make(func(h, p m) { delete(p, "iat") }), nil), nil, "iat", InvalidProof},
		{"future iat", proof(k1, make(func(h, p m) { p["iat"] = now.Add(time.Hour).Unix() }), nil), nil, "iat", InvalidProof},
		{"wrong typ", proof(k1, make(func(h, p m) { h["typ"] = TypProof }), nil), nil, "key_attestation", InvalidProof},
		{"no nonce", proof(k1, make(func(h, p m) { delete(p, "nonce") }), nil), nil, "nonce", InvalidProof},
		{"wrong nonce", proof(k1, make(func(h, p m) { p["nonce"] = "x" }), nil), nil, "nonce", InvalidNonce},
		{"no keys", proof(k1, make(func(h, p m) { p["attested_keys"] = []any{} }), nil), nil, "attested_keys", InvalidProof},
		{"key twice", proof(k1, make(func(h, p m) { p["attested_keys"] = []any{public(t, k1), public(t, k1)} }), nil), nil, "attested_keys[1]", InvalidProof},
		{"private key", proof(k1, make(func(h, p m) { j, _ := jose.PrivateJWK(k1); p["attested_keys"] = []any{j} }), nil), nil, "attested_keys[0]", InvalidProof},
		{"weak storage", proof(k1, make(func(h, p m) { p["key_storage"] = []string{"iso_18045_basic"} }), nil), nil, "key_storage", InvalidProof},
		{"storage unsaid", proof(k1, make(func(h, p m) { delete(p, "key_storage") }), nil), nil, "key_storage", InvalidProof},
		{"empty storage", proof(k1, make(func(h, p m) { p["key_storage"] = []string{} }), nil), nil, "key_storage", InvalidProof},
		{"status not checked", proof(k1, make(func(h, p m) { p["status"] = m{} }), nil), nil, "status", InvalidProof},
		{"untrusted signer", proof(k1, make(nil), nil), func(p *ProofPolicy) {
			p.Attestation = &AttestationPolicy{Key: func(context.Context, *jose.Token) (crypto.PublicKey, error) { return outside.Public(), nil }}
		}, "key_attestation", InvalidProof},
		{"alg not on the list", Proofs{Attestation: []string{make(nil)}}, func(p *ProofPolicy) { p.Algs = []jose.Alg{jose.EdDSA} }, "alg", InvalidProof},
		{"more keys than the batch", proof(k1, make(nil), nil), func(p *ProofPolicy) { p.MaxKeys = 1 }, "proofs", InvalidProof},
		{"attestation proof without nonce endpoint", Proofs{Attestation: []string{make(nil)}}, func(p *ProofPolicy) { p.CheckNonce = nil }, "proofs.attestation[0]", InvalidProof},
		{"two attestations", Proofs{Attestation: []string{make(nil), make(nil)}}, nil, "proofs.attestation", InvalidProof},
		{"di_vp", Proofs{DIVP: nil}, nil, "proofs", InvalidProof},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := withPolicy(trusted)
			if tt.tune != nil {
				tt.tune(&p)
			}
			_, err := VerifyProofs(t.Context(), tt.proofs, p)
			wantField(t, err, tt.field, tt.code)
		})
	}
	revoked := *trusted
	revoked.CheckStatus = func(context.Context, []byte) error { return errors.New("revoked") }
	_, err = VerifyProofs(t.Context(), proof(k1, make(func(h, p m) { p["status"] = m{} }), nil), withPolicy(&revoked))
	wantField(t, err, "status", InvalidProof)
}

func FuzzVerifyProofs(f *testing.F) {
	var v struct {
		Proof string `json:"proof_jwt"`
	}
	if err := json.Unmarshal(testvectors.File(f, "openid4vci/1.0/kat", "jwt-proof.json"), &v); err != nil {
		f.Fatal(err)
	}
	f.Add(v.Proof)
	key := newKey(f)
	good, err := NewProof(key, ProofClaims{Issuer: "wallet", Audience: issuer, IssuedAt: jose.Date(now), Nonce: cNonce})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := VerifyProofs(t.Context(), Proofs{JWT: []string{text}}, policy())
		if (err == nil) != (len(keys) == 1) {
			t.Fatalf("%v, %v", keys, err)
		}
		if err != nil && strings.Contains(err.Error(), cNonce) {
			t.Fatal("the error tells the nonce")
		}
	})
}

func FuzzParseKeyAttestation(f *testing.F) {
	key := newKey(f)
	f.Add(sign(f, key, map[string]any{"alg": "ES256", "typ": TypKeyAttestation}, map[string]any{"iat": now.Unix(), "attested_keys": []any{public(f, key)}}))
	f.Fuzz(func(t *testing.T, text string) {
		ka, err := ParseKeyAttestation(text)
		if (err == nil) != (ka != nil) || ka != nil && len(ka.keys) != len(ka.AttestedKeys) {
			t.Fatalf("%v, %v", ka, err)
		}
	})
}
