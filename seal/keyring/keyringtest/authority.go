// Package keyringtest is an authority that certifies seal keys for tests: one that
// no list or hierarchy of the test knows.
package keyringtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/qc"
)

// Authority issues seal certificates below an intermediate authority.
type Authority struct {
	t testing.TB

	Root, Between *x509.Certificate
	rootKey, key  crypto.Signer
}

// New makes an authority.
func New(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t}
	a.rootKey, a.key = Key(t), Key(t)
	a.Root = a.issue(ca("Keyring Root (TEST)", false), nil, a.rootKey.Public(), a.rootKey)
	a.Between = a.issue(ca("Keyring Seal CA (TEST)", true), a.Root, a.key.Public(), a.rootKey)
	return a
}

// Key makes a P-256 key.
func Key(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ca(name string, last bool) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{Country: []string{"BE"}, Organization: []string{"Keyring (TEST)"}, CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(5 * 365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: last,
	}
}

// Seal is what a seal certificate says.
type Seal struct {
	Issuer, Organization, Registration string
	Statements                         qc.Statements
	Change                             func(*x509.Certificate)
}

// Statements are those of a qualified certificate of a public body.
func Statements() qc.Statements {
	return qc.Statements{
		Compliance: true, SSCD: true, Types: []asn1.ObjectIdentifier{qc.TypeSeal},
		Disclosures: []qc.Disclosure{{URL: "https://example.org/pds-test.pdf", Language: "en"}},
		PublicBody:  &qc.PublicBody{Country: "BE", Source: "LED, Leer- en Ervaringsbewijzendatabank (TEST)", Legislation: "OJ:BETEST-LED"},
	}
}

// Certify certifies a key for seals: its certificate and the intermediate one.
func (a *Authority) Certify(pub crypto.PublicKey, s Seal) []*x509.Certificate {
	a.t.Helper()
	u, err := url.Parse(s.Issuer)
	if err != nil {
		a.t.Fatal(err)
	}
	t := &x509.Certificate{
		Subject: pkix.Name{
			Country: []string{"BE"}, Organization: []string{s.Organization}, CommonName: s.Organization,
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: qc.OrganizationID, Value: s.Registration}},
		},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageContentCommitment, BasicConstraintsValid: true, URIs: []*url.URL{u},
		CRLDistributionPoints: []string{"http://crl.example.org/seal-test.crl"}, IssuingCertificateURL: []string{"http://example.org/seal-test.crt"},
	}
	if s.Statements.Types != nil {
		e, err := s.Statements.Extension(nil)
		if err != nil {
			a.t.Fatal(err)
		}
		t.ExtraExtensions = []pkix.Extension{e}
	}
	if s.Change != nil {
		s.Change(t)
	}
	return []*x509.Certificate{a.issue(t, a.Between, pub, a.key), a.Between}
}

// CRLs are the revocation lists of both authorities, with nothing in them.
func (a *Authority) CRLs() [][]byte {
	a.t.Helper()
	var out [][]byte
	for _, by := range []struct {
		c   *x509.Certificate
		key crypto.Signer
	}{{a.Root, a.rootKey}, {a.Between, a.key}} {
		t := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(24 * time.Hour)}
		der, err := x509.CreateRevocationList(rand.Reader, t, by.c, by.key)
		if err != nil {
			a.t.Fatal(err)
		}
		out = append(out, der)
	}
	return out
}

func (a *Authority) issue(t, by *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	a.t.Helper()
	if by == nil {
		by = t
	}
	var err error
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		a.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, by, pub, key)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

// PKCS12 has OpenSSL make a PKCS #12 file of a key and certificates, with more
// arguments of `openssl pkcs12 -export`. Without OpenSSL the test is skipped, in CI
// it fails.
func PKCS12(t testing.TB, key crypto.Signer, certs []*x509.Certificate, password string, more ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for _, c := range certs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	if err := os.WriteFile(filepath.Join(dir, "in.pem"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	OpenSSL(t, dir, append([]string{"pkcs12", "-export", "-in", "in.pem", "-out", "out.p12", "-passout", "pass:" + password}, more...)...)
	b, err := os.ReadFile(filepath.Join(dir, "out.p12"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// OpenSSL runs the command in a directory and returns what it says.
func OpenSSL(t testing.TB, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is not there")
		}
		t.Skip("SKIPPED: openssl is not there")
	}
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
	return string(out)
}
