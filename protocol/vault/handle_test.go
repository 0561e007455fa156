package vault

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

func TestHandle(t *testing.T) {
	const platform, issuer = "https://vault.example", "https://issuer.example"
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	jwk, _ := jose.PublicJWK(key.Public())
	unknown := errors.New("unknown platform")
	keys := func(p string) ([]jose.JWK, error) {
		if p != platform {
			return nil, unknown
		}
		return []jose.JWK{jwk}, nil
	}
	sign := func(k *ecdsa.PrivateKey, p, i, sub string, at time.Time) string {
		text, err := Sign(k, p, i, sub, at)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	h, err := Verify(sign(key, platform, issuer, "pseudonym", now), issuer, keys, now)
	if err != nil || h.Vault != "pseudonym" || h.ID == "" || h.Platform != platform {
		t.Fatalf("%+v %v", h, err)
	}
	long := func() string {
		payload, _ := jose.Marshal(claims{Iss: platform, Aud: issuer, Sub: "s", Jti: "j", Iat: jose.Date(now), Exp: jose.Date(now.Add(time.Hour))})
		text, _ := jose.SignCompact(key, header{Alg: jose.ES256, Kid: jwk.Thumbprint(), Typ: TypHandle}, payload)
		return text
	}()
	typ := func() string {
		text, _ := jose.SignCompact(key, header{Alg: jose.ES256, Kid: jwk.Thumbprint(), Typ: "dpop+jwt"}, []byte(`{}`))
		return text
	}()
	good := sign(key, platform, issuer, "s", now)
	for name, c := range map[string]struct {
		text string
		at   time.Time
	}{
		"other issuer":    {sign(key, platform, "https://other.example", "s", now), now},
		"other platform":  {sign(key, "https://evil.example", issuer, "s", now), now},
		"other key":       {sign(other, platform, issuer, "s", now), now},
		"over":            {good, now.Add(HandleLife)},
		"from the future": {sign(key, platform, issuer, "s", now.Add(5*time.Minute)), now},
		"without a vault": {sign(key, platform, issuer, "", now), now},
		"too long a life": {long, now},
		"other typ":       {typ, now},
		"changed":         {good[:len(good)-8] + "AAAAAAAA", now},
		"not a token":     {"x", now},
	} {
		if got, err := Verify(c.text, issuer, keys, c.at); !errors.Is(err, ErrHandle) || got != (Handle{}) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	text, _ := Sign(key, "https://v.example", "https://i.example", "s", time.Unix(1e9, 0))
	f.Add(text)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := Verify(text, "https://i.example", func(string) ([]jose.JWK, error) { return nil, nil }, time.Unix(1e9, 0))
		if err == nil || h != (Handle{}) {
			t.Fatal("held without a key")
		}
	})
}
