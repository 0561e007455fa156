package audit

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Keep is how long events are kept: a calendar duration of ISO 8601, such as
// P10Y, P6M or P1Y6M.
type Keep struct{ Years, Months, Days int }

var keepText = regexp.MustCompile(`^P(?:([0-9]{1,3})Y)?(?:([0-9]{1,4})M)?(?:([0-9]{1,5})D)?$`)

// ParseKeep reads years, months and days. Nothing and zero are refused.
func ParseKeep(text string) (Keep, error) {
	m := keepText.FindStringSubmatch(text)
	if m == nil {
		return Keep{}, fmt.Errorf("audit: %q is no calendar duration such as P10Y (ISO 8601)", text)
	}
	n := func(s string) int { v, _ := strconv.Atoi(s); return v }
	k := Keep{n(m[1]), n(m[2]), n(m[3])}
	if k == (Keep{}) {
		return Keep{}, errors.New("audit: events must be kept for at least a day")
	}
	return k, nil
}

func (k Keep) String() string {
	s := "P"
	for _, p := range []struct {
		n    int
		unit string
	}{{k.Years, "Y"}, {k.Months, "M"}, {k.Days, "D"}} {
		if p.n > 0 {
			s += strconv.Itoa(p.n) + p.unit
		}
	}
	return s
}

// MarshalText writes ISO 8601.
func (k Keep) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads ISO 8601.
func (k *Keep) UnmarshalText(b []byte) (err error) {
	*k, err = ParseKeep(string(b))
	return err
}

// after is when something of the time t has been kept long enough.
func (k Keep) after(t time.Time) time.Time { return t.AddDate(k.Years, k.Months, k.Days) }

// Class is a family of events that are kept equally long, in files of their
// own.
type Class struct {
	// Name is lower-case letters, digits and hyphens; it names a folder.
	Name  string `json:"name" yaml:"name"`
	Keep  Keep   `json:"keep" yaml:"keep"`
	Kinds []Kind `json:"kinds" yaml:"kinds"`
}

// Retention is data of the operator: which kinds are kept how long. Every
// kind stands in exactly one class.
type Retention struct {
	Classes []Class `json:"classes" yaml:"classes"`
}

// DefaultRetention keeps the use of vaults and credentials for ten years and
// security events for one.
func DefaultRetention() Retention {
	security := []Kind{Login, Logout, AccessRefuse, KeyChange, LogRecover, RetentionChange}
	use := slices.DeleteFunc(Kinds(), func(k Kind) bool { return slices.Contains(security, k) })
	return Retention{Classes: []Class{
		{Name: "use", Keep: Keep{Years: 10}, Kinds: use},
		{Name: "security", Keep: Keep{Years: 1}, Kinds: security},
	}}
}

var className = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// check tells all faults at once.
func (r Retention) check() error {
	var errs []error
	owner := map[Kind]string{}
	seen := map[string]bool{}
	for _, c := range r.Classes {
		if !className.MatchString(c.Name) || seen[c.Name] {
			errs = append(errs, fmt.Errorf("audit: class name %q must be lower-case letters, digits and hyphens, and stand there once", c.Name))
		}
		seen[c.Name] = true
		if c.Keep == (Keep{}) {
			errs = append(errs, fmt.Errorf("audit: class %q does not say how long to keep", c.Name))
		}
		for _, k := range c.Kinds {
			if !slices.Contains(kinds, k) {
				errs = append(errs, fmt.Errorf("audit: class %q: unknown kind %q", c.Name, k))
			}
			if other, ok := owner[k]; ok {
				errs = append(errs, fmt.Errorf("audit: kind %q stands in the classes %q and %q", k, other, c.Name))
			}
			owner[k] = c.Name
		}
	}
	for _, k := range kinds {
		if owner[k] == "" {
			errs = append(errs, fmt.Errorf("audit: kind %q stands in no class", k))
		}
	}
	return errors.Join(errs...)
}

func (r Retention) classOf(k Kind) string {
	for _, c := range r.Classes {
		if slices.Contains(c.Kinds, k) {
			return c.Name
		}
	}
	return ""
}
