package devca

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/credential/mdoc"
)

// documentSignerValidity is what a document signer's certificate may last.
const documentSignerValidity = 457 * day

// DocumentAuthority makes an authority for the signers of mobile documents
// (IACA), with the profile of ISO/IEC 18013-5, B.1.2 as far as it is publicly
// known.
func (h *Hierarchy) DocumentAuthority(now time.Time) (Pair, error) {
	return issue(&x509.Certificate{
		Subject:   pkix.Name{Country: []string{"BE"}, Organization: []string{"Zegel (TEST)"}, CommonName: "Zegel IACA (TEST)"},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(h.info.Validity.Authority),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:     true, BasicConstraintsValid: true, MaxPathLenZero: true,
		ExtraExtensions: []pkix.Extension{issuerAltName()},
	}, nil)
}

// DocumentSigner certifies a new key that signs mobile documents of the first
// body, as mdoc.CheckDocumentSigner wants it.
func (h *Hierarchy) DocumentSigner(authority Pair, now time.Time) (Pair, error) {
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{mdoc.DocumentSignerUsage})
	if err != nil {
		return Pair{}, fmt.Errorf("extended key usage: %w", err)
	}
	t := h.leaf(h.body.Organization+" - mdoc", h.body.Organization, h.body.Registration, now)
	t.NotAfter = t.NotBefore.Add(min(documentSignerValidity, h.info.Validity.Leaf))
	t.BasicConstraintsValid = false
	t.ExtraExtensions = []pkix.Extension{
		{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage},
		issuerAltName(),
	}
	t.CRLDistributionPoints = []string{"https://example.org/iaca-test.crl"}
	if h.info.CRLURL != "" {
		t.CRLDistributionPoints = []string{h.info.CRLURL}
	}
	return issue(t, &authority)
}

// issuerAltName says where the issuing authority can be reached.
func issuerAltName() pkix.Extension {
	const address = "https://example.org/iaca-test"
	value := append([]byte{0x30, byte(2 + len(address)), 0x86, byte(len(address))}, address...)
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 18}, Value: value}
}
