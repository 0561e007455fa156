package did

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// The certificates of a key stand in its JWK, and are for that key or are none.
func TestCertificatesOfAMethod(t *testing.T) {
	key, other := newCertified(t), newCertified(t)
	jwk, err := jose.PublicJWK(key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	d := &Document{ID: "https://issuer.example", VerificationMethod: []VerificationMethod{
		{ID: "https://issuer.example#k", Type: TypeJSONWebKey, Controller: "https://issuer.example", PublicKeyJWK: &jwk, X5C: jose.EncodeX5C([]*x509.Certificate{key, other})},
	}}
	text, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParseDocument(text)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	m := read.VerificationMethod[0]
	chain, err := m.Certificates()
	if err != nil || len(chain) != 2 || !chain[0].Equal(key) || m.PublicKeyJWK.X != jwk.X || strings.Count(string(text), "publicKeyJwk") != 1 {
		t.Errorf("%v: %s", err, text)
	}
	for name, x5c := range map[string][]string{
		"none": nil, "no base64": {"%"}, "no certificate": {"AAAA"}, "another's": jose.EncodeX5C([]*x509.Certificate{other, key}), "too many": slices.Repeat(m.X5C, 9),
	} {
		m.X5C = x5c
		if chain, err := m.Certificates(); err == nil {
			t.Errorf("%s: %d certificates", name, len(chain))
		}
	}
	if _, err := ParseDocument([]byte(strings.Replace(string(text), `"x5c":[`, `"x5c":[1,`, 1))); err == nil {
		t.Error("x5c of numbers is read")
	}
}

func newCertified(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
