package tsl

import "crypto/x509"

// Service answers whether a qualified trust service of a type, such as
// ServiceTimestamp or ServiceAttestation, answers for a certificate at the time
// of the signature: one whose status is granted then and that lists the
// certificate itself or an authority of its chain (ETSI TS 119 615, clauses 4.3
// and 4.6).
func (l *Lists) Service(kind string, chain []*x509.Certificate, t Times) Determination {
	var d asking
	known, ready := l.begin(&d, kind, chain, t)
	if ready {
		return d.Determination
	}
	d.Qualified = Negative
	for n, x := range d.deciding(known.found, t.Signature) {
		state, ok := d.state(n+1, x, t.Signature, t.Now)
		if ok == Positive && state.Type != kind {
			ok = d.step(Step{Name: StepService, Service: n + 1, At: t.Signature, Outcome: Negative, Spec: clause(specList, "5.5.1")}, "the type of the service was %s then", lastPart(state.Type))
		}
		switch ok {
		case Positive:
			d.Qualified = Positive
			return d.Determination
		case Indeterminate:
			d.Qualified = Indeterminate
		}
	}
	return d.Determination
}
