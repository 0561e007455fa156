package trust

import (
	"context"
	"crypto/x509"
	"time"
)

// RevocationValue is what an answer about revocation came from, for who must show
// it later: one of a CertificateList (RFC 5280) and an OCSPResponse (RFC 6960), in
// DER. The zero value is nothing.
type RevocationValue struct {
	CRL, OCSP []byte
}

// ValueSource is a RevocationSource that shows what it answers from; CRLs and
// Responders are, and Preferred of both. The value is of this very answer.
type ValueSource interface {
	RevocationSource
	RevocationValue(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, RevocationValue, error)
	// Kept is the same from what is at hand, without a network. A status with
	// nothing known has no detail.
	Kept(cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, RevocationValue)
}

// Preferred asks its sources in order and takes the first answer that is not
// Unknown: each of them is enough, and the later ones stand in when the one before
// is down. Where none knows, what all of them say stands in the detail.
type Preferred []ValueSource

// Revocation asks until one knows.
func (p Preferred) Revocation(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, error) {
	status, _, err := p.RevocationValue(ctx, cert, issuer, at)
	return status, err
}

// RevocationValue asks until one knows.
func (p Preferred) RevocationValue(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, RevocationValue, error) {
	var detail string
	var ended, outOfBounds bool
	for _, source := range p {
		status, value, err := source.RevocationValue(ctx, cert, issuer, at)
		if err != nil || status.State != Unknown {
			return status, value, err
		}
		if detail != "" {
			detail += "; "
		}
		detail += status.Detail
		ended, outOfBounds = ended || status.Ended, outOfBounds || status.OutOfBounds
	}
	if detail == "" {
		detail = "no source of revocation is configured"
	}
	return RevocationStatus{Detail: detail, Ended: ended, OutOfBounds: outOfBounds}, RevocationValue{}, nil
}

// Kept is what the first source says that knows without asking anybody; where none
// knows, the first value there is.
func (p Preferred) Kept(cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, RevocationValue) {
	var first RevocationValue
	for _, source := range p {
		status, value := source.Kept(cert, issuer, at)
		if status.State != Unknown {
			return status, value
		}
		if first.CRL == nil && first.OCSP == nil {
			first = value
		}
	}
	return RevocationStatus{}, first
}
