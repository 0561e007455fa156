package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/zegel-id/zegel/internal/provider"
)

// as is one of the closed list of transformations.
type as string

const (
	// asText: the text with white space normalised; a pseudo-value is none.
	asText as = "text"
	// asInteger and asBoolean: JSON numbers and truth values.
	asInteger as = "integer"
	asBoolean as = "boolean"
	// asDate: YYYY, YYYY-MM or YYYY-MM-DD, as precise as the record is.
	asDate as = "date"
	// asLookup: the value's entry in a table.
	asLookup as = "lookup"
	// asCountry: ISO 3166-1 alpha-3 to alpha-2; what has no alpha-2 is kept.
	asCountry as = "country"
	// asConstant: always the same text.
	asConstant as = "constant"
	// asFirstOf: the first of several that has a value.
	asFirstOf as = "first_of"
	// asList: all values, or an object for each element.
	asList as = "list"
)

// otherwise says what a lookup does with a value that is not in its table.
type otherwise string

const (
	otherwiseOmit   otherwise = "omit"
	otherwiseKeep   otherwise = "keep"
	otherwiseRefuse otherwise = "refuse"
)

type claim struct {
	name     string
	path     []string
	as       as
	required bool
	from     provider.Path
	absent   []string

	table     map[string]string
	otherwise otherwise

	constant string

	of []claim

	split string
	items []claim

	year, month, day provider.Path
	unknownYears     []string
}

// value is nil when the record does not say. An error means that it says
// something that cannot be right.
func (c claim) value(doc *provider.Node) (any, error) {
	switch c.as {
	case asText:
		return c.text(doc), nil
	case asInteger:
		return c.integer(doc)
	case asBoolean:
		return c.boolean(doc)
	case asDate:
		return c.date(doc)
	case asLookup:
		return c.lookup(doc)
	case asCountry:
		return c.country(doc), nil
	case asConstant:
		return c.constant, nil
	case asFirstOf:
		return c.firstOf(doc)
	case asList:
		return c.list(doc)
	default:
		return nil, fmt.Errorf("transformation %q is not known", c.as)
	}
}

// said is the first text at the path that is no pseudo-value.
func (c claim) said(doc *provider.Node, p provider.Path) string {
	for _, n := range p.Select(doc) {
		if v := n.Value(); v != "" && !slices.Contains(c.absent, v) {
			return v
		}
	}
	return ""
}

func (c claim) text(doc *provider.Node) any {
	if v := c.said(doc, c.from); v != "" {
		return v
	}
	return nil
}

var errForm = errors.New("the value does not have the declared form")

func (c claim) integer(doc *provider.Node) (any, error) {
	v := c.said(doc, c.from)
	if v == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n > 1<<53-1 || n < -(1<<53-1) { // RFC 8259, Section 6
		return nil, fmt.Errorf("%w: expected an integer", errForm)
	}
	return n, nil
}

func (c claim) boolean(doc *provider.Node) (any, error) {
	switch c.said(doc, c.from) {
	case "":
		return nil, nil
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	default:
		return nil, fmt.Errorf("%w: expected true, false, 1 or 0", errForm)
	}
}

func (c claim) lookup(doc *provider.Node) (any, error) {
	v := c.said(doc, c.from)
	if v == "" {
		return nil, nil
	}
	if to, ok := c.table[v]; ok {
		return to, nil
	}
	switch c.otherwise {
	case otherwiseOmit:
		return nil, nil
	case otherwiseKeep:
		return v, nil
	default:
		return nil, fmt.Errorf("%w: the code is not in the table", errForm)
	}
}

func (c claim) country(doc *provider.Node) any {
	v := c.said(doc, c.from)
	if v == "" {
		return nil
	}
	if len(v) == 3 && v == strings.ToUpper(v) {
		if r, err := language.ParseRegion(v); err == nil && r.IsCountry() && r.ISO3() == v && len(r.String()) == 2 {
			return r.String()
		}
	}
	return v
}

func (c claim) firstOf(doc *provider.Node) (any, error) {
	for _, alt := range c.of {
		v, err := alt.value(doc)
		if v != nil || err != nil {
			return v, err
		}
	}
	return nil, nil
}

func (c claim) list(doc *provider.Node) (any, error) {
	var out []any
	for _, n := range c.from.Select(doc) {
		if c.items != nil {
			object, err := c.object(n)
			if err != nil {
				return nil, err
			}
			if object != nil {
				out = append(out, object)
			}
			continue
		}
		for _, part := range c.parts(n.Value()) {
			out = append(out, part)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

func (c claim) parts(v string) []string {
	parts := []string{v}
	if c.split != "" {
		parts = strings.Split(v, c.split)
	}
	kept := parts[:0]
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" && !slices.Contains(c.absent, p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// object is nil when an item that is required has no value: half an item says
// something else than the whole.
func (c claim) object(n *provider.Node) (Claims, error) {
	var out Claims
	for _, item := range c.items {
		v, err := item.value(n)
		if err != nil {
			return nil, fmt.Errorf("item %s: %w", item.name, err)
		}
		if v == nil {
			if item.required {
				return nil, nil
			}
			continue
		}
		out.put(item.path, v)
	}
	return out, nil
}

// date keeps the precision that the record has: a day without a month is
// dropped, an unknown year leaves nothing.
func (c claim) date(doc *provider.Node) (any, error) {
	if c.year.IsZero() {
		v := c.said(doc, c.from)
		if v == "" || slices.Contains(c.unknownYears, v[:min(len(v), 4)]) {
			return nil, nil
		}
		return partialDate(v)
	}
	v := c.said(doc, c.year)
	if v == "" || slices.Contains(c.unknownYears, v) {
		return nil, nil
	}
	if month := c.said(doc, c.month); month != "" {
		v += "-" + month
		if day := c.said(doc, c.day); day != "" {
			v += "-" + day
		}
	}
	return partialDate(v)
}

// partialDate drops a month or day 00, by which registers say that they do
// not know it.
func partialDate(v string) (any, error) {
	if len(v) >= 7 && v[4:7] == "-00" {
		v = v[:4]
	} else if len(v) == 10 && v[7:] == "-00" {
		v = v[:7]
	}
	if v == "0000" {
		return nil, nil
	}
	layout, ok := map[int]string{4: "2006", 7: "2006-01", 10: time.DateOnly}[len(v)]
	if _, err := time.Parse(layout, v); !ok || err != nil {
		return nil, fmt.Errorf("%w: expected a date that exists, as YYYY, YYYY-MM or YYYY-MM-DD", errForm)
	}
	return v, nil
}

// sources names where the claim looks, for an error.
func (c claim) sources() string {
	switch {
	case len(c.of) > 0:
		all := make([]string, len(c.of))
		for i, alt := range c.of {
			all[i] = alt.sources()
		}
		return strings.Join(all, " or ")
	case !c.year.IsZero():
		return c.year.String()
	default:
		return c.from.String()
	}
}
