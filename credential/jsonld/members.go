package jsonld

import (
	"strings"

	"github.com/zegel-id/zegel/credential/rdf"
)

// members are the steps 13 and 14 of API, Section 5.1.2 for the members of a node;
// within @reverse, properties point the other way.
func (r *run) members(n *node, ctx *Context, own []entry, reversed bool) error {
	for _, e := range own {
		if reversed && e.kw != kwProperty && e.kw != kwDropped {
			return r.fault(e.at, "invalid reverse property map", "@reverse holds properties, not keywords")
		}
		if err := r.memberOf(n, ctx, e, reversed); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) memberOf(n *node, ctx *Context, e entry, reversed bool) error {
	v := &r.a.Nodes[e.at]
	switch e.kw {
	case kwProperty:
		return r.property(n, ctx, e, reversed)
	case kwType:
		return r.types(n, e.at)
	case kwGraph:
		defer r.inGraph(n.subject)()
		return r.expand(ctx, nil, e.at, dest{})
	case kwIncluded:
		return r.included(ctx, e.at)
	case kwIndex:
		if v.Kind != text {
			return r.fault(e.at, "invalid @index value", "@index is a string")
		}
		return r.drop(e.at, indexed)
	case kwLanguage, kwDirection:
		if v.Kind != text {
			return r.fault(e.at, "invalid language-tagged string", "it is a string")
		}
	case kwReverse:
		return r.reverseMap(n, ctx, e.at)
	case kwNest:
		return r.nest(n, ctx, e)
	}
	return nil
}

func (r *run) included(ctx *Context, at int32) error {
	if k := r.a.Nodes[at].Kind; k != object && k != array {
		return r.fault(at, "invalid @included value", "@included holds node objects")
	}
	return r.expand(ctx, noTerm, at, dest{kind: toIncluded})
}

// types are the values of @type (step 13.4.4).
func (r *run) types(n *node, at int32) error {
	v := &r.a.Nodes[at]
	if v.Kind == array {
		for c := at + 1; c < v.End; c = r.a.Nodes[c].End {
			if err := r.oneType(n, c); err != nil {
				return err
			}
		}
		return r.holds(at)
	}
	return r.oneType(n, at)
}

func (r *run) oneType(n *node, at int32) error {
	v := &r.a.Nodes[at]
	if v.Kind != text {
		return r.fault(at, "invalid type value", "@type is a string or an array of strings")
	}
	var o rdf.Node
	if t := n.typed.terms.get(v.Text); t != nil && !t.named.IsZero() {
		o = r.named(t)
	} else {
		var err error
		if o, err = r.node(r.expandIRI(n.typed, v.Text, true), at); err != nil {
			return err
		}
	}
	return r.add(n.subject, r.rdfType(), o)
}

// reverseMap is @reverse (step 13.4.13).
func (r *run) reverseMap(n *node, ctx *Context, at int32) error {
	if r.a.Nodes[at].Kind != object {
		return r.fault(at, "invalid @reverse value", "@reverse is an object")
	}
	if err := r.holds(at); err != nil {
		return err
	}
	inner, _, err := r.contexts(ctx, nil, at, true)
	if err != nil {
		return err
	}
	from, _, err := r.expandNames(inner, at)
	if err != nil {
		return err
	}
	err = r.members(n, inner, r.entries[from:], true)
	r.entries = r.entries[:from]
	return err
}

// nest is step 14: members of the node that stand one level down.
func (r *run) nest(n *node, ctx *Context, e entry) error {
	if e.t != nil && e.t.scope != nil {
		var err error
		if ctx, err = r.enter(ctx, step{term: e.t, how: byProperty}, *e.t.scope); err != nil {
			return err
		}
	}
	if err := r.holds(e.at); err != nil {
		return err
	}
	for _, at := range r.nested(e.at) {
		if r.a.Nodes[at].Kind != object {
			return r.fault(at, "invalid @nest value", "@nest holds objects")
		}
		if err := r.holds(at); err != nil {
			return err
		}
		from, seen, err := r.expandNames(ctx, at)
		if err != nil {
			return err
		}
		switch {
		case seen[kwValue] > 0:
			return r.fault(at, "invalid @nest value", "@nest holds members of a node, not a value")
		case seen[kwID] > 0 && n.seen[kwID] > 0:
			return r.fault(at, "colliding keywords", "two members mean @id")
		case seen[kwList]+seen[kwSet]+seen[kwOther] > 0:
			return r.fault(at, codeUnsupported, "@list, @set and such cannot stand in @nest")
		}
		own := r.entries[from:]
		err = r.members(n, ctx, own, false)
		r.entries = r.entries[:from]
		if err != nil {
			return err
		}
	}
	return nil
}

// property is a member that is a property (steps 13.5 to 13.14).
func (r *run) property(n *node, ctx *Context, e entry, reversed bool) error {
	t := e.t
	if t == nil {
		t = noTerm
	}
	d := dest{kind: toProperty, s: n.subject}
	if t.reverse != reversed {
		d.kind = toReverse
	}
	var err error
	if d.p, err = r.predicate(ctx, e, t); err != nil {
		return err
	}
	v := &r.a.Nodes[e.at]
	switch {
	case t.coerce == "@json": // step 13.6
		o, err := r.literal(literal{at: e.at, json: true})
		if err != nil {
			return err
		}
		if t.container&inList != 0 {
			from := len(r.items)
			r.items = append(r.items, item{o, e.at})
			return r.close(e.at, from, d)
		}
		return r.finish(e.at, d, o, false)
	case v.Kind == null:
		return r.drop(e.at, silent)
	case v.Kind == object && t.container&inLanguage != 0:
		return r.languageMap(ctx, t, e.at, d)
	case v.Kind == object && t.container&(inIndex|inType|inID) != 0:
		return r.indexMap(ctx, t, e.at, d)
	case t.container&inList != 0:
		return r.listOf(ctx, t, e.at, d)
	case t.container&inGraph != 0 && t.container&(inID|inIndex) == 0:
		d.wrap = wrapAlways
	}
	return r.expand(ctx, t, e.at, d)
}

func (r *run) predicate(ctx *Context, e entry, t *term) (rdf.Node, error) {
	if !t.named.IsZero() {
		return r.named(t), nil
	}
	iri := r.iri(ctx, e)
	if isBlank(iri) {
		return 0, r.drop(e.at, "a blank node as property is generalised RDF, which proofs cannot sign: use an IRI")
	}
	return r.node(iri, e.at)
}

// listOf is a value under a term that makes lists (step 13.11).
func (r *run) listOf(ctx *Context, t *term, at int32, d dest) error {
	if r.a.Nodes[at].Kind == object {
		inner, _, err := r.contexts(ctx, t, at, false)
		if err != nil {
			return err
		}
		for c := at + 1; c < r.a.Nodes[at].End; c = r.a.Nodes[c].End {
			switch key := r.a.Nodes[c].Name; {
			case inner.keyword(key) == "@list":
				return r.expand(ctx, t, at, d)
			case inner.keyword(key) == "@value" && r.a.Nodes[c].Kind == null:
				return r.expand(ctx, t, at, d)
			}
		}
	}
	return r.list(ctx, t, at, d)
}

const indexed = "an index is not said in RDF and could be changed under a proof: define the map with an @index property, or use a property"

// languageMap is step 13.7.
func (r *run) languageMap(ctx *Context, t *term, at int32, d dest) error {
	if err := r.holds(at); err != nil {
		return err
	}
	_, direction := ctx.strings(t)
	for m := at + 1; m < r.a.Nodes[at].End; m = r.a.Nodes[m].End {
		language := r.a.Nodes[m].Name
		if ctx.isNone(language) {
			language = ""
		}
		all := r.nested(m)
		if len(all) == 0 {
			if err := r.drop(m, silent); err != nil {
				return err
			}
		}
		for _, c := range all {
			switch r.a.Nodes[c].Kind {
			case null:
				if err := r.drop(c, silent); err != nil {
					return err
				}
				continue
			case text:
			default:
				return r.fault(c, "invalid language map value", "a language map holds strings")
			}
			if err := r.emitLiteral(literal{at: c, language: strings.ToLower(language), direction: direction}, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// indexMap is step 13.8: maps by @index, @type and @id.
func (r *run) indexMap(ctx *Context, t *term, at int32, d dest) error {
	if err := r.holds(at); err != nil {
		return err
	}
	mapped := ctx
	if t.container&(inID|inType) != 0 && ctx.previous != nil {
		mapped = ctx.previous
	}
	if t.container&inGraph != 0 {
		d.wrap = wrapOthers
	}
	for m := at + 1; m < r.a.Nodes[at].End; m = r.a.Nodes[m].End {
		inner := mapped
		name := r.a.Nodes[m].Name
		if s := mapped.terms.get(name); t.container&inType != 0 && s != nil && s.scope != nil {
			var err error
			if inner, err = r.enter(mapped, step{term: s, how: byMap}, *s.scope); err != nil {
				return err
			}
		}
		x, err := r.extra(ctx, t, m)
		if err != nil {
			return err
		}
		d.extra = x
		all := r.nested(m)
		if len(all) == 0 {
			if err := r.drop(m, silent); err != nil {
				return err
			}
		}
		for _, c := range all {
			if err := r.mapItem(inner, t, c, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// mapItem expands an item of a map, with fromMap set.
func (r *run) mapItem(ctx *Context, t *term, at int32, d dest) error {
	if r.a.Nodes[at].Kind == object {
		return r.object(ctx, t, at, d, true)
	}
	return r.expand(ctx, t, at, d)
}

// extra is what the name of an entry of a map says of its items (step 13.8.3.7).
func (r *run) extra(ctx *Context, t *term, at int32) (*extra, error) {
	name := r.a.Nodes[at].Name
	if ctx.isNone(name) {
		return nil, nil
	}
	switch {
	case t.container&inID != 0:
		return &extra{hasID: true, id: r.expandIRI(ctx, name, false)}, nil
	case t.container&inType != 0:
		return &extra{typ: r.expandIRI(ctx, name, true)}, nil
	case t.index == "" || t.index == "@index":
		return nil, r.drop(at, indexed)
	}
	p, err := r.node(ctx.expandIRI(t.index, false, true), at)
	if err != nil {
		return nil, err
	}
	o, err := r.indexValue(ctx, ctx.terms.get(t.index), at, name)
	return &extra{has: true, property: p, value: o}, err
}

// indexValue is the name of an entry as a value of the property that indexes.
func (r *run) indexValue(ctx *Context, p *term, at int32, name string) (rdf.Node, error) {
	if p == nil {
		p = noTerm
	}
	switch {
	case p.coerce == "@id":
		return r.node(r.expandIRI(ctx, name, false), at)
	case p.coerce == "@vocab":
		return r.node(r.expandIRI(ctx, name, true), at)
	}
	datatype, language := "", ""
	if p.coerce != "" && p.coerce[0] != '@' {
		datatype = p.coerce
	} else {
		language, _ = ctx.strings(p)
	}
	n, err := r.d.Literal(name, datatype, language)
	if err != nil {
		return 0, r.drop(at, "the name of this entry is no value of the property that indexes the map")
	}
	return n, nil
}
