package jsonld

import (
	"errors"
	"slices"
	"strings"
)

// maxRemote bounds how many contexts one local context may lead through.
const maxRemote = 64

// maxTerms bounds the term definitions made for one document whose contexts are
// not known yet; ELM and the credentials context together hold fewer than 400. So
// many terms, or bytes of an IRI, that are copied count for one.
const (
	maxTerms = 16384
	copied   = 16
)

// builder makes contexts for one document.
type builder struct {
	p      *Processor
	spent  int
	remote []string // contexts being processed
}

// fault is an error at a place of a local context.
func (l local) fault(at int32, code, detail string) error {
	return &Error{Code: code, Pointer: l.a.pointer(at), Context: l.a.url, Detail: detail}
}

type flags struct {
	override bool // overrideProtected
	keep     bool // propagate is false: remember the context before
	check    bool // validate scoped contexts
}

// process is the Context Processing Algorithm (API, Section 4.1.2).
func (b *builder) process(active *Context, l local, f flags) (*Context, error) {
	v := &l.a.Nodes[l.at]
	if v.Kind == object { // step 2
		if at, ok := l.a.Member(l.at, "@propagate"); ok {
			switch l.a.Nodes[at].Kind {
			case truth:
				f.keep = false
			case falsity:
				f.keep = true
			default:
				return nil, l.fault(at, "invalid @propagate value", "@propagate is true or false")
			}
		}
	}
	result := active
	if f.keep && result.previous == nil { // step 3
		result = active.clone()
		result.previous = active
	}
	if v.Kind != array {
		return b.one(active, result, l, f)
	}
	var err error
	for c := l.at + 1; c < v.End; c = l.a.Nodes[c].End {
		if result, err = b.one(active, result, local{l.a, c, l.base}, f); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// one is step 5 for one context.
func (b *builder) one(active, result *Context, l local, f flags) (*Context, error) {
	switch v := l.a.Nodes[l.at]; v.Kind {
	case null:
		if !f.override && active.guarded {
			return nil, l.fault(l.at, "invalid context nullification", "null would undo protected terms (API, Section 4.1.2, step 5.1.1); it may stand only in a context scoped to a property")
		}
		fresh := &Context{original: result.original, base: result.original}
		if f.keep {
			fresh.previous = result.previous
		}
		return fresh, nil
	case text:
		return b.fetch(result, l, f)
	case object:
		return b.definitions(result, l, f)
	}
	return nil, l.fault(l.at, "invalid local context", "a context is an object, a URL, null, or an array of these")
}

// fetch is step 5.2: a context by URL, from the loader.
func (b *builder) fetch(result *Context, l local, f flags) (*Context, error) {
	url := resolve(l.base, l.a.Nodes[l.at].Text)
	if slices.Contains(b.remote, url) {
		if !f.check {
			return result, nil // step 5.2.2
		}
	}
	if len(b.remote) >= maxRemote || slices.Contains(b.remote, url) {
		return nil, l.fault(l.at, "context overflow", "contexts that lead to one another without end, or more than 64 deep")
	}
	doc, err := b.p.document(url)
	if err != nil {
		return nil, loading(l, err)
	}
	at, ok := doc.Member(0, "@context")
	if doc.Nodes[0].Kind != object || !ok {
		return nil, l.fault(l.at, "invalid remote context", "the document at this URL has no @context")
	}
	b.remote = append(b.remote, url)
	defer func() { b.remote = b.remote[:len(b.remote)-1] }()
	return b.process(result, local{doc, at, url}, flags{check: f.check})
}

func loading(l local, err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	return l.fault(l.at, "loading remote context failed", err.Error())
}

// definitions are steps 5.5 to 5.13.
func (b *builder) definitions(result *Context, l local, f flags) (*Context, error) {
	if at, ok := l.a.Member(l.at, "@version"); ok {
		if v := l.a.Nodes[at]; v.Kind != number || toFloat(v.Text) != 1.1 {
			return nil, l.fault(at, "invalid @version value", "@version is the number 1.1")
		}
	}
	m, err := b.members(l, true)
	if err != nil {
		return nil, err
	}
	if err := b.spend(l, 1+len(m)+result.terms.taken/copied); err != nil {
		return nil, err
	}
	c := result.clone()
	if err := b.settings(c, m); err != nil {
		return nil, err
	}
	d := definer{b: b, c: c, local: m, defined: make(map[string]bool, len(m)), f: f}
	if p, ok := m["@protected"]; ok {
		switch p.a.Nodes[p.at].Kind {
		case truth:
			d.protected = true
		case falsity:
		default:
			return nil, p.fault(p.at, "invalid @protected value", "@protected is true or false")
		}
	}
	for _, own := range d.order(l) {
		if err := d.define(own); err != nil {
			return nil, err
		}
	}
	c.findAliases()
	if c.equal(result) {
		return result, nil
	}
	return c, nil
}

// members are the entries of a context with those that it imports (step 5.6).
func (b *builder) members(l local, outer bool) (map[string]local, error) {
	m := map[string]local{}
	if at, ok := l.a.Member(l.at, "@import"); ok {
		v := l.a.Nodes[at]
		if !outer {
			return nil, l.fault(at, "invalid context entry", "a context that is imported cannot import")
		}
		if v.Kind != text {
			return nil, l.fault(at, "invalid @import value", "@import is a URL")
		}
		url := resolve(l.base, v.Text)
		doc, err := b.p.document(url)
		if err != nil {
			return nil, loading(local{l.a, at, l.base}, err)
		}
		from, ok := doc.Member(0, "@context")
		if doc.Nodes[0].Kind != object || !ok || doc.Nodes[from].Kind != object {
			return nil, l.fault(at, "invalid remote context", "what is imported has one @context, an object")
		}
		if m, err = b.members(local{doc, from, l.base}, false); err != nil {
			return nil, err
		}
	}
	for c := l.at + 1; c < l.a.Nodes[l.at].End; c = l.a.Nodes[c].End {
		m[l.a.Nodes[c].Name] = local{l.a, c, l.base}
	}
	return m, nil
}

// spend counts definitions made, or what costs as much.
func (b *builder) spend(l local, n int) error {
	if b.spent += n; b.spent > maxTerms {
		return l.fault(l.at, codeLimit, "the contexts define more terms, or longer ones, than one document may bring")
	}
	return nil
}

// settings are steps 5.7 to 5.11.
func (b *builder) settings(c *Context, m map[string]local) error {
	for _, key := range []string{"@base", "@vocab"} {
		if l, ok := m[key]; ok {
			if err := b.spend(l, (len(c.base)+len(c.vocab.value))/copied); err != nil {
				return err
			}
		}
	}
	if l, ok := m["@base"]; ok && len(b.remote) == 0 {
		switch v := l.a.Nodes[l.at]; {
		case v.Kind == null:
			c.base = ""
		case v.Kind == text && absolute(v.Text):
			c.base = v.Text
		case v.Kind == text && c.base != "":
			c.base = resolve(c.base, v.Text)
		case v.Kind == text && v.Text == "":
		default:
			return l.fault(l.at, "invalid base IRI", "@base is an IRI, or null")
		}
	}
	if l, ok := m["@vocab"]; ok {
		switch v := l.a.Nodes[l.at]; v.Kind {
		case null:
			c.vocab = optional{}
		case text:
			iri := c.expandIRI(v.Text, true, true)
			if !absolute(iri) && !isBlank(iri) && !(v.Text == "" || c.base == "") || isKeyword(iri) || iri == "" && v.Text != "" {
				return l.fault(l.at, "invalid vocab mapping", "@vocab is an IRI, or null")
			}
			c.vocab = optional{true, iri}
		default:
			return l.fault(l.at, "invalid vocab mapping", "@vocab is an IRI, or null")
		}
	}
	if l, ok := m["@language"]; ok {
		switch v := l.a.Nodes[l.at]; v.Kind {
		case null, text:
			c.language = strings.ToLower(v.Text)
		default:
			return l.fault(l.at, "invalid default language", "@language is a language tag (BCP 47), or null")
		}
	}
	if l, ok := m["@direction"]; ok {
		v := l.a.Nodes[l.at]
		if v.Kind != null && !(v.Kind == text && (v.Text == "ltr" || v.Text == "rtl")) {
			return l.fault(l.at, "invalid base direction", "@direction is ltr, rtl or null")
		}
		c.direction = v.Text
	}
	if l, ok := m["@propagate"]; ok {
		if k := l.a.Nodes[l.at].Kind; k != truth && k != falsity {
			return l.fault(l.at, "invalid @propagate value", "@propagate is true or false")
		}
	}
	return nil
}
