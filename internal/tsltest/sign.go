package tsltest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // as lists of version 5 have it
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"
)

// Signature says how a list is signed. The zero value of everything but
// Certificate, Key and At is how a list of version 6 is signed.
type Signature struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	At          time.Time // SigningTime

	// Legacy writes SigningCertificate with SHA-1, as lists of version 5 have it.
	Legacy bool
	// PSS signs with RSA-PSS.
	PSS bool
	// KeyInfo is what stands there instead of Certificate.
	KeyInfo []*x509.Certificate
	// Edit functions change a part before it is digested and signed.
	EditProperties, EditInfo func(string) string
}

const (
	xmlnsDS    = ` xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`
	xmlnsXAdES = ` xmlns:xades="http://uri.etsi.org/01903/v1.3.2#"`
	algSHA256  = "http://www.w3.org/2001/04/xmlenc#sha256"
	algC14N    = "http://www.w3.org/2001/10/xml-exc-c14n#"
)

// Sign signs a list that XML made, or one with changes that leave it canonical.
func Sign(t testing.TB, list string, s Signature) []byte {
	t.Helper()
	properties := s.properties()
	signedInfo := s.info(digest(list), digest(properties))
	keyInfo := s.KeyInfo
	if keyInfo == nil {
		keyInfo = []*x509.Certificate{s.Certificate}
	}
	var certs strings.Builder
	for _, c := range keyInfo {
		certs.WriteString(`<ds:X509Certificate>` + base64.StdEncoding.EncodeToString(c.Raw) + `</ds:X509Certificate>`)
	}
	signature := `<ds:Signature` + xmlnsDS + ` Id="signature">` + signedInfo +
		`<ds:SignatureValue>` + base64.StdEncoding.EncodeToString(s.sign(t, signedInfo)) + `</ds:SignatureValue>` +
		`<ds:KeyInfo Id="key"><ds:X509Data>` + certs.String() + `</ds:X509Data></ds:KeyInfo>` +
		`<ds:Object><xades:QualifyingProperties` + xmlnsXAdES + ` Target="#signature">` + properties + `</xades:QualifyingProperties></ds:Object></ds:Signature>`
	body, ok := strings.CutSuffix(list, end)
	if !ok {
		t.Fatal("tsltest: not a list")
	}
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + body + signature + end)
}

func digest(s string) string {
	d := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(d[:])
}

func (s Signature) properties() string {
	property, method := "SigningCertificateV2", algSHA256
	sum := sha256.Sum256(s.Certificate.Raw)
	value, serial := sum[:], ""
	if s.Legacy {
		short := sha1.Sum(s.Certificate.Raw)
		property, method, value = "SigningCertificate", "http://www.w3.org/2000/09/xmldsig#sha1", short[:]
		serial = `<xades:IssuerSerial><ds:X509IssuerName` + xmlnsDS + `>` + escape(s.Certificate.Issuer.String()) + `</ds:X509IssuerName><ds:X509SerialNumber` + xmlnsDS + `>` + s.Certificate.SerialNumber.String() + `</ds:X509SerialNumber></xades:IssuerSerial>`
	}
	out := `<xades:SignedProperties` + xmlnsXAdES + ` Id="properties"><xades:SignedSignatureProperties>` +
		`<xades:SigningTime>` + instant(s.At) + `</xades:SigningTime>` +
		`<xades:` + property + `><xades:Cert><xades:CertDigest><ds:DigestMethod` + xmlnsDS + ` Algorithm="` + method + `"></ds:DigestMethod>` +
		`<ds:DigestValue` + xmlnsDS + `>` + base64.StdEncoding.EncodeToString(value) + `</ds:DigestValue></xades:CertDigest>` + serial + `</xades:Cert></xades:` + property + `>` +
		`</xades:SignedSignatureProperties>` + s.format() + `</xades:SignedProperties>`
	if s.EditProperties != nil {
		out = s.EditProperties(out)
	}
	return out
}

// format says what was signed, as XAdES B-B wants (ETSI EN 319 132-1, clause 6.3).
func (s Signature) format() string {
	if s.Legacy {
		return ""
	}
	return `<xades:SignedDataObjectProperties><xades:DataObjectFormat ObjectReference="#reference"><xades:MimeType>text/xml</xades:MimeType></xades:DataObjectFormat></xades:SignedDataObjectProperties>`
}

func (s Signature) info(list, properties string) string {
	method := "ecdsa-sha256"
	base := "http://www.w3.org/2001/04/xmldsig-more#"
	switch {
	case s.PSS:
		base, method = "http://www.w3.org/2007/05/xmldsig-more#", "sha256-rsa-MGF1"
	case s.Certificate.PublicKeyAlgorithm == x509.RSA:
		method = "rsa-sha256"
	}
	out := `<ds:SignedInfo` + xmlnsDS + `><ds:CanonicalizationMethod Algorithm="` + algC14N + `"></ds:CanonicalizationMethod>` +
		`<ds:SignatureMethod Algorithm="` + base + method + `"></ds:SignatureMethod>` +
		reference(`Id="reference" URI=""`, list, "http://www.w3.org/2000/09/xmldsig#enveloped-signature", algC14N) +
		reference(`Type="http://uri.etsi.org/01903#SignedProperties" URI="#properties"`, properties, algC14N) + `</ds:SignedInfo>`
	if s.EditInfo != nil {
		out = s.EditInfo(out)
	}
	return out
}

// Reference refers to what text is in canonical form, for EditInfo.
func Reference(attributes, text string) string {
	return reference(attributes, digest(text), algC14N)
}

func reference(attributes, value string, transforms ...string) string {
	var b strings.Builder
	for _, t := range transforms {
		b.WriteString(`<ds:Transform Algorithm="` + t + `"></ds:Transform>`)
	}
	return `<ds:Reference ` + attributes + `><ds:Transforms>` + b.String() + `</ds:Transforms><ds:DigestMethod Algorithm="` + algSHA256 + `"></ds:DigestMethod><ds:DigestValue>` + value + `</ds:DigestValue></ds:Reference>`
}

// sign makes the signature value; r and s one after the other for ECDSA.
func (s Signature) sign(t testing.TB, signedInfo string) []byte {
	t.Helper()
	d := sha256.Sum256([]byte(signedInfo))
	var options crypto.SignerOpts = crypto.SHA256
	if s.PSS {
		options = &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash}
	}
	value, err := s.Key.Sign(rand.Reader, d[:], options)
	if err != nil {
		t.Fatal(err)
	}
	pub, ok := s.Key.Public().(*ecdsa.PublicKey)
	if !ok {
		return value
	}
	var parts struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(value, &parts); err != nil {
		t.Fatal(err)
	}
	size := (pub.Curve.Params().BitSize + 7) / 8
	out := make([]byte, 2*size)
	parts.R.FillBytes(out[:size])
	parts.S.FillBytes(out[size:])
	return out
}
