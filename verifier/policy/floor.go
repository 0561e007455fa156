package policy

import (
	"errors"
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

// Relaxation is one way in which policies may be laxer than the platform. An
// operator names those that are allowed.
type Relaxation string

const (
	// RelaxIssuers: types, issuers, registrations or authentic sources that the
	// platform does not accept.
	RelaxIssuers Relaxation = "issuers"
	// RelaxQualification: seals of less worth, or of a lower level, than the platform
	// asks of a type.
	RelaxQualification Relaxation = "qualification"
	// RelaxExpiry: credentials without exp where the platform wants one.
	RelaxExpiry Relaxation = "without_expiry"
	// The others are the findings that the platform fails and that a policy
	// would only report.
	RelaxStatusMissing     Relaxation = Relaxation(StatusMissing)
	RelaxStatusUnavailable Relaxation = Relaxation(StatusUnavailable)
	RelaxHolderBinding     Relaxation = Relaxation(HolderBindingMissing)
)

// Relaxations are all of them.
func Relaxations() []Relaxation {
	return []Relaxation{RelaxIssuers, RelaxQualification, RelaxExpiry, RelaxStatusMissing, RelaxStatusUnavailable, RelaxHolderBinding}
}

// Floor is what no policy may go below.
type Floor struct {
	// Platform is the policy that holds by default.
	Platform *Policy
	// Formats and Algorithms are what can be verified at all. Nothing relaxes
	// them.
	Formats    []credential.Format
	Algorithms []jose.Alg
	// Levels are those that presented seals can have: what proves more is in the
	// evidence beside a credential. Nothing relaxes them either.
	Levels []seal.Level
	// Allowed are the operator's exceptions.
	Allowed []Relaxation
}

// Check refuses a policy that is laxer than the floor, with all its faults at
// once.
func (f Floor) Check(p *Policy) error {
	r := &reading{name: "policy " + p.ID}
	for i, x := range p.Formats {
		if !slices.Contains(f.Formats, x) {
			r.fault(fmt.Sprintf("formats[%d]", i), "found %q; only %v can be verified here", x, f.Formats)
		}
	}
	for i, x := range p.Algorithms {
		if !slices.Contains(f.Algorithms, x) {
			r.fault(fmt.Sprintf("algorithms[%d]", i), "found %q; only %v are taken here", x, f.Algorithms)
		}
	}
	for i, t := range p.Types {
		if t.Level != "" && !slices.Contains(f.Levels, t.Level) {
			r.fault(fmt.Sprintf("credentials[%d].level", i), "found %q, which no presented seal has; only %v can be asked for here, because time-stamps are in the evidence that is kept beside a credential", t.Level, f.Levels)
		}
		f.typ(r, fmt.Sprintf("credentials[%d].", i), t)
	}
	for _, finding := range []Finding{StatusMissing, StatusUnavailable, HolderBindingMissing} {
		if p.Effect(finding) == Reports && f.Platform.Effect(finding) == Fails {
			f.lax(r, "findings."+string(finding), Relaxation(finding))
		}
	}
	return errors.Join(r.faults...)
}

func (f Floor) typ(r *reading, at string, t Type) {
	least, known := f.Platform.Type(t.Name)
	if !known {
		f.lax(r, at+"type", RelaxIssuers)
		return
	}
	if !within(t.Issuers, least.Issuers) {
		f.lax(r, at+"issuers", RelaxIssuers)
	}
	if !within(t.Registrations, least.Registrations) {
		f.lax(r, at+"registrations", RelaxIssuers)
	}
	if Worth(t.Qualification) < Worth(least.Qualification) {
		f.lax(r, at+"qualification", RelaxQualification)
	}
	if least.Level != "" && !t.Level.Includes(least.Level) {
		f.lax(r, at+"level", RelaxQualification)
	}
	if len(least.Sources) > 0 && (len(t.Sources) == 0 || slices.ContainsFunc(t.Sources, func(s Source) bool {
		return !slices.ContainsFunc(least.Sources, func(all Source) bool { return all.Fits(s) })
	})) {
		f.lax(r, at+"authentic_sources", RelaxIssuers)
	}
	if t.WithoutExpiry && !least.WithoutExpiry {
		f.lax(r, at+"without_expiry", RelaxExpiry)
	}
	if least.MaxAge > 0 && (t.MaxAge == 0 || t.MaxAge > least.MaxAge) {
		r.fault(at+"max_age", "is longer than the platform's %s; shorten it", least.MaxAge)
	}
}

func within(list, all []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(all, s) })
}

func (f Floor) lax(r *reading, field string, how Relaxation) {
	if !slices.Contains(f.Allowed, how) {
		r.fault(field, "is laxer than the platform; make it stricter, or have the operator allow %q", how)
	}
}
