package oid4vp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
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
