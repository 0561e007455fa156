package rdf

import (
	"slices"
	"strings"
)

// Term is an IRI that was checked and written out once, for those who use it
// again and again. The zero Term is none.
type Term struct{ text string }

// NewTerm checks an absolute IRI.
func NewTerm(iri string) (Term, error) {
	if err := checkIRI(iri); err != nil {
		return Term{}, err
	}
	return Term{"<" + iri + ">"}, nil
}

// IsZero says whether it is none.
func (t Term) IsZero() bool { return t.text == "" }

// Term is the node of a term.
func (d *Dataset) Term(t Term) Node { return d.intern(t.text) }

// Datatype is what a literal of a datatype ends with, written out once.
type Datatype struct{ suffix string }

// NewDatatype checks the IRI of a datatype, which is not rdf:langString.
func NewDatatype(iri string) (Datatype, error) {
	if iri == xsdString {
		return Datatype{`"`}, nil
	}
	t, err := NewTerm(iri)
	if err != nil || iri == langString {
		return Datatype{}, ErrTerm
	}
	return Datatype{`"^^` + t.text}, nil
}

// NewBlank is a blank node that no label can name.
func (d *Dataset) NewBlank() Node {
	n := blankBit | Node(len(d.labels))
	d.labels = append(d.labels, "")
	return n
}

// Grow makes room for about so many terms in an empty dataset.
func (d *Dataset) Grow(terms int) {
	if d.index == nil {
		d.index = make(map[string]Node, terms)
	}
	d.terms = slices.Grow(d.terms, terms)
	d.quads = slices.Grow(d.quads, terms)
}

// Typed is the node of a literal with a datatype. The value must be UTF-8.
func (d *Dataset) Typed(value string, t Datatype) Node {
	from := d.room(len(value) + len(t.suffix) + 1)
	d.chunk.WriteByte('"')
	escapeValid(&d.chunk, value)
	d.chunk.WriteString(t.suffix)
	return d.intern(d.chunk.String()[from:])
}

// chunkSize of the memory that terms are written into, one after another, so that
// each is not an allocation of its own.
const chunkSize = 4096

// room makes room for about n bytes in the chunk and says where it ends. Terms
// made before keep the chunk they are in.
func (d *Dataset) room(n int) int {
	if d.chunk.Cap()-d.chunk.Len() < n {
		d.chunk = strings.Builder{}
		d.chunk.Grow(max(n, chunkSize))
	}
	return d.chunk.Len()
}

// Reset empties the dataset for another, keeping its memory but none of its terms.
// What was canonicalised from it must not be asked for Issued any more.
func (d *Dataset) Reset() {
	clear(d.terms)
	clear(d.labels)
	clear(d.index)
	d.terms, d.labels, d.quads = d.terms[:0], d.labels[:0], d.quads[:0]
	d.chunk = strings.Builder{}
}

// QuotedTyped is Quoted with a datatype.
func (d *Dataset) QuotedTyped(text string, t Datatype) Node {
	from := d.room(len(text) + len(t.suffix))
	d.chunk.WriteString(text[:len(text)-1])
	d.chunk.WriteString(t.suffix)
	return d.intern(d.chunk.String()[from:])
}

// Quoted is the node of a string that is given as it stands in canonical N-Quads,
// with its quotation marks. The caller answers for that.
func (d *Dataset) Quoted(text string) Node { return d.intern(text) }
