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
	// Known is since when what the answer comes from is proven to exist; zero where
	// nothing proves that it is older than the question.
	Known time.Time
	// Ended: there is an answer, and it is Unknown because an algorithm of its
	// signature is no longer believed.
	Ended bool
	// OutOfBounds: there is an answer, and it is Unknown because the certificate of
	// whom the issuer delegated to had run out before the answer is proven to exist.
	OutOfBounds bool
	// Detail says where the answer comes from, or why it is unknown.
	Detail string
}

// Fetcher gets a document. Address filters, size and time limits are its work.
type Fetcher interface {
	Fetch(ctx context.Context, url, accept string) (body []byte, maxAge time.Duration, err error)
}

// RevocationSource answers about a certificate and its issuer at a time: CRLs and
// Responders what is published now, Archive what was kept, Sources and Preferred
// several. An error means that the question could not be asked; not to know is an
// answer.
type RevocationSource interface {
	Revocation(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, error)
}

// Sources asks several sources and takes the worst answer that any of them has:
// who was revoked in one of them is revoked. Unknown is the answer of a source
// that has none; where none has one, what all of them say stands in the detail.
type Sources []RevocationSource

// Revocation asks every source.
func (s Sources) Revocation(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, error) {
	out := RevocationStatus{Detail: "no source of revocation is configured"}
	for i, source := range s {
		status, err := source.Revocation(ctx, cert, issuer, at)
		if err != nil {
			return RevocationStatus{}, err
		}
		if i > 0 && status.State == Unknown && out.State == Unknown {
			status.Detail = out.Detail + "; " + status.Detail
		}
		out = worse(out, status)
	}
	return out, nil
}

// worse is the answer of two that counts. Of two that do not know, the later one
// says why; of two good ones that counts which is proven to be older.
func worse(a, b RevocationStatus) RevocationStatus {
	rank := map[State]int{Unknown: 0, Good: 1, OnHold: 2, Revoked: 3}
	switch {
	case rank[b.State] > rank[a.State]:
		return b
	case b.State == Unknown && a.State == Unknown:
		b.Ended, b.OutOfBounds = b.Ended || a.Ended, b.OutOfBounds || a.OutOfBounds
		return b
	case b.State == Good && a.State == Good && !b.Known.IsZero() && (a.Known.IsZero() || b.Known.Before(a.Known)):
		return b
	default:
		return a
	}
}
