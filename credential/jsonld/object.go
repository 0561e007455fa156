package jsonld

import (
	"slices"
	"strings"

	"github.com/zegel-id/zegel/credential/rdf"
)

// word is what the name of a member turned out to be.
type word uint8

const (
	kwProperty word = iota
	kwDropped       // a name that means nothing here
	kwID
	kwType
	kwGraph
	kwIncluded
	kwValue
	kwLanguage
	kwDirection
	kwIndex
	kwList
	kwSet
	kwReverse
	kwNest
	kwOther // a keyword that does not belong into a document
	kwCount
)

var words = map[string]word{"@id": kwID, "@type": kwType, "@graph": kwGraph, "@included": kwIncluded,
	"@value": kwValue, "@language": kwLanguage, "@direction": kwDirection, "@index": kwIndex, "@list": kwList,
	"@set": kwSet, "@reverse": kwReverse, "@nest": kwNest}

// entry is a member of an object with its name expanded.
type entry struct {
	kw  word
	t   *term // nil for a name that is no term
	iri string
	at  int32
}

// contexts are the steps 7 to 11 of API, Section 5.1.2: the context inside an
// object, and the one that its types are read with.
func (r *run) contexts(ctx *Context, t *term, at int32, fromMap bool) (inner, typed *Context, err error) {
	if ctx.previous != nil && !fromMap && !r.staysIn(ctx, at) { // step 7
		ctx = ctx.previous
	}
	if t != nil && t.scope != nil { // step 8
		if ctx, err = r.enter(ctx, step{term: t, how: byProperty}, *t.scope); err != nil {
			return nil, nil, err
		}
	}
	if c, ok := r.a.member(at, "@context"); ok { // step 9
		if ctx, err = r.inline(ctx, r.a, c, r.o.Base); err != nil {
			return nil, nil, err
		}
	}
	typed = ctx
	if !ctx.typeScoped() {
		return ctx, typed, nil
	}
	inner, err = r.byTypes(ctx, at)
	return inner, typed, err
}

// staysIn says whether an object is a value or a mere reference, which keep the
// context of a type.
func (r *run) staysIn(ctx *Context, at int32) bool {
	n, id := 0, false
	for c := at + 1; c < r.a.values[at].end; c = r.a.values[c].end {
		n++
		key := r.a.values[c].key
		if key == "@value" || slices.Contains(ctx.valueNames, key) {
			return true
		}
		id = n == 1 && ctx.keyword(key) == "@id"
	}
	return n == 1 && id
}

// byTypes applies the contexts scoped to the types of an object (step 11).
func (r *run) byTypes(typed *Context, at int32) (*Context, error) {
	var few [4]int32
	keys := few[:0]
	for c := at + 1; c < r.a.values[at].end; c = r.a.values[c].end {
		if key := r.a.values[c].key; key == "@type" || slices.Contains(typed.typeNames, key) {
			keys = append(keys, c)
		}
	}
	if len(keys) > 1 {
		slices.SortFunc(keys, func(x, y int32) int { return strings.Compare(r.a.values[x].key, r.a.values[y].key) })
	}
	ctx := typed
	for _, k := range keys {
		var some [8]string
		names := some[:0]
		v := &r.a.values[k]
		if v.kind == text {
			names = append(names, v.str)
		} else if v.kind == array {
			for c := k + 1; c < v.end; c = r.a.values[c].end {
				if r.a.values[c].kind == text {
					names = append(names, r.a.values[c].str)
				}
			}
			if len(names) > 1 {
				slices.Sort(names)
			}
		}
		for _, name := range names {
			t := typed.terms[name]
			if t == nil || t.scope == nil {
				continue
			}
			var err error
			if ctx, err = r.enter(ctx, step{term: t, how: byType}, *t.scope); err != nil {
				return nil, err
			}
		}
	}
	return ctx, nil
}

// entry expands the name of a member (steps 13.2 and 13.3).
func (r *run) entry(ctx *Context, at int32) (entry, error) {
	key := r.a.values[at].key
	e := entry{t: ctx.terms[key], at: at}
	if e.t != nil {
		e.iri = e.t.iri
	} else {
		e.iri = ctx.expandIRI(key, false, true)
	}
	switch {
	case e.iri != "" && e.iri[0] == '@' && keywords[e.iri]:
		if e.kw = words[e.iri]; e.kw == 0 {
			e.kw = kwOther
		}
	case e.t != nil && e.iri != "" && e.t.namedErr == nil:
	case e.iri == "" || !strings.Contains(e.iri, ":"):
		e.kw = kwDropped
		detail := "no context defines this term, so that it and all below would be left out: define it in a context or remove it"
		if e.t != nil {
			detail = "a context sets this term to null, so that it and all below would be left out: remove it"
		} else if keywordLike(key) {
			detail = "this looks like a keyword and is none, so that it would be left out: remove it"
		}
		return e, r.drop(at, detail)
	}
	return e, nil
}

// expandNames puts the expanded members of an object on the stack.
func (r *run) expandNames(ctx *Context, at int32) (from int, seen [kwCount]int, err error) {
	from = len(r.entries)
	for c := at + 1; c < r.a.values[at].end; c = r.a.values[c].end {
		if r.a.values[c].key == "@context" {
			continue
		}
		e, err := r.entry(ctx, c)
		if err != nil {
			return from, seen, err
		}
		seen[e.kw]++
		if seen[e.kw] > 1 {
			switch e.kw {
			case kwProperty, kwDropped, kwIncluded, kwType, kwNest:
			default:
				return from, seen, r.fault(c, "colliding keywords", "two members mean "+e.iri)
			}
		}
		r.entries = append(r.entries, e)
	}
	return from, seen, nil
}

// object is the Expansion algorithm for an object.
func (r *run) object(ctx *Context, t *term, at int32, d dest, fromMap bool) error {
	inner, typed, err := r.contexts(ctx, t, at, fromMap)
	if err != nil {
		return err
	}
	from, seen, err := r.expandNames(inner, at)
	if err != nil {
		return err
	}
	own := r.entries[from:]
	defer func() { r.entries = r.entries[:from] }()
	if inner != ctx && t != nil {
		t = inner.property(t)
	}
	switch {
	case seen[kwOther] > 0:
		i := slices.IndexFunc(own, func(e entry) bool { return e.kw == kwOther })
		return r.fault(own[i].at, "invalid keyword", own[i].iri+" does not belong here")
	case seen[kwValue] > 0:
		if d.kind == toIncluded {
			return r.fault(at, "invalid @included value", "@included holds node objects")
		}
		return r.valueObject(typed, t, at, own, d)
	case seen[kwList]+seen[kwSet] > 0:
		return r.setOrList(inner, t, at, own, d)
	}
	n := &node{ctx: inner, typed: typed, at: at, entries: own, seen: seen}
	return r.nodeObject(n, t, d)
}

// setOrList is an object with @set or @list (steps 13.4.11, 13.4.12 and 17).
func (r *run) setOrList(ctx *Context, t *term, at int32, own []entry, d dest) error {
	var what entry
	for _, e := range own {
		switch e.kw {
		case kwSet, kwList:
			if what.kw != 0 {
				return r.fault(e.at, "invalid set or list object", "@set and @list exclude each other")
			}
			what = e
		case kwIndex:
			if r.a.values[e.at].kind != text {
				return r.fault(e.at, "invalid @index value", "@index is a string")
			}
			if err := r.drop(e.at, indexed); err != nil {
				return err
			}
		case kwDropped:
		default:
			return r.fault(e.at, "invalid set or list object", "beside @set or @list only @index can stand")
		}
	}
	bare := noScope(t)
	v := &r.a.values[what.at]
	if what.kw == kwList {
		if t == nil {
			return r.drop(at, "a list that is no node's property says nothing; put it under a property")
		}
		if d.kind == toReverse {
			return r.fault(at, "invalid reverse property value", "the values of a reverse property are nodes")
		}
		if d.kind == toIncluded {
			return r.fault(at, "invalid @included value", "@included holds node objects")
		}
		if d.wrap != noWrap || d.extra != nil {
			return r.fault(at, codeUnsupported, "a list cannot be an item of such a map or graph container")
		}
		return r.list(ctx, bare, what.at, d)
	}
	if v.kind != array {
		return r.expand(ctx, bare, what.at, d)
	}
	for c := what.at + 1; c < v.end; c = r.a.values[c].end {
		if err := r.expand(ctx, bare, c, d); err != nil {
			return err
		}
	}
	return nil
}

// noScope is a property whose scoped context is in force already, or not one.
func noScope(t *term) *term { return t }

// node is a node object under way.
type node struct {
	ctx, typed *Context
	at         int32
	entries    []entry
	seen       [kwCount]int
	subject    rdf.Node
}

// isGraph says whether it is a graph object.
func (n *node) isGraph() bool {
	return n.seen[kwGraph] > 0 && n.seen[kwGraph]+n.seen[kwID]+n.seen[kwIndex]+n.seen[kwDropped] == len(n.entries)
}

// outputs counts the members that say something.
func (r *run) outputs(n *node) (count int) {
	for _, e := range n.entries {
		if e.kw != kwDropped && !(e.kw == kwProperty && !r.says(n.ctx, e)) {
			count++
		}
	}
	return count
}

// says is false for a member that is null, one way or another.
func (r *run) says(ctx *Context, e entry) bool {
	v := &r.a.values[e.at]
	if e.t != nil && e.t.coerce == "@json" {
		return true
	}
	if v.kind != object {
		return v.kind != null
	}
	value := true
	for c := e.at + 1; c < v.end; c = r.a.values[c].end {
		switch ctx.keyword(r.a.values[c].key) {
		case "@value":
			value = r.a.values[c].kind != null
		case "@type":
			if ctx.expandIRI(r.a.values[c].str, false, true) == "@json" {
				return true
			}
		}
	}
	return value
}

// nodeObject is a node object: its name, its place, its members.
func (r *run) nodeObject(n *node, t *term, d dest) error {
	if n.seen[kwLanguage]+n.seen[kwDirection] > 0 {
		if err := r.drop(n.at, "@language and @direction belong into a value object or a context"); err != nil {
			return err
		}
		if len(n.entries) == 1 {
			return nil
		}
	}
	if t == nil {
		count := r.outputs(n)
		if d.top && n.seen[kwGraph] == 1 && count == 1 {
			return r.graphOnly(n)
		}
		if count == n.seen[kwID] && n.seen[kwNest] == 0 {
			if at, ok, _ := r.findID(n.ctx, n.entries); ok && r.a.values[at].kind != text {
				return r.fault(at, "invalid @id value", "@id is a string")
			}
			return r.drop(n.at, "an object without properties says nothing; give it some or remove it")
		}
	}
	if d.wrap == wrapAlways || d.wrap == wrapOthers && !n.isGraph() {
		return r.wrapped(n, d)
	}
	var err error
	if n.subject, err = r.name(n, d.extra); err != nil {
		return err
	}
	if d.extra != nil {
		if err := r.describe(n.at, n.subject, d.extra); err != nil {
			return err
		}
	}
	if err := r.emit(n.at, d, n.subject, true); err != nil {
		return err
	}
	return r.members(n, n.ctx, n.entries, false)
}

// graphOnly is a document that is nothing but its default graph (API, Section
// 9.1, and the end of 5.1).
func (r *run) graphOnly(n *node) error {
	for _, e := range n.entries {
		if e.kw == kwGraph {
			return r.expand(n.ctx, nil, e.at, dest{})
		}
	}
	return nil
}

// wrapped puts a node into a graph of its own (step 13.12).
func (r *run) wrapped(n *node, d dest) error {
	g, err := r.graphName(n.at, d)
	if err != nil {
		return err
	}
	if r.outputs(n) == n.seen[kwID] {
		if err := r.drop(n.at, "an object without properties says nothing in its graph; give it some"); err != nil {
			return err
		}
	}
	back := r.inGraph(g)
	n.subject, err = r.name(n, nil)
	if err == nil {
		err = r.members(n, n.ctx, n.entries, false)
	}
	back()
	if err != nil {
		return err
	}
	if d.extra != nil {
		if err := r.describe(n.at, g, d.extra); err != nil {
			return err
		}
	}
	return r.emit(n.at, d, g, true)
}

// inGraph makes a graph the active one, until the answer is called.
func (r *run) inGraph(g rdf.Node) func() {
	graph, lost := r.graph, r.lost
	r.graph, r.lost = g, g == 0 // graphs do not nest: one inside another is its neighbour
	return func() { r.graph, r.lost = graph, lost }
}

// name is the subject of a node object (step 13.4.3; API, Section 7.2.2, steps
// 6.1 and 6.2).
func (r *run) name(n *node, x *extra) (rdf.Node, error) {
	if at, ok, err := r.findID(n.ctx, n.entries); err != nil {
		return 0, err
	} else if ok {
		v := &r.a.values[at]
		if v.kind != text {
			return 0, r.fault(at, "invalid @id value", "@id is a string")
		}
		s, err := r.node(n.ctx.expandIRI(v.str, true, false), at)
		r.place(s, n.at)
		return s, err
	}
	if x != nil && x.hasID {
		s, err := r.node(x.id, n.at)
		r.place(s, n.at)
		return s, err
	}
	s := r.d.NewBlank()
	r.place(s, n.at)
	return s, nil
}

// findID looks for @id, also inside @nest.
func (r *run) findID(ctx *Context, own []entry) (at int32, ok bool, err error) {
	for _, e := range own {
		switch e.kw {
		case kwID:
			return e.at, true, nil
		case kwNest:
			for _, o := range r.nested(e.at) {
				for c := o + 1; c < r.a.values[o].end; c = r.a.values[c].end {
					if ctx.keyword(r.a.values[c].key) == "@id" {
						return c, true, nil
					}
				}
			}
		}
	}
	return 0, false, nil
}

// nested are the objects of a @nest.
func (r *run) nested(at int32) (all []int32) {
	v := &r.a.values[at]
	if v.kind != array {
		return []int32{at}
	}
	for c := at + 1; c < v.end; c = r.a.values[c].end {
		all = append(all, c)
	}
	return all
}
