package tsl

import (
	"crypto/x509"
	"maps"
	"slices"
	"time"
)

// standings are those of services at a time. Nothing is told of a history in
// disorder.
func standings(found []listed, leaf *x509.Certificate, at time.Time) []Standing {
	out := make([]Standing, len(found))
	for i, x := range found {
		s, ok := x.service.At(at)
		if !ok || !x.service.Ordered() {
			continue
		}
		applied := map[string]bool{}
		for _, q := range s.Extensions.Qualifications {
			if q.Criteria.Judge(leaf) != Fits {
				continue
			}
			for _, uri := range q.Qualifiers {
				applied[lastPart(uri)] = true
			}
		}
		out[i] = Standing{Status: lastPart(s.Status), Since: s.Since, Qualifiers: slices.Sorted(maps.Keys(applied))}
	}
	return out
}
