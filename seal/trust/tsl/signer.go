package tsl

import (
	"crypto/subtle"
	"crypto/x509"
	"time"

	"github.com/beevik/etree"
)

// maxKeyInfo is how many certificates a signature may carry.
const maxKeyInfo = 10

// signer finds the certificate that was signed with. It must be one of those
// told beforehand, octet for octet: that a key stands in KeyInfo means nothing
// (ETSI TS 119 612, clause 5.3.13; ETSI TS 119 615, clauses 4.1 and 4.2).
func (s *signature) signer(told []*x509.Certificate) (*x509.Certificate, error) {
	given, err := s.certificates()
	if err != nil {
		return nil, err
	}
	matches, err := s.signingCertificate()
	if err != nil {
		return nil, err
	}
	var signer *x509.Certificate
	for _, c := range given {
		if matches(c) {
			signer = c
			break
		}
	}
	switch {
	case signer == nil:
		return nil, refuse(CheckSigningCertificate, clause(specXAdES, "5.2.2"), "no certificate of KeyInfo has the digest of the signed signing certificate")
	case !holds(told, signer):
		return nil, refuse(CheckSigner, clause(specList, "5.3.13"), "the list is signed with a certificate that is none of the %d told beforehand", len(told))
	case signer.KeyUsage != 0 && signer.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0:
		return nil, refuse(CheckSigner, clause(specList, "5.7.1"), "keyUsage of the signer has neither digitalSignature nor contentCommitment")
	}
	return signer, nil
}

// certificates are those of KeyInfo.
func (s *signature) certificates() ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for _, data := range children(s.keyInfo, nsDS, "X509Data") {
		for _, e := range children(data, nsDS, "X509Certificate") {
			if len(out) == maxKeyInfo {
				return nil, refuse(CheckSigningCertificate, specXMLSig+", Section 4.5.4", "more than %d certificates in KeyInfo", maxKeyInfo)
			}
			c, err := certificate(e)
			if err != nil {
				return nil, refuse(CheckSigningCertificate, specXMLSig+", Section 4.5.4", "an X509Certificate of KeyInfo cannot be read")
			}
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, refuse(CheckSigningCertificate, clause(specList, "5.7.1"), "no X509Certificate in KeyInfo")
	}
	return out, nil
}

// signingCertificate reads the signed property that says which certificate was
// signed with: SigningCertificateV2, or SigningCertificate as version 5 lists
// have it. Lists of version 5 were signed with a SHA-1 digest there. It is
// accepted in that property alone: it says which of the certificates told
// beforehand it is, and those are compared whole.
func (s *signature) signingCertificate() (func(*x509.Certificate) bool, error) {
	properties := child(s.properties, nsXAdES, "SignedSignatureProperties")
	now, before := children(properties, nsXAdES, "SigningCertificateV2"), children(properties, nsXAdES, "SigningCertificate")
	if len(now)+len(before) != 1 {
		return nil, refuse(CheckSigningCertificate, clause(specXAdES, "5.2.2"), "expected one SigningCertificateV2, or one SigningCertificate in a list of version 5")
	}
	legacy := len(before) == 1
	if legacy && text(child(child(s.root, nsList, "SchemeInformation"), nsList, "TSLVersionIdentifier")) != "5" {
		return nil, refuse(CheckSigningCertificate, clause(specXAdES, "5.2.2"), "SigningCertificate is for lists of version 5, expected SigningCertificateV2")
	}
	certs := children(append(now, before...)[0], nsXAdES, "Cert")
	if len(certs) == 0 {
		return nil, refuse(CheckSigningCertificate, clause(specXAdES, "5.2.2"), "it names no certificate")
	}
	// The first is the one that was signed with, others may be of its path.
	return certDigest(child(certs[0], nsXAdES, "CertDigest"), legacy)
}

func certDigest(e *etree.Element, legacy bool) (func(*x509.Certificate) bool, error) {
	want, err := octets(child(e, nsDS, "DigestValue"))
	if err != nil {
		return nil, refuse(CheckSigningCertificate, clause(specXAdES, "5.2.2"), "expected one DigestValue in base64")
	}
	algorithm := attribute(child(e, nsDS, "DigestMethod"), "Algorithm")
	hash, ok := digests[algorithm]
	of := func(b []byte) []byte { return sum(hash, b) }
	switch {
	case ok:
	case legacy && algorithm == algSHA1:
		of = sha1Sum
	default:
		return nil, refuse(CheckAlgorithms, clause(specXAdES, "5.2.2"), "DigestMethod of the signing certificate is %q, expected SHA-256, SHA-384 or SHA-512", clip(algorithm))
	}
	return func(c *x509.Certificate) bool { return subtle.ConstantTimeCompare(of(c.Raw), want) == 1 }, nil
}

// signingTime is the time that the signer claims. Whether the signer's
// certificate has run out since does not matter: the pointer that told it is
// read anew with every list of lists.
func (s *signature) signingTime(signer *x509.Certificate, now time.Time) (time.Time, error) {
	at, err := instant(child(child(s.properties, nsXAdES, "SignedSignatureProperties"), nsXAdES, "SigningTime"))
	switch {
	case err != nil:
		return at, &Error{Check: CheckSigningTime, Spec: clause(specXAdES, "5.2.1"), Detail: "SigningTime", Err: err}
	case at.After(now.Add(clockSkew)):
		return at, refuse(CheckSigningTime, clause(specXAdES, "5.2.1"), "SigningTime %s is in the future", at.Format(time.RFC3339))
	case at.Before(signer.NotBefore) || at.After(signer.NotAfter):
		return at, refuse(CheckSigningTime, "RFC 5280, Section 6.1.3", "SigningTime %s is outside the validity of the signer's certificate", at.Format(time.RFC3339))
	}
	return at, nil
}

// certificate reads one X509Certificate element.
func certificate(e *etree.Element) (*x509.Certificate, error) {
	der, err := octets(e)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
