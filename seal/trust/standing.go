package trust

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Standing is how a certificate stands under a service of a list at a time.
type Standing struct {
	Entity        string // in English where the list has it
	Registrations []string
	Laws          []string
	Country       string // the Member State that answers for the entity; may be empty
	Service       string
	Type          Service
	Anchors       Use // 0 where the service anchors nothing

	// Certificate is the one that the list holds: that which was asked about, where
	// Direct, or an authority above it.
	Certificate *x509.Certificate
	Direct      bool

	// Listed is false at times before the service was, and at such at which it had
	// other certificates. The rest is then empty.
	Listed  bool
	Granted bool   // it may be relied on
	Status  string // empty in a profile without states
	Since   time.Time
	Until   time.Time // zero while it has not changed
}

// Standings are those of a certificate, with its issuers after it where the listed
// authority did not issue it itself. It is no judgement of a path: certificates
// that have run out or are revoked stand where they stood.
func (l *List) Standings(chain []*x509.Certificate, at time.Time) ([]Standing, error) {
	if len(chain) == 0 || len(chain) > MaxPath {
		return nil, fmt.Errorf("expected 1 to %d certificates, found %d", MaxPath, len(chain))
	}
	for i := range len(chain) - 1 {
		if !issued(chain[i+1], chain[i]) {
			return nil, fmt.Errorf("certificate %d was not issued by the one after it", i)
		}
	}
	var out []Standing
	for _, s := range l.services {
		if standing, ok := s.standing(chain, at); ok {
			out = append(out, standing)
		}
	}
	return out, nil
}

func issued(by, c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, by.RawSubject) && c.CheckSignatureFrom(by) == nil
}

// above is the certificate of a state that a chain holds, or that issued its last
// one.
func (s serviceState) above(chain []*x509.Certificate) *x509.Certificate {
	for _, listed := range s.certs {
		if slices.ContainsFunc(chain, listed.Equal) || isAuthority(listed) && issued(listed, chain[len(chain)-1]) {
			return listed
		}
	}
	return nil
}

// standing is that of a chain under a service at a time; false where the service
// never had anything to do with it. The certificates of that time decide, for an
// authority renews its own with the name and the key that it had; those of other
// times only tell that the service is about the chain.
func (s service) standing(chain []*x509.Certificate, at time.Time) (Standing, bool) {
	p := s.provider
	out := Standing{Entity: p.name, Laws: p.laws, Country: p.country, Service: s.name, Type: s.kind, Anchors: s.anchors}
	for _, n := range p.numbers {
		out.Registrations = append(out.Registrations, n.String())
	}
	if i := s.at(at); i >= 0 {
		state, period := s.states[i], s.period(i)
		if out.Certificate = state.above(chain); out.Certificate != nil {
			out.Listed, out.Granted, out.Status, out.Since, out.Until = true, state.granted, state.status, period.From, period.Until
		}
	}
	for n := 0; out.Certificate == nil && n < len(s.states); n++ {
		out.Certificate = s.states[n].above(chain)
	}
	out.Direct = out.Certificate != nil && out.Certificate.Equal(chain[0])
	return out, out.Certificate != nil
}

// Err is why a standing is not one to rely on; nil when it is.
func (s Standing) Err() error {
	switch {
	case !s.Listed:
		return errors.New("the service was not listed with this certificate at that time")
	case !s.Granted:
		return fmt.Errorf("%w since %s", ErrWithdrawn, s.Since.UTC().Format(time.RFC3339))
	}
	return nil
}
