package vault

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// A handle without an identifier of its own could be used twice unseen; each
// claim is needed, once and in its own type.
func TestHandleClaimsRefused(t *testing.T) {
	const platform, issuer = "https://vault.example", "https://issuer.example"
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jose.PublicJWK(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	type m = map[string]any
	good := m{"iss": platform, "aud": issuer, "sub": "s", "jti": "j", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	verify := func(head, payload m) error {
		h := m{"alg": "ES256", "kid": jwk.Thumbprint(), "typ": TypHandle}
		maps.Copy(h, head)
		b, err := jose.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		text, err := jose.SignCompact(key, h, b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Verify(text, issuer, func(string) ([]jose.JWK, error) { return []jose.JWK{jwk}, nil }, now)
		if err != nil && got != (Handle{}) {
			t.Error("a refused handle returned something")
		}
		return err
	}
	if err := verify(nil, good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(m){
		"no jti": func(p m) { delete(p, "jti") }, "empty jti": func(p m) { p["jti"] = "" }, "long jti": func(p m) { p["jti"] = strings.Repeat("j", 129) }, "jti a number": func(p m) { p["jti"] = 1 },
		"no sub": func(p m) { delete(p, "sub") }, "long sub": func(p m) { p["sub"] = strings.Repeat("s", 129) },
		"no aud": func(p m) { delete(p, "aud") }, "aud a list": func(p m) { p["aud"] = []string{issuer} },
		"no exp": func(p m) { delete(p, "exp") }, "exp a string": func(p m) { p["exp"] = "9999999999" }, "no iat": func(p m) { delete(p, "iat") },
	} {
		p := maps.Clone(good)
		change(p)
		if err := verify(nil, p); !errors.Is(err, ErrHandle) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, head := range map[string]m{"another kid": {"kid": "x"}, "crit": {"crit": []string{"x"}}} {
		if err := verify(head, good); !errors.Is(err, ErrHandle) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
