package trust

import (
	"context"
	"crypto/x509"
	"time"
)

// State is what is known of a certificate's revocation. The zero value is
// Unknown: silence is not consent.
type State uint8

const (
	// Unknown: no source says anything current about the certificate.
	Unknown State = iota
	// Good: a current source does not list it as revoked at that time.
	Good
	// Revoked for ever.
	Revoked
	// OnHold: revoked for a while (certificateHold).
	OnHold
)

func (s State) String() string {
	switch s {
	case Good:
		return "good"
	case Revoked:
		return "revoked"
	case OnHold:
		return "on hold"
	default:
		return "unknown"
	}
}

// RevocationStatus is the answer of a source about one certificate.
type RevocationStatus struct {
	State  State
	Since  time.Time // when it was revoked or put on hold
	Reason int       // CRLReason (RFC 5280, Section 5.3.1)
	// ThisUpdate and NextUpdate are those of the source.
	ThisUpdate, NextUpdate time.Time
	// Detail says where the answer comes from, or why it is unknown.
	Detail string
}

// Fetcher gets a document. Address filters, size and time limits are its work.
type Fetcher interface {
	Fetch(ctx context.Context, url, accept string) (body []byte, maxAge time.Duration, err error)
}

// RevocationSource answers about a certificate and its issuer at a time. CRLs
// is one; an OCSP client will be another. An error means that the question
// could not be asked; not to know is an answer.
type RevocationSource interface {
	Revocation(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, error)
}
