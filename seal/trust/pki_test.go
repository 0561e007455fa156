package trust_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

type pair struct {
	key  crypto.Signer
	cert *x509.Certificate
}

func leaf(cn string) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: cn},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
}

func authority(cn string) *x509.Certificate {
	c := leaf(cn)
	c.KeyUsage, c.IsCA = x509.KeyUsageCertSign|x509.KeyUsageCRLSign, true
	return c
}

func ecKey(t testing.TB) crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func mint(t testing.TB, tmpl *x509.Certificate, by *pair) pair { return mintFor(t, tmpl, ecKey(t), by) }

func mintFor(t testing.TB, tmpl *x509.Certificate, key crypto.Signer, by *pair) pair {
	if by == nil {
		by = &pair{key, tmpl}
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		t.Fatal(err)
	}
	tmpl.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, tmpl, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return pair{key, c}
}

func smallRSA(t testing.TB) crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal("cannot make a small key: ", err)
	}
	return key
}

func storeOf(t testing.TB, use trust.Use, anchors ...*x509.Certificate) *trust.Store {
	s, err := trust.NewStore(trust.Anchors{use: anchors}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func certs(p ...pair) []*x509.Certificate {
	var out []*x509.Certificate
	for _, x := range p {
		out = append(out, x.cert)
	}
	return out
}
