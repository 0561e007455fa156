package jsonld

import (
	"slices"
	"strings"
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

// wordOf says what a keyword is, and of anything else that it is a property.
func wordOf(s string) word {
	switch s {
	case "@id":
		return kwID
	case "@type":
		return kwType
	case "@graph":
		return kwGraph
	case "@included":
		return kwIncluded
	case "@value":
		return kwValue
	case "@language":
		return kwLanguage
	case "@direction":
		return kwDirection
	case "@index":
		return kwIndex
	case "@list":
		return kwList
	case "@set":
		return kwSet
	case "@reverse":
		return kwReverse
	case "@nest":
		return kwNest
	case "@base", "@container", "@context", "@default", "@import", "@json", "@none", "@prefix",
		"@preserve", "@propagate", "@protected", "@version", "@vocab":
		return kwOther
	}
	return kwProperty
}

func isKeyword(s string) bool { return s != "" && s[0] == '@' && wordOf(s) != kwProperty }

// entry is a member of an object whose name was looked up.
type entry struct {
	t  *term // nil for a name that is no term
	at int32
	kw word
}

// iri is the expanded name of a member.
func (r *run) iri(ctx *Context, e entry) string {
	if e.t != nil {
		return e.t.iri
	}
	return ctx.expandIRI(r.a.Nodes[e.at].Name, false, true)
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
	if r.a.Nodes[at].Keywords {
		if c, ok := r.a.Member(at, "@context"); ok { // step 9
			if ctx, err = r.inline(ctx, r.a, c, r.o.Base); err != nil {
				return nil, nil, err
			}
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
	v := &r.a.Nodes[at]
	if v.Keywords || len(ctx.valueNames) > 0 {
		for c := at + 1; c < v.End; c = r.a.Nodes[c].End {
			if key := r.a.Nodes[c].Name; key == "@value" || slices.Contains(ctx.valueNames, key) {
				return true
			}
		}
	}
	only := v.End > at+1 && r.a.Nodes[at+1].End == v.End
	return only && ctx.keyword(r.a.Nodes[at+1].Name) == "@id"
}

// byTypes applies the contexts scoped to the types of an object (step 11).
func (r *run) byTypes(typed *Context, at int32) (*Context, error) {
	var few [4]int32
	keys := few[:0]
	for c := at + 1; c < r.a.Nodes[at].End; c = r.a.Nodes[c].End {
		if key := r.a.Nodes[c].Name; key == "@type" || slices.Contains(typed.typeNames, key) {
			keys = append(keys, c)
		}
	}
	if len(keys) > 1 {
		slices.SortFunc(keys, func(x, y int32) int { return strings.Compare(r.a.Nodes[x].Name, r.a.Nodes[y].Name) })
	}
	ctx := typed
	for _, k := range keys {
		var some [8]string
		names := some[:0]
		v := &r.a.Nodes[k]
		if v.Kind == text {
			names = append(names, v.Text)
		} else if v.Kind == array {
			for c := k + 1; c < v.End; c = r.a.Nodes[c].End {
				if r.a.Nodes[c].Kind == text {
					names = append(names, r.a.Nodes[c].Text)
				}
			}
			if len(names) > 1 {
				slices.Sort(names)
			}
		}
		for _, name := range names {
			t := typed.terms.get(name)
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

// entry looks up the name of a member (steps 13.2 and 13.3).
func (r *run) entry(ctx *Context, at int32) (entry, error) {
	v := &r.a.Nodes[at]
	e := entry{t: ctx.terms.find(v.Hash, v.Name), at: at}
	if e.t != nil {
		e.kw = e.t.kw
	} else {
		e.kw = ctx.unknown(v.Name)
	}
	if e.kw != kwDropped {
		return e, nil
	}
	detail := "no context defines this term, so that it and all below would be left out: define it in a context or remove it"
	if e.t != nil {
		detail = "a context sets this term to null, so that it and all below would be left out: remove it"
	} else if keywordLike(v.Name) {
		detail = "this looks like a keyword and is none, so that it would be left out: remove it"
	}
	return e, r.drop(at, detail)
}

// unknown is what a name that is no term stands for.
func (c *Context) unknown(name string) word {
	iri := c.vocab.value
	if iri == "" || strings.HasPrefix(name, "@") || strings.Contains(name, ":") {
		if iri = c.expandIRI(name, false, true); isKeyword(iri) {
			return wordOf(iri)
		}
	}
	if strings.Contains(iri, ":") {
		return kwProperty
	}
	return kwDropped
}

// expandNames puts the expanded members of an object on the stack.
func (r *run) expandNames(ctx *Context, at int32) (from int, seen [kwCount]int, err error) {
	from = len(r.entries)
	for c := at + 1; c < r.a.Nodes[at].End; c = r.a.Nodes[c].End {
		if r.a.Nodes[c].Name == "@context" {
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
				return from, seen, r.fault(c, "colliding keywords", "two members mean "+r.iri(ctx, e))
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
		return r.fault(own[i].at, "invalid keyword", r.iri(inner, own[i])+" does not belong here")
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
			if r.a.Nodes[e.at].Kind != text {
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
	v := &r.a.Nodes[what.at]
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
		return r.list(ctx, t, what.at, d)
	}
	if v.Kind != array {
		return r.expand(ctx, t, what.at, d)
	}
	for c := what.at + 1; c < v.End; c = r.a.Nodes[c].End {
		if err := r.expand(ctx, t, c, d); err != nil {
			return err
		}
	}
	return r.holds(what.at)
}
