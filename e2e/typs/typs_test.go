// Package typs feeds every kind of JWT of the protocols to every verifier: each
// takes its own typ and no other, though all the rest is as it should be (RFC
// 8725, Section 3.11). It holds tests only.
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
	"slices"
	"strings"
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

// typs of all that is signed here or elsewhere in these protocols, and ways to
// write one that is none of them.
var typs = []string{
	oid4vci.TypProof, oid4vci.TypKeyAttestation, oid4vci.TypSignedMetadata, oauth.TypDPoP, oid4vp.TypRequest, oid4vp.TypRegistration,
	sdjwt.TypVC, sdjwt.TypLegacyVC, sdjwt.TypKeyBinding, status.Typ, vault.TypHandle, "webid-did-link+jwt", "webid-did-rotation+jwt", "receivers-register+jwt",
	"oauth-client-attestation+jwt", "oauth-client-attestation-pop+jwt", "verifier-attestation+jwt", "vc+jwt", "vp+jwt", "vc+cose", "at+jwt", "logout+jwt", "secevent+jwt",
	"zegel-audit-checkpoint+jwt", "JOSE", "JOSE+JSON", "JWT", "jwt", "SD-JWT", "",
}

const (
	issuer, webid = "https://issuer.example", "https://id.vault.example/profiles/7c3e4b52-5a3f-4e0b-9d0c-1f2e3d4c5b6a"
	vct           = issuer + "/types/x"
	list          = issuer + "/status/1"
)

var now = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

type m = map[string]any

// all accepts every chain: what is tried here is the typ alone.
type all struct{}

func (all) VerifyChain(context.Context, []*x509.Certificate, time.Time) error { return nil }

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// kind is one kind of JWT: how it looks when it is right, and who reads it.
type kind struct {
	typ             string
	header, payload m
	key             crypto.Signer
	read            func(t testing.TB, compact string) error
}

func (k kind) sign(t testing.TB, typ string) string {
	t.Helper()
	h := m{"alg": "ES256", "typ": typ}
	maps.Copy(h, k.header)
	return must(jose.SignCompact(k.key, h, must(jose.Marshal(k.payload))(t)))(t)
}

func kinds(t testing.TB) map[string]kind {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	jwk := must(jose.PublicJWK(key.Public()))(t)
	pub := func(context.Context, *jose.Token) (crypto.PublicKey, error) { return key.Public(), nil }
	policy := oid4vci.ProofPolicy{
		Issuer: issuer, Algs: []jose.Alg{jose.ES256}, Now: now, MaxKeys: 2, CheckNonce: func(context.Context, string) error { return nil },
		Attestation: &oid4vci.AttestationPolicy{Key: pub},
	}
	iat, exp := now.Unix(), now.Add(time.Hour).Unix()

	hierarchy := must(devca.New(devca.Options{Now: now, Issuer: issuer}))(t)
	leaf := must(hierarchy.IssueAccess(key.Public(), devca.AccessRequest{Organization: "Receiver (TEST)", Registration: "NTRBE-0999999823"}, now))(t)
	chain := jose.EncodeX5C([]*x509.Certificate{leaf})
	clientID := oid4vp.HashClientID(leaf)
	enc := must(jose.PublicJWK(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t).Public()))(t)
	enc.Kid, enc.Alg, enc.Use = "e", "ECDH-ES", "enc"

	sd := must(jose.SignCompact(key, m{"alg": "ES256", "typ": sdjwt.TypVC}, must(jose.Marshal(m{"iss": issuer, "vct": vct, "iat": iat, "exp": exp, "cnf": m{"jwk": jwk}}))(t)))(t) + "~"
	hash := sha256.Sum256([]byte(sd))
	issuerKey := func(*jose.Token, sdjwt.Unverified) (crypto.PublicKey, error) { return key.Public(), nil }

	return map[string]kind{
		"key proof": {oid4vci.TypProof, m{"jwk": jwk}, m{"aud": issuer, "iat": iat, "nonce": "n"}, key, func(t testing.TB, s string) error {
			_, err := oid4vci.VerifyProofs(t.Context(), oid4vci.Proofs{JWT: []string{s}}, policy)
			return err
		}},
		"key attestation": {oid4vci.TypKeyAttestation, nil, m{"iat": iat, "exp": exp, "nonce": "n", "attested_keys": []any{jwk}}, key, func(t testing.TB, s string) error {
			_, err := oid4vci.VerifyProofs(t.Context(), oid4vci.Proofs{Attestation: []string{s}}, policy)
			return err
		}},
		"issuer metadata": {oid4vci.TypSignedMetadata, nil, m{
			"sub": issuer, "iat": iat, "credential_issuer": issuer, "credential_endpoint": issuer + "/credential",
			"credential_configurations_supported": m{"x": m{"format": "dc+sd-jwt", "vct": vct}},
		}, key, func(_ testing.TB, s string) error {
			_, err := oid4vci.ParseSignedMetadata(s, issuer, now, func(*jose.Token) (crypto.PublicKey, error) { return key.Public(), nil })
			return err
		}},
		"DPoP proof": {oauth.TypDPoP, m{"jwk": jwk}, m{"jti": "j", "htm": "GET", "htu": issuer + "/a", "iat": iat}, key, func(_ testing.TB, s string) error {
			_, err := oauth.VerifyProof(map[string][]string{"Dpop": {s}}, oauth.Expect{Method: "GET", URL: issuer + "/a", Now: now, MaxAge: time.Minute})
			return err
		}},
		"request object": {oid4vp.TypRequest, m{"x5c": chain}, m{
			"client_id": clientID, "response_type": "vp_token", "response_mode": "direct_post.jwt", "response_uri": "https://receiver.example/r", "nonce": "n-0S6_WzA2Mj", "state": "s",
			"aud": oid4vp.AudienceSelfIssued, "iat": iat, "exp": now.Add(5 * time.Minute).Unix(),
			"dcql_query":      m{"credentials": []any{m{"id": "a", "format": "dc+sd-jwt", "meta": m{"vct_values": []any{vct}}, "claims": []any{m{"path": []any{"a"}}}}}},
			"client_metadata": m{"jwks": m{"keys": []any{enc}}, "vp_formats_supported": m{"dc+sd-jwt": m{"sd-jwt_alg_values": []any{"ES256"}}}},
		}, key, func(t testing.TB, s string) error {
			_, err := oid4vp.VerifyRequest(t.Context(), s, oid4vp.Verification{ClientID: clientID, Chain: all{}, Now: now})
			return err
		}},
		"registration certificate": {oid4vp.TypRegistration, nil, m{
			"iss": "https://registrar.example", "sub": "NTRBE-0999999823", "sub_ln": "Receiver", "country": "BE", "x5t#S256": jose.X5TS256(leaf), "intended_use_id": "u",
			"purpose": []any{m{"lang": "nl", "value": "p"}}, "legal_basis": "https://legal.example/1", "privacy_policy": "https://receiver.example/privacy", "iat": iat, "exp": exp,
			"credentials": []any{m{"format": "dc+sd-jwt", "meta": m{"vct_values": []any{vct}}, "claims": []any{m{"path": []any{"a"}}}}},
		}, key, func(_ testing.TB, s string) error {
			_, err := oid4vp.VerifyRegistration(s, key.Public(), leaf, now)
			return err
		}},
		"credential": {sdjwt.TypVC, nil, m{"iss": issuer, "vct": vct, "iat": iat, "exp": exp}, key, func(_ testing.TB, s string) error {
			_, err := sdjwt.Verify(s+"~", sdjwt.Policy{Now: now, IssuerKey: issuerKey, KeyBinding: sdjwt.BindingForbidden})
			return err
		}},
		"key binding": {sdjwt.TypKeyBinding, nil, m{"iat": iat, "aud": "v", "nonce": "n", "sd_hash": jose.Encode(hash[:])}, key, func(_ testing.TB, s string) error {
			_, err := sdjwt.Verify(sd+s, sdjwt.Policy{Now: now, IssuerKey: issuerKey, Nonce: "n", Audience: "v"})
			return err
		}},
		"status list": {status.Typ, nil, m{"sub": list, "iat": iat, "exp": exp, "status_list": m{"bits": 1, "lst": "eNrbuRgAAhcBXQ"}}, key, func(t testing.TB, s string) error {
			c := must(status.NewChecker(served(s), status.CheckerOptions{Now: func() time.Time { return now }}))(t)
			_, err := c.Check(t.Context(), status.Ref{Index: 1, URI: list}, pub)
			return err
		}},
		"vault handle": {vault.TypHandle, m{"kid": jwk.Thumbprint()}, m{"iss": "https://vault.example", "aud": issuer, "sub": "s", "jti": "j", "iat": iat, "exp": now.Add(time.Minute).Unix()}, key, func(_ testing.TB, s string) error {
			_, err := vault.Verify(s, issuer, func(string) ([]jose.JWK, error) { return []jose.JWK{jwk}, nil }, now)
			return err
		}},
		"link proof": {"webid-did-link+jwt", m{"kid": must(did.DIDOf(webid))(t) + "#key-1"}, m{"iss": must(did.DIDOf(webid))(t), "sub": webid, "iat": iat, "exp": exp}, key, func(_ testing.TB, s string) error {
			_, err := did.Create(did.Creation{WebID: webid, Key: key.Public(), OIDCIssuer: "https://op.vault.example/", Storage: "https://pod.vault.example/a/", LinkProof: s}, now)
			return err
		}},
	}
}

type served string

func (s served) Fetch(context.Context, string, string) ([]byte, time.Duration, error) {
	return []byte(s), 0, nil
}

// A token that is right for its reader but for the typ is refused.
func TestOnlyItsOwnTyp(t *testing.T) {
	for name, k := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(typs, k.typ) {
				t.Fatalf("%s is not in the list", k.typ)
			}
			if err := k.read(t, k.sign(t, k.typ)); err != nil {
				t.Fatalf("its own is refused: %v", err)
			}
			for _, typ := range append(slices.Clone(typs), strings.ToUpper(k.typ), "application/"+k.typ, k.typ+" ", k.typ+";x=1") {
				if typ == k.typ {
					continue
				}
				if err := k.read(t, k.sign(t, typ)); err == nil {
					t.Errorf("accepted with typ %q", typ)
				}
			}
		})
	}
}

// What is right for one reader is right for no other, as it stands.
func TestNoTokenServesTwice(t *testing.T) {
	every := kinds(t)
	for from, token := range every {
		compact := token.sign(t, token.typ)
		for to, reader := range every {
			if err := reader.read(t, compact); (err == nil) != (from == to) {
				t.Errorf("a %s read as a %s: %v", from, to, err)
			}
		}
	}
}
