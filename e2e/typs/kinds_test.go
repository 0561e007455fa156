package typs

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/protocol/vault"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// kind is one kind of JWT at one place that takes it: how it looks when it is
// right, and who reads it there.
type kind struct {
	typ             string
	header, payload m
	read            func(t testing.TB, compact string) error
	// whom is the member of the payload that says for whom or for what it is;
	// empty when nothing does.
	whom string
	// also are other ways to write the typ that the reader takes.
	also []string
}

func (k kind) sign(t testing.TB, key crypto.Signer, typ string) string {
	t.Helper()
	h := m{"alg": "ES256", "typ": typ}
	maps.Copy(h, k.header)
	return must(jose.SignCompact(key, h, must(jose.Marshal(k.payload))(t)))(t)
}

// world is who is trusted and what was said before: one key of everybody, so
// that nothing but its kind keeps a token from another reader.
type world struct {
	// issuer of credentials, its authorization server, and the wallet that is
	// its client.
	issuer, server, client string
	// par is where a wallet pushes its requests.
	par, challenge, nonce string
	now                   time.Time
	iat, soon, exp        int64
	vct, list             string
	query                 m

	key      *ecdsa.PrivateKey
	jwk, enc jose.JWK
	leaf     *x509.Certificate
	decrypt  *ecdsa.PrivateKey
}

// newWorld is one in which everything happens on paper.
func newWorld(t testing.TB) world {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	return world{issuer: "https://issuer.example", server: "https://as.example", client: "wallet.example", par: "https://as.example/par", challenge: "c", nonce: "n", now: time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC), key: key}.fill(t)
}

func (w world) fill(t testing.TB) world {
	t.Helper()
	w.iat, w.soon, w.exp = w.now.Unix(), w.now.Add(5*time.Minute).Unix(), w.now.Add(time.Hour).Unix()
	w.vct, w.list = w.issuer+"/types/x", w.issuer+"/status/1"
	w.query = m{"credentials": []any{m{"id": "a", "format": "dc+sd-jwt", "meta": m{"vct_values": []any{w.vct}}, "claims": []any{m{"path": []any{"a"}}}}}}
	w.decrypt = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	w.jwk = must(jose.PublicJWK(w.key.Public()))(t)
	hierarchy := must(devca.New(devca.Options{Now: w.now, Issuer: w.issuer}))(t)
	w.leaf = must(hierarchy.IssueAccess(w.key.Public(), devca.AccessRequest{Organization: "Receiver (TEST)", Registration: "NTRBE-0999999823"}, w.now))(t)
	w.enc = must(jose.PublicJWK(w.decrypt.Public()))(t)
	w.enc.Kid, w.enc.Alg, w.enc.Use = "e", "ECDH-ES", "enc"
	return w
}

// pub is the key of whoever signed.
func (w world) pub(context.Context, *jose.Token) (crypto.PublicKey, error) {
	return w.key.Public(), nil
}

// signed is a JWT that is right, to stand beside the one that is tried.
func (w world) signed(t testing.TB, typ string, header, payload m) string {
	t.Helper()
	return kind{header: header, payload: payload}.sign(t, w.key, typ)
}

const origin = "https://receiver.example"

// kinds are all of them: a new kind or a new place is one entry.
func (w world) kinds(t testing.TB) map[string]kind {
	all := map[string]kind{}
	for _, part := range []map[string]kind{w.issuance(), w.authorization(t), w.presentation(t), w.credentials(t)} {
		maps.Copy(all, part)
	}
	return all
}

// issuance: OpenID4VCI 1.0.
func (w world) issuance() map[string]kind {
	policy := oid4vci.ProofPolicy{
		Issuer: w.issuer, Algs: []jose.Alg{jose.ES256}, Now: w.now, MaxKeys: 2, CheckNonce: func(context.Context, string) error { return nil },
		Attestation: &oid4vci.AttestationPolicy{Key: w.pub},
	}
	proof := m{"aud": w.issuer, "iat": w.iat, "nonce": w.nonce}
	attested := m{"iat": w.iat, "exp": w.exp, "nonce": w.nonce, "attested_keys": []any{w.jwk}}
	return map[string]kind{
		"key proof": {typ: oid4vci.TypProof, header: m{"jwk": w.jwk}, payload: proof, whom: "aud", read: func(t testing.TB, s string) error {
			_, err := oid4vci.VerifyProofs(t.Context(), oid4vci.Proofs{JWT: []string{s}}, policy)
			return err
		}},
		"key attestation": {typ: oid4vci.TypKeyAttestation, header: m{"kid": "provider"}, payload: attested, read: func(t testing.TB, s string) error {
			_, err := oid4vci.VerifyProofs(t.Context(), oid4vci.Proofs{Attestation: []string{s}}, policy)
			return err
		}},
		"key attestation in a proof": {typ: oid4vci.TypKeyAttestation, header: m{"kid": "provider"}, payload: attested, read: func(t testing.TB, s string) error {
			with := w.signed(t, oid4vci.TypProof, m{"jwk": w.jwk, "key_attestation": s}, proof)
			_, err := oid4vci.VerifyProofs(t.Context(), oid4vci.Proofs{JWT: []string{with}}, policy)
			return err
		}},
		"issuer metadata": {typ: oid4vci.TypSignedMetadata, whom: "sub", payload: m{
			"sub": w.issuer, "iat": w.iat, "credential_issuer": w.issuer, "credential_endpoint": w.issuer + "/credential",
			"credential_configurations_supported": m{"x": m{"format": "dc+sd-jwt", "vct": w.vct}},
		}, read: func(_ testing.TB, s string) error {
			_, err := oid4vci.ParseSignedMetadata(s, w.issuer, w.now, func(*jose.Token) (crypto.PublicKey, error) { return w.key.Public(), nil })
			return err
		}},
		"vault handle": {typ: vault.TypHandle, whom: "aud", header: m{"kid": w.jwk.Thumbprint()}, payload: m{"iss": "https://vault.example", "aud": w.issuer, "sub": "s", "jti": "j", "iat": w.iat, "exp": w.now.Add(time.Minute).Unix()}, read: func(_ testing.TB, s string) error {
			_, err := vault.Verify(s, w.issuer, func(string) ([]jose.JWK, error) { return []jose.JWK{w.jwk}, nil }, w.now)
			return err
		}},
	}
}

// authorization: OAuth, at the authorization server and at protected endpoints.
func (w world) authorization(t testing.TB) map[string]kind {
	attestation := m{"iss": "https://provider.example", "sub": w.client, "iat": w.iat, "exp": w.exp, "cnf": m{"jwk": w.jwk}}
	pop := m{"iss": w.client, "aud": w.server, "jti": "j", "iat": w.iat, "challenge": w.challenge}
	expect := oauth.AttestationExpect{Key: w.pub, Audience: w.server, ClientID: w.client, CheckChallenge: func(c string) bool { return c == w.challenge }, Now: w.now, MaxAge: time.Minute}
	verify := func(t testing.TB, attestation, pop string) error {
		h := http.Header{}
		h.Set(oauth.HeaderClientAttestation, attestation)
		h.Set(oauth.HeaderClientAttestationPoP, pop)
		_, err := oauth.VerifyClientAttestation(t.Context(), h, expect)
		return err
	}
	const token = "access-token"
	hash := sha256.Sum256([]byte(token))
	bound := func(e oauth.Expect) func(testing.TB, string) error {
		e.URL, e.Now, e.MaxAge = w.par, w.now, time.Minute
		return func(_ testing.TB, s string) error {
			_, err := oauth.VerifyProof(http.Header{"Dpop": {s}}, e)
			return err
		}
	}
	proof := func(method string, more m) m {
		p := m{"jti": "j", "htm": method, "htu": w.par, "iat": w.iat}
		maps.Copy(p, more)
		return p
	}
	return map[string]kind{
		"DPoP proof": {typ: oauth.TypDPoP, whom: "htu", header: m{"jwk": w.jwk}, payload: proof("POST", nil), read: bound(oauth.Expect{Method: "POST"})},
		"DPoP proof with a nonce": {typ: oauth.TypDPoP, whom: "nonce", header: m{"jwk": w.jwk}, payload: proof("PUT", m{"nonce": "n"}),
			read: bound(oauth.Expect{Method: "PUT", CheckNonce: func(n string) bool { return n == "n" }})},
		"DPoP proof at a protected endpoint": {typ: oauth.TypDPoP, whom: "ath", header: m{"jwk": w.jwk}, payload: proof("GET", m{"ath": jose.Encode(hash[:])}),
			read: bound(oauth.Expect{Method: "GET", Token: token, Thumbprint: w.jwk.Thumbprint()})},
		"client attestation": {typ: oauth.TypClientAttestation, whom: "sub", header: m{"kid": "provider"}, payload: attestation, read: func(t testing.TB, s string) error {
			return verify(t, s, w.signed(t, oauth.TypClientAttestationPoP, nil, pop))
		}},
		"client attestation's proof": {typ: oauth.TypClientAttestationPoP, whom: "aud", payload: pop, read: func(t testing.TB, s string) error {
			return verify(t, w.signed(t, oauth.TypClientAttestation, m{"kid": "provider"}, attestation), s)
		}},
		"client assertion": {typ: oauth.TypClientAssertion, also: []string{"JWT", ""}, whom: "aud", payload: m{"iss": w.client, "sub": w.client, "aud": w.server, "jti": "j", "exp": w.soon}, read: func(t testing.TB, s string) error {
			_, err := oauth.VerifyClientAssertion(t.Context(), url.Values{"client_assertion_type": {oauth.AssertionJWT}, "client_assertion": {s}}, oauth.AssertionExpect{
				Keys: func(context.Context, string) ([]jose.JWK, error) { return []jose.JWK{w.jwk}, nil }, Audiences: []string{w.server}, ClientID: w.client, Now: w.now,
			})
			return err
		}},
	}
}

// presentation: OpenID4VP 1.0.
func (w world) presentation(t testing.TB) map[string]kind {
	chain := m{"x5c": jose.EncodeX5C([]*x509.Certificate{w.leaf})}
	metadata := m{"jwks": m{"keys": []any{w.enc}}, "vp_formats_supported": m{"dc+sd-jwt": m{"sd-jwt_alg_values": []any{"ES256"}}}}
	request := func(clientID string, more m) m {
		p := m{
			"client_id": clientID, "response_type": "vp_token", "response_mode": "direct_post.jwt", "response_uri": "https://receiver.example/r", "nonce": "n-0S6_WzA2Mj", "state": "s",
			"aud": oid4vp.AudienceSelfIssued, "iat": w.iat, "exp": w.soon, "dcql_query": w.query, "client_metadata": metadata,
		}
		maps.Copy(p, more)
		return p
	}
	hashed, named := oid4vp.HashClientID(w.leaf), "verifier_attestation:receiver.example"
	verify := func(t testing.TB, s string, v oid4vp.Verification) error {
		v.Chain, v.Now = all{}, w.now
		_, err := oid4vp.VerifyRequest(t.Context(), s, v)
		return err
	}
	byAPI := request(hashed, m{"response_mode": "dc_api.jwt", "expected_origins": []any{origin}})
	delete(byAPI, "response_uri")
	delete(byAPI, "state")
	return map[string]kind{
		"request object": {typ: oid4vp.TypRequest, whom: "aud", header: chain, payload: request(hashed, nil), read: func(t testing.TB, s string) error {
			return verify(t, s, oid4vp.Verification{ClientID: hashed})
		}},
		"request object that was encrypted": {typ: oid4vp.TypRequest, whom: "wallet_nonce", header: chain, payload: request(hashed, m{"wallet_nonce": "w"}), read: func(t testing.TB, s string) error {
			jwe := must(jose.EncryptCompact([]byte(s), w.enc, jose.A256GCM))(t)
			object, err := oid4vp.OpenObject(jwe, w.decrypt, "e", jose.A256GCM)
			if err != nil {
				return err
			}
			return verify(t, object, oid4vp.Verification{ClientID: hashed, WalletNonce: "w"})
		}},
		"request object over the Digital Credentials API": {typ: oid4vp.TypRequest, whom: "expected_origins", header: chain, payload: byAPI, read: func(t testing.TB, s string) error {
			_, err := oid4vp.VerifyDC(t.Context(), oid4vp.ProtocolSigned, must(jose.Marshal(m{"request": s}))(t), oid4vp.Verification{
				Origin: origin, Modes: []string{oid4vp.ModeDCAPIJWT}, Chain: all{}, Now: w.now,
			})
			return err
		}},
		"verifier attestation": {typ: oid4vp.TypAttestation, whom: "sub", payload: m{"iss": "https://attester.example", "sub": "receiver.example", "iat": w.iat, "exp": w.exp, "cnf": m{"jwk": w.jwk}}, read: func(t testing.TB, s string) error {
			return verify(t, w.signed(t, oid4vp.TypRequest, m{"jwt": s}, request(named, nil)), oid4vp.Verification{
				ClientID: named, Prefixes: []oid4vp.Prefix{oid4vp.PrefixAttestation}, Attesters: map[string][]jose.JWK{"https://attester.example": {w.jwk}},
			})
		}},
		"registration certificate": {typ: oid4vp.TypRegistration, whom: "x5t#S256", payload: m{
			"iss": "https://registrar.example", "sub": "NTRBE-0999999823", "sub_ln": "Receiver", "country": "BE", "x5t#S256": jose.X5TS256(w.leaf), "intended_use_id": "u",
			"purpose": []any{m{"lang": "nl", "value": "p"}}, "legal_basis": "https://legal.example/1", "privacy_policy": "https://receiver.example/privacy", "iat": w.iat, "exp": w.exp,
			"credentials": []any{m{"format": "dc+sd-jwt", "meta": m{"vct_values": []any{w.vct}}, "claims": []any{m{"path": []any{"a"}}}}},
		}, read: func(_ testing.TB, s string) error {
			_, err := oid4vp.VerifyRegistration(s, []crypto.PublicKey{w.key.Public()}, w.leaf, w.now)
			return err
		}},
	}
}

// credentials: SD-JWT VC, Token Status List, DID.
func (w world) credentials(t testing.TB) map[string]kind {
	sd := w.signed(t, sdjwt.TypVC, nil, m{"iss": w.issuer, "vct": w.vct, "iat": w.iat, "exp": w.exp, "cnf": m{"jwk": w.jwk}}) + "~"
	hash := sha256.Sum256([]byte(sd))
	issuerKey := func(*jose.Token, sdjwt.Unverified) (crypto.PublicKey, error) { return w.key.Public(), nil }
	holder := must(did.DIDOf(webid))(t)
	return map[string]kind{
		"credential": {typ: sdjwt.TypVC, payload: m{"iss": w.issuer, "vct": w.vct, "iat": w.iat, "exp": w.exp}, read: func(_ testing.TB, s string) error {
			_, err := sdjwt.Verify(s+"~", sdjwt.Policy{Now: w.now, IssuerKey: issuerKey, KeyBinding: sdjwt.BindingForbidden})
			return err
		}},
		"key binding": {typ: sdjwt.TypKeyBinding, whom: "aud", payload: m{"iat": w.iat, "aud": "v", "nonce": "n", "sd_hash": jose.Encode(hash[:])}, read: func(_ testing.TB, s string) error {
			_, err := sdjwt.Verify(sd+s, sdjwt.Policy{Now: w.now, IssuerKey: issuerKey, Nonce: "n", Audience: "v"})
			return err
		}},
		"status list": {typ: status.Typ, whom: "sub", payload: m{"sub": w.list, "iat": w.iat, "exp": w.exp, "status_list": m{"bits": 1, "lst": "eNrbuRgAAhcBXQ"}}, read: func(t testing.TB, s string) error {
			c := must(status.NewChecker(served(s), status.CheckerOptions{Now: func() time.Time { return w.now }}))(t)
			_, err := c.Check(t.Context(), status.Ref{Index: 1, URI: w.list}, w.pub)
			return err
		}},
		"link proof": {typ: "webid-did-link+jwt", whom: "sub", header: m{"kid": holder + "#key-1"}, payload: m{"iss": holder, "sub": webid, "iat": w.iat, "exp": w.exp}, read: func(_ testing.TB, s string) error {
			_, err := did.Create(did.Creation{WebID: webid, Key: w.key.Public(), OIDCIssuer: "https://op.vault.example/", Storage: "https://pod.vault.example/a/", LinkProof: s}, w.now)
			return err
		}},
	}
}

type served string

func (s served) Fetch(context.Context, string, string) ([]byte, time.Duration, error) {
	return []byte(s), 0, nil
}
