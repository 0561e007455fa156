package seal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust"
)

// held is a chain to be judged at a time, seen from now, and whom to ask.
type held struct {
	alg     jose.Alg // of the seal
	source  trust.RevocationSource
	path    *trust.Path // at the time that counts
	err     error       // why there is none
	chainAt func(time.Time) (*trust.Path, error)
	at, now time.Time
	since   time.Time // before this there was no seal; zero when nothing says so
}

// trusted judges the chain, the revocation of every certificate below the anchor, and
// the algorithms of the seal and the chain. Those of what was said of revocation come
// last (EN 319 102-1, clause 5.5.4, step 10).
func (v *Validator) trusted(ctx context.Context, out *Validation, h held) error {
	var ended bool
	var err error
	if h.err == nil {
		h.err = h.path.Fresh(h.at, h.now)
	}
	if errors.Is(h.err, trust.ErrValidity) {
		err = v.outOfBounds(ctx, out, h)
	} else {
		v.chain(out, h.path, h.err)
		ended, err = v.revocation(ctx, out, h)
	}
	if err != nil {
		return err
	}
	v.cryptography(out, h)
	if ended && out.Indication == "" {
		out.Indication, out.SubIndication = Indeterminate, CryptoConstraintsNoPOE
	}
	return nil
}

const (
	specChain      = "RFC 5280, Section 6; HAIP 1.0, Section 6.1.1"
	specUsage      = "RFC 5280, Section 4.2.1.3; ETSI EN 319 412-3, clause 4.3.1"
	specValidity   = "RFC 5280, Section 6.1.3"
	specBounds     = specValidity + "; ETSI EN 319 102-1, clause 5.5.4"
	specRevocation = "ETSI EN 319 102-1, clauses 5.2.5 and 5.2.6; RFC 5280, Section 6.3"
)

func (v *Validator) chain(out *Validation, path *trust.Path, err error) {
	switch {
	case err == nil:
		out.Path = path
		out.Checks.Pass(CheckChain, specChain, "to "+subject(path.Anchor()))
		out.Checks.Pass(CheckValidity, specValidity, "")
		out.Checks.Pass(CheckKeyUsage, specUsage, "")
	case errors.Is(err, trust.ErrListExpired):
		out.indeterminate(TryLater, CheckChain, specChain, err)
	case errors.Is(err, trust.ErrNotGranted):
		out.indeterminate(NoCertificateChainNoPOE, CheckChain, specChain, err)
	case errors.Is(err, trust.ErrNoPath):
		out.indeterminate(NoCertificateChainFound, CheckChain, specChain, err)
	case errors.Is(err, trust.ErrAlgorithm):
		out.indeterminate(CryptoConstraintsFailure, CheckChain, specChain, err)
	case errors.Is(err, trust.ErrUse):
		out.indeterminate(ChainConstraintsFailure, CheckKeyUsage, specUsage, err)
	default:
		out.indeterminate(ChainConstraintsFailure, CheckChain, specChain, err)
	}
}

// outOfBounds says what it means that a certificate was not valid at the time that
// counts. A time-stamp from before the certificate proves that the seal is not its
// holder's, and a content time-stamp from after it that it was made when it had run
// out, and nothing mends either; that no time-stamp is there proves nothing, not even
// where our clock is before the certificate. What is known of the certificate
// inside its validity decides between the others (EN 319 102-1, clauses 5.3.4 and
// 5.5.4, steps 4a, 4b and 4d).
func (v *Validator) outOfBounds(ctx context.Context, out *Validation, h held) error {
	defer func() { out.Checks.Skip(CheckRevocation, specRevocation, "there is no chain to ask about") }()
	c := out.Certificate
	if h.at.Before(h.now) && h.at.Before(c.NotBefore.Add(-v.skew())) {
		out.totalFailed(NotYetValid, CheckValidity, specBounds, fmt.Errorf("%w; a time-stamp proves that the seal is older than its certificate", h.err))
		return nil
	}
	inside := c.NotAfter
	if h.at.Before(c.NotBefore) {
		inside = c.NotBefore
	}
	if h.since.After(c.NotAfter) {
		out.totalFailed(Expired, CheckValidity, specBounds, fmt.Errorf("%w; a content time-stamp proves that the seal is younger", h.err))
		return nil
	}
	sub, why := OutOfBoundsNoPOE, h.err
	if path, err := h.chainAt(inside); err == nil {
		found, err := askPath(ctx, h.source, path, inside, inside)
		switch {
		case err != nil:
			return err
		case found.state == trust.Good:
			sub = OutOfBoundsNotRevoked
		case found.state == trust.Revoked && found.place == 0:
			sub, why = RevokedNoPOE, fmt.Errorf("%w; and revoked: %s", h.err, found.why)
			if h.provenRevoked(found.leaf) {
				out.totalFailed(Revoked, CheckValidity, specBounds, fmt.Errorf("%w; a content time-stamp proves that the seal is younger", why))
				return nil
			}
		}
	}
	out.indeterminate(sub, CheckValidity, specBounds, why)
	return nil
}

// revocation judges that of a path. Ended: what is said of it cannot be believed.
func (v *Validator) revocation(ctx context.Context, out *Validation, h held) (ended bool, err error) {
	if out.Path == nil {
		out.Checks.Skip(CheckRevocation, specRevocation, "there is no chain to ask about")
		return false, nil
	}
	found, err := askPath(ctx, h.source, out.Path, h.at, h.now)
	if err != nil {
		return false, err
	}
	out.Revocation = found.leaf
	why := errors.New(found.why)
	switch {
	case found.state == trust.Good:
		out.Checks.Pass(CheckRevocation, specRevocation, out.Revocation.Detail)
	case found.state == trust.Revoked && found.place == 0 && h.provenRevoked(found.leaf):
		out.totalFailed(Revoked, CheckRevocation, specRevocation, fmt.Errorf("%w; a content time-stamp proves that the seal is younger", why))
	case found.state == trust.Revoked && found.place == 0:
		out.indeterminate(RevokedNoPOE, CheckRevocation, specRevocation, why)
	case found.state == trust.Revoked:
		out.indeterminate(RevokedCANoPOE, CheckRevocation, specRevocation, why)
	case found.ended:
		out.Checks.Fail(CheckRevocation, specRevocation, found.why)
	case found.state == trust.Unknown && v.InsecureAcceptUnknownRevocation:
		out.Checks.Skip(CheckRevocation, specRevocation, "accepted by policy although unknown: "+found.why)
	case found.past:
		out.indeterminate(RevocationOutOfBoundsNoPOE, CheckRevocation, specRevocation, why)
	default:
		out.indeterminate(TryLater, CheckRevocation, specRevocation, why)
	}
	return found.ended, nil
}

// provenRevoked reports whether the seal was made after its certificate had been
// revoked, which no proof of existence mends (EN 319 102-1, clause 5.3.4).
func (h held) provenRevoked(s trust.RevocationStatus) bool {
	return !s.Since.IsZero() && h.since.After(s.Since)
}

// pathStatus is what is known of the revocation of a whole path.
type pathStatus struct {
	state trust.State            // the worst; Good only if all are
	place int                    // of the certificate that is the worst
	ended bool                   // it is Unknown for the algorithms of what says so, or
	past  bool                   // because who says so has a certificate that ran out
	why   string                 // which one, and what is known of it
	leaf  trust.RevocationStatus // of the first certificate
}

// askPath asks about every certificate below the anchor, which is trusted as it
// is, at a time that is seen from now. The source may be nil.
func askPath(ctx context.Context, source trust.RevocationSource, path *trust.Path, at, now time.Time) (pathStatus, error) {
	out := pathStatus{state: trust.Good}
	certs := path.Certificates
	var below trust.RevocationStatus // of the certificate before
	for i, c := range certs {
		if i > 0 && i == len(certs)-1 {
			break
		}
		status := trust.RevocationStatus{Detail: "no source of revocation is configured"}
		switch {
		case i+1 == len(certs) && path.Listed():
			// It is itself the anchor: its list says whether it is to be believed.
			status = trust.RevocationStatus{State: trust.Good, Detail: "the certificate is that of a service which its trusted list says is granted"}
		case i+1 == len(certs) && path.Named(at):
			// So too with the list of providers (EN 319 102-1, clause 5.2.6.4, step 1).
			status = trust.RevocationStatus{State: trust.Good, Detail: "the list of PuB-EAA providers names the certificate itself, as that of a service that was notified then"}
		case i+1 == len(certs):
			status.Detail = "the issuer of the certificate is not in the chain"
		case source != nil:
			var err error
			if status, err = source.Revocation(ctx, c, certs[i+1], at); err != nil {
				return pathStatus{}, fmt.Errorf("asking about revocation: %w", err)
			}
			if i > 0 && status.State == trust.Good && now.After(at) {
				since, err := source.Revocation(ctx, c, certs[i+1], now)
				if err != nil {
					return pathStatus{}, fmt.Errorf("asking about revocation: %w", err)
				}
				status = revokedSince(status, since, below)
			}
		}
		if i == 0 {
			out.leaf = status
		}
		below = status
		if status.State == trust.Good {
			continue
		}
		out.state, out.place, out.why = status.State, i, fmt.Sprintf("%s: %s", subject(c), status.Detail)
		if status.State != trust.Unknown {
			out.ended, out.past = false, false
			return out, nil
		}
		out.ended, out.past = out.ended || status.Ended, out.past || status.OutOfBounds
	}
	return out, nil
}

// revokedSince is the status of an authority that was good when it counts and is
// revoked since. What says of the certificate below that it is good must then be
// proven to be older: whoever stole the authority's key can sign that too (EN 319
// 102-1, clause 5.6.2.4, step 3, for REVOKED_CA_NO_POE).
func revokedSince(then, since, below trust.RevocationStatus) trust.RevocationStatus {
	if since.State != trust.Revoked || !below.Known.IsZero() && !below.Known.After(since.Since) {
		return then
	}
	since.Detail += "; nothing proves that what says of its certificate that it is good is older"
	return since
}
