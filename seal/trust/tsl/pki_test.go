package tsl_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal/qc"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// pair is a key and its certificate.
type pair struct {
	key  crypto.Signer
	cert *x509.Certificate
}

func ecKey(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func mint(t testing.TB, key crypto.Signer, by *pair, change func(*x509.Certificate)) pair {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: serial, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(2, 0, 0),
	}
	change(c)
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return pair{key, out}
}

// listSigner signs lists of a territory.
func listSigner(t testing.TB, key crypto.Signer, territory string) pair {
	return mint(t, key, nil, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "TEST list signer " + territory, Country: []string{territory}}
	})
}

func authority(t testing.TB, name string) pair {
	return mint(t, ecKey(t, elliptic.P256()), nil, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: name, Organization: []string{"TEST provider"}, Country: []string{"BE"}}
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
		c.NotBefore, c.NotAfter = now.AddDate(-5, 0, 0), now.AddDate(10, 0, 0)
	})
}

// sealStatements are those of a qualified certificate for seals with its key in
// a qualified device.
func sealStatements() qc.Statements {
	return qc.Statements{Compliance: true, SSCD: true, Types: []asn1.ObjectIdentifier{qc.TypeSeal}}
}

// sealCertificate is a certificate with qcStatements.
func sealCertificate(t testing.TB, by pair, s qc.Statements, change func(*x509.Certificate)) pair {
	return mint(t, ecKey(t, elliptic.P256()), &by, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "TEST seal", Organization: []string{"TEST body"}, Country: []string{"BE"}}
		c.KeyUsage = x509.KeyUsageContentCommitment
		x, err := s.Extension(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.ExtraExtensions = []pkix.Extension{x}
		if change != nil {
			change(c)
		}
	})
}

// signedBy signs a list an hour before now.
func signedBy(t testing.TB, l tsltest.List, p pair) []byte {
	t.Helper()
	return tsltest.Sign(t, l.XML(), tsltest.Signature{Certificate: p.cert, Key: p.key, At: l.Issued})
}

func certs(pairs ...pair) []*x509.Certificate {
	var out []*x509.Certificate
	for _, p := range pairs {
		out = append(out, p.cert)
	}
	return out
}
