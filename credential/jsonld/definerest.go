package jsonld

import "strings"

// contain is step 19 of API, Section 4.2.2.
func (t *term) contain(l local, at int32) error {
	bad := func() error {
		return l.fault(at, "invalid container mapping", "@container is @list, or @set with one of @index, @id, @type, @language, or @graph with @id or @index")
	}
	v := l.a.Nodes[at]
	n := 0
	add := func(c int32) bool {
		w, ok := containers[l.a.Nodes[c].Text]
		fresh := ok && l.a.Nodes[c].Kind == text && t.container&w == 0
		t.container |= w
		n++
		return fresh
	}
	ok := true
	if v.Kind == array {
		for c := at + 1; c < v.End; c = l.a.Nodes[c].End {
			ok = add(c) && ok
		}
	} else {
		ok = add(at)
	}
	if !ok {
		return bad()
	}
	switch rest := t.container &^ inSet; {
	case n == 0:
		return bad()
	case rest == inList && n == 1, rest == 0, rest == inIndex, rest == inID, rest == inType, rest == inLanguage, rest == inGraph:
	case rest == inGraph|inID, rest == inGraph|inIndex:
	default:
		return bad()
	}
	if t.container&inType != 0 {
		switch t.coerce {
		case "":
			t.coerce = "@id"
		case "@id", "@vocab":
		default:
			return l.fault(at, "invalid type mapping", "with the container @type, @type is @id or @vocab")
		}
	}
	return nil
}

// rest are steps 20 to 25.
func (d *definer) rest(t *term, l local, at []int32) error {
	if c := at[kIndex]; c != 0 {
		v := l.a.Nodes[c]
		if t.container&inIndex == 0 || v.Kind != text {
			return l.fault(c, "invalid term definition", "@index is a property, with the container @index")
		}
		iri, err := d.expand(v.Text, false)
		if err != nil {
			return err
		}
		if !absolute(iri) {
			return l.fault(c, "invalid term definition", "@index must expand to an absolute IRI")
		}
		t.index = v.Text
	}
	if c := at[kContext]; c != 0 {
		t.scope = &local{l.a, c, l.base}
		if d.f.check {
			if err := d.b.validate(d.c, t.scope); err != nil {
				return err
			}
		}
	}
	if c := at[kLanguage]; c != 0 && at[kType] == 0 {
		v := l.a.Nodes[c]
		if v.Kind != null && v.Kind != text {
			return l.fault(c, "invalid language mapping", "@language is a language tag (BCP 47), or null")
		}
		t.language = optional{true, strings.ToLower(v.Text)}
	}
	if c := at[kDirection]; c != 0 && at[kType] == 0 {
		v := l.a.Nodes[c]
		if v.Kind != null && !(v.Kind == text && (v.Text == "ltr" || v.Text == "rtl")) {
			return l.fault(c, "invalid base direction", "@direction is ltr, rtl or null")
		}
		t.direction = optional{true, v.Text}
	}
	if c := at[kNest]; c != 0 {
		v := l.a.Nodes[c]
		if v.Kind != text || isKeyword(v.Text) && v.Text != "@nest" {
			return l.fault(c, "invalid @nest value", "@nest is a term, or @nest itself")
		}
		t.nest = v.Text
	}
	if c := at[kPrefix]; c != 0 {
		if strings.ContainsAny(t.name, ":/") {
			return l.fault(c, "invalid term definition", "a term with a colon or slash cannot be a prefix")
		}
		switch l.a.Nodes[c].Kind {
		case truth:
			t.prefix = true
			if isKeyword(t.iri) {
				return l.fault(c, "invalid term definition", "a keyword cannot be a prefix")
			}
		case falsity:
		default:
			return l.fault(c, "invalid @prefix value", "@prefix is true or false")
		}
	}
	return nil
}

// validate is step 21.3: a scoped context is tried when it is defined, so that a
// bad one is found before it is used. Terms of the context around it may not be
// there yet, as in the algorithm.
func (b *builder) validate(c *Context, l *local) error {
	_, err := b.process(c, *l, flags{override: true, check: false})
	if e, ok := err.(*Error); ok && e.Code != codeLimit && e.Code != "loading remote context failed" {
		return &Error{Code: "invalid scoped context", Pointer: e.Pointer, Context: e.Context, Detail: e.Code + ": " + e.Detail}
	}
	return err
}
