package trust

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/seal/qc"
)

// clockSkew is how far in the future a list may seem to be issued.
const clockSkew = 5 * time.Minute

// maxUpdateMonths is the longest time to the next update (ETSI TS 119 602,
// Annex H).
const maxUpdateMonths = 6

// CheckPubEAA holds the list against the profile of PuB-EAA provider lists
// (ETSI TS 119 602, Annex H) and returns every fault found, joined.
func (d *Document) CheckPubEAA(now time.Time) error {
	s := d.LoTE.Scheme
	var faults []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("%w: "+format+" (ETSI TS 119 602, Annex H)", append([]any{ErrList}, args...)...))
		}
	}
	want(s.Version == 1, "LoTEVersionIdentifier is %d, expected 1", s.Version)
	want(s.Sequence >= 1, "LoTESequenceNumber is %d, expected 1 or more", s.Sequence)
	want(s.Type == PubEAAListType, "LoTEType is %q, expected %q", clip(s.Type), PubEAAListType)
	want(s.StatusApproach == PubEAAStatusApproach, "StatusDeterminationApproach is %q, expected %q", clip(s.StatusApproach), PubEAAStatusApproach)
	want(slices.ContainsFunc(s.Rules, func(u URI) bool { return u.Value == PubEAASchemeRules }), "SchemeTypeCommunityRules does not hold %q", PubEAASchemeRules)
	want(s.Territory == PubEAATerritory, "SchemeTerritory is %q, expected %q", clip(s.Territory), PubEAATerritory)
	want(s.History != nil && *s.History == PubEAAHistory, "HistoricalInformationPeriod must be %d", PubEAAHistory)
	want(s.Pointers == nil, "PointersToOtherLoTE is there and must not be")
	want(!s.Issued.After(now.Add(clockSkew)), "ListIssueDateTime %s is in the future", s.Issued.Format(instantLayout))
	want(s.NextUpdate.After(s.Issued.Time), "NextUpdate is not after ListIssueDateTime")
	want(!s.NextUpdate.After(s.Issued.AddDate(0, maxUpdateMonths, 0)), "NextUpdate is more than %d months after ListIssueDateTime", maxUpdateMonths)
	if !now.Before(s.NextUpdate.Time) {
		faults = append(faults, fmt.Errorf("%w: NextUpdate was %s, fetch the list again", ErrListExpired, s.NextUpdate.Format(instantLayout)))
	}
	for i, e := range d.LoTE.Entities {
		if err := e.check(); err != nil {
			faults = append(faults, fmt.Errorf("TrustedEntitiesList[%d]: %w", i, err))
		}
	}
	return errors.Join(faults...)
}

// ErrListExpired is returned when the time of the list's next update has
// passed.
var ErrListExpired = errors.New("the list of trusted entities has expired")

func (e TrustedEntity) check() error {
	numbers, laws := e.Information.identifiers()
	if len(numbers) == 0 {
		return fmt.Errorf("%w: TETradeName holds no registration number such as NTRBE-0123456749 (ETSI TS 119 602, Annex H)", ErrList)
	}
	if len(laws) == 0 {
		return fmt.Errorf("%w: TETradeName holds no law such as OJ:EU32024R1183 (ETSI TS 119 602, Annex H)", ErrList)
	}
	for j, v := range e.Services {
		if err := v.check(); err != nil {
			return fmt.Errorf("service %d: %w", j, err)
		}
	}
	return nil
}

func (v EntityService) check() error {
	in := v.Information
	if in.Type != Issuance && in.Type != Revocation {
		return fmt.Errorf("%w: ServiceTypeIdentifier is %q, expected %q or %q (ETSI TS 119 602, Annex H)", ErrList, clip(string(in.Type)), Issuance, Revocation)
	}
	if in.StatusSince == nil {
		return missing("StatusStartingTime", "6.6.5")
	}
	if err := checkState(in.Status, in.Identity); err != nil {
		return err
	}
	before := in.StatusSince.Time
	for i, h := range v.History {
		if h.Type != "" && h.Type != in.Type {
			return fmt.Errorf("%w: former state %d is of another service type (ETSI TS 119 602, clause 6.7)", ErrList, i)
		}
		if !h.StatusSince.Before(before) {
			return fmt.Errorf("%w: former state %d does not lie before the one after it (ETSI TS 119 602, clause 6.7)", ErrList, i)
		}
		if err := checkState(h.Status, h.Identity); err != nil {
			return fmt.Errorf("former state %d: %w", i, err)
		}
		before = h.StatusSince.Time
	}
	return nil
}

func checkState(status string, id Identity) error {
	if status != StatusNotified && status != StatusWithdrawn {
		return fmt.Errorf("%w: ServiceStatus is %q, expected notified or withdrawn (ETSI TS 119 602, Annex H)", ErrList, clip(status))
	}
	if len(id.Certificates) == 0 {
		return missing("X509Certificates", "6.6.3")
	}
	for k, c := range id.Certificates {
		cert, err := decodeCertificate(c.Value)
		if err != nil {
			return fmt.Errorf("%w: X509Certificates[%d] is %w (ETSI TS 119 602, clause 6.6.3)", ErrList, k, err)
		}
		if err := checkKey(cert); err != nil {
			return fmt.Errorf("%w: X509Certificates[%d]: %w", ErrList, k, err)
		}
	}
	return nil
}

// lawPrefix starts a reference to the law: OJ:, then EU or a country code, then
// what identifies the law there.
const lawPrefix = "OJ:"

// identifiers sorts TETradeName into registration numbers and laws. Other
// trade names are what they are.
func (i EntityInformation) identifiers() (numbers []qc.Organization, laws []string) {
	for _, t := range i.TradeName {
		if law, ok := strings.CutPrefix(t.Value, lawPrefix); ok {
			if len(law) > 2 && strings.ToUpper(law[:2]) == law[:2] {
				laws = append(laws, t.Value)
			}
			continue
		}
		if o, err := qc.ParseOrganization(t.Value); err == nil {
			numbers = append(numbers, o)
		}
	}
	return numbers, laws
}

// SameLaw compares a law of TETradeName with what QcPSB says of country and
// law. The certificate may name the law with or without the prefix.
func SameLaw(listed string, b qc.PublicBody) bool {
	return listed == b.Legislation && strings.HasPrefix(listed, lawPrefix+b.Country) ||
		listed == lawPrefix+b.Country+b.Legislation
}
