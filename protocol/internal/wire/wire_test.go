package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

func TestCheckURL(t *testing.T) {
	for _, tt := range []struct {
		url              string
		strict, loopback bool
	}{
		{"https://a.example/b?c=d", true, true},
		{"https://[2001:db8::1]:8443/", true, true},
		{"http://127.0.0.1:1/x", false, true},
		{"http://[::1]/x", false, true},
		{"http://localhost/x", false, true},
		{"http://localhost.evil.example/x", false, false},
		{"http://a.example", false, false},
		{"https:a.example", false, false},
		{"https://", false, false},
		{"https://:443/", false, false},
		{"//a.example", false, false},
		{"https://u:p@a.example", false, false},
		{"https://a.example/#", false, false},
		{"https://a.example/\n", false, false},
		{"https://a.example/é", false, false},
		{"https://a.example/" + strings.Repeat("a", MaxURL), false, false},
		{"", false, false},
	} {
		if err := CheckURL(tt.url, false); (err == nil) != tt.strict {
			t.Errorf("%.60q: %v", tt.url, err)
		}
		if err := CheckURL(tt.url, true); (err == nil) != tt.loopback {
			t.Errorf("%.60q with loopback: %v", tt.url, err)
		}
	}
}

func TestSmallRules(t *testing.T) {
	if err := Single(url.Values{"a": {"1"}, "b": {"1", "2"}}); err == nil {
		t.Error("a repeated parameter was accepted")
	}
	if got := Description("a\"b\\c\u00e9\n~"); got != "a'b'c??~" {
		t.Errorf("%q", got)
	}
	for s, want := range map[string]bool{"aZ0-._~": true, "": false, "a b": false, "a+b": false, "a/b": false, "é": false} {
		if URLSafe(s) != want {
			t.Errorf("%q", s)
		}
	}
}

func TestJWKS(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	good, _ := jose.PublicJWK(key.Public())
	good.Kid, good.Alg = "1", "ECDH-ES"
	sig := good
	sig.Kid, sig.Use = "2", "sig"
	x448 := jose.JWK{Kty: "OKP", Crv: "X448", X: "AA", Kid: "3", Alg: "ECDH-ES"}
	set := JWKS{Keys: []jose.JWK{x448, sig, good}}
	if err := set.Check(); err != nil {
		t.Fatal(err)
	}
	if k, ok := set.Encryption(); !ok || k.Kid != "1" {
		t.Errorf("chose %q", k.Kid)
	}
	if _, ok := (JWKS{Keys: []jose.JWK{x448, sig}}).Encryption(); ok {
		t.Error("a key for signatures or of an unknown curve was chosen")
	}
	private, noKid := good, good
	private.D, noKid.Kid = "AA", ""
	for name, set := range map[string]JWKS{
		"empty": {}, "no kid": {Keys: []jose.JWK{noKid}}, "private": {Keys: []jose.JWK{private}},
		"kid twice": {Keys: []jose.JWK{good, good}}, "no kty": {Keys: []jose.JWK{{Kid: "1"}}},
	} {
		if set.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCheckChain(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	make := func(name string, parent *x509.Certificate, ca bool) *x509.Certificate {
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), IsCA: ca, BasicConstraintsValid: true}
		if parent == nil {
			parent = tmpl
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	root := make("root", nil, true)
	middle := make("middle", root, true)
	leaf := make("leaf", middle, false)
	alone := make("alone", nil, false)
	long := *alone // its signature does not hold, and is not looked at
	long.PublicKey, long.Signature = &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), maxRSA), E: 65537}, nil
	for _, tt := range []struct {
		name  string
		chain []*x509.Certificate
		ok    bool
	}{
		{"leaf and middle", []*x509.Certificate{leaf, middle}, true},
		{"leaf", []*x509.Certificate{leaf}, true},
		{"with the anchor", []*x509.Certificate{leaf, middle, root}, false},
		{"self-signed leaf", []*x509.Certificate{alone}, false},
		{"key too long to look", []*x509.Certificate{&long}, false},
		{"none", nil, false},
	} {
		if err := CheckChain(tt.chain); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
