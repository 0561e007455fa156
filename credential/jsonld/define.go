package jsonld

import (
	"slices"
	"strings"

	"github.com/zegel-id/zegel/credential/rdf"
)

// definer makes the terms of one context.
type definer struct {
	b         *builder
	c         *Context
	local     map[string]local
	defined   map[string]bool
	protected bool
	f         flags
}

// order names the terms to define, in a fixed order so that errors are too.
func (d *definer) order(local) []string {
	names := make([]string, 0, len(d.local))
	for name := range d.local {
		switch name {
		case "@base", "@direction", "@import", "@language", "@propagate", "@protected", "@version", "@vocab":
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// expand is IRI Expansion (API, Section 5.2.2) while terms are being defined:
// those it needs are defined first (steps 3 and 6.3).
func (d *definer) expand(s string, relative bool) (string, error) {
	need := func(name string) error {
		if _, ok := d.local[name]; ok && !isKeyword(name) && !keywordLike(name) && !d.defined[name] {
			return d.define(name)
		}
		return nil
	}
	if err := need(s); err != nil {
		return "", err
	}
	if colon := strings.IndexByte(s, ':'); colon > 0 && s[:colon] != "_" && !strings.HasPrefix(s[colon+1:], "//") {
		if err := need(s[:colon]); err != nil {
			return "", err
		}
	}
	return d.c.expandIRI(s, relative, true), nil
}

// define is the Create Term Definition algorithm (API, Section 4.2.2).
func (d *definer) define(name string) error {
	l := d.local[name]
	fail := func(code, detail string) error { return l.fault(l.at, code, detail) }
	if done, ok := d.defined[name]; done { // step 1
		return nil
	} else if ok {
		return fail("cyclic IRI mapping", "the definition of this term needs itself")
	}
	if name == "" { // step 2
		return fail("invalid term definition", "a term has a name")
	}
	d.defined[name] = false
	v := l.a.Nodes[l.at]
	if name == "@type" { // step 4
		if v.Kind != object || v.End == l.at+1 || !d.onlyTypeKeys(l) {
			return fail("keyword redefinition", "of @type only @container: @set and @protected can be said")
		}
	} else if isKeyword(name) { // step 5
		return fail("keyword redefinition", "a keyword cannot be a term")
	} else if keywordLike(name) {
		d.defined[name] = true
		return nil
	}
	t := &term{name: name, protected: d.protected}
	keep, err := d.fill(t, l)
	if err != nil {
		return err
	}
	if err := d.b.spend(l, (len(t.iri)+len(t.coerce))/copied); err != nil {
		return err
	}
	d.defined[name] = true
	previous := d.c.terms.get(name)
	if !keep {
		if previous != nil && previous.protected && !d.f.override {
			return fail("protected term redefinition", "the term is protected by a context before this one")
		}
		d.c.terms.remove(name)
		return nil
	}
	if previous != nil && (previous.protected || previous.same(t) && previous.protected == t.protected) { // step 27
		switch {
		case previous.same(t) && (previous.protected || !t.protected):
			if previous.protected && !d.f.override || previous.protected == t.protected {
				return nil
			}
		case !d.f.override:
			return fail("protected term redefinition", "the term is protected by a context before this one (API, Section 4.2.2, step 27); use another name")
		}
	}
	t.kw = kwDropped
	if isKeyword(t.iri) {
		t.kw = wordOf(t.iri)
	} else if t.iri != "" {
		t.named, t.namedErr = rdf.NewTerm(t.iri)
		t.place = uint8(d.b.p.terms.Add(1)) % termNodes
		if t.namedErr == nil || strings.Contains(t.iri, ":") {
			t.kw = kwProperty
		}
	}
	if t.coerce != "" && t.coerce[0] != '@' {
		t.datatype, _ = rdf.NewDatatype(t.coerce)
	}
	d.c.scopes = d.c.scopes || t.scope != nil
	d.c.guarded = d.c.guarded || t.protected
	d.c.terms.put(t)
	return nil
}

func (d *definer) onlyTypeKeys(l local) bool {
	for c := l.at + 1; c < l.a.Nodes[l.at].End; c = l.a.Nodes[c].End {
		v := l.a.Nodes[c]
		set := v.Kind == text && v.Text == "@set" || v.Kind == array && v.End == c+2 && l.a.Nodes[c+1].Text == "@set"
		if v.Name != "@protected" && !(v.Name == "@container" && set) {
			return false
		}
	}
	return true
}

// fill are steps 7 to 26; it answers false for a definition that is passed over.
func (d *definer) fill(t *term, l local) (bool, error) {
	v := l.a.Nodes[l.at]
	switch v.Kind {
	case null:
		return true, nil
	case text:
		return d.identify(t, l, l.at, true, false)
	case object:
	default:
		return false, l.fault(l.at, "invalid term definition", "a term is defined by an IRI, an object or null")
	}
	var at [len(definitionKeys)]int32
	for c := l.at + 1; c < v.End; c = l.a.Nodes[c].End {
		i := slices.Index(definitionKeys[:], l.a.Nodes[c].Name)
		if i < 0 { // step 26
			return false, l.fault(c, "invalid term definition", "this key is not one of a term definition")
		}
		at[i] = c
	}
	if at[kProtected] != 0 { // step 11
		switch l.a.Nodes[at[kProtected]].Kind {
		case truth:
			t.protected = true
		case falsity:
			t.protected = false
		default:
			return false, l.fault(at[kProtected], "invalid @protected value", "@protected is true or false")
		}
	}
	if at[kType] != 0 { // step 12
		if err := d.typed(t, l, at[kType]); err != nil {
			return false, err
		}
	}
	if at[kReverse] != 0 {
		return d.reverse(t, l, at[:])
	}
	if ok, err := d.identify(t, l, at[kID], false, at[kContext] != 0); !ok {
		return false, err
	}
	if at[kContainer] != 0 { // step 19
		if err := t.contain(l, at[kContainer]); err != nil {
			return false, err
		}
	}
	return true, d.rest(t, l, at[:])
}

var definitionKeys = [...]string{"@id", "@reverse", "@container", "@context", "@direction", "@index", "@language", "@nest", "@prefix", "@protected", "@type"}

const (
	kID = iota
	kReverse
	kContainer
	kContext
	kDirection
	kIndex
	kLanguage
	kNest
	kPrefix
	kProtected
	kType
)

func (d *definer) typed(t *term, l local, at int32) error {
	v := l.a.Nodes[at]
	if v.Kind != text {
		return l.fault(at, "invalid type mapping", "@type is an IRI, @id, @vocab, @json or @none")
	}
	iri, err := d.expand(v.Text, false)
	if err != nil {
		return err
	}
	switch iri {
	case "@id", "@vocab", "@json", "@none":
	default:
		if !absolute(iri) {
			return l.fault(at, "invalid type mapping", "@type is an absolute IRI, @id, @vocab, @json or @none")
		}
	}
	t.coerce = iri
	return nil
}

// reverse is step 13.
func (d *definer) reverse(t *term, l local, at []int32) (bool, error) {
	v := l.a.Nodes[at[kReverse]]
	if at[kID] != 0 || at[kNest] != 0 {
		return false, l.fault(at[kReverse], "invalid reverse property", "@reverse stands without @id and @nest")
	}
	if v.Kind != text {
		return false, l.fault(at[kReverse], "invalid IRI mapping", "@reverse is an IRI")
	}
	if keywordLike(v.Text) {
		return false, nil
	}
	iri, err := d.expand(v.Text, false)
	if err != nil {
		return false, err
	}
	if !strings.Contains(iri, ":") {
		return false, l.fault(at[kReverse], "invalid IRI mapping", "@reverse is an absolute IRI")
	}
	t.iri, t.reverse = iri, true
	if c := at[kContainer]; c != 0 {
		v := l.a.Nodes[c]
		switch {
		case v.Kind == null:
		case v.Kind == text && (v.Text == "@set" || v.Text == "@index"):
			t.container = containers[v.Text]
		default:
			return false, l.fault(c, "invalid reverse property", "the container of a reverse property is @set or @index")
		}
	}
	return true, d.rest(t, l, at)
}

// identify are steps 14 to 18; at is 0 without @id.
func (d *definer) identify(t *term, l local, at int32, simple, scoped bool) (bool, error) {
	name := t.name
	if at != 0 || simple {
		v := l.a.Nodes[at]
		switch {
		case v.Kind == null:
			return true, nil
		case v.Kind != text:
			return false, l.fault(at, "invalid IRI mapping", "@id is an IRI, a term or a keyword")
		case v.Text == name:
		case !isKeyword(v.Text) && keywordLike(v.Text):
			return false, nil
		default:
			return d.mapped(t, l, at, simple, scoped)
		}
	}
	colon := strings.IndexByte(name[1:], ':') + 1
	switch {
	case colon > 0: // step 15
		if p, ok := d.local[name[:colon]]; ok && !strings.HasPrefix(name[colon+1:], "//") && p.a != nil {
			if err := d.define(name[:colon]); err != nil {
				return false, err
			}
		}
		if p := d.c.terms.get(name[:colon]); p != nil {
			t.iri = p.iri + name[colon+1:]
		} else {
			t.iri = name
		}
	case strings.Contains(name, "/"): // step 16
		iri := d.c.expandIRI(name, false, true)
		if prev := d.c.terms.get(name); prev != nil {
			iri = d.c.inVocab(name, true)
		}
		if !absolute(iri) {
			return false, l.fault(l.at, "invalid IRI mapping", "a term with a slash must expand to an absolute IRI")
		}
		t.iri = iri
	case name == "@type": // step 17
		t.iri = name
	case d.c.vocab.set: // step 18
		t.iri = d.c.vocab.value + name
	default:
		return false, l.fault(l.at, "invalid IRI mapping", "the term has no @id, and there is no @vocab")
	}
	return true, nil
}

// mapped is step 14.2.
func (d *definer) mapped(t *term, l local, at int32, simple, scoped bool) (bool, error) {
	iri, err := d.expand(l.a.Nodes[at].Text, false)
	if err != nil {
		return false, err
	}
	if !isKeyword(iri) && !absolute(iri) && !isBlank(iri) {
		return false, l.fault(at, "invalid IRI mapping", "@id must expand to an absolute IRI or a keyword")
	}
	if iri == "@context" {
		return false, l.fault(at, "invalid keyword alias", "@context has no other name")
	}
	t.iri = iri
	name := t.name
	inner := len(name) > 2 && strings.Contains(name[1:len(name)-1], ":")
	if inner || strings.Contains(name, "/") { // step 14.2.4
		previous := d.c.terms.get(name)
		d.c.terms.remove(name)
		d.defined[name] = true
		own, err := d.expand(name, false)
		if previous != nil {
			d.c.terms.put(previous)
		}
		if err != nil {
			return false, err
		}
		if own != iri {
			return false, l.fault(at, "invalid IRI mapping", "a term in the form of an IRI must mean that IRI")
		}
	}
	if simple && !strings.ContainsAny(name, ":/") && iri != "" { // step 14.2.5
		t.prefix = strings.IndexByte(":/?#[]@", iri[len(iri)-1]) >= 0 || isBlank(iri)
	}
	return true, nil
}
