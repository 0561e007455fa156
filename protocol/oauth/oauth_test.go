package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

var now = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

func header(values ...string) http.Header { return http.Header{"Dpop": values} }

func TestProof(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	thumb := jose.Thumbprint(key.Public())
	e := Expect{Method: "GET", URL: "https://pod.example/a?q=1", Token: "tok", Thumbprint: thumb, Now: now, MaxAge: time.Minute}
	proof := func(k *ecdsa.PrivateKey, method, url, token, nonce string, at time.Time) string {
		p, err := NewProof(k, method, url, token, nonce, at)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	good := proof(key, "GET", "https://POD.example:443/a", "tok", "", now)
	p, err := VerifyProof(header(good), e)
	if err != nil || p.Thumbprint != thumb || p.JTI == "" {
		t.Fatalf("%+v %v", p, err)
	}
	again := proof(key, "GET", "https://pod.example/a", "tok", "", now)
	if q, _ := VerifyProof(header(again), e); q.JTI == p.JTI {
		t.Error("two proofs share a jti")
	}
	private, _ := jose.PrivateJWK(key)
	public, _ := jose.PublicJWK(key.Public())
	hand := func(h, c map[string]any) string {
		payload, _ := jose.Marshal(c)
		text, err := jose.SignCompact(key, h, payload)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	claims := func(change func(map[string]any)) map[string]any {
		c := map[string]any{"jti": "j", "htm": "GET", "htu": "https://pod.example/a", "iat": now.Unix(), "ath": hash("tok")}
		change(c)
		return c
	}
	same := func(map[string]any) {}
	head := func(typ string, jwk any) map[string]any {
		return map[string]any{"alg": "ES256", "typ": typ, "jwk": jwk}
	}
	if _, err := VerifyProof(header(hand(head(TypDPoP, public), claims(same))), e); err != nil {
		t.Fatalf("the hand-made proof must hold before it is broken: %v", err)
	}
	for name, h := range map[string]http.Header{
		"no header":       {},
		"two headers":     header(good, good),
		"other method":    header(proof(key, "PUT", e.URL, "tok", "", now)),
		"other URL":       header(proof(key, "GET", "https://pod.example/b", "tok", "", now)),
		"other scheme":    header(proof(key, "GET", "http://pod.example/a", "tok", "", now)),
		"other token":     header(proof(key, "GET", e.URL, "tik", "", now)),
		"no ath":          header(proof(key, "GET", e.URL, "", "", now)),
		"other key":       header(proof(other, "GET", e.URL, "tok", "", now)),
		"too old":         header(proof(key, "GET", e.URL, "tok", "", now.Add(-2*time.Minute))),
		"from the future": header(proof(key, "GET", e.URL, "tok", "", now.Add(2*time.Minute))),
		"other typ":       header(hand(head("kb+jwt", public), claims(same))),
		"private key":     header(hand(head(TypDPoP, private), claims(same))),
		"no jti":          header(hand(head(TypDPoP, public), claims(func(c map[string]any) { delete(c, "jti") }))),
		"long jti":        header(hand(head(TypDPoP, public), claims(func(c map[string]any) { c["jti"] = strings.Repeat("j", 200) }))),
		"no iat":          header(hand(head(TypDPoP, public), claims(func(c map[string]any) { delete(c, "iat") }))),
		"garbage":         header("a.b.c"),
		"changed":         header(good[:len(good)-6] + "AAAAAA"),
	} {
		if _, err := VerifyProof(h, e); !errors.Is(err, ErrDPoP) {
			t.Errorf("%s: %v", name, err)
		}
	}
	e.CheckNonce = only("n1")
	for name, text := range map[string]string{"none": good, "another": proof(key, "GET", e.URL, "tok", "n2", now)} {
		if _, err := VerifyProof(header(text), e); !errors.Is(err, ErrUseNonce) || errors.Is(err, ErrDPoP) {
			t.Errorf("nonce demanded, %s: %v", name, err)
		}
	}
	// A nonce does not make another's proof good.
	if _, err := VerifyProof(header(proof(other, "GET", e.URL, "tok", "n1", now)), e); !errors.Is(err, ErrDPoP) {
		t.Errorf("another's key: %v", err)
	}
	// With a nonce the clock of the client does not count (RFC 9449, Section 11.1).
	for _, at := range []time.Time{now, now.Add(-24 * time.Hour), now.Add(24 * time.Hour)} {
		if _, err := VerifyProof(header(proof(key, "GET", e.URL, "tok", "n1", at)), e); err != nil {
			t.Error(err)
		}
	}
}

func TestToken(t *testing.T) {
	for value, ok := range map[string]bool{"DPoP abc": true, "dpop abc": true, "Bearer abc": false, "DPoP": false, "DPoP a b": false, "": false} {
		_, err := Token(http.Header{"Authorization": {value}})
		if (err == nil) != ok {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestPKCE(t *testing.T) {
	// RFC 7636, Appendix B.
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	if Challenge(verifier) != challenge || VerifyPKCE(verifier, challenge) != nil {
		t.Error("RFC 7636 example does not hold")
	}
	if v := NewVerifier(); VerifyPKCE(v, Challenge(v)) != nil {
		t.Error("own verifier does not hold")
	}
	for _, c := range [][2]string{{verifier, verifier}, {verifier[:42], challenge}, {"", challenge}, {verifier + "!", challenge}, {strings.Repeat("a", 129), Challenge(strings.Repeat("a", 129))}} {
		if err := VerifyPKCE(c[0], c[1]); !errors.Is(err, ErrPKCE) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func FuzzVerifyProof(f *testing.F) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p, _ := NewProof(key, "POST", "https://a.example/token", "", "", now)
	f.Add(p)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := VerifyProof(header(text), Expect{Method: "POST", URL: "https://a.example/token", Now: now, MaxAge: time.Minute})
		if err != nil && got != (Proof{}) {
			t.Fatal("a failed check returned a proof")
		}
	})
}

// The example proofs of RFC 9449.
func TestProofVectors(t *testing.T) {
	var v struct {
		Proofs []struct {
			JWT     string `json:"jwt"`
			Payload struct {
				HTM   string `json:"htm"`
				HTU   string `json:"htu"`
				IAT   int64  `json:"iat"`
				ATH   string `json:"ath"`
				Nonce string `json:"nonce"`
			} `json:"payload"`
			Valid bool `json:"signature_valid_with_header_jwk"`
		} `json:"proofs"`
	}
	if err := jose.Unmarshal(testvectors.File(t, "dpop", "examples.json"), &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Proofs) == 0 {
		t.Fatal("no vectors")
	}
	for i, p := range v.Proofs {
		e := Expect{Method: p.Payload.HTM, URL: p.Payload.HTU, Now: time.Unix(p.Payload.IAT, 0), MaxAge: time.Minute}
		if p.Payload.Nonce != "" {
			e.CheckNonce = only(p.Payload.Nonce)
		}
		_, err := VerifyProof(header(p.JWT), e)
		if (err == nil) != p.Valid {
			t.Errorf("proof %d: %v, expected valid %v", i, err, p.Valid)
		}
	}
}

// only accepts one nonce.
func only(nonce string) func(string) bool { return func(n string) bool { return n == nonce } }
