//go:build cgo

package pkcs11_test

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

const issuer = "https://issuer.example"

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func hierarchy(t testing.TB) *devca.Hierarchy {
	h, err := devca.New(devca.Options{Now: now, Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A seal with a key of a token is a seal like any other. (The certificate is
// made for the test, so the list of providers does not name it.)
func TestSeal(t *testing.T) {
	hsm := softhsmtest.New(t)
	ca := hierarchy(t)
	store, err := ca.Store(now)
	if err != nil {
		t.Fatal(err)
	}
	crls, err := ca.CRLs(nil, clock)
	if err != nil {
		t.Fatal(err)
	}
	v := &seal.Validator{Trust: store, Revocation: crls}
	give(t, hsm, pair{label: "RSA", bits: 2048})
	token := hsm.Open(t)
	keys := map[jose.Alg]*pkcs11.Key{jose.PS256: find(t, token, pkcs11.Selector{Label: "RSA"})}
	for alg, curve := range map[jose.Alg]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384()} {
		if keys[alg], err = token.GenerateKey(t.Context(), string(alg), curve); err != nil {
			t.Fatal(err)
		}
	}
	for alg, key := range keys {
		t.Run(string(alg), func(t *testing.T) {
			leaf := softhsmtest.Certify(t, ca.SealCA, ca.Seal.Certificate, key.Public())
			s, err := seal.NewSealer(key, []*x509.Certificate{leaf}, seal.Options{RequireSeal: true, Now: clock})
			if err != nil {
				t.Fatal(err)
			}
			if s.Alg() != alg {
				t.Errorf("signs with %s", s.Alg())
			}
			compact, err := s.SignCompact("dc+sd-jwt", now, []byte(`{"iss":"`+issuer+`"}`))
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := v.ValidateCompact(t.Context(), compact, "dc+sd-jwt", now)
			if err != nil || got.Indication != seal.TotalPassed || got.Level != seal.BaselineB || got.Qualification != seal.AdESeal {
				t.Errorf("%v, %s, %s, %s\n%s", err, got.Indication, got.Level, got.Qualification, got.Checks)
			}
		})
	}
	t.Run("certificate request", func(t *testing.T) {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: ca.Seal.Certificate.Subject}, keys[jose.ES256])
		if err != nil {
			t.Fatal(err)
		}
		if req, err := x509.ParseCertificateRequest(der); err != nil || req.CheckSignature() != nil {
			t.Error(err)
		}
	})
}

// BenchmarkSign says what a signature that went through Key costs in time, in
// signatures and verifications of a key in software, the verification that
// every answer gets included. SoftHSM does the same work as the latter, so what
// is left is the way there and back.
func BenchmarkSign(b *testing.B) {
	hsm := softhsmtest.New(b)
	token := hsm.Open(b)
	k, err := token.GenerateKey(b.Context(), "k", elliptic.P256())
	if err != nil {
		b.Fatal(err)
	}
	soft := hierarchy(b).Seal.Key
	digest := sha256.Sum256([]byte("text"))
	var hard, bare time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := jose.SignDigest(k, jose.ES256, digest[:]); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		sig, err := jose.SignDigest(soft, jose.ES256, digest[:])
		if err != nil {
			b.Fatal(err)
		}
		if jose.VerifySignature(soft.Public(), jose.ES256, []byte("text"), sig) != nil {
			b.Fatal("does not verify")
		}
		hard += middle.Sub(start)
		bare += time.Since(middle)
	}
	b.ReportMetric(float64(hard)/float64(bare), "x-software")
}
