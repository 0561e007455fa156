// Package rdf holds RDF datasets and brings them into their canonical form by
// RDFC-1.0 (RDF Dataset Canonicalization, W3C Recommendation of 21 May 2024):
// the bytes that Data Integrity proofs sign.
//
// Terms are kept as they stand in canonical N-Quads and are compared as such, so
// that nothing is escaped or joined twice. Canonicalising has a work limit: a
// small dataset of look-alike blank nodes could otherwise keep a processor busy
// for hours (Section 7.1).
package rdf

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrTerm: a term that RDF 1.1 does not know, such as a relative IRI.
var ErrTerm = errors.New("rdf: not a term")

// Node is a term or a blank node of one Dataset; the zero Node is none, and as
// a graph name the default graph.
type Node uint32

const blankBit Node = 1 << 31

// IsBlank says whether it is a blank node.
func (n Node) IsBlank() bool { return n&blankBit != 0 }

// blank is the number of a blank node, from 0.
func (n Node) blank() int { return int(n &^ blankBit) }

// Quad is one statement. G is zero in the default graph.
type Quad struct{ S, P, O, G Node }

// Dataset is a set of quads under construction. It is not for concurrent use.
type Dataset struct {
	text   []byte   // the terms as canonical N-Quads, each with a space behind it
	terms  []span   // of text; a Node is one more than its place
	labels []string // of blank nodes as they came, with "_:"
	quads  []Quad
	index  index
}

// span is a part of Dataset.text.
type span struct{ from, to int }

// Len is the number of quads added, of which some may be the same.
func (d *Dataset) Len() int { return len(d.quads) }

// Blanks is the number of blank nodes.
func (d *Dataset) Blanks() int { return len(d.labels) }

// Label is the label, with "_:", under which a blank node was first named; empty
// for one of NewBlank.
func (d *Dataset) Label(n Node) string { return d.labels[n.blank()] }

// IRI is the node of an IRI (RDF 1.1 Concepts, Section 3.2), which must be
// absolute. Nothing is normalised.
func (d *Dataset) IRI(iri string) (Node, error) {
	if err := checkIRI(iri); err != nil {
		return 0, err
	}
	from := len(d.text)
	d.text = append(d.text, '<')
	d.text = append(d.text, iri...)
	d.text = append(d.text, '>')
	return d.intern(from), nil
}

// Blank is the blank node of a label, such as "_:b0".
func (d *Dataset) Blank(label string) Node {
	h := hashOf(label)
	n, at := find(d, h, label)
	if n == 0 {
		n = blankBit | Node(len(d.labels))
		d.labels = append(d.labels, label)
		d.index.put(at, h, n)
	}
	return n
}

const (
	xsdString  = "http://www.w3.org/2001/XMLSchema#string"
	langString = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"
)

// Literal is the node of a literal: with a language tag, or with the IRI of a
// datatype, or a string if neither is given.
func (d *Dataset) Literal(value, datatype, language string) (Node, error) {
	if !utf8.ValidString(value) {
		return 0, fmt.Errorf("%w: a literal that is not UTF-8", ErrTerm)
	}
	from := len(d.text)
	b := appendQuoted(d.text, value)
	switch {
	case language != "":
		if datatype != "" && datatype != langString {
			return 0, fmt.Errorf("%w: a literal with the language %q has no datatype of its own", ErrTerm, language)
		}
		if !isLanguage(language) {
			return 0, fmt.Errorf("%w: %q is not a language tag (BCP 47)", ErrTerm, language)
		}
		b = append(b, '@')
		b = append(b, language...)
	case datatype == langString:
		return 0, fmt.Errorf("%w: a literal of type rdf:langString needs a language", ErrTerm)
	case datatype != "" && datatype != xsdString:
		if err := checkIRI(datatype); err != nil {
			return 0, err
		}
		b = append(b, "^^<"...)
		b = append(b, datatype...)
		b = append(b, '>')
	}
	d.text = b
	return d.intern(from), nil
}

// Add adds a quad of nodes of this dataset.
func (d *Dataset) Add(q Quad) error {
	switch {
	case q.S == 0 || q.P == 0 || q.O == 0:
		return fmt.Errorf("%w: a quad needs subject, predicate and object", ErrTerm)
	case d.isLiteral(q.S) || d.isLiteral(q.G):
		return fmt.Errorf("%w: a literal can only be an object", ErrTerm)
	case q.P.IsBlank() || d.isLiteral(q.P):
		return fmt.Errorf("%w: a predicate is an IRI", ErrTerm)
	}
	d.quads = append(d.quads, q)
	return nil
}

// Size is how long the line of a quad is, in bytes; of the names of blank nodes, which
// it has not yet, it takes a usual length.
func (d *Dataset) Size(q Quad) int {
	return d.size(q.S) + d.size(q.P) + d.size(q.O) + d.size(q.G) + len(".\n")
}

func (d *Dataset) size(n Node) int {
	switch {
	case n == 0:
		return 0
	case n.IsBlank():
		return len("_:c14n000 ")
	}
	s := d.terms[n-1]
	return s.to - s.from + 1
}

func (d *Dataset) isLiteral(n Node) bool {
	return n != 0 && !n.IsBlank() && d.text[d.terms[n-1].from] == '"'
}

// term is how an IRI or a literal is written.
func (d *Dataset) term(n Node) []byte {
	s := d.terms[n-1]
	return d.text[s.from:s.to]
}

// appendNode appends a node and a space; blank nodes have these names.
func (d *Dataset) appendNode(b []byte, n Node, names []string) []byte {
	if n.IsBlank() {
		b = append(b, names[n.blank()]...)
		return append(b, ' ')
	}
	s := d.terms[n-1]
	return append(b, d.text[s.from:s.to+1]...)
}

// appendQuad appends the line of a quad (RDFC-1.0, Appendix A).
func (d *Dataset) appendQuad(b []byte, q Quad, names []string) []byte {
	b = d.appendNode(b, q.S, names)
	b = d.appendNode(b, q.P, names)
	b = d.appendNode(b, q.O, names)
	if q.G != 0 {
		b = d.appendNode(b, q.G, names)
	}
	return append(b, ".\n"...)
}
