package verifier

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/seal"
)

// Acceptance says from whom a credential type is accepted. That somebody is a
// listed provider gives no authority over a type (SD-JWT VC, Section 7.7): it
// is decided here, for each type.
type Acceptance struct {
	// VCT is the type.
	VCT string
	// Issuers are the accepted iss values. Required.
	Issuers []string
	// Registrations are the accepted registration numbers of the list of
	// PuB-EAA providers, such as NTRBE-0123456749. Required.
	Registrations []string
	// Qualification is the least that the seal must be worth; empty is AdESeal.
	Qualification seal.Qualification
	// WithoutExpiry accepts credentials that have no exp.
	WithoutExpiry bool
}

// worth orders the qualifications; what is not there is worth nothing.
var worth = map[seal.Qualification]int{seal.AdESeal: 1, seal.AdESealQC: 2, seal.QESeal: 3}

func acceptances(list []Acceptance) (map[string]Acceptance, error) {
	out := map[string]Acceptance{}
	var faults []error
	for i, a := range list {
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("verifier: Accept[%d]: %s", i, fmt.Sprintf(format, args...)))
		}
		if a.Qualification == "" {
			a.Qualification = seal.AdESeal
		}
		if _, twice := out[a.VCT]; a.VCT == "" || twice {
			fault("the type is missing or has an entry already")
		}
		if len(a.Issuers) == 0 || len(a.Registrations) == 0 {
			fault("issuers and registrations are required: nobody is trusted for a type unless named")
		}
		if worth[a.Qualification] == 0 {
			fault("qualification is %q, expected QESeal, AdESeal-QC or AdESeal", a.Qualification)
		}
		out[a.VCT] = a
	}
	if len(list) == 0 {
		faults = append(faults, errors.New("verifier: Accept is empty, so that nothing could ever verify"))
	}
	return out, errors.Join(faults...)
}

// judge says what speaks against a credential that is genuine; nothing does
// when it is empty. The names are those that were verified, not claimed.
func (v *Verifier) judge(c *sdjwt.Verified, s seal.Validation) string {
	a, ok := v.accept[c.VCT]
	switch {
	case !ok:
		return "no issuer is accepted for this credential type"
	case !slices.Contains(a.Issuers, c.Issuer):
		return "the issuer is not accepted for this credential type"
	case s.Provider == nil || !slices.Contains(a.Registrations, s.Provider.Registration.String()):
		return "the provider's registration is not accepted for this credential type"
	case worth[s.Qualification] < worth[a.Qualification]:
		return fmt.Sprintf("the seal is %s, expected at least %s", s.Qualification, a.Qualification)
	case c.Expires.IsZero() && !a.WithoutExpiry:
		return "the credential has no exp, and the policy accepts none without"
	default:
		return ""
	}
}

// least is the lowest of the qualifications.
func least(list []seal.Qualification) seal.Qualification {
	if len(list) == 0 {
		return seal.NotApplicable
	}
	return slices.MinFunc(list, func(a, b seal.Qualification) int { return worth[a] - worth[b] })
}

// names joins check names for a message.
func names(list []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(list))), ", ")
}
