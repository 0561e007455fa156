package unit

import (
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// Choice is what the citizen can choose from: sets of options, and for each
// credential query the items that would do (OpenID4VP 1.0, Section 6.4.2).
type Choice struct {
	Sets []ChoiceSet
	// Items by credential query; the first is taken when none is chosen.
	Items map[string][]ConsentItem
	// Multiple are the queries that take several items.
	Multiple []string
}

// ChoiceSet is one set; its first option is what the receiver prefers.
type ChoiceSet struct {
	Required bool
	// Options name credential queries.
	Options [][]string
}

// several reports whether there is anything to choose.
func (c Choice) several() bool {
	return slices.ContainsFunc(c.Sets, func(s ChoiceSet) bool { return !s.Required || len(s.Options) > 1 }) || slices.ContainsFunc(c.queries(), func(q string) bool { return len(c.Items[q]) > 1 })
}

func (c Choice) queries() (out []string) {
	for _, s := range c.Sets {
		for _, o := range s.Options {
			out = append(out, o...)
		}
	}
	return out
}

// Chosen is what the citizen chose. The zero value takes what the receiver
// prefers, and nothing that is optional.
type Chosen struct {
	// Options by set: the index of an option, or NoOption for an optional set.
	// A set that is not there gets its first option if it is required.
	Options map[int]int
	// Items by credential query: names in the vault.
	Items map[string][]string
}

// NoOption leaves an optional set out.
const NoOption = -1

// option is the option of a set that was chosen; nil for none.
func (c Chosen) option(n int, s oid4vp.Set) ([]string, error) {
	i, ok := c.Options[n]
	switch {
	case !ok && s.Required:
		i = 0
	case !ok:
		i = NoOption
	}
	switch {
	case i == NoOption && !s.Required:
		return nil, nil
	case i < 0 || i >= len(s.Options):
		return nil, fmt.Errorf("option %d of set %d cannot be chosen; it has %d", i, n, len(s.Options))
	}
	return s.Options[i], nil
}

// fits are those of a query that were chosen: by name, or all when several are
// asked for, or the first.
func (c Chosen) fits(q oid4vp.CredentialQuery, fits []oid4vp.Fit, name func(oid4vp.Fit) string) ([]oid4vp.Fit, error) {
	names := c.Items[q.ID]
	if len(names) == 0 {
		if q.Multiple {
			return fits, nil
		}
		return fits[:1], nil
	}
	if len(names) > 1 && !q.Multiple {
		return nil, fmt.Errorf("%d items were chosen for %s, which takes one", len(names), q.ID)
	}
	var out []oid4vp.Fit
	for n, want := range names {
		if slices.Contains(names[:n], want) {
			return nil, fmt.Errorf("%s was chosen twice for %s", shown(want, 40), q.ID)
		}
		i := slices.IndexFunc(fits, func(f oid4vp.Fit) bool { return name(f) == want })
		if i < 0 {
			return nil, fmt.Errorf("%s was chosen for %s and does not fit it", shown(want, 40), q.ID)
		}
		out = append(out, fits[i])
	}
	return out, nil
}
