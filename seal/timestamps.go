package seal

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
)

// TimeStamp is a time-stamp of the evidence, or of the content.
type TimeStamp struct {
	Kind evidence.Kind
	// Time is what the authority says, with the given accuracy, under a policy.
	Time     time.Time
	Accuracy time.Duration
	Policy   string
	// Accepted tells that it proves what it says.
	Accepted bool
	// Path leads from the authority's certificate to an anchor; nil when not
	// accepted.
	Path *trust.Path

	until time.Time // when it must be covered by another one
}

const (
	specTimeStamp    = "ETSI EN 319 102-1, clauses 5.4 and 5.5.4; RFC 3161, Section 2.4.2"
	specArchiveStamp = "ETSI EN 319 102-1, clauses 5.4 and 5.6.3; RFC 3161, Section 2.4.2"
)

// proofs collects what the evidence of one seal proves.
type proofs struct {
	v    *Validator
	f    *evidence.File
	kept *trust.Archive
	// certificates are those of the evidence.
	certificates []*x509.Certificate

	now        time.Time      // of the validation
	stamped    bool           // a signature time-stamp holds
	complete   bool           // the values kept answer for every certificate
	covered    bool           // and those do that the last archive time-stamp covers
	archivedAt int            // place of the last archive time-stamp that holds, -1 without
	archived   []archived     // those that hold, the last first
	places     map[string]int // of the values, by what they are; the first where there are several
	disorder   error          // of time-stamps: why their times contradict each other
}

// archived is an archive time-stamp that holds: its place, and its time.
type archived struct {
	place int
	at    time.Time
}

// newProofs takes what is kept with a seal.
func newProofs(v *Validator, f *evidence.File, now time.Time) *proofs {
	p := &proofs{v: v, f: f, certificates: f.Values().Certificates, now: now}
	p.kept = p.keptBefore(len(f.Elements()))
	return p
}

// keptBefore answers from the revocation values before a place.
func (p *proofs) keptBefore(place int) *trust.Archive {
	var values evidence.Values
	for _, e := range p.f.Elements()[:place] {
		values.CRLs, values.OCSPs = append(values.CRLs, e.Values.CRLs...), append(values.OCSPs, e.Values.OCSPs...)
	}
	out := p.v.Trust.Archive(values.CRLs, values.OCSPs)
	out.MaxAge, out.Suite, out.Known = p.v.RevocationFreshness, p.v.suite(), p.known
	return out
}

// known is since when a value of the evidence is proven to exist: the time of the
// earliest archive time-stamp over it that holds, else that of the validation. Of
// time-stamps that were not judged yet nothing is known (EN 319 102-1, clause
// 5.6.2.3).
func (p *proofs) known(value []byte) time.Time {
	if p.places == nil {
		p.places = map[string]int{}
		for i, e := range slices.Backward(p.f.Elements()) {
			for _, der := range slices.Concat(e.Values.CRLs, e.Values.OCSPs) {
				p.places[string(der)] = i
			}
		}
	}
	out := p.now
	place, found := p.places[string(value)]
	for _, a := range p.archived {
		if found && a.place > place && a.at.Before(out) {
			out = a.at
		}
	}
	return out
}

// source is what answers about revocation: what was kept, and what is published
// now. Whichever says revoked is right.
func (p *proofs) source() trust.RevocationSource {
	if p.v.Revocation == nil {
		return p.kept
	}
	return trust.Sources{p.kept, p.v.Revocation}
}

// timeStamps judges the time-stamps from the last to the first. The last one must
// hold now. What an archive time-stamp covers existed when it was made, so that
// the ones before it need to hold at that time only: this is what stamping again
// is for (EN 319 102-1, clauses 5.5.4 and 5.6.3).
func (p *proofs) timeStamps(ctx context.Context, out *Validation, at time.Time) error {
	out.BestSignatureTime, p.archivedAt = at, -1
	control := at
	for i, e := range slices.Backward(p.f.Elements()) {
		if e.Token == nil {
			continue
		}
		check, spec := CheckTimeStamp, specTimeStamp
		if e.Kind == evidence.ArchiveTimeStamp {
			check, spec = CheckArchiveStamp, specArchiveStamp
		}
		q := p.question(control)
		q.imprint = func(t *tsp.Token) error { return p.f.CheckImprint(i, t) }
		s, fault, err := p.v.timeStamp(ctx, e.Kind, e.Token, q)
		if err != nil {
			return err
		}
		out.TimeStamps = append(out.TimeStamps, s)
		if fault != nil {
			if errors.Is(fault, errOrder) && control.Before(p.now) { // what contradicts it is another time-stamp, not our clock
				p.disorder = fault
			}
			out.Checks.Fail(check, spec, fault.Error())
			continue
		}
		out.Checks.Pass(check, spec, stamped(s))
		if out.StampBefore.IsZero() {
			out.StampBefore = s.until
		}
		// Both kinds prove that the signature existed: an archive time-stamp covers it.
		if s.Time.Before(out.BestSignatureTime) {
			out.BestSignatureTime = s.Time
		}
		if e.Kind == evidence.ArchiveTimeStamp {
			control, p.archivedAt = s.Time, max(p.archivedAt, i)
			p.archived = append(p.archived, archived{i, s.Time})
		} else {
			p.stamped = true
		}
	}
	slices.Reverse(out.TimeStamps)
	return nil
}

// question is what a time-stamp is held against that must hold at a time, without
// what it must stamp.
func (p *proofs) question(control time.Time) stampQuestion {
	return stampQuestion{source: p.source(), certificates: p.certificates, control: control, now: p.now}
}

// content is the question about content time-stamps: they are under the seal, so
// they existed when it did.
func (p *proofs) content(best time.Time) stampQuestion {
	q := p.question(best)
	q.imprint = p.f.CheckContent
	return q
}

// stampQuestion is what a time-stamp is held against.
type stampQuestion struct {
	imprint      func(*tsp.Token) error // whether it stamps what it must
	source       trust.RevocationSource
	certificates []*x509.Certificate // that may complete its chain
	control      time.Time           // when it is known to have existed, at which it must hold
	now          time.Time           // of the validation
}

// errOrder is a time-stamp that contradicts what is known of it.
var errOrder = errors.New("it says a time after the one at which it is known to exist")

// timeStamp judges one time-stamp. The fault is why it does not hold.
func (v *Validator) timeStamp(ctx context.Context, kind evidence.Kind, token []byte, q stampQuestion) (s TimeStamp, fault, err error) {
	s = TimeStamp{Kind: kind}

	// Step 1. It can be read, and stamps what it must.
	t, fault := tsp.Parse(token)
	if fault != nil {
		return s, fault, nil
	}
	s.Time, s.Accuracy, s.Policy = t.Time, t.Accuracy, t.Policy.String()
	if fault := q.imprint(t); fault != nil {
		return s, fault, nil
	}

	// Step 2. A trusted authority signed it when it says.
	path, fault := t.Verify(tsp.Verification{Hash: t.Hash, Imprint: t.Imprint, Trust: v.Trust, Certificates: q.certificates})
	if fault != nil {
		return s, fault, nil
	}

	// Step 3. That lies before the time at which it is known to have existed.
	if t.Time.Add(-t.Accuracy).After(q.control.Add(v.skew())) {
		return s, errOrder, nil
	}

	// Step 4. At that time the authority and its algorithms could still be believed.
	if fault := path.ValidAt(q.control); fault != nil {
		return s, fmt.Errorf("nothing proves that it existed before its certificate ran out: %w", fault), nil
	}
	life, fault := v.stampLife(t, path)
	if fault == nil {
		fault = life.At(q.control)
	}
	if fault != nil {
		return s, fmt.Errorf("nothing proves that it existed while its algorithms were believed: %w", fault), nil
	}
	found, err := askPath(ctx, q.source, path, q.control, q.now)
	if err != nil {
		return s, nil, err
	}
	if found.state != trust.Good && (found.state != trust.Unknown || found.ended || !v.InsecureAcceptUnknownRevocation) {
		return s, fmt.Errorf("revocation of its authority is %s: %s", found.state, found.why), nil
	}
	s.Accepted, s.Path, s.until = true, path, path.NotAfter()
	if !life.End.IsZero() && life.End.Before(s.until) {
		s.until = life.End
	}
	return s, nil, nil
}

// values decides whether the evidence itself says of every certificate that it
// was not revoked when it counted (TS 119 182-1, clause 6.3, level B-LT). The last
// archive time-stamp is not asked about: what says so of its authority cannot lie
// before it.
func (p *proofs) values(ctx context.Context, out *Validation) error {
	const spec = "ETSI TS 119 182-1, clauses 5.3.5 and 6.3"
	if !p.stamped || out.Path == nil {
		out.Checks.Skip(CheckValues, spec, "no time-stamp and chain that values would be for")
		return nil
	}
	if len(out.Path.Certificates) == 1 {
		out.Checks.Skip(CheckValues, spec, "a list says that the certificate counts, while it is current; the values in the evidence do not")
		return nil
	}
	ask := []question{{out.Path, out.BestSignatureTime}}
	last := true
	for _, s := range slices.Backward(out.TimeStamps) {
		if s.Accepted && (s.Kind == evidence.SignatureTimeStamp || !last) {
			ask = append(ask, question{s.Path, s.Time})
		}
		last = last && !(s.Accepted && s.Kind == evidence.ArchiveTimeStamp)
	}
	for _, s := range out.ContentTimeStamps {
		if s.Accepted {
			ask = append(ask, question{s.Path, out.BestSignatureTime})
		}
	}
	fault, err := suffice(ctx, p.kept, ask)
	if err != nil {
		return err
	}
	if fault != "" {
		out.Checks.Skip(CheckValues, spec, "the values in the evidence do not suffice: "+fault)
		return nil
	}
	p.complete = true
	detail := fmt.Sprintf("for %d chains", len(ask))
	if p.archivedAt >= 0 {
		if fault, err = p.uncovered(ctx, ask); err != nil {
			return err
		}
		if p.covered = fault == ""; !p.covered {
			detail += "; without those after the last archive time-stamp they do not suffice: " + fault
		}
	}
	out.Checks.Pass(CheckValues, spec, detail)
	return nil
}

// uncovered says why the values that the last archive time-stamp covers do not
// suffice; nothing when they do, or when there are no others.
func (p *proofs) uncovered(ctx context.Context, ask []question) (fault string, err error) {
	more := slices.ContainsFunc(p.f.Elements()[p.archivedAt:], func(e evidence.Element) bool { return len(e.Values.CRLs)+len(e.Values.OCSPs) > 0 })
	if !more {
		return "", nil
	}
	return suffice(ctx, p.keptBefore(p.archivedAt), ask)
}

// question is a path, and the time at which its certificates must be good.
type question struct {
	path *trust.Path
	at   time.Time
}

// suffice says why values do not answer for every certificate of the questions;
// nothing when they do.
func suffice(ctx context.Context, kept *trust.Archive, ask []question) (fault string, err error) {
	for _, q := range ask {
		found, err := askPath(ctx, kept, q.path, q.at, q.at)
		if err != nil {
			return "", err
		}
		if found.state != trust.Good {
			return found.why, nil
		}
	}
	return "", nil
}

// level is the highest level of which everything was found.
func (p *proofs) level() Level {
	values := slices.IndexFunc(p.f.Elements(), func(e evidence.Element) bool { return e.Kind == evidence.RevocationValues })
	switch {
	case !p.stamped:
		return BaselineB
	case !p.complete || values < 0:
		return BaselineT
	case !p.covered:
		return BaselineLT
	default:
		return BaselineLTA
	}
}
