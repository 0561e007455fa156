// Package mapping turns a supplier's records into claims as a declared file
// says: where a record's reference, version and subject stand, which records
// are refused and why, and which path becomes which claim by which of a
// closed list of transformations.
//
// It is no language: a declaration cannot compute, and what it cannot say
// needs a decision here, not a trick there. It knows no supplier.
package mapping

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/identifier"
)

//go:embed led-diploma.yaml
var ledDiploma []byte

// LEDDiploma is the declaration for the evidence records of LED/GeefBewijs
// 02.00.0000.
func LEDDiploma() *Mapping {
	m, err := Parse("led-diploma.yaml", ledDiploma)
	if err != nil {
		panic(err) // embedded and tested
	}
	return m
}

// LEDDeclaration is the text of LEDDiploma, to make a declaration of one's own
// from.
func LEDDeclaration() []byte { return slices.Clone(ledDiploma) }

// Mapping is a declaration that was read and found sound. It is immutable and
// safe for concurrent use.
type Mapping struct {
	dataType string
	// reference and subject are zero when the source does not name them:
	// byPosition and ofQuestion.
	reference provider.Path
	version   provider.Path
	subject   provider.Path
	later     []later
	rules     []rule
	claims    []claim
}

type rule struct {
	reason provider.Reason
	from   provider.Path
	is     []string
	isNot  []string
	prefix string
}

// later recognises a record that the source will only have later.
type later struct {
	rule
	again time.Duration
}

// DataType is the type of data that the declaration describes.
func (m *Mapping) DataType() string { return m.dataType }

// Sorted are the records of an answer.
type Sorted struct {
	Records []provider.Record
	Refused []provider.Refusal
	Pending []provider.Pending
}

// Sort makes records of documents, refuses by name what the declaration
// refuses, and sets apart what the source will only have later; the others go
// on. Only records about subject come out.
func (m *Mapping) Sort(supplier string, subject identifier.INSZ, docs []*provider.Node) (out Sorted) {
	seen := map[string]bool{}
	for i, doc := range docs {
		rec, refusal := m.record(supplier, subject, i, doc)
		wait, pending := m.wait(doc)
		if refusal == nil && !pending {
			refusal = m.refuses(rec.Ref, doc)
		}
		if refusal == nil && seen[rec.Ref] {
			refusal = refuse(rec.Ref, provider.Duplicate, "%s: an earlier record of the answer has this reference", m.reference)
		}
		if refusal != nil {
			out.Refused = append(out.Refused, *refusal)
			continue
		}
		seen[rec.Ref] = true
		if pending {
			out.Pending = append(out.Pending, provider.Pending{Ref: rec.Ref, Subject: subject, Again: wait})
			continue
		}
		out.Records = append(out.Records, rec)
	}
	return out
}

// wait reports whether the source will only have the record later, and when
// to ask again.
func (m *Mapping) wait(doc *provider.Node) (time.Duration, bool) {
	for _, l := range m.later {
		if l.applies(doc) {
			return l.again, true
		}
	}
	return 0, false
}

func (m *Mapping) refuses(ref string, doc *provider.Node) *provider.Refusal {
	for _, r := range m.rules {
		if r.applies(doc) {
			return refuse(ref, r.reason, "%s: %s", r.from, r.text())
		}
	}
	return nil
}

// Concerns reports whether the document names subject, for suppliers whose
// source holds the records of many citizens.
func (m *Mapping) Concerns(subject identifier.INSZ, doc *provider.Node) (bool, error) {
	if !m.NamesSubject() {
		return false, fmt.Errorf("record.subject is %s: nothing says whose record this is", ofQuestion)
	}
	text, _ := m.subject.First(doc)
	n, err := identifier.ParseINSZ(text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", m.subject, err)
	}
	return n.Equal(subject), nil
}

// NamesSubject reports whether each record names its subject itself. If not,
// only the tie between question and answer says whose it is.
func (m *Mapping) NamesSubject() bool { return !m.subject.IsZero() }

func (m *Mapping) record(supplier string, subject identifier.INSZ, index int, doc *provider.Node) (provider.Record, *provider.Refusal) {
	ref := strconv.Itoa(index + 1)
	if !m.reference.IsZero() {
		if ref, _ = m.reference.First(doc); ref == "" {
			return provider.Record{}, refuse(ref, provider.Malformed, "%s: the record has no reference", m.reference)
		}
	}
	if m.NamesSubject() {
		text, _ := m.subject.First(doc)
		owner, err := identifier.ParseINSZ(text)
		if err != nil {
			return provider.Record{}, refuse(ref, provider.Malformed, "%s: %v", m.subject, err)
		}
		if !owner.Equal(subject) {
			return provider.Record{}, refuse(ref, provider.WrongSubject, "%s: the record names another person than was asked for", m.subject)
		}
	}
	version, _ := m.version.First(doc)
	return provider.Record{Supplier: supplier, Type: m.dataType, Ref: ref, Version: version, Subject: subject, Fields: doc}, nil
}

// Claims makes the claims of one record. The error is a provider.Refusal.
func (m *Mapping) Claims(rec provider.Record) (Claims, error) {
	var out Claims
	for _, c := range m.claims {
		v, err := c.value(rec.Fields)
		if err != nil {
			return nil, *refuse(rec.Ref, provider.Malformed, "claim %s: %v", c.name, err)
		}
		if v == nil {
			if c.required {
				return nil, *refuse(rec.Ref, provider.MissingClaim, "claim %s: %s has no value", c.name, c.sources())
			}
			continue
		}
		out.put(c.path, v)
	}
	// Free text is the supplier's: it may repeat what no claim may hold.
	for _, c := range out {
		found := false
		each(c.Value, func(s string) { found = found || rec.Subject.MentionedIn(s) })
		if found {
			return nil, *refuse(rec.Ref, provider.IdentifierInClaims, "claim %s: its text repeats the citizen's identifier", c.Name)
		}
	}
	return out, nil
}

// Mapped is a record with its claims.
type Mapped struct {
	Record provider.Record
	Claims Claims
}

// Apply makes the claims of every record, and refuses by name those of which
// it cannot.
func (m *Mapping) Apply(records []provider.Record) ([]Mapped, []provider.Refusal) {
	var out []Mapped
	var refused []provider.Refusal
	for _, rec := range records {
		c, err := m.Claims(rec)
		if err != nil {
			refusal, ok := err.(provider.Refusal)
			if !ok {
				refusal = *refuse(rec.Ref, provider.Malformed, "%v", err)
			}
			refused = append(refused, refusal)
			continue
		}
		out = append(out, Mapped{rec, c})
	}
	return out, refused
}

// Declared is a claim that the mapping may make.
type Declared struct {
	Path     []string
	Required bool
	// List says that the value is an array; Items are the members of its
	// objects, none for an array of texts.
	List  bool
	Items []Declared
}

// Declared lists the claims in their order, for type metadata and tests that
// hold it against this.
func (m *Mapping) Declared() []Declared { return declaredOf(m.claims) }

func declaredOf(claims []claim) []Declared {
	out := make([]Declared, len(claims))
	for i, c := range claims {
		out[i] = Declared{Path: slices.Clone(c.path), Required: c.required, List: c.as == asList, Items: declaredOf(c.items)}
	}
	return out
}

func refuse(ref string, reason provider.Reason, format string, args ...any) *provider.Refusal {
	return &provider.Refusal{Ref: identifier.Scrub(ref), Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

func (r rule) applies(doc *provider.Node) bool {
	v, _ := r.from.First(doc)
	switch {
	case r.is != nil:
		return slices.Contains(r.is, v)
	case r.isNot != nil:
		return !slices.Contains(r.isNot, v)
	case r.prefix != "":
		return strings.HasPrefix(v, r.prefix)
	default:
		return true
	}
}

// text is the rule in words of the declaration, without the record's value.
func (r rule) text() string {
	switch {
	case r.is != nil:
		return "refused when it is " + strings.Join(r.is, " or ")
	case r.isNot != nil:
		return "refused unless it is " + strings.Join(r.isNot, " or ")
	default:
		return "refused when it starts with " + r.prefix
	}
}
