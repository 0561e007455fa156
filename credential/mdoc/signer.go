package mdoc

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/cose"
)

const specSigner = "ISO/IEC 18013-5, B.1.4"

// DocumentSignerUsage is the extended key usage of a certificate that signs
// mobile documents (mdlDS).
var DocumentSignerUsage = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 2}

// maxSignerValidity is how long a document signer's certificate may be valid.
const maxSignerValidity = 457 * 24 * time.Hour

var (
	oidExtKeyUsage   = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidIssuerAltName = asn1.ObjectIdentifier{2, 5, 29, 18}
	oidCRLPoints     = asn1.ObjectIdentifier{2, 5, 29, 31}
)

func has(c *x509.Certificate, id asn1.ObjectIdentifier, critical bool) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(id) && (e.Critical || !critical) })
}

// CheckDocumentSigner holds a certificate against the profile of a document
// signer, as far as it is publicly known: version 3, key usage digitalSignature
// alone, extended key usage mdlDS critical and alone, no authority, a subject
// with country and common name, an issuer alternative name, CRL distribution
// points, a validity of at most 457 days, a key of P-256, P-384 or Ed25519.
// Whether it is trusted, revoked or valid at some time is not looked at.
func CheckDocumentSigner(c *x509.Certificate) error {
	bad := func(detail string) error {
		return &Error{Check: credential.CheckIssuerTrust, Spec: specSigner, Detail: "document signer certificate: " + detail}
	}
	_, keyErr := cose.AlgFor(c.PublicKey)
	switch {
	case c.Version != 3:
		return bad("it is not of version 3")
	case c.IsCA:
		return bad("it is an authority's")
	case c.KeyUsage != x509.KeyUsageDigitalSignature:
		return bad("its key usage must be digitalSignature alone")
	case len(c.ExtKeyUsage) != 0 || len(c.UnknownExtKeyUsage) != 1 || !c.UnknownExtKeyUsage[0].Equal(DocumentSignerUsage):
		return bad("its extended key usage must be mdlDS (1.0.18013.5.1.2) alone")
	case !has(c, oidExtKeyUsage, true):
		return bad("its extended key usage must be critical")
	case len(c.Subject.Country) != 1 || len(c.Subject.Country[0]) != 2 || c.Subject.CommonName == "":
		return bad("its subject must have one country of two letters and a common name")
	case !has(c, oidIssuerAltName, false):
		return bad("it has no issuer alternative name with which to reach the issuing authority")
	case !has(c, oidCRLPoints, false):
		return bad("it has no CRL distribution point")
	case c.NotAfter.Sub(c.NotBefore) > maxSignerValidity:
		return bad("it is valid for more than 457 days")
	case keyErr != nil:
		return bad("its key must be of P-256, P-384 or Ed25519")
	}
	return nil
}
