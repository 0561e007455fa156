package trust

import (
	"bytes"
	_ "crypto/sha1" // names issuers in answers; signs nothing
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ocsp"
)

// ErrOCSP is returned for an OCSP answer that cannot be used.
var ErrOCSP = errors.New("not a usable OCSP answer")

const maxOCSP = 64 << 10

// oidNoCheck tells that a responder's certificate need not be checked for
// revocation (RFC 6960, Section 4.2.2.2.1).
var oidNoCheck = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}

// ocspData is a ResponseData (RFC 6960, Section 4.2.1) with what the library does
// not tell of it.
type ocspData struct {
	Version    int `asn1:"optional,default:0,explicit,tag:0"`
	Responder  asn1.RawValue
	Produced   time.Time `asn1:"generalized"`
	Responses  []struct{ ID certID }
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:1"`
}

// parseOCSP reads an answer about a certificate in DER and makes the checks of
// RFC 6960, Section 3.2, that do not depend on the time.
func parseOCSP(der []byte, cert, issuer *x509.Certificate) (*ocsp.Response, error) {
	r, _, err := readOCSP(der, cert, issuer)
	return r, err
}

// readOCSP is parseOCSP with the rest of what was signed. The library verifies the
// signature, by the issuer or by a certificate of its making; that the issuer
// made it for this purpose, and that the answer names this issuer, is left to us.
func readOCSP(der []byte, cert, issuer *x509.Certificate) (*ocsp.Response, ocspData, error) {
	r, err := verifyOCSP(der, cert, issuer)
	if err != nil {
		return nil, ocspData{}, err
	}
	var data ocspData
	if _, err := asn1.Unmarshal(r.TBSResponseData, &data); err != nil {
		return nil, ocspData{}, fmt.Errorf("%w: its certificate identifiers cannot be read", ErrOCSP)
	}
	if err := data.names(r, issuer); err != nil {
		return nil, ocspData{}, err
	}
	for _, e := range data.Extensions {
		if e.Critical && !e.Id.Equal(oidNonce) {
			return nil, ocspData{}, fmt.Errorf("%w: critical extension %s is not understood (RFC 6960, Section 4.4)", ErrOCSP, e.Id)
		}
	}
	if c := r.Certificate; c != nil && !c.Equal(issuer) {
		if err := checkResponder(c, r.ProducedAt); err != nil {
			return nil, ocspData{}, err
		}
	}
	return r, data, nil
}

func verifyOCSP(der []byte, cert, issuer *x509.Certificate) (*ocsp.Response, error) {
	if len(der) > maxOCSP {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrOCSP, maxOCSP)
	}
	if c := responderOf(der); c != nil && checkKey(c) != nil {
		return nil, fmt.Errorf("%w: the responder's key is not allowed", ErrOCSP)
	}
	r, err := ocsp.ParseResponseForCert(der, cert, issuer)
	var refused ocsp.ResponseError
	switch {
	case errors.As(err, &refused):
		return nil, fmt.Errorf("%w: the responder says %s (RFC 6960, Section 4.2.1)", ErrOCSP, refused.Status)
	case err != nil:
		return nil, fmt.Errorf("%w: it is not about the certificate, or neither the issuer nor who it delegated to signed it (RFC 6960, Section 3.2)", ErrOCSP)
	case !allowed(r.SignatureAlgorithm):
		return nil, fmt.Errorf("%w: signed with %s, expected SHA-256 or better", ErrOCSP, r.SignatureAlgorithm)
	}
	return r, nil
}

// responderOf is the first certificate in an answer, nil where there is none that
// can be read. The library verifies with it before it knows whose it is.
func responderOf(der []byte) *x509.Certificate {
	var answer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type  asn1.ObjectIdentifier
			Basic []byte
		} `asn1:"explicit,tag:0,optional"`
	}
	var basic struct {
		Data         asn1.RawValue
		Algorithm    pkix.AlgorithmIdentifier
		Signature    asn1.BitString
		Certificates []asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	if _, err := asn1.Unmarshal(der, &answer); err != nil {
		return nil
	}
	if _, err := asn1.Unmarshal(answer.Bytes.Basic, &basic); err != nil || len(basic.Certificates) == 0 {
		return nil
	}
	c, err := x509.ParseCertificate(basic.Certificates[0].FullBytes)
	if err != nil {
		return nil
	}
	return c
}

// checkResponder refuses a certificate that the issuer did not make for OCSP, or
// that nobody can say is not revoked (RFC 6960, Section 4.2.2.2).
func checkResponder(c *x509.Certificate, at time.Time) error {
	forOCSP, noCheck := false, false
	for _, e := range c.ExtKeyUsage {
		forOCSP = forOCSP || e == x509.ExtKeyUsageOCSPSigning
	}
	for _, e := range c.Extensions {
		noCheck = noCheck || e.Id.Equal(oidNoCheck)
	}
	switch {
	case !forOCSP:
		return fmt.Errorf("%w: the responder's certificate is not for OCSP (RFC 6960, Section 4.2.2.2)", ErrOCSP)
	case !noCheck:
		return fmt.Errorf("%w: the responder's certificate lacks id-pkix-ocsp-nocheck, and its revocation is not looked up (RFC 6960, Section 4.2.2.2.1)", ErrOCSP)
	case at.Before(c.NotBefore) || at.After(c.NotAfter):
		return fmt.Errorf("%w: the responder's certificate was not valid when it answered", ErrOCSP)
	}
	return checkSignatureAlgorithm(c)
}

// names holds the CertID of the answer against the issuer: a responder may answer
// for several, in which a serial number stands for different certificates (RFC
// 6960, Section 4.1.1).
func (d ocspData) names(r *ocsp.Response, issuer *x509.Certificate) error {
	name, key, err := issuerDigests(issuer, r.IssuerHash)
	if err != nil {
		return err
	}
	for _, one := range d.Responses {
		if one.ID.Serial.Cmp(r.SerialNumber) != 0 {
			continue
		}
		// The first with the number is the one the library took.
		if bytes.Equal(one.ID.Name, name) && bytes.Equal(one.ID.Key, key) {
			return nil
		}
		break
	}
	return fmt.Errorf("%w: it is about a certificate of another issuer (RFC 6960, Section 3.2)", ErrOCSP)
}

// ocspStatus is what an answer says of its certificate at a time.
func ocspStatus(r *ocsp.Response, cert *x509.Certificate, at time.Time) RevocationStatus {
	out := RevocationStatus{ThisUpdate: r.ThisUpdate, NextUpdate: r.NextUpdate}
	until := r.NextUpdate
	if until.IsZero() {
		until = r.ThisUpdate // newer answers were to be had at once (RFC 6960, Section 2.4)
	}
	this := r.ThisUpdate.UTC().Format(time.RFC3339)
	switch {
	case r.Status == ocsp.Revoked && !at.Before(r.RevokedAt):
		out.State, out.Since, out.Reason = Revoked, r.RevokedAt, r.RevocationReason
		if r.RevocationReason == reasonHold {
			out.State = OnHold
		}
		out.Detail = fmt.Sprintf("revoked since %s, reason %d, by the OCSP answer of %s", r.RevokedAt.UTC().Format(time.RFC3339), r.RevocationReason, this)
	case r.Status != ocsp.Good && r.Status != ocsp.Revoked:
		out.Detail = "the OCSP responder does not know the certificate"
	case at.After(until):
		out.Detail = fmt.Sprintf("the OCSP answer had to be replaced on %s", until.UTC().Format(time.RFC3339))
	case cert.NotAfter.Before(r.ThisUpdate):
		out.Detail = "the OCSP answer was made after the certificate expired"
	default:
		out.State = Good
		out.Detail = fmt.Sprintf("good by the OCSP answer of %s", this)
	}
	return out
}
