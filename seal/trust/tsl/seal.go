package tsl

import (
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/seal/qc"
)

// regulation is when Regulation (EU) No 910/2014 began to apply (Article 52(2)).
// There were no qualified certificates for seals before.
var regulation = time.Date(2016, 7, 1, 0, 0, 0, 0, time.UTC)

// Seal answers whether a certificate is a qualified certificate for electronic
// seals, at its issuance and at the best-signature time, and whether its key is
// in a qualified device then (ETSI TS 119 615, clauses 4.3 to 4.5). chain is the
// certificate and its issuers, in order; the listed authority may be left out.
//
// The service must say that its certificates are for seals, by ForeSeals or,
// where it says nothing of purposes, by the qualifier QCForESeal. Qualifiers of
// the list overrule what the certificate says of itself.
func (l *Lists) Seal(chain []*x509.Certificate, t Times) Determination {
	d := asking{Determination{Steps: make([]Step, 0, steps)}}
	known, ready := l.begin(&d, ServiceCA, chain, t)
	if ready {
		return d.Determination
	}
	leaf := chain[0]
	if leaf.NotBefore.Before(regulation) {
		d.Qualified = d.step(Step{Name: StepTimes, At: leaf.NotBefore, Outcome: Negative, Spec: "Regulation (EU) No 910/2014, Article 52(2)"}, "issued before there were qualified certificates for seals")
		return d.Determination
	}
	if leaf.IsCA {
		d.Qualified = d.step(Step{Name: StepCertificate, Outcome: Negative, Spec: "RFC 5280, Section 4.2.1.9"}, "it is that of a certification authority")
		return d.Determination
	}
	said, named, err := known.read(chain)
	if err != nil {
		d.step(Step{Name: StepCertificate, Spec: "ETSI EN 319 412-5, clause 4"}, "%v", err)
		return d.Determination
	}
	d.Steps = append(d.Steps, named...)
	ask := func(at time.Time) finding {
		return known.atTime(&d, at, t.Now, func() finding { return d.atTime(known.found, leaf, said, at, t.Now) })
	}
	issued, signed := ask(leaf.NotBefore), ask(t.Signature)
	d.Qualified = both(issued.qualified, signed.qualified)
	if d.Qualified == Positive {
		d.Device, d.Managed = signed.device, signed.managed
	}
	d.step(Step{Name: StepVerdict, Outcome: d.Qualified, Spec: clause(specProcedures, "4.4")}, "qualified for seals at issuance: %s, at the signature: %s; in a qualified device: %s", issued.qualified, signed.qualified, d.Device)
	return d.Determination
}

func both(a, b Outcome) Outcome {
	switch {
	case a == Indeterminate || b == Indeterminate:
		return Indeterminate
	case a == Negative || b == Negative:
		return Negative
	}
	return Positive
}

// named notes whether the certificate names its issuer as the list names the
// provider. The key decides, so a difference is shown and nothing more.
func (d *asking) named(n int, x listed, chain []*x509.Certificate) {
	issuer := strings.Join(chain[0].Issuer.Organization, " ")
	normal := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
	match := func(t Text) bool { return normal(t.Value) == normal(issuer) }
	s := Step{Name: StepProvider, Service: n, Spec: clause(specProcedures, "4.4")}
	if slices.ContainsFunc(x.provider.Name, match) || slices.ContainsFunc(x.provider.TradeNames, match) {
		s.Outcome = Positive
		d.step(s, "%s", issuer)
		return
	}
	d.step(s, "the issuer is %q in the certificate, the provider %q in the list", issuer, x.provider.Name.In("en"))
}

// finding is what one service, or all together, say of a certificate at a time.
type finding struct {
	silent    bool // says nothing: not granted, or for another purpose
	qualified Outcome
	device    Outcome
	managed   bool
}

// atTime asks every service that decides at a time and puts their answers together.
// One that is silent does not speak against another. A yes and a no, or an answer
// that cannot be determined, make the whole indeterminate.
func (d *asking) atTime(found []listed, leaf *x509.Certificate, said qc.Statements, at, now time.Time) finding {
	out := finding{silent: true, qualified: Negative, device: Negative}
	for n, x := range d.deciding(found, at) {
		f := d.ofService(n+1, x, leaf, said, at, now)
		switch {
		case f.silent:
		case out.silent:
			out = f
		default:
			if out.qualified != f.qualified {
				out.qualified = d.step(Step{Name: StepConflict, At: at, Spec: clause(specProcedures, "4.4")}, "services contradict each other on the qualification")
			}
			if out.device != f.device {
				out.device = d.step(Step{Name: StepConflict, At: at, Spec: clause(specProcedures, "4.5")}, "services contradict each other on the device")
			}
			out.managed = out.managed && f.managed
		}
	}
	return out
}

func (d *asking) ofService(n int, x listed, leaf *x509.Certificate, said qc.Statements, at, now time.Time) finding {
	state, ok := d.state(n, x, at, now)
	if ok == Negative {
		return finding{silent: true}
	}
	if ok == Indeterminate {
		return finding{}
	}
	step := Step{Service: n, At: at}
	if state.Type != ServiceCA {
		step.Name, step.Outcome, step.Spec = StepService, Negative, clause(specList, "5.5.1")
		d.step(step, "the type of the service is %s, expected CA/QC", lastPart(state.Type))
		return finding{silent: true}
	}
	applied, ok := d.qualifiers(step, state.Extensions, leaf)
	if ok != Positive {
		return finding{}
	}
	qualified := d.qualified(step, applied, said)
	if qualified != Positive {
		return finding{qualified: qualified, device: Negative, silent: qualified == Negative && !applied[NotQualified]}
	}
	switch d.purpose(step, state.Extensions, applied, said) {
	case Negative:
		return finding{silent: true}
	case Indeterminate:
		return finding{}
	}
	f := finding{qualified: Positive, managed: applied[QCQSCDManagedOnBehalf]}
	f.device = d.device(step, applied, said)
	return f
}
