package wssecurity

import (
	"crypto/x509"
	"strings"

	"github.com/beevik/etree"

	"github.com/zegel-id/zegel/internal/provider/magda/soap"
)

// certificate finds the signer's certificate as KeyInfo names it (X.509 Token
// Profile 1.1, Section 3.2) and decides whether it is trusted.
func (v Verification) certificate(m message) (*x509.Certificate, error) {
	str := soap.Child(soap.Child(m.signature, nsDS, "KeyInfo"), nsWSSE, "SecurityTokenReference")
	if str == nil || len(str.ChildElements()) != 1 {
		return nil, fail(InvalidSecurity, "expected one SecurityTokenReference with one reference in KeyInfo")
	}
	how := str.ChildElements()[0]
	switch {
	case soap.Is(how, nsWSSE, "Reference"):
		c, err := tokenCertificate(m.token, how)
		if err != nil {
			return nil, err
		}
		return c, v.trusted(c)
	case soap.Is(how, nsWSSE, "KeyIdentifier"):
		raw, err := decode(soap.Text(how))
		if err != nil {
			return nil, fail(InvalidSecurityToken, "the KeyIdentifier is not base64")
		}
		valueType := how.SelectAttrValue("ValueType", "")
		return v.known(func(c *x509.Certificate) bool { return named(c, valueType, raw) })
	case soap.Is(how, nsDS, "X509Data"):
		is := soap.Child(how, nsDS, "X509IssuerSerial")
		issuer := strings.TrimSpace(soap.Text(soap.Child(is, nsDS, "X509IssuerName")))
		serial := strings.TrimSpace(soap.Text(soap.Child(is, nsDS, "X509SerialNumber")))
		return v.known(func(c *x509.Certificate) bool {
			return c.Issuer.String() == issuer && c.SerialNumber.String() == serial
		})
	default:
		return nil, fail(SecurityTokenUnavailable, "this kind of token reference is not supported")
	}
}

func tokenCertificate(token, ref *etree.Element) (*x509.Certificate, error) {
	if token == nil || id(token) == "" || ref.SelectAttrValue("URI", "") != "#"+id(token) {
		return nil, fail(SecurityTokenUnavailable, "the token reference does not lead to the message's BinarySecurityToken")
	}
	if token.SelectAttrValue("ValueType", "") != typeX509 || token.SelectAttrValue("EncodingType", encodingBase64) != encodingBase64 {
		return nil, fail(InvalidSecurityToken, "the BinarySecurityToken is not a base64 X.509 certificate")
	}
	raw, err := decode(soap.Text(token))
	if err != nil {
		return nil, fail(InvalidSecurityToken, "the BinarySecurityToken is not base64")
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fail(InvalidSecurityToken, "the BinarySecurityToken is not a certificate")
	}
	return c, nil
}

// known finds the one trusted certificate that is meant.
func (v Verification) known(meant func(*x509.Certificate) bool) (*x509.Certificate, error) {
	for _, c := range v.Certificates {
		if meant(c) {
			return c, v.trusted(c)
		}
	}
	return nil, fail(SecurityTokenUnavailable, "the certificate that is named is not known here")
}

func (v Verification) trusted(c *x509.Certificate) error {
	if c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return fail(InvalidSecurityToken, "the certificate is not for signing")
	}
	now := v.Now()
	for _, t := range v.Certificates {
		if t.Equal(c) {
			if now.Before(c.NotBefore) || now.After(c.NotAfter) {
				return fail(InvalidSecurityToken, "the certificate is not valid now")
			}
			return nil
		}
	}
	if v.Roots == nil {
		return fail(InvalidSecurityToken, "the certificate is not trusted")
	}
	_, err := c.Verify(x509.VerifyOptions{Roots: v.Roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fail(InvalidSecurityToken, "the certificate is not trusted: %v", err)
	}
	return nil
}
