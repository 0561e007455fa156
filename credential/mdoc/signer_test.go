package mdoc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/internal/cose"
)

// signer is a document signer's certificate with a change; one that is named
// "itself" signs itself.
func signer(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{mdoc.DocumentSignerUsage})
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{Country: []string{"BE"}, CommonName: "signer"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 6, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		CRLDistributionPoints: []string{"https://example.org/crl"},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage},
			{Id: asn1.ObjectIdentifier{2, 5, 29, 18}, Value: []byte{0x30, 3, 0x86, 1, 'x'}},
		},
	}
	change(c)
	by, byKey := parties().authority.Certificate, parties().authority.Key
	if c.Subject.CommonName == "itself" {
		by, byKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), byKey)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDocumentSignerRefused(t *testing.T) {
	usages := func(critical bool, ids ...asn1.ObjectIdentifier) pkix.Extension {
		value, err := asn1.Marshal(ids)
		if err != nil {
			t.Fatal(err)
		}
		return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: value}
	}
	for why, change := range map[string]func(*x509.Certificate){
		"an authority's":         func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true },
		"digitalSignature alone": func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageContentCommitment },
		"mdlDS (1.0.18013.5.1.2) alone": func(c *x509.Certificate) {
			c.ExtraExtensions[0] = usages(true, mdoc.DocumentSignerUsage, asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 6})
		},
		"must be mdlDS": func(c *x509.Certificate) {
			c.ExtraExtensions[0] = usages(true, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1})
		},
		"must be critical":   func(c *x509.Certificate) { c.ExtraExtensions[0] = usages(false, mdoc.DocumentSignerUsage) },
		"one country":        func(c *x509.Certificate) { c.Subject.Country = nil },
		"a common name":      func(c *x509.Certificate) { c.Subject.CommonName = "" },
		"issuer alternative": func(c *x509.Certificate) { c.ExtraExtensions = c.ExtraExtensions[:1] },
		"no CRL":             func(c *x509.Certificate) { c.CRLDistributionPoints = nil },
		"more than 457 days": func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(0, 0, 458) },
	} {
		refused(t, mdoc.CheckDocumentSigner(signer(t, change)), credential.CheckIssuerTrust, why)
	}
	good := signer(t, func(*x509.Certificate) {})
	if err := mdoc.CheckDocumentSigner(good); err != nil {
		t.Error(err)
	}
	old, other := *good, *good
	old.Version = 1
	refused(t, mdoc.CheckDocumentSigner(&old), credential.CheckIssuerTrust, "version 3")
	large, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other.PublicKey = large.Public()
	refused(t, mdoc.CheckDocumentSigner(&other), credential.CheckIssuerTrust, "its key must be")
}

func TestAuthorities(t *testing.T) {
	p := parties()
	a, err := mdoc.NewAuthorities(p.authority.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	auth := func(c ...*x509.Certificate) *cose.Sign1 {
		m := &cose.Sign1{}
		for _, c := range c {
			m.X5Chain = append(m.X5Chain, c.Raw)
		}
		return m
	}
	u := mdoc.Unverified{DocType: docType, Signed: now, Now: now}
	for range 2 { // verified, then remembered
		key, err := a.IssuerKey(auth(p.issuer.Certificate), u)
		if err != nil || !p.issuer.Certificate.PublicKey.(*ecdsa.PublicKey).Equal(key) {
			t.Fatal(err)
		}
	}
	at := func(change func(*mdoc.Unverified)) mdoc.Unverified {
		v := u
		change(&v)
		return v
	}
	other := signer(t, func(c *x509.Certificate) { c.Subject.Country = []string{"NL"} })
	bare := signer(t, func(c *x509.Certificate) { c.CRLDistributionPoints = nil })
	for why, c := range map[string]struct {
		chain *cose.Sign1
		u     mdoc.Unverified
	}{
		"no path":         {auth(p.issuer.Certificate), at(func(u *mdoc.Unverified) { u.Now = now.AddDate(3, 0, 0) })},
		"outside":         {auth(p.issuer.Certificate), at(func(u *mdoc.Unverified) { u.Signed = now.AddDate(0, 0, -2) })},
		"outside the":     {auth(p.issuer.Certificate), at(func(u *mdoc.Unverified) { u.Signed = now.AddDate(3, 0, 0) })},
		"country":         {auth(other), u},
		"CRL":             {auth(bare), u},
		"an authority's":  {auth(p.authority.Certificate), u},
		"no x5chain":      {auth(), u},
		"has to stay out": {auth(p.issuer.Certificate, p.authority.Certificate), u},
	} {
		_, err := a.IssuerKey(c.chain, c.u)
		refused(t, err, credential.CheckIssuerTrust, why)
	}
	// A path that is remembered ends with the first of its certificates.
	short := *p.authority.Certificate
	short.NotAfter = now.AddDate(0, 1, 0)
	der, err := x509.CreateCertificate(rand.Reader, &short, &short, p.authority.Certificate.PublicKey, p.authority.Key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	ends, err := mdoc.NewAuthorities(root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ends.IssuerKey(auth(p.issuer.Certificate), u); err != nil {
		t.Fatal(err)
	}
	_, err = ends.IssuerKey(auth(p.issuer.Certificate), at(func(u *mdoc.Unverified) { u.Now = now.AddDate(0, 2, 0) }))
	refused(t, err, credential.CheckIssuerTrust, "no path")
	if _, err := mdoc.NewAuthorities(p.issuer.Certificate); err == nil {
		t.Error("a signer is taken for an authority")
	}
	none, err := mdoc.NewAuthorities()
	if err != nil {
		t.Fatal(err)
	}
	_, err = none.IssuerKey(auth(p.issuer.Certificate), u)
	refused(t, err, credential.CheckIssuerTrust, "no path")
}
