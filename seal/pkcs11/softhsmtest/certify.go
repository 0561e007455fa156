package softhsmtest

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"

	"github.com/zegel-id/zegel/seal/trust/devca"
)

var subjectKeyID = asn1.ObjectIdentifier{2, 5, 29, 14} // RFC 5280, Section 4.2.1.2

// Certify issues a certificate that says of another key what like says.
func Certify(t testing.TB, ca devca.Pair, like *x509.Certificate, pub crypto.PublicKey) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial, RawSubject: like.RawSubject, NotBefore: like.NotBefore, NotAfter: like.NotAfter,
		ExtraExtensions: slices.DeleteFunc(slices.Clone(like.Extensions), func(e pkix.Extension) bool { return e.Id.Equal(subjectKeyID) }),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.Certificate, pub, ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
