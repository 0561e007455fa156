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
)

// typs are those of every other JWT of the protocols (RFC 8725, Section 3.11).
var typs = []string{
	"openid4vci-proof+jwt", "key-attestation+jwt", "openidvci-issuer-metadata+jwt", "oauth-client-attestation+jwt", "oauth-client-attestation-pop+jwt", "oauth-authz-req+jwt",
	"verifier-attestation+jwt", "kb+jwt", "dc+sd-jwt", "vc+jwt", "vp+jwt", "vc+sd-jwt", "statuslist+jwt", "rc-wrp+jwt", "vault-handle+jwt", "at+jwt", "JWT", "DPoP+JWT", "",
}

// RFC 9449, Section 4.3: everything of a proof that NewProof would not make.
func TestProofHeaderAndClaimsRefused(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	jwk, _ := jose.PublicJWK(key.Public())
	stranger, _ := jose.PublicJWK(other.Public())
	e := Expect{Method: "GET", URL: "https://pod.example/a", Token: "tok", Thumbprint: jwk.Thumbprint(), CheckNonce: only("n"), Now: now, MaxAge: time.Minute}
	type m = map[string]any
	make := func(change func(h, c m)) string {
		h := m{"alg": "ES256", "typ": TypDPoP, "jwk": jwk}
		c := m{"jti": "j", "htm": "GET", "htu": "https://pod.example/a", "iat": now.Unix(), "ath": hash("tok"), "nonce": "n"}
		change(h, c)
		payload, _ := jose.Marshal(c)
		text, err := jose.SignCompact(key, h, payload)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if _, err := VerifyProof(header(make(func(h, c m) {})), e); err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(h, c m){
		"no jwk":                func(h, _ m) { delete(h, "jwk") },
		"another's jwk":         func(h, _ m) { h["jwk"] = stranger },
		"symmetric jwk":         func(h, _ m) { h["jwk"] = m{"kty": "oct", "k": "AAAA"} },
		"kid in place of jwk":   func(h, _ m) { delete(h, "jwk"); h["kid"] = "k" },
		"crit":                  func(h, _ m) { h["crit"] = []string{"x"} },
		"b64":                   func(h, _ m) { h["crit"], h["b64"] = []string{"b64"}, false },
		"no htm":                func(_, c m) { delete(c, "htm") },
		"htm in lower case":     func(_, c m) { c["htm"] = "get" },
		"no htu":                func(_, c m) { delete(c, "htu") },
		"htu with user":         func(_, c m) { c["htu"] = "https://u@pod.example/a" },
		"htu without host":      func(_, c m) { c["htu"] = "/a" },
		"htu of another port":   func(_, c m) { c["htu"] = "https://pod.example:8443/a" },
		"htu of another scheme": func(_, c m) { c["htu"] = "ftp://pod.example/a" },
		"htu of another case":   func(_, c m) { c["htu"] = "https://pod.example/A" },
		"iat a string":          func(_, c m) { c["iat"] = "1" },
		"ath in hexadecimal":    func(_, c m) { c["ath"] = "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0" },
	}
	for _, typ := range typs {
		cases["typ "+typ] = func(h, _ m) { h["typ"] = typ }
	}
	for name, change := range cases {
		if p, err := VerifyProof(header(make(change)), e); !errors.Is(err, ErrDPoP) || p != (Proof{}) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for name, text := range map[string]string{
		"alg none": jose.Encode([]byte(`{"alg":"none","typ":"dpop+jwt"}`)) + ".e30.", "duplicate claim": func() string {
			text, _ := jose.SignCompact(key, m{"alg": "ES256", "typ": TypDPoP, "jwk": jwk}, []byte(`{"jti":"j","jti":"k"}`))
			return text
		}(),
	} {
		if _, err := VerifyProof(header(text), e); !errors.Is(err, ErrDPoP) {
			t.Errorf("%s: %v", name, err)
		}
	}
	clock := e
	clock.CheckNonce = nil
	for name, at := range map[string]time.Time{"a second too old": now.Add(-time.Minute - time.Second), "a second too far ahead": now.Add(skew + time.Second)} {
		if _, err := VerifyProof(header(make(func(_, c m) { c["iat"] = at.Unix() })), clock); !errors.Is(err, ErrDPoP) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A proof for a token endpoint has no ath; one that is bound to no token is
	// not good for one.
	if _, err := VerifyProof(header(make(func(_, c m) { delete(c, "ath") })), e); !errors.Is(err, ErrDPoP) {
		t.Errorf("no ath: %v", err)
	}
	bound := e
	bound.Thumbprint = ""
	if _, err := VerifyProof(header(make(func(h, c m) {})), bound); !errors.Is(err, ErrDPoP) {
		t.Errorf("a token that is bound to no key: %v", err)
	}
}

// RFC 9449, Sections 7.1 and 7.2: one token, under the DPoP scheme.
func TestTokenRefused(t *testing.T) {
	for name, h := range map[string]http.Header{
		"none": {}, "two": {"Authorization": {"DPoP a", "DPoP b"}}, "two, one Bearer": {"Authorization": {"DPoP a", "Bearer a"}}, "two in one": {"Authorization": {"DPoP a,Bearer a"}}, "Bearer": {"Authorization": {"Bearer a"}},
	} {
		if token, err := Token(h); !errors.Is(err, ErrDPoP) || token != "" {
			t.Errorf("%s: %q, %v", name, token, err)
		}
	}
}

// A verifier of another form is refused though the challenge was made from it
// (RFC 7636, Section 4.1), and so is what is no S256 challenge.
func TestPKCERefused(t *testing.T) {
	good := NewVerifier()
	for name, c := range map[string][2]string{
		"too short":         {good[:42], Challenge(good[:42])},
		"too long":          {strings.Repeat("a", 129), Challenge(strings.Repeat("a", 129))},
		"other characters":  {good + "!", Challenge(good + "!")},
		"white space":       {good + " ", Challenge(good + " ")},
		"not ASCII":         {good + "\u00e9", Challenge(good + "\u00e9")},
		"plain":             {good, good},
		"challenge padded":  {good, Challenge(good) + "="},
		"challenge cut":     {good, Challenge(good)[:42]},
		"no challenge":      {good, ""},
		"another challenge": {good, Challenge(NewVerifier())},
		"nothing at all":    {"", Challenge("")},
	} {
		if err := VerifyPKCE(c[0], c[1]); !errors.Is(err, ErrPKCE) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, longest := range []string{strings.Repeat("a", 43), strings.Repeat("Z", 128), strings.Repeat("-._~09", 10)} {
		if err := VerifyPKCE(longest, Challenge(longest)); err != nil {
			t.Errorf("%q: %v", longest, err)
		}
	}
	for text, ok := range map[string]bool{Challenge(good): true, Challenge(good)[:42] + "!": false, Challenge(good) + "A": false, "": false} {
		if ValidChallenge(text) != ok {
			t.Errorf("%q", text)
		}
	}
}
