package seal_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

const issuer = "http://localhost:8081"

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// hierarchy is made once: tests do not change it.
var hierarchy = sync.OnceValues(func() (*devca.Hierarchy, error) {
	return devca.New(devca.Options{Now: now, Issuer: issuer})
})

func newHierarchy(t testing.TB) *devca.Hierarchy {
	h, err := hierarchy()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func newValidator(t testing.TB, h *devca.Hierarchy, at time.Time) *seal.Validator {
	store, err := h.Store(at)
	if err != nil {
		t.Fatal(err)
	}
	crls, err := h.CRLs(nil, func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	return &seal.Validator{Trust: store, Revocation: crls}
}

// leaf is a seal certificate's template that the tests bend.
func leaf() *x509.Certificate {
	ext, err := qc.Statements{Compliance: true, Types: []asn1.ObjectIdentifier{qc.TypeSeal},
		PublicBody: &qc.PublicBody{Country: "BE", Source: "LED (TEST)", Legislation: "OJ:BETEST-LED"}}.Extension(nil)
	if err != nil {
		panic(err)
	}
	return &x509.Certificate{
		Subject: pkix.Name{Organization: []string{"Voorbeeld (TEST)"}, CommonName: "Voorbeeld",
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: qc.OrganizationID, Value: "NTRBE-0999999922"}}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageContentCommitment, BasicConstraintsValid: true,
		ExtraExtensions: []pkix.Extension{ext},
	}
}

func authority(cn string) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: cn},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
}

// mint issues a certificate for a new P-256 key; by nil is self-signed.
func mint(t testing.TB, tmpl *x509.Certificate, by *devca.Pair) devca.Pair {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return devca.Pair{Key: key, Certificate: certify(t, tmpl, key.Public(), key, by)}
}

func certify(t testing.TB, tmpl *x509.Certificate, pub crypto.PublicKey, self crypto.Signer, by *devca.Pair) *x509.Certificate {
	if by == nil {
		by = &devca.Pair{Key: self, Certificate: tmpl}
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		t.Fatal(err)
	}
	tmpl.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, tmpl, by.Certificate, pub, by.Key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sign makes a compact JWS with any header, for what no Sealer makes.
func sign(t testing.TB, key crypto.Signer, header map[string]any, payload string) string {
	compact, err := jose.SignCompact(key, header, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// header is a good seal header for a chain, for the tests to bend.
func header(chain ...*x509.Certificate) map[string]any {
	return map[string]any{"alg": "ES256", "typ": "dc+sd-jwt", "iat": now.Unix(), "x5t#S256": jose.X5TS256(chain[0]), "x5c": jose.EncodeX5C(chain)}
}

func validate(t testing.TB, v *seal.Validator, compact string, at time.Time) seal.Validation {
	got, _, err := v.ValidateCompact(context.Background(), compact, "dc+sd-jwt", at)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func storeOf(t testing.TB, anchors ...*x509.Certificate) *trust.Store {
	s, err := trust.NewStore(trust.Anchors{trust.UseSeal: anchors}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
