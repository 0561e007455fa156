package trust

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// clockSkew is how far in the future a list may seem to be issued.
const clockSkew = 5 * time.Minute

// maxFaults is how many faults of a list are told.
const maxFaults = 50

// ErrListExpired is returned when the time of the list's next update has
// passed.
var ErrListExpired = errors.New("the list of trusted entities has expired")

// CheckPubEAA is Check against PubEAAProviders.
func (d *Document) CheckPubEAA(now time.Time) error { return d.Check(PubEAAProviders, now) }

// Check holds the list against a profile and returns every fault found, joined:
// of a long list the first ones.
func (d *Document) Check(p Profile, now time.Time) error {
	c := checking{profile: p}
	c.scheme(d.LoTE.Scheme, now)
	for i, e := range d.LoTE.Entities {
		c.entity(fmt.Sprintf("TrustedEntitiesList[%d]", i), e)
	}
	if c.more > 0 {
		c.faults = append(c.faults, fmt.Errorf("%w: %d more faults", ErrList, c.more))
	}
	return errors.Join(c.faults...)
}

// checking collects the faults of a list.
type checking struct {
	profile Profile
	faults  []error
	more    int
}

func (c *checking) add(err error) {
	switch {
	case err == nil:
	case len(c.faults) == maxFaults:
		c.more++
	default:
		c.faults = append(c.faults, err)
	}
}

// want is a fault of the profile unless ok.
func (c *checking) want(ok bool, format string, args ...any) {
	if !ok {
		c.add(fmt.Errorf("%w: "+format+" (ETSI TS 119 602, %s)", append(append([]any{ErrList}, args...), c.profile.Annex)...))
	}
}

func (c *checking) scheme(s Scheme, now time.Time) {
	p := c.profile
	c.want(s.Version == 1, "LoTEVersionIdentifier is %d, expected 1", s.Version)
	c.want(s.Sequence >= 1, "LoTESequenceNumber is %d, expected 1 or more", s.Sequence)
	c.want(s.Type == p.Type, "LoTEType is %q, expected %q", clip(s.Type), p.Type)
	c.want(s.StatusApproach == p.StatusApproach, "StatusDeterminationApproach is %q, expected %q", clip(s.StatusApproach), p.StatusApproach)
	c.want(slices.ContainsFunc(s.Rules, func(u URI) bool { return u.Value == p.Rules }), "SchemeTypeCommunityRules does not hold %q", p.Rules)
	if p.Territory == "" {
		c.want(country(s.Territory), "SchemeTerritory is %q, expected a country in two capitals", clip(s.Territory))
	} else {
		c.want(s.Territory == p.Territory, "SchemeTerritory is %q, expected %q", clip(s.Territory), p.Territory)
	}
	if p.History == 0 {
		c.want(s.History == nil, "HistoricalInformationPeriod is there and must not be")
	} else {
		c.want(s.History != nil && *s.History == p.History, "HistoricalInformationPeriod must be %d", p.History)
	}
	c.want(p.Pointers || s.Pointers == nil, "PointersToOtherLoTE is there and must not be")
	c.want(!s.Issued.After(now.Add(clockSkew)), "ListIssueDateTime %s is in the future", s.Issued.Format(instantLayout))
	c.want(s.NextUpdate.After(s.Issued.Time), "NextUpdate is not after ListIssueDateTime")
	c.want(!s.NextUpdate.After(s.Issued.AddDate(0, p.Months, 0)), "NextUpdate is more than %d months after ListIssueDateTime", p.Months)
	if !now.Before(s.NextUpdate.Time) {
		c.add(expired(s.NextUpdate.Time))
	}
}

func expired(nextUpdate time.Time) error {
	return fmt.Errorf("%w: NextUpdate was %s, fetch the list again (ETSI TS 119 602, clause 6.3.15)", ErrListExpired, nextUpdate.Format(instantLayout))
}

// country reports whether s has the form of ISO 3166-1 alpha-2.
func country(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

func (c *checking) entity(at string, e TrustedEntity) {
	p := c.profile
	if p.Registered {
		numbers, laws := e.Information.identifiers()
		c.want(len(numbers) > 0, "%s: TETradeName holds no registration number such as NTRBE-0123456749", at)
		c.want(len(laws) > 0, "%s: TETradeName holds no law such as OJ:EU32024R1183", at)
	}
	if p.RoleNeeded {
		c.want(e.Information.country(p.Role) != "", "%s: TEInformationURI holds no %sCC, where CC is the responsible Member State", at, p.Role)
	}
	for j, v := range e.Services {
		c.service(fmt.Sprintf("%s: service %d", at, j), v)
	}
}

// country is the Member State that answers for the entity; empty when none or
// more than one is named.
func (i EntityInformation) country(role string) string {
	found := ""
	for _, u := range i.InformationURI {
		cc, ok := strings.CutPrefix(u.Value, role)
		switch {
		case !ok || role == "":
		case !country(cc) || found != "" && found != cc:
			return ""
		default:
			found = cc
		}
	}
	return found
}

func (c *checking) service(at string, v EntityService) {
	p, in := c.profile, v.Information
	kind, known := p.service(in.Type)
	c.want(known, "%s: ServiceTypeIdentifier is %q, expected one of %q", at, clip(string(in.Type)), p.types())
	if !p.states() {
		c.want(in.Status == "", "%s: ServiceStatus is there and must not be", at)
		c.want(in.StatusSince == nil, "%s: StatusStartingTime is there and must not be", at)
		c.want(v.History == nil, "%s: ServiceHistory is there and must not be", at)
		c.identity(at, in.Identity, kind.Authority)
		return
	}
	c.status(at, in.Status)
	c.identity(at, in.Identity, kind.Authority)
	if in.StatusSince == nil {
		c.add(missing(at+": StatusStartingTime", "6.6.5"))
		return // no order can be told
	}
	before := in.StatusSince.Time
	for i, h := range v.History {
		former := fmt.Sprintf("%s: former state %d", at, i)
		if h.Type != "" && h.Type != in.Type {
			c.add(fmt.Errorf("%w: %s is of another service type (ETSI TS 119 602, clause 6.7)", ErrList, former))
		}
		if !h.StatusSince.Before(before) {
			c.add(fmt.Errorf("%w: %s does not lie before the one after it (ETSI TS 119 602, clause 6.7)", ErrList, former))
		}
		c.status(former, h.Status)
		if h.Identity.Certificates == nil && len(v.keyed(h.Identity)) > 0 {
			before = h.StatusSince.Time
			continue // it names keys of the service as it is now
		}
		c.identity(former, h.Identity, kind.Authority)
		before = h.StatusSince.Time
	}
}

func (c *checking) status(at, status string) {
	p := c.profile
	c.want(status == p.Notified || status == p.Withdrawn, "%s: ServiceStatus is %q, expected %q or %q", at, clip(status), p.Notified, p.Withdrawn)
}

func (c *checking) identity(at string, id Identity, authority bool) {
	if len(id.Certificates) == 0 {
		c.add(missing(at+": X509Certificates", "6.6.3"))
	}
	for k, listed := range id.Certificates {
		where := fmt.Sprintf("%s: X509Certificates[%d]", at, k)
		cert, err := decodeCertificate(listed.Value)
		if err != nil {
			c.add(fmt.Errorf("%w: %s is %w (ETSI TS 119 602, clause 6.6.3)", ErrList, where, err))
			continue
		}
		if err := checkKey(cert); err != nil {
			c.add(fmt.Errorf("%w: %s: %w", ErrList, where, err))
		}
		if authority {
			c.want(isAuthority(cert), "%s is not that of a certification authority", where)
		}
	}
}
