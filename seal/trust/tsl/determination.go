package tsl

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/seal/trust/inquiry"
)

// What is asked and answered stands in seal/trust/inquiry, so that who only asks
// carries no XML.
type (
	Outcome       = inquiry.Outcome
	Step          = inquiry.Step
	Times         = inquiry.Times
	Determination = inquiry.Determination
	Listing       = inquiry.Listing
	Standing      = inquiry.Standing
	Issue         = inquiry.Issue
)

// Outcomes.
const (
	Indeterminate = inquiry.Indeterminate
	Negative      = inquiry.Negative
	Positive      = inquiry.Positive
)

// Names of steps.
const (
	StepTimes       = inquiry.StepTimes
	StepListOfLists = inquiry.StepListOfLists
	StepChain       = inquiry.StepChain
	StepService     = inquiry.StepService
	StepList        = inquiry.StepList
	StepHistory     = inquiry.StepHistory
	StepStatus      = inquiry.StepStatus
	StepExtensions  = inquiry.StepExtensions
	StepProvider    = inquiry.StepProvider
	StepQualifiers  = inquiry.StepQualifiers
	StepCertificate = inquiry.StepCertificate
	StepQualified   = inquiry.StepQualified
	StepPurpose     = inquiry.StepPurpose
	StepDevice      = inquiry.StepDevice
	StepConflict    = inquiry.StepConflict
	StepVerdict     = inquiry.StepVerdict
)

// asking is a Determination in the making.
type asking struct{ Determination }

func (x listed) listing() Listing {
	s := x.service.States[0]
	return Listing{
		Territory: x.list.Scheme.Territory, Provider: x.provider.Name.In("en"), Name: s.Name.In("en"), Type: s.Type,
		Status: s.Status, Since: s.Since, Certificate: x.cert, ExpiredCertsRevocationInfo: s.Extensions.ExpiredCertsRevocationInfo,
		Sequence: x.list.Scheme.Sequence, Issued: x.list.Scheme.Issued, NextUpdate: x.list.Scheme.NextUpdate,
	}
}

func (d *asking) step(s Step, format string, args ...any) Outcome {
	s.Found = clip(fmt.Sprintf(format, args...))
	d.Steps = append(d.Steps, s)
	return s.Outcome
}

// Documents that steps cite.
const specProcedures = "ETSI TS 119 615 V1.2.1"

// begin makes the checks that every question starts with and finds the services
// that are or were of a type. The answer is ready when it says so.
func (l *Lists) begin(d *asking, kind string, chain []*x509.Certificate, t Times) (k *known, ready bool) {
	top := &l.lotl.Scheme
	d.ListOfLists = Issue{Sequence: top.Sequence, Issued: top.Issued, NextUpdate: top.NextUpdate}
	if err := l.lotl.fresh(t.Now); err != nil {
		d.step(Step{Name: StepListOfLists, At: t.Now, Spec: clause(specProcedures, "4.1")}, "%v", err)
		return nil, true
	}
	d.step(Step{Name: StepListOfLists, At: t.Now, Outcome: Positive, Spec: clause(specProcedures, "4.1")}, "number %d of %s", top.Sequence, top.Issued.Format(time.RFC3339))
	k, err := l.services(chain, kind)
	if err != nil {
		d.step(Step{Name: StepChain, Spec: clause(specProcedures, "4.3")}, "%v", err)
		return nil, true
	}
	if leaf := chain[0]; t.Signature.Before(leaf.NotBefore) || t.Signature.After(t.Now.Add(clockSkew)) {
		d.step(Step{Name: StepTimes, At: t.Signature}, "the time asked about lies before the certificate was issued, or in the future")
		return nil, true
	}
	if len(k.found) == 0 {
		d.Qualified = d.none(l, chain[0], t.Now, "no listed service of type "+lastPart(kind)+" answers for the certificate")
		return nil, true
	}
	d.Services, d.Then = slices.Clone(k.listings), k.standings(chain[0], t.Signature)
	return k, false
}

// state is the state of a service at a time, when the list can be asked.
func (d *asking) state(n int, x listed, at time.Time, now time.Time) (State, Outcome) {
	step := Step{Service: n, At: at}
	if err := x.list.fresh(now); err != nil {
		step.Name, step.Spec = StepList, clause(specProcedures, "4.2")
		return State{}, d.step(step, "%v", err)
	}
	if !x.service.Ordered() {
		step.Name, step.Spec = StepHistory, clause(specProcedures, "4.3")
		return State{}, d.step(step, "the states of the service do not lie one after the other in time")
	}
	step.Name, step.Spec = StepStatus, clause(specProcedures, "4.3")
	s, ok := x.service.At(at)
	switch {
	case !ok:
		step.Outcome = Negative
		return s, d.step(step, "the service was not listed yet")
	case s.Status != StatusGranted:
		step.Outcome = Negative
		return s, d.step(step, "%s since %s, expected granted", lastPart(s.Status), s.Since.Format(time.RFC3339))
	}
	step.Outcome = Positive
	d.step(step, "granted since %s", s.Since.Format(time.RFC3339))
	if s.Extensions.NotUnderstood != "" {
		return s, d.step(Step{Name: StepExtensions, Service: n, At: at, Spec: clause(specList, "5.5.9")}, "not understood and critical: %s", s.Extensions.NotUnderstood)
	}
	return s, Positive
}

// deciding leaves out the services above an authority whose own services had all
// ended at a time: what was withdrawn from it nobody above it gives back, and how
// much of the chain is shown decides nothing. That is stricter than to ask all of
// them (ETSI TS 119 615, clause 4.3).
func (d *asking) deciding(found []listed, at time.Time) []listed {
	for i := 0; i < len(found); {
		n, ended, granted := i, false, false
		for ; n < len(found) && found[n].depth == found[i].depth; n++ {
			if s, ok := found[n].service.At(at); ok && found[n].service.Ordered() {
				ended, granted = ended || s.Status != StatusGranted, granted || s.Status == StatusGranted
			}
		}
		if ended && !granted && n < len(found) {
			d.step(Step{Name: StepService, At: at, Outcome: Negative, Spec: clause(specProcedures, "4.3")}, "the services of the nearest listed authority had ended, and those above it are not asked")
			return found[:n]
		}
		i = n
	}
	return found
}

// none says that no service was found. That is a no when the list of the
// issuer's country is here and fresh; else nobody can tell (ETSI TS 119 615,
// clause 4.4).
func (d *asking) none(l *Lists, leaf *x509.Certificate, now time.Time, what string) Outcome {
	step := Step{Name: StepList, At: now, Spec: clause(specProcedures, "4.4")}
	for _, country := range leaf.Issuer.Country {
		t := territoryOf(country)
		n := l.national[t]
		switch {
		case n == nil && slices.ContainsFunc(l.lotl.Scheme.Pointers, func(p Pointer) bool { return p.Type == TypeNational && p.Territory == t }):
			return d.step(step, "the list of %s, the issuer's country, is not here", t)
		case n == nil:
		case n.fresh(now) != nil:
			return d.step(step, "%v", n.fresh(now))
		}
	}
	step.Name, step.Outcome, step.Spec = StepService, Negative, clause(specProcedures, "4.3")
	return d.step(step, "%s", what)
}

// territoryOf is how lists call a country: two have a name of their own in the
// Union (ETSI TS 119 612, clause 5.3.10).
func territoryOf(country string) string {
	switch country {
	case "GR":
		return "EL"
	case "GB":
		return "UK"
	}
	return country
}

// lastPart is what stands behind the last slash of an identifier.
func lastPart(uri string) string { return uri[strings.LastIndexByte(uri, '/')+1:] }
