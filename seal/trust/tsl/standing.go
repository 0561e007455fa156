package tsl

import (
	"crypto/x509"
	"maps"
	"slices"
	"time"
)

// Standing is what a service was at a time.
type Standing struct {
	Status string // such as granted; empty when it was not listed yet
	Since  time.Time
	// Qualifiers of the service that apply to the certificate, such as QCWithQSCD.
	Qualifiers []string
}

// Issue is an issue of a list.
type Issue struct {
	Sequence           int64
	Issued, NextUpdate time.Time
}

// standings are those of the services at a time.
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
