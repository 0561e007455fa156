package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"time"
)

// Period is a time from From until Until, which is not part of it. A zero Until
// means that it has not ended.
type Period struct{ From, Until time.Time }

func (p Period) holds(t time.Time) bool {
	return !t.Before(p.From) && (p.Until.IsZero() || t.Before(p.Until))
}

// Listed is a certificate of a service in a trusted list (ETSI TS 119 612), and
// when the service was granted.
type Listed struct {
	Certificate *x509.Certificate
	Granted     []Period
}

// InstallListed makes services of trusted lists anchors, in place of those that
// were installed before and beside everything else that is trusted. A path to
// one holds at times at which it was granted, and at no other: a service that was
// withdrawn anchors what is proven to be older.
//
// Trusted lists hold whatever the Member States put there. What cannot be an
// anchor, such as a weak key, an authority without keyCertSign or, for seals, an
// end entity, is left out and counted.
func (s *Store) InstallListed(listed map[Use][]Listed) (unusable int, err error) {
	digest := digestListed(listed)
	for {
		old := s.now.Load()
		if old.listedDigest == digest {
			return old.unusable, nil
		}
		st, err := s.build(old.lists, listed)
		if err != nil {
			return 0, err
		}
		if s.now.CompareAndSwap(old, st) {
			return st.unusable, nil
		}
	}
}

// digestListed tells whether anything changed, so that verified chains are only
// forgotten then.
func digestListed(listed map[Use][]Listed) [sha256.Size]byte {
	if len(listed) == 0 {
		return [sha256.Size]byte{}
	}
	h := sha256.New()
	number := func(n int64) { h.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	for use := UseSeal; use <= lastUse; use++ {
		number(int64(len(listed[use])))
		for _, l := range listed[use] {
			part(h, l.Certificate.Raw)
			number(int64(len(l.Granted)))
			for _, p := range l.Granted {
				number(p.From.Unix())
				number(p.Until.Unix())
			}
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// addListed takes the certificate of a listed service as an anchor and reports
// whether it can be one.
func (a *anchors) addListed(l Listed, use Use) bool {
	c := l.Certificate
	switch {
	case len(l.Granted) == 0 || checkKey(c) != nil:
		return false
	case c.IsCA && !isAuthority(c):
		return false
	case !c.IsCA && use == UseSeal:
		return false
	}
	sum := sha256.Sum256(c.Raw)
	if !a.always[sum] { // else it is trusted anyway, at any time
		a.granted[sum] = append(a.granted[sum], l.Granted...)
		a.trust(c, sum)
	}
	return true
}

// grantedOf are the times of an anchor that is a listed service; nil for others.
func (a *anchors) grantedOf(c *x509.Certificate) []Period { return a.granted[sha256.Sum256(c.Raw)] }

// Listed reports whether the anchor of the path is a service of a trusted list
// (ETSI TS 119 612), and not configured.
func (p *Path) Listed() bool { return p.granted != nil }

// ErrNotGranted is a chain to an anchor that was trusted at another time.
var ErrNotGranted = fmt.Errorf("%w that is trusted at this time", ErrNoPath)
