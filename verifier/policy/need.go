package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

// Source is an authentic source and the law by which somebody answers for it, as
// seal certificates have them (QcPSB of ETSI TS 119 412-6, clause 8.3). What is
// empty may be anything; not all of it is.
type Source struct {
	Name        string `json:"name,omitempty"`
	Legislation string `json:"legislation,omitempty"`
	Country     string `json:"country,omitempty"` // of the law: two letters, or EU
}

// Fits reports whether a source of a certificate is such a one.
func (s Source) Fits(found Source) bool {
	same := func(want, have string) bool { return want == "" || want == have }
	return same(s.Name, found.Name) && same(s.Legislation, found.Legislation) && same(s.Country, found.Country)
}

// Levels are those that can be asked for.
func Levels() []seal.Level {
	return []seal.Level{seal.BaselineB, seal.BaselineT, seal.BaselineLT, seal.BaselineLTA}
}

// needDocument is what must be of a seal, as JSON.
type needDocument struct {
	Qualification      seal.Qualification `json:"qualification,omitempty"`
	Level              seal.Level         `json:"level,omitempty"`
	Sources            []Source           `json:"authentic_sources,omitempty"`
	NotifiedWhenSealed bool               `json:"notified_when_sealed,omitempty"`
}

func needOf(t Type) needDocument {
	return needDocument{t.Qualification, t.Level, t.Sources, t.NotifiedWhenSealed}
}

// read checks it into a type.
func (n needDocument) read(r *reading, at string, t *Type) {
	if n.Qualification != "" && Worth(n.Qualification) == 0 {
		r.fault(at+"qualification", "found %q, expected QESeal, AdESeal-QC or AdESeal", n.Qualification)
	}
	if n.Level != "" && !slices.Contains(Levels(), n.Level) {
		r.fault(at+"level", "found %q, expected one of %v", n.Level, Levels())
	}
	for i, s := range n.Sources {
		field := fmt.Sprintf("%sauthentic_sources[%d]", at, i)
		switch {
		case s == Source{}:
			r.fault(field, "is empty, so that it fits every source; name its name, legislation or country as the certificate has them")
		case s.Country != "" && !isCountry(s.Country):
			r.fault(field+".country", "found %q, expected two capitals such as BE, or EU", s.Country)
		case max(len(s.Name), len(s.Legislation)) > maxSource:
			r.fault(field, "has a text of more than %d bytes, which no certificate has", maxSource)
		}
	}
	if len(n.Sources) > maxList {
		r.fault(at+"authentic_sources", "has %d entries, at most %d are allowed", len(n.Sources), maxList)
	}
	t.Qualification, t.Level, t.Sources, t.NotifiedWhenSealed = n.Qualification, n.Level, n.Sources, n.NotifiedWhenSealed
}

// maxSource is the longest text in QcPSB that is read.
const maxSource = 2048

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// ParseNeed reads what a credential type asks of its seals, which is a member of
// the type's own data: qualification, level, authentic_sources and
// notified_when_sealed of a type as in a policy. Other fields of the answer are
// empty. name stands before each fault.
func ParseNeed(name string, b []byte) (Type, error) {
	if len(b) > MaxDocument {
		return Type{}, fmt.Errorf("%s: has %d bytes; at most %d are read", name, len(b), MaxDocument)
	}
	var n needDocument
	if err := jose.UnmarshalClosed(b, &n); err != nil {
		return Type{}, fmt.Errorf("%s: %w; members are qualification, level, authentic_sources and notified_when_sealed", name, err)
	}
	r, t := &reading{name: name}, Type{}
	n.read(r, "", &t)
	if err := errors.Join(r.faults...); err != nil {
		return Type{}, err
	}
	return t, nil
}

// Over is the type with what it leaves open of the seal filled in from another.
func (t Type) Over(base Type) Type {
	t.Qualification, t.Level = cmp.Or(t.Qualification, base.Qualification), cmp.Or(t.Level, base.Level)
	if len(t.Sources) == 0 {
		t.Sources = base.Sources
	}
	t.NotifiedWhenSealed = t.NotifiedWhenSealed || base.NotifiedWhenSealed
	return t
}

// Over is the policy with what its types leave open of the seal filled in: what
// the platform's policy asks of the same type, else an advanced seal.
func (p *Policy) Over(platform *Policy) (*Policy, error) {
	out := *p
	out.Types = make([]Type, len(p.Types))
	for i, t := range p.Types {
		base, _ := platform.Type(t.Name)
		out.Types[i] = t.Over(base)
	}
	return New(out)
}

// Unattainable tells where a policy asks for seals that nobody can have where no
// trusted list is asked: without one no seal is worth more than AdESeal.
func (p *Policy) Unattainable() error {
	r := &reading{name: "policy " + p.ID}
	for i, t := range p.Types {
		if Worth(t.Qualification) > Worth(seal.AdESeal) {
			r.fault(fmt.Sprintf("credentials[%d].qualification", i), "%s of %q needs the trusted lists of the Union, and none are configured, so that every such credential would be refused; configure them, or ask for AdESeal", t.Qualification, t.Name)
		}
	}
	return errors.Join(r.faults...)
}
