package mapping

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/declared"
)

// The shape of a declared file. docs of each member: see led-diploma.yaml.
type fileDoc struct {
	DataType string `yaml:"data_type"`
	Record   struct {
		Reference string `yaml:"reference"`
		Version   string `yaml:"version"`
		Subject   string `yaml:"subject"`
	} `yaml:"record"`
	Absent []string                     `yaml:"absent"`
	Tables map[string]map[string]string `yaml:"tables"`
	Later  []laterDoc                   `yaml:"later"`
	Refuse []ruleDoc                    `yaml:"refuse"`
	Claims []claimDoc                   `yaml:"claims"`
}

type ruleDoc struct {
	Reason provider.Reason `yaml:"reason"`
	From   string          `yaml:"from"`
	Is     []string        `yaml:"is"`
	IsNot  []string        `yaml:"is_not"`
	Prefix string          `yaml:"prefix"`
}

type laterDoc struct {
	From   string   `yaml:"from"`
	Is     []string `yaml:"is"`
	IsNot  []string `yaml:"is_not"`
	Prefix string   `yaml:"prefix"`
	Again  string   `yaml:"again"`
}

type claimDoc struct {
	Claim        string     `yaml:"claim"`
	As           as         `yaml:"as"`
	Required     bool       `yaml:"required"`
	From         string     `yaml:"from"`
	Absent       []string   `yaml:"absent"`
	Table        string     `yaml:"table"`
	Otherwise    otherwise  `yaml:"otherwise"`
	Value        string     `yaml:"value"`
	Of           []claimDoc `yaml:"of"`
	Split        string     `yaml:"split"`
	Items        []claimDoc `yaml:"items"`
	Year         string     `yaml:"year"`
	Month        string     `yaml:"month"`
	Day          string     `yaml:"day"`
	UnknownYears []string   `yaml:"unknown_years"`
}

// reserved claim names belong to the credential, not to its subject's data
// (RFC 7519, Section 4.1; RFC 9901, Section 4; SD-JWT VC; ETSI TS 119 472-1).
var reserved = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "vct", "vct#integrity", "status", "category",
	"issuing_authority", "issuing_country", "iss_reg_id", "also_known_as", "adm_nbf", "adm_exp", "oneTime", "shortLived",
}

const maxNesting = 4

// What a declaration says where the source names no reference or no subject.
const (
	// byPosition numbers the records of an answer; such a reference does not
	// last.
	byPosition = "$position"
	// ofQuestion takes every record of an answer for the citizen's that was
	// asked about. For a source whose answers are tied to their questions and
	// whose records name nobody; a record that does must be held against it.
	ofQuestion = "$question"
)

type linter struct {
	*declared.File
	doc *fileDoc
}

// Parse reads and lints a declared mapping. All faults are given together,
// each with line and field.
func Parse(name string, b []byte) (*Mapping, error) {
	var doc fileDoc
	f, err := declared.Read(name, b, &doc)
	if err != nil {
		return nil, err
	}
	l := &linter{f, &doc}
	m := &Mapping{dataType: doc.DataType}
	if doc.DataType == "" {
		l.Fault("data_type", "is required")
	}
	if doc.Record.Reference != byPosition {
		m.reference = l.path("record.reference", doc.Record.Reference, true)
	}
	m.version = l.path("record.version", doc.Record.Version, false)
	if doc.Record.Subject != ofQuestion {
		m.subject = l.path("record.subject", doc.Record.Subject, true)
	}
	for i, d := range doc.Later {
		m.later = append(m.later, l.later(fmt.Sprintf("later[%d]", i), d))
	}
	for i, r := range doc.Refuse {
		m.rules = append(m.rules, l.rule(fmt.Sprintf("refuse[%d]", i), r))
	}
	if len(doc.Claims) == 0 {
		l.Fault("claims", "at least one claim is required")
	}
	m.claims = l.claims("claims", doc.Claims, 0)
	if err := f.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

func (l *linter) path(at, s string, required bool) provider.Path {
	if s == "" {
		if required {
			l.Fault(at, "is required")
		}
		return provider.Path{}
	}
	p, err := provider.ParsePath(s)
	if err != nil {
		l.Fault(at, "%v", err)
	}
	return p
}

func (l *linter) rule(at string, r ruleDoc) rule {
	if !slices.Contains(provider.Reasons(), r.Reason) {
		l.Fault(at+".reason", "%q is not one of %v", r.Reason, provider.Reasons())
	}
	return l.condition(at, r)
}

// Bounds of when to ask a source again.
const (
	minAgain     = 5 * time.Second
	maxAgain     = 24 * time.Hour
	defaultAgain = 5 * time.Minute
)

func (l *linter) later(at string, d laterDoc) later {
	out := later{rule: l.condition(at, ruleDoc{From: d.From, Is: d.Is, IsNot: d.IsNot, Prefix: d.Prefix}), again: defaultAgain}
	if d.Again == "" {
		return out
	}
	var err error
	if out.again, err = time.ParseDuration(d.Again); err != nil || out.again < minAgain || out.again > maxAgain {
		l.Fault(at+".again", "expected a duration from %v to %v, such as 10m, found %q", minAgain, maxAgain, d.Again)
	}
	return out
}

func (l *linter) condition(at string, r ruleDoc) rule {
	conditions := 0
	for _, set := range []bool{r.Is != nil, r.IsNot != nil, r.Prefix != ""} {
		if set {
			conditions++
		}
	}
	if conditions != 1 {
		l.Fault(at, "exactly one of is, is_not and prefix is required, found %d", conditions)
	}
	return rule{reason: r.Reason, from: l.path(at+".from", r.From, true), is: r.Is, isNot: r.IsNot, prefix: r.Prefix}
}

// claims lints a list of claims that become one object.
func (l *linter) claims(at string, docs []claimDoc, depth int) []claim {
	var out []claim
	var names []string
	for i, d := range docs {
		here := fmt.Sprintf("%s[%d]", at, i)
		l.name(here+".claim", d.Claim, depth)
		for _, other := range names {
			if other == d.Claim || strings.HasPrefix(other, d.Claim+".") || strings.HasPrefix(d.Claim, other+".") {
				l.Fault(here+".claim", "%q and %q cannot both be there", d.Claim, other)
			}
		}
		names = append(names, d.Claim)
		c := l.claim(here, d, depth)
		c.name, c.path = d.Claim, strings.Split(d.Claim, ".")
		out = append(out, c)
	}
	return out
}

func (l *linter) name(at, name string, depth int) {
	parts := strings.Split(name, ".")
	for _, p := range parts {
		ok := p != "" && len(p) <= 64 && p[0] >= 'a' && p[0] <= 'z'
		for _, r := range p {
			ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_')
		}
		if !ok {
			l.Fault(at, "expected snake_case names joined by dots, found %q", name)
			return
		}
	}
	if depth == 0 && slices.Contains(reserved, parts[0]) {
		l.Fault(at, "%q belongs to the credential itself (RFC 7519, Section 4.1; ETSI TS 119 472-1, clause 5.2)", parts[0])
	}
}

func (l *linter) claim(at string, d claimDoc, depth int) claim {
	if depth > maxNesting {
		l.Fault(at, "nested deeper than %d levels", maxNesting)
		return claim{}
	}
	if d.As == "" {
		d.As = asText
	}
	c := claim{as: d.As, required: d.Required, absent: append(slices.Clone(l.doc.Absent), d.Absent...)}
	l.members(at, d)
	switch d.As {
	case asText, asInteger, asBoolean, asCountry:
		c.from = l.source(at+".from", d.From)
	case asLookup:
		c.from = l.source(at+".from", d.From)
		l.lookup(at, d, &c)
	case asDate:
		l.date(at, d, &c)
	case asConstant:
		if c.constant = d.Value; d.Value == "" {
			l.Fault(at+".value", "is required")
		}
	case asFirstOf:
		if len(d.Of) < 2 {
			l.Fault(at+".of", "at least two alternatives are required")
		}
		for i, alt := range d.Of {
			here := fmt.Sprintf("%s.of[%d]", at, i)
			if alt.Claim != "" || alt.Required {
				l.Fault(here, "an alternative has no claim and no required of its own")
			}
			c.of = append(c.of, l.claim(here, alt, depth+1))
		}
	case asList:
		c.from, c.split = l.source(at+".from", d.From), d.Split
		if d.Items != nil {
			if d.Split != "" {
				l.Fault(at+".split", "a list of objects is not split")
			}
			c.items = l.claims(at+".items", d.Items, depth+1)
		}
	default:
		l.Fault(at+".as", "%q is no transformation: text, integer, boolean, date, lookup, country, constant, first_of or list", d.As)
	}
	return c
}

// source is a path that does not lead to the citizen's identifier.
func (l *linter) source(at, s string) provider.Path {
	subject := l.doc.Record.Subject
	if s != "" && (s == subject || strings.HasPrefix(subject, s+"/")) {
		l.Fault(at, "leads to the citizen's identifier (record.subject), which is never a claim")
	}
	return l.path(at, s, true)
}

func (l *linter) lookup(at string, d claimDoc, c *claim) {
	table, ok := l.doc.Tables[d.Table]
	if !ok || len(table) == 0 {
		l.Fault(at+".table", "%q is not a table with entries", d.Table)
	}
	c.table, c.otherwise = table, d.Otherwise
	if c.otherwise == "" {
		c.otherwise = otherwiseRefuse
	}
	if !slices.Contains([]otherwise{otherwiseOmit, otherwiseKeep, otherwiseRefuse}, c.otherwise) {
		l.Fault(at+".otherwise", "expected omit, keep or refuse, found %q", d.Otherwise)
	}
}

func (l *linter) date(at string, d claimDoc, c *claim) {
	c.unknownYears = d.UnknownYears
	if d.From != "" {
		c.from = l.source(at+".from", d.From)
		if d.Year != "" || d.Month != "" || d.Day != "" {
			l.Fault(at+".from", "give from, or year with month and day, not both")
		}
		return
	}
	c.year = l.source(at+".year", d.Year)
	c.month, c.day = l.path(at+".month", d.Month, false), l.path(at+".day", d.Day, false)
	if d.Day != "" && d.Month == "" {
		l.Fault(at+".day", "a day needs a month")
	}
}

// members refuses what the transformation would not read.
func (l *linter) members(at string, d claimDoc) {
	for _, m := range []struct {
		name string
		set  bool
		of   []as
	}{
		{"from", d.From != "", []as{asText, asInteger, asBoolean, asCountry, asLookup, asDate, asList}},
		{"table", d.Table != "", []as{asLookup}},
		{"otherwise", d.Otherwise != "", []as{asLookup}},
		{"value", d.Value != "", []as{asConstant}},
		{"of", d.Of != nil, []as{asFirstOf}},
		{"split", d.Split != "", []as{asList}},
		{"items", d.Items != nil, []as{asList}},
		{"year", d.Year != "", []as{asDate}},
		{"month", d.Month != "", []as{asDate}},
		{"day", d.Day != "", []as{asDate}},
		{"unknown_years", d.UnknownYears != nil, []as{asDate}},
	} {
		if m.set && !slices.Contains(m.of, d.As) {
			l.Fault(at+"."+m.name, "has no meaning for %q", d.As)
		}
	}
}
