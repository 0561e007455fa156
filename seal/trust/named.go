package trust

import (
	"crypto/sha256"
	"slices"
	"time"
)

// named are the end entities that notified services of the list name themselves,
// by digest, with the time for which the list says so: from when the service is
// notified until the list must be replaced.
func (l *List) named(use Use) map[[sha256.Size]byte]Period {
	out := map[[sha256.Size]byte]Period{}
	for _, c := range l.anchors(use) {
		key := sha256.Sum256(c.Raw)
		for _, i := range l.byCert[key] {
			now := l.services[i].states[0]
			if !c.IsCA && now.status == StatusNotified && slices.ContainsFunc(now.certs, c.Equal) {
				out[key] = Period{From: now.since, Until: l.NextUpdate}
			}
		}
	}
	return out
}

// Named reports whether the path is a certificate that the list of PuB-EAA
// providers names itself, and that the list is current and says notified at this
// time. There is no issuer then who could be asked about its revocation: that is
// told by withdrawing the service, after which nothing is anchored.
func (p *Path) Named(at time.Time) bool {
	return len(p.Certificates) == 1 && !p.named.From.IsZero() && p.named.holds(at)
}
