package tsl

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outcome is what was found about a question. The zero value is
// Indeterminate: silence is not consent.
type Outcome uint8

const (
	// Indeterminate: the lists do not answer, contradict themselves, or are too
	// old to be asked.
	Indeterminate Outcome = iota
	// Negative: they answer no.
	Negative
	// Positive: they answer yes.
	Positive
)

func (o Outcome) String() string {
	switch o {
	case Negative:
		return "no"
	case Positive:
		return "yes"
	default:
		return "indeterminate"
	}
}

// MarshalText writes the outcome into reports.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Outcome) UnmarshalText(b []byte) error {
	for _, known := range []Outcome{Indeterminate, Negative, Positive} {
		if known.String() == string(b) {
			*o = known
			return nil
		}
	}
	return fmt.Errorf("tsl: found outcome %q, expected yes, no or indeterminate", clip(string(b)))
}

// Names of steps.
const (
	StepTimes       = "times"         // what the question is about
	StepListOfLists = "list_of_lists" // fresh
	StepChain       = "chain"         // each certificate issued the one before
	StepService     = "service"       // one that answers for the certificate
	StepList        = "list"          // of that service, fresh
	StepHistory     = "history"       // of that service, in order
	StepStatus      = "status"        // at the time
	StepExtensions  = "extensions"    // understood
	StepProvider    = "provider"      // named as in the certificate
	StepQualifiers  = "qualifiers"    // that apply to the certificate
	StepCertificate = "certificate"   // what it says of itself
	StepQualified   = "qualified"     // the certificate is
	StepPurpose     = "purpose"       // for electronic seals
	StepDevice      = "device"        // the key is in a qualified one
	StepConflict    = "conflict"      // between services
	StepVerdict     = "verdict"       // of all that was found
)

// Step is one thing that was looked at.
type Step struct {
	Name    string
	Service int       // the number of the service in Services, from 1; 0 where it is about none
	At      time.Time // the time that was asked about; zero where it does not matter
	Outcome Outcome
	Found   string // what was found, in words
	Spec    string // document and clause
}

// Times are the times of a question.
type Times struct {
	// Signature is the best-signature time: that of the oldest valid time-stamp,
	// else now (ETSI EN 319 102-1, clause 5.5.4).
	Signature time.Time
	// Now is when the question is asked: lists must be fresh then.
	Now time.Time
}

// Determination is an answer with its reasons. There is no boolean in it: what
// is indeterminate is not qualified and not the contrary.
type Determination struct {
	// Qualified: the certificate is a qualified one for electronic seals, or the
	// service is a qualified trust service.
	Qualified Outcome
	// Device: the key is in a qualified seal creation device at the signature.
	// Only asked of qualified certificates.
	Device Outcome
	// Managed: a provider manages the device on behalf of the creator.
	Managed bool
	// ListOfLists is the issue of the list of lists that was asked; zero when there
	// was none.
	ListOfLists Issue
	// Services are those that answer for the certificate, Then what each of them was
	// at the time of the signature.
	Services []Listing
	Then     []Standing
	Steps    []Step
}

// Listing is a service as its list has it.
type Listing struct {
	Territory   string
	Provider    string // in English where the list has it
	Name        string
	Type        string
	Status      string    // now
	Since       time.Time // of the status
	Certificate *x509.Certificate
	// ExpiredCertsRevocationInfo is since when revocation of certificates that
	// have expired is still told; zero if it is not.
	ExpiredCertsRevocationInfo time.Time
	// Sequence, Issued and NextUpdate are those of the list.
	Sequence           int64
	Issued, NextUpdate time.Time
}

func (x listed) listing() Listing {
	s := x.service.States[0]
	return Listing{
		Territory: x.list.Scheme.Territory, Provider: x.provider.Name.In("en"), Name: s.Name.In("en"), Type: s.Type,
		Status: s.Status, Since: s.Since, Certificate: x.cert, ExpiredCertsRevocationInfo: s.Extensions.ExpiredCertsRevocationInfo,
		Sequence: x.list.Scheme.Sequence, Issued: x.list.Scheme.Issued, NextUpdate: x.list.Scheme.NextUpdate,
	}
}

func (d *Determination) step(s Step, format string, args ...any) Outcome {
	s.Found = clip(fmt.Sprintf(format, args...))
	d.Steps = append(d.Steps, s)
	return s.Outcome
}

// Reason is why a certificate or service is not qualified: the first step that
// says so. It is empty when it is.
func (d Determination) Reason() string {
	if d.Qualified == Positive {
		return ""
	}
	for _, s := range d.Steps {
		if s.Outcome != Positive && s.Name != StepProvider {
			return s.Name + ": " + s.Found
		}
	}
	return ""
}

// Documents that steps cite.
const specProcedures = "ETSI TS 119 615 V1.2.1"

// begin makes the checks that every question starts with and finds the services
// that are or were of a type. The answer is ready when it says so.
func (l *Lists) begin(d *Determination, kind string, chain []*x509.Certificate, t Times) (found []listed, ready bool) {
	top := l.lotl.Scheme
	d.ListOfLists = Issue{Sequence: top.Sequence, Issued: top.Issued, NextUpdate: top.NextUpdate}
	if err := l.lotl.fresh(t.Now); err != nil {
		d.step(Step{Name: StepListOfLists, At: t.Now, Spec: clause(specProcedures, "4.1")}, "%v", err)
		return nil, true
	}
	d.step(Step{Name: StepListOfLists, At: t.Now, Outcome: Positive, Spec: clause(specProcedures, "4.1")}, "number %d of %s", l.lotl.Scheme.Sequence, l.lotl.Scheme.Issued.Format(time.RFC3339))
	if err := links(chain); err != nil {
		d.step(Step{Name: StepChain, Spec: clause(specProcedures, "4.3")}, "%v", err)
		return nil, true
	}
	if leaf := chain[0]; t.Signature.Before(leaf.NotBefore) || t.Signature.After(t.Now.Add(clockSkew)) {
		d.step(Step{Name: StepTimes, At: t.Signature}, "the time asked about lies before the certificate was issued, or in the future")
		return nil, true
	}
	found = l.match(chain, kind)
	if len(found) == 0 {
		d.Qualified = d.none(l, chain[0], t.Now, "no listed service of type "+lastPart(kind)+" answers for the certificate")
		return nil, true
	}
	for _, x := range found {
		d.Services = append(d.Services, x.listing())
	}
	d.Then = standings(found, chain[0], t.Signature)
	return found, false
}

// state is the state of a service at a time, when the list can be asked.
func (d *Determination) state(n int, x listed, at time.Time, now time.Time) (State, Outcome) {
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

// none says that no service was found. That is a no when the list of the
// issuer's country is here and fresh; else nobody can tell (ETSI TS 119 615,
// clause 4.4).
func (d *Determination) none(l *Lists, leaf *x509.Certificate, now time.Time, what string) Outcome {
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
