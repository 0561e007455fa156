package tsl

import (
	"crypto/x509"
	"slices"
)

// Service answers whether a qualified trust service of a type, such as
// ServiceTimestamp or ServiceAttestation, answers for a certificate at the time
// of the signature: one whose status is granted then and that lists the
// certificate itself or an authority of its chain (ETSI TS 119 615, clauses 4.3
// and 4.6).
func (l *Lists) Service(kind string, chain []*x509.Certificate, t Times) Determination {
	var d Determination
	found, ready := l.begin(&d, chain, t, true)
	if ready {
		return d
	}
	d.Qualified = Negative
	silent := true
	for n, x := range found {
		if !slices.ContainsFunc(x.service.States, func(s State) bool { return s.Type == kind }) {
			continue
		}
		silent = false
		state, ok := d.state(n+1, x, t.Signature, t.Now)
		if ok == Positive && state.Type != kind {
			ok = d.step(Step{Name: StepService, Service: n + 1, At: t.Signature, Outcome: Negative, Spec: clause(specList, "5.5.1")}, "the type of the service was %s then", last(state.Type))
		}
		switch {
		case ok == Positive:
			d.Qualified = Positive
			return d
		case ok == Indeterminate:
			d.Qualified = Indeterminate
		}
	}
	if silent {
		d.Qualified = d.none(l, chain[0], t.Now, "no listed service of type "+last(kind)+" answers for the certificate")
	}
	return d
}
