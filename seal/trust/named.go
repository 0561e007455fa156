package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// term is a time for which a list of trusted entities makes a certificate an
// anchor: while its service was granted, as far as the list can tell.
type term struct {
	Period
	listed time.Time // NextUpdate of the list, which says nothing of later
}

func (t term) holds(at time.Time) bool { return t.Period.holds(at) && at.Before(t.listed) }

// anchored is a certificate with a time at which it is an anchor.
type anchored struct {
	cert *x509.Certificate
	term term
}

// anchors are the certificates that the list makes trusted for a use, with the
// times at which their services are, or were, granted. A service that was
// withdrawn anchors what is proven to be older, and a list anchors nothing from
// its NextUpdate on.
func (l *List) anchors(use Use) []anchored {
	var out []anchored
	for _, s := range l.services {
		if s.anchors != use || use == 0 {
			continue
		}
		for i, state := range s.states {
			if !state.granted {
				continue
			}
			for _, c := range state.certs {
				// A listed authority without keyCertSign could not have issued.
				if !c.IsCA || isAuthority(c) {
					out = append(out, anchored{c, term{s.period(i), l.NextUpdate}})
				}
			}
		}
	}
	return out
}

// isAuthority reports whether a certificate may issue others (RFC 5280, Sections
// 4.2.1.3 and 4.2.1.9).
func isAuthority(c *x509.Certificate) bool {
	return c.IsCA && c.BasicConstraintsValid && c.KeyUsage&x509.KeyUsageCertSign != 0
}

// addNamed takes what a list of trusted entities makes an anchor.
func (a *anchors) addNamed(n anchored) {
	sum := sha256.Sum256(n.cert.Raw)
	if a.named[sum] == nil {
		a.trust(n.cert, sum)
		if n.cert.IsCA && !a.always[sum] {
			a.authorities = append(a.authorities, n.cert)
		}
	}
	a.named[sum] = append(a.named[sum], n.term)
}

// Named reports whether the path is a certificate that a list of trusted entities
// names itself, as that of a service that was granted at this time. There is no
// issuer then who could be asked about its revocation: that is told by
// withdrawing the service, after which nothing is anchored.
func (p *Path) Named(at time.Time) bool {
	return len(p.Certificates) == 1 && slices.ContainsFunc(p.named, func(t term) bool { return t.holds(at) })
}

// Fresh is ErrListExpired where nothing but lists of trusted entities makes the end
// of the path an anchor at a time that is seen from now, and all of those have run
// out since: what was withdrawn in the lists after them is not known (ETSI TS 119
// 602, clause 6.3.15).
func (p *Path) Fresh(at, now time.Time) error {
	if p.always || p.named == nil || slices.ContainsFunc(p.granted, func(g Period) bool { return g.holds(at) }) {
		return nil
	}
	var last time.Time
	for _, t := range p.named {
		if t.holds(at) {
			last = later(last, t.listed)
		}
	}
	if last.IsZero() || now.Before(last) {
		return nil
	}
	return expired(last)
}

// grantedAt is nil at times at which the anchor of the path was trusted: always
// where it is configured, and otherwise while a list says so (ETSI EN 319 102-1,
// clause 5.2.6).
func (p *Path) grantedAt(at time.Time) error {
	switch {
	case p.always || p.granted == nil && p.named == nil,
		slices.ContainsFunc(p.granted, func(g Period) bool { return g.holds(at) }),
		slices.ContainsFunc(p.named, func(t term) bool { return t.holds(at) }):
		return nil
	}
	for _, t := range p.named {
		if t.Period.holds(at) {
			return expired(t.listed)
		}
	}
	if p.named != nil {
		return fmt.Errorf("%w: the listed service at its end was not granted at %s (ETSI TS 119 602, clause 6.6.4)", ErrNotGranted, at.UTC().Format(time.RFC3339))
	}
	return fmt.Errorf("%w: the service at its end was not granted at %s (ETSI TS 119 615, clause 4.3)", ErrNotGranted, at.UTC().Format(time.RFC3339))
}
