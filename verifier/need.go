package verifier

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/statement"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/verifier/policy"
)

// CheckQualification says whether the seal is worth what the policy asks of seals
// on this type of credential.
const CheckQualification = "qualification"

const specQualification = "Regulation (EU) No 910/2014, Articles 35, 38 and 45f; ETSI TS 119 615"

// presentedLevels are those that a presented seal can have: it is a compact token
// or a signature of another kind. Time-stamps go beside it, and are not presented.
var presentedLevels = []seal.Level{seal.BaselineB}

// worthy is the qualification check, for each type as which the credential
// answers.
func (c *checked) worthy(v *Verifier, p *policy.Policy, q oid4vp.CredentialQuery) bool {
	for _, kind := range kinds(q, c.credential) {
		t, _ := p.Type(kind) // it is accepted already
		if against := v.need(t, *c.validation); against != "" {
			c.report.Fail(CheckQualification, specQualification, against)
			return false
		}
	}
	c.report.Pass(CheckQualification, specQualification, fmt.Sprintf("%s, %s", c.validation.Qualification, c.validation.Level))
	return true
}

// need says what of a seal is less than a type needs; nothing is when it is empty.
func (v *Verifier) need(t policy.Type, s seal.Validation) string {
	least := cmp.Or(t.Qualification, seal.AdESeal)
	switch {
	case policy.Worth(s.Qualification) < policy.Worth(least) || policy.Worth(s.Qualification) == 0:
		return fmt.Sprintf("found %s, expected at least %s; %s", s.Qualification, least, listsSay(s))
	case t.Level != "" && !s.Level.Includes(t.Level):
		return fmt.Sprintf("found a seal of level %s, expected at least %s", s.Level, t.Level)
	case len(t.Sources) > 0 && !slices.ContainsFunc(t.Sources, func(want policy.Source) bool { return s.Source != nil && want.Fits(sourceOf(s)) }):
		return fmt.Sprintf("found %s in the certificate, expected one of: %s", sourceWords(s), sourcesWords(t.Sources))
	}
	if t.NotifiedWhenSealed {
		if err := v.notifiedAt(s); err != nil {
			return fmt.Sprintf("found no notified provider at %s, when it says it sealed, expected one: %v", s.ClaimedTime.UTC().Format(time.RFC3339), err)
		}
	}
	return ""
}

// listsSay is the reason that the trusted lists gave.
func listsSay(s seal.Validation) string {
	switch {
	case s.Listed == nil:
		return "no trusted list is configured"
	case s.Qualification == seal.AdESealQC:
		return "the trusted lists do not say that the key is in a qualified device: " + s.Listed.Device.String()
	case s.Listed.Reason() == "":
		return "the trusted lists do not say why"
	}
	return "the trusted lists say: " + s.Listed.Reason()
}

// notifiedAt looks the provider up at the time at which it says it sealed.
func (v *Verifier) notifiedAt(s seal.Validation) error {
	if s.Path == nil || s.ClaimedTime.IsZero() || v.c.Seals == nil || v.c.Seals.Trust == nil {
		return errors.New("there is no time, chain or list to look it up")
	}
	_, err := v.c.Seals.Trust.Provider(s.Path, trust.Issuance, s.Statements.PublicBody, s.ClaimedTime)
	return err
}

func sourceOf(s seal.Validation) policy.Source {
	return policy.Source{Name: s.Source.Name, Legislation: s.Source.Legislation, Country: s.Source.Country}
}

func sourceWords(s seal.Validation) string {
	if s.Source == nil {
		return "no authentic source"
	}
	return "the authentic source " + sourcesWords([]policy.Source{sourceOf(s)})
}

func sourcesWords(list []policy.Source) string {
	var out []string
	for _, s := range list {
		var parts []string
		for _, p := range []struct{ before, text string }{{"", s.Name}, {"by law ", s.Legislation}, {"of ", s.Country}} {
			if p.text != "" {
				parts = append(parts, p.before+strconv.Quote(statement.Clean(p.text)))
			}
		}
		out = append(out, strings.Join(parts, " "))
	}
	return strings.Join(out, "; ")
}

// Unattainable tells where policies ask for seals that nobody can have, because no
// trusted list is configured. Presentations are refused for it one by one, so it
// is better known at the start.
func (v *Verifier) Unattainable() error {
	if v.c.Seals.Lists != nil {
		return nil
	}
	var faults []error
	for _, id := range slices.Sorted(maps.Keys(v.policies)) {
		faults = append(faults, v.policies[id].Unattainable())
	}
	return errors.Join(faults...)
}
