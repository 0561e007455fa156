package jsonld

import (
	"strings"

	"github.com/zegel-id/zegel/credential/rdf"
)

// scalar is Value Expansion (API, Section 5.3.2), of strings, numbers and booleans.
func (r *run) scalar(ctx *Context, t *term, at int32, d dest) error {
	if t.scope != nil {
		var err error
		if ctx, err = r.enter(ctx, step{term: t, how: byProperty}, *t.scope); err != nil {
			return err
		}
		t = ctx.property(t)
	}
	v := &r.a.Nodes[at]
	if v.Kind == text {
		switch t.coerce {
		case "@id":
			return r.reference(at, r.expandIRI(ctx, v.Text, false), d)
		case "@vocab":
			return r.reference(at, r.expandIRI(ctx, v.Text, true), d)
		}
	}
	l := literal{at: at}
	switch {
	case t.coerce != "" && t.coerce[0] != '@':
		l.datatype, l.suffix = t.coerce, t.datatype
		if l.suffix != (rdf.Datatype{}) && r.alike(at) {
			return r.finish(at, d, r.d.QuotedTyped(r.a.Raw(at), l.suffix), false)
		}
	case v.Kind == text:
		if l.language, l.direction = ctx.strings(t); l.language == "" && l.direction == "" && r.alike(at) {
			return r.finish(at, d, r.d.Quoted(r.a.Raw(at)), false)
		}
	}
	return r.emitLiteral(l, d)
}

// alike says whether a value is a string that stands in canonical N-Quads as it does in
// JSON, with its quotation marks: one without escapes.
func (r *run) alike(at int32) bool {
	v := &r.a.Nodes[at]
	return v.Kind == text && len(v.Text) == int(v.To-v.From)-2 && strings.IndexByte(v.Text, 0x7f) < 0
}

// strings are the language and direction of plain strings.
func (c *Context) strings(t *term) (language, direction string) {
	language, direction = c.language, c.direction
	if t.language.set {
		language = t.language.value
	}
	if t.direction.set {
		direction = t.direction.value
	}
	return language, direction
}

// property is what a term is in this context, which a scoped context may have
// changed.
func (c *Context) property(t *term) *term {
	if t == nil || t.name == "" {
		return t
	}
	if now := c.terms.get(t.name); now != nil {
		return now
	}
	return noTerm
}

// noTerm stands for a property written as an IRI.
var noTerm = &term{}

func (r *run) reference(at int32, iri string, d dest) error {
	n, err := r.node(iri, at)
	if err != nil {
		return err
	}
	return r.finish(at, d, n, true)
}

// finish hands over an item, with what a map says of it.
func (r *run) finish(at int32, d dest, n rdf.Node, isNode bool) error {
	if d.wrap != noWrap {
		if err := r.drop(at, "a graph container holds node objects; this value would be lost in its graph"); err != nil {
			return err
		}
		g, err := r.graphName(at, d)
		if err != nil {
			return err
		}
		n, isNode = g, true
	}
	if x := d.extra; x != nil {
		if !isNode && (x.has || x.typ != "" || x.hasID) {
			return r.fault(at, "invalid value object", "in such a map every item is a node object")
		}
		if err := r.describe(at, n, x); err != nil {
			return err
		}
	}
	return r.emit(at, d, n, isNode)
}

// describe adds what a map says of a node.
func (r *run) describe(at int32, n rdf.Node, x *extra) error {
	if x.has {
		if err := r.add(n, x.property, x.value); err != nil {
			return err
		}
	}
	if x.typ == "" {
		return nil
	}
	o, err := r.node(x.typ, at)
	if err != nil {
		return err
	}
	return r.add(n, r.rdfType(), o)
}

func (r *run) rdfType() rdf.Node {
	if r.typeNode == 0 {
		r.typeNode = r.d.Term(rdfType)
	}
	return r.typeNode
}

// graphName is the name of the graph around an item of a graph container.
func (r *run) graphName(at int32, d dest) (rdf.Node, error) {
	if d.extra != nil && d.extra.hasID {
		return r.node(d.extra.id, at)
	}
	n := r.d.NewBlank()
	r.place(n, at)
	return n, nil
}

// literal is a value object.
type literal struct {
	at        int32
	datatype  string
	suffix    rdf.Datatype
	language  string
	direction string
	json      bool
}

func (r *run) emitLiteral(l literal, d dest) error {
	n, err := r.literal(l)
	if err != nil {
		return err
	}
	return r.finish(l.at, d, n, false)
}

// literal is Object to RDF Conversion (API, Section 8.2.2), of values.
func (r *run) literal(l literal) (rdf.Node, error) {
	v := &r.a.Nodes[l.at]
	form, datatype := v.Text, l.datatype
	switch {
	case l.json:
		b, ok := r.a.jcs(nil, l.at)
		if !ok {
			return 0, r.fault(l.at, codeJSON, "a number beyond the range of a double (RFC 8785, Section 3.2.2.3)")
		}
		form, datatype = string(b), rdfJSON
	case v.Kind == truth || v.Kind == falsity:
		form = "false"
		if v.Kind == truth {
			form = "true"
		}
		if datatype == "" {
			datatype = xsdBoolean
		}
	case v.Kind == number:
		var own string
		var exact bool
		if form, own, exact = lexical(v.Text, datatype); form == "" {
			return 0, r.fault(l.at, codeJSON, "a number beyond the range of a double (RFC 7493, Section 2.2)")
		}
		if !exact {
			if err := r.drop(l.at, "an integer beyond 2^53, of which the last digits would be lost (RFC 7493, Section 2.2); write it as a string with its datatype"); err != nil {
				return 0, err
			}
		}
		if datatype == "" {
			datatype = own
		}
	case l.direction != "":
		return r.directed(l, form)
	case l.language != "" && l.datatype == "" && r.alike(l.at):
		if n, err := r.d.QuotedTagged(r.a.Raw(l.at), l.language); err == nil {
			return n, nil
		}
	case l.suffix != rdf.Datatype{}:
		return r.d.Typed(form, l.suffix), nil
	}
	n, err := r.d.Literal(form, datatype, l.language)
	if err != nil {
		return 0, r.drop(l.at, "the datatype is not an absolute IRI, or the language is not a language tag (BCP 47)")
	}
	return n, nil
}

// directed are steps 13 and 14 of API, Section 8.2.2.
func (r *run) directed(l literal, form string) (rdf.Node, error) {
	switch r.o.Direction {
	case I18nDatatype:
		return r.d.Literal(form, "https://www.w3.org/ns/i18n#"+strings.ToLower(l.language)+"_"+l.direction, "")
	case CompoundLiteral:
		n := r.d.NewBlank()
		r.place(n, l.at)
		for _, part := range []struct {
			p rdf.Term
			v string
		}{{rdfValue, form}, {rdfLanguage, strings.ToLower(l.language)}, {rdfDirection, l.direction}} {
			if part.v == "" && part.p != rdfValue {
				continue
			}
			o, err := r.d.Literal(part.v, "", "")
			if err != nil {
				return 0, err
			}
			if err := r.add(n, r.d.Term(part.p), o); err != nil {
				return 0, err
			}
		}
		return n, nil
	}
	if err := r.drop(l.at, "a @direction cannot be said in RDF unless rdfDirection says how (API, Section 9.3)"); err != nil {
		return 0, err
	}
	n, err := r.d.Literal(form, "", l.language)
	if err != nil {
		return 0, r.drop(l.at, "the language is not a language tag (BCP 47)")
	}
	return n, nil
}

// valueObject is an object with @value (API, Section 5.1.2, steps 13.4.7 and 15).
func (r *run) valueObject(typed *Context, t *term, at int32, own []entry, d dest) error {
	l := literal{}
	var at2 [kwCount]int32
	for _, e := range own {
		switch e.kw {
		case kwValue, kwType, kwLanguage, kwDirection, kwIndex:
			at2[e.kw] = e.at
		case kwDropped:
		default:
			return r.fault(e.at, "invalid value object", "beside @value only @type, @language, @direction and @index can stand")
		}
	}
	l.at = at2[kwValue]
	v := &r.a.Nodes[l.at]
	if c := at2[kwIndex]; c != 0 && r.a.Nodes[c].Kind != text {
		return r.fault(c, "invalid @index value", "@index is a string")
	} else if c != 0 {
		if err := r.drop(c, indexed); err != nil {
			return err
		}
	}
	if c := at2[kwLanguage]; c != 0 {
		if r.a.Nodes[c].Kind != text {
			return r.fault(c, "invalid language-tagged string", "@language is a string")
		}
		l.language = strings.ToLower(r.a.Nodes[c].Text)
	}
	if c := at2[kwDirection]; c != 0 {
		if l.direction = r.a.Nodes[c].Text; l.direction != "ltr" && l.direction != "rtl" {
			return r.fault(c, "invalid base direction", "@direction is ltr or rtl")
		}
	}
	if c := at2[kwType]; c != 0 {
		if at2[kwLanguage] != 0 || at2[kwDirection] != 0 {
			return r.fault(c, "invalid value object", "a value has a @type or a @language and @direction, not both")
		}
		tv := r.a.Nodes[c]
		if tv.Kind == null {
			tv.Kind = text
		} else if l.datatype = r.expandIRI(typed, tv.Text, true); l.datatype == "@json" {
			l.json, l.datatype = true, rdfJSON
		}
		if !l.json && v.Kind != null && (tv.Kind != text || l.datatype == "" || l.datatype[0] == '@') {
			return r.fault(c, "invalid typed value", "the @type of a value is one IRI")
		}
		if !l.json && v.Kind != null {
			var err error
			if l.suffix, err = rdf.NewDatatype(l.datatype); err != nil {
				return r.fault(c, "invalid typed value", "the @type of a value is one absolute IRI, and not rdf:langString")
			}
		}
	}
	if !l.json {
		switch {
		case v.Kind == null:
			return r.drop(at, silent)
		case v.Kind == array || v.Kind == object:
			return r.fault(l.at, "invalid value object value", "@value is a string, number, boolean or null")
		case v.Kind != text && at2[kwLanguage] != 0:
			return r.fault(l.at, "invalid language-tagged value", "only a string has a @language")
		}
	}
	if t == nil {
		return r.drop(at, "a value that is no node's property says nothing; put it under a property")
	}
	return r.emitLiteral(l, d)
}
