package jsonld

import (
	"unsafe"

	"github.com/zegel-id/zegel/credential/jcs"
	"github.com/zegel-id/zegel/credential/rdf"
)

// Direction says what becomes of @direction (API, Section 9.3, rdfDirection).
type Direction int

// The values of rdfDirection; without one a direction cannot be said in RDF.
const (
	NoDirection Direction = iota
	I18nDatatype
	CompoundLiteral
)

// Options of a document.
type Options struct {
	// Base is the base IRI against which the document's relative IRIs are resolved;
	// empty if it has none, as credentials do.
	Base string
	// ExpandContext is a context before the document's own, as JSON.
	ExpandContext []byte
	Direction     Direction
	// Positions asks for the places of blank nodes.
	Positions bool
	// InsecureLax drops without an error what cannot be said in RDF, as the
	// algorithms do. A proof over such a document does not protect all of it: this is
	// for the W3C test suite.
	InsecureLax bool
}

// Document is a document as RDF.
type Document struct {
	*rdf.Dataset
	// Positions are in the order of the document. A blank node that is written with a
	// label may have several, and one pointer several nodes: the node itself and the
	// cell of the list that holds it, or its graph. Empty if not asked for.
	Positions []Position
}

// item is a node and the place in the document that it comes from.
type item struct {
	n  rdf.Node
	at int32
}

// run is one document under way.
type run struct {
	builder
	o        Options
	a        *arena
	d        *rdf.Dataset
	graph    rdf.Node // active graph
	lost     bool     // the active graph has no name that RDF knows
	entries  []entry  // of the objects around, as a stack
	items    []item
	places   []item // of blank nodes
	typeNode rdf.Node
	size     int    // of the lines so far, and of what was read to make them
	number   uint64 // counts the documents that used this memory
	nodes    [termNodes]termNode
}

// termNodes is how many nodes of terms are at hand without a look into the dataset.
const termNodes = 128

type termNode struct {
	t   *term
	n   rdf.Node
	run uint64 // which document it is of
}

// named is the node of a term's IRI.
func (r *run) named(t *term) rdf.Node {
	at := &r.nodes[t.place]
	if at.t != t || at.run != r.number {
		*at = termNode{t, r.d.Term(t.named), r.number}
	}
	return at.n
}

// ToRDF is the toRdf method (API, Section 9.1) of a document given as bytes. The error is
// an *Error.
func (p *Processor) ToRDF(doc []byte, o Options) (Document, error) {
	r := p.runs.Get().(*run)
	defer r.release()
	defer func(pooled *rdf.Dataset) { r.d = pooled }(r.d)
	r.d = &rdf.Dataset{} // the caller's
	if err := r.text(p, string(doc), o); err != nil {
		return Document{}, err
	}
	positions, err := r.positions()
	if err != nil {
		return Document{}, err
	}
	return Document{r.d, positions}, nil
}

// Canonicalize goes from the bytes of a document to canonical N-Quads, as ToRDF
// and Dataset.Canonicalize do, with memory that is used again.
func (p *Processor) Canonicalize(doc []byte, o Options, c rdf.Options) ([]byte, error) {
	return p.AppendCanonical(nil, doc, o, c)
}

// AppendCanonical is Canonicalize for those who only hash the form: it is appended to
// memory that they can use again. With an error there is nothing in it.
func (p *Processor) AppendCanonical(to, doc []byte, o Options, c rdf.Options) ([]byte, error) {
	r := p.runs.Get().(*run)
	defer r.release()
	// The document is read where it lies: nothing that is kept, returned or put into
	// an error is a part of it, and it does not change before this returns.
	if err := r.text(p, unsafe.String(unsafe.SliceData(doc), len(doc)), o); err != nil {
		return nil, err
	}
	return r.d.AppendCanonical(to, c)
}

// AppendCanonicalValue is AppendCanonical of a document that was read already, as if it
// were without one of its members, such as its proof; "" leaves out none.
func (p *Processor) AppendCanonicalValue(to []byte, doc jcs.Value, without string, o Options, c rdf.Options) ([]byte, error) {
	r := p.runs.Get().(*run)
	defer r.release()
	r.builder, r.o = builder{p: p}, o
	t, at := doc.Tree()
	if t == nil {
		return nil, &Error{Code: codeJSON, Detail: "there is no document"}
	}
	gone := int32(0)
	if without != "" {
		gone, _ = t.Member(at, without)
	}
	r.a.Copy(t, at, gone)
	if err := r.document(); err != nil {
		return nil, err
	}
	return r.d.AppendCanonical(to, c)
}

// maxPooled is the size of documents whose memory is kept, if they do not say more than
// eight times as much.
const maxPooled = 1 << 18

func (r *run) release() {
	p, size := r.p, max(len(r.a.Src), r.size/8)
	r.a.Forget()
	clear(r.entries[:cap(r.entries)])
	r.d.Reset()
	r.builder, r.o = builder{}, Options{}
	r.entries, r.items, r.places = r.entries[:0], r.items[:0], r.places[:0]
	r.graph, r.lost, r.typeNode, r.size = 0, false, 0, 0
	r.number++
	if p != nil && size <= maxPooled {
		p.runs.Put(r)
	}
}

func (r *run) text(p *Processor, doc string, o Options) error {
	r.builder, r.o = builder{p: p}, o
	if err := r.a.parse(doc); err != nil {
		return err
	}
	return r.document()
}

// document makes RDF of the document in the arena.
func (r *run) document() error {
	r.d.Grow(len(r.a.Nodes))
	ctx := r.p.root(r.o.Base)
	if r.o.ExpandContext != nil {
		var err error
		if ctx, err = r.expandContext(ctx); err != nil {
			return err
		}
	}
	switch r.a.Nodes[0].Kind {
	case object:
		return r.object(ctx, nil, 0, dest{top: true}, false)
	case array:
		return r.expand(ctx, nil, 0, dest{})
	}
	return r.fault(0, codeJSON, "a JSON-LD document is an object or an array of objects")
}

func (r *run) expandContext(ctx *Context) (*Context, error) {
	c, err := parse(string(r.o.ExpandContext))
	if err != nil {
		return nil, err
	}
	at := int32(0)
	if c.Nodes[0].Kind == object {
		if inner, ok := c.Member(0, "@context"); ok {
			at = inner
		}
	}
	return r.inline(ctx, c, at, r.o.Base)
}

func (r *run) fault(at int32, code, detail string) error {
	return &Error{Code: code, Pointer: r.a.pointer(at), Detail: detail}
}

// drop is for what plain JSON-LD leaves out: an error, unless lax.
func (r *run) drop(at int32, detail string) error {
	if r.o.InsecureLax {
		return nil
	}
	return r.fault(at, codeDropped, detail)
}

const silent = "null, and an array or a map of nothing, make no statement, so that whoever has the document could put them anywhere under a proof, as if there were none of what the name says: remove it"

// holds makes sure that there is something in an array or a map.
func (r *run) holds(at int32) error {
	if r.a.Nodes[at].End > at+1 {
		return nil
	}
	return r.drop(at, silent)
}

type destKind uint8

const (
	toNothing destKind = iota
	toProperty
	toReverse
	toList
	toIncluded
)

type wrapping uint8

const (
	noWrap wrapping = iota
	wrapAlways
	wrapOthers // all but graph objects
)

// dest says what becomes of the items of a value.
type dest struct {
	kind  destKind
	top   bool // the top of the document
	wrap  wrapping
	s, p  rdf.Node
	extra *extra
	// unsaid: the items are of a list that no statement leads to.
	unsaid bool
}

// nowhere: no statement would lead to a list that goes there, so that it is not made
// (API, Section 8.1.2, steps 1.2 and 1.3).
func (d dest) nowhere() bool {
	return d.unsaid || (d.kind == toProperty || d.kind == toReverse) && (d.s == 0 || d.p == 0)
}

// extra is what a map (API, Section 5.1.2, step 13.8) says of each of its items.
type extra struct {
	id       string // of an item without one
	hasID    bool
	typ      string
	property rdf.Node
	value    rdf.Node
	has      bool // a property
}

// emit hands an item over. Zero nodes are those that RDF cannot name.
func (r *run) emit(at int32, d dest, n rdf.Node, isNode bool) error {
	switch d.kind {
	case toProperty:
		return r.add(d.s, d.p, n)
	case toReverse:
		if !isNode {
			return r.fault(at, "invalid reverse property value", "the values of a reverse property are nodes")
		}
		return r.add(n, d.p, d.s)
	case toList:
		r.items = append(r.items, item{n, at})
	case toIncluded:
		if !isNode {
			return r.fault(at, "invalid @included value", "@included holds node objects")
		}
	}
	return nil
}

// What a document says may be longer than the document, but not by much more than
// a context of usual IRIs makes of a list of numbers.
const (
	minSize   = 1 << 20
	maxGrowth = 64
)

// expandIRI is Context.expandIRI of what is relative to the document. A base that
// is resolved against is read again each time, which counts as if it were written.
func (r *run) expandIRI(ctx *Context, s string, vocab bool) string {
	if ctx.base != "" && !absolute(s) {
		r.size += resolving * len(ctx.base)
	}
	return ctx.expandIRI(s, true, vocab)
}

const resolving = 8

func (r *run) add(s, p, o rdf.Node) error {
	if s == 0 || p == 0 || o == 0 || r.lost {
		return nil
	}
	q := rdf.Quad{S: s, P: p, O: o, G: r.graph}
	if r.size += r.d.Size(q); r.size > minSize+maxGrowth*len(r.a.Src) {
		return &Error{Code: codeLimit, Detail: "as RDF the document is more than 64 times as long: its contexts make long IRIs of short names"}
	}
	return r.d.Add(q)
}

// node is the node of an expanded IRI or blank node, zero where lax drops it.
func (r *run) node(iri string, at int32) (rdf.Node, error) {
	if isBlank(iri) {
		return r.d.Blank(iri), nil
	}
	n, err := r.d.IRI(iri)
	if err != nil {
		return 0, r.drop(at, "not an absolute IRI in the end, so that RDF cannot say it: write the whole IRI, percent-encode what must be (RFC 3987, Section 2.2), or define the term in a context")
	}
	return n, nil
}

func (r *run) place(n rdf.Node, at int32) {
	if r.o.Positions && n.IsBlank() {
		r.places = append(r.places, item{n, at})
	}
}

// expand is the Expansion algorithm (API, Section 5.1.2) for any value; t is the
// active property, nil at the top and in @graph.
func (r *run) expand(ctx *Context, t *term, at int32, d dest) error {
	v := &r.a.Nodes[at]
	switch v.Kind {
	case null:
		return r.drop(at, silent)
	case object:
		return r.object(ctx, t, at, d, false)
	case array:
		if d.kind != toList { // an empty list is one
			if err := r.holds(at); err != nil {
				return err
			}
		}
		for c := at + 1; c < v.End; c = r.a.Nodes[c].End {
			if d.kind == toList && r.a.Nodes[c].Kind == array { // step 5.2.2
				if err := r.list(ctx, t, c, d); err != nil {
					return err
				}
				continue
			}
			if err := r.expand(ctx, t, c, d); err != nil {
				return err
			}
		}
		return nil
	}
	if t == nil { // step 4.1
		return r.drop(at, "a value that is no node's property says nothing; put it under a property")
	}
	return r.scalar(ctx, t, at, d)
}

// list makes a list of a value's items and hands it over.
func (r *run) list(ctx *Context, t *term, at int32, d dest) error {
	from := len(r.items)
	inner := dest{kind: toList, unsaid: d.nowhere()}
	if err := r.expand(ctx, t, at, inner); err != nil {
		return err
	}
	return r.close(at, from, d)
}

// close makes the list of the items from a place on (API, Section 8.2.3).
func (r *run) close(at int32, from int, d dest) error {
	if d.nowhere() {
		r.items = r.items[:from]
		return nil
	}
	items := r.items[from:]
	head := r.d.Term(rdfNil)
	if len(items) > 0 {
		first, rest := r.d.Term(rdfFirst), r.d.Term(rdfRest)
		tail := head
		for i := len(items) - 1; i >= 0; i-- {
			cell := r.d.NewBlank()
			r.place(cell, items[i].at)
			if err := r.add(cell, first, items[i].n); err != nil {
				return err
			}
			if err := r.add(cell, rest, tail); err != nil {
				return err
			}
			tail = cell
		}
		head = tail
	}
	r.items = r.items[:from]
	return r.emit(at, d, head, false)
}

func known(iri string) rdf.Term {
	t, err := rdf.NewTerm(iri)
	if err != nil {
		panic(err)
	}
	return t
}

const rdfNS = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

var (
	rdfType      = known(rdfNS + "type")
	rdfNil       = known(rdfNS + "nil")
	rdfFirst     = known(rdfNS + "first")
	rdfRest      = known(rdfNS + "rest")
	rdfValue     = known(rdfNS + "value")
	rdfLanguage  = known(rdfNS + "language")
	rdfDirection = known(rdfNS + "direction")
)
