package jsonld

import "github.com/zegel-id/zegel/credential/rdf"

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

// outputs counts the members that say something, up to two.
func (r *run) outputs(n *node) (count int) {
	for _, e := range n.entries {
		if count == 2 {
			break
		}
		if e.kw != kwDropped && !(e.kw == kwProperty && !r.says(n.ctx, e)) {
			count++
		}
	}
	return count
}

// says is false for a member that is null, one way or another.
func (r *run) says(ctx *Context, e entry) bool {
	v := &r.a.Nodes[e.at]
	if e.t != nil && e.t.coerce == "@json" {
		return true
	}
	if v.Kind != object {
		return v.Kind != null
	}
	value := true
	for c := e.at + 1; c < v.End; c = r.a.Nodes[c].End {
		switch ctx.keyword(r.a.Nodes[c].Name) {
		case "@value":
			value = r.a.Nodes[c].Kind != null
		case "@type":
			if ctx.expandIRI(r.a.Nodes[c].Text, false, true) == "@json" {
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
			if at, ok, _ := r.findID(n.ctx, n.entries); ok && r.a.Nodes[at].Kind != text {
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
		v := &r.a.Nodes[at]
		if v.Kind != text {
			return 0, r.fault(at, "invalid @id value", "@id is a string")
		}
		s, err := r.node(r.expandIRI(n.ctx, v.Text, false), at)
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
				for c := o + 1; c < r.a.Nodes[o].End; c = r.a.Nodes[c].End {
					if ctx.keyword(r.a.Nodes[c].Name) == "@id" {
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
	v := &r.a.Nodes[at]
	if v.Kind != array {
		return []int32{at}
	}
	for c := at + 1; c < v.End; c = r.a.Nodes[c].End {
		all = append(all, c)
	}
	return all
}
