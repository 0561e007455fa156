package rdf

import (
	"fmt"
	"slices"
)

// Term is an IRI that was checked and written out once, for those who use it
// again and again. The zero Term is none.
type Term struct {
	text string
	hash uint32
}

// NewTerm checks an absolute IRI.
func NewTerm(iri string) (Term, error) {
	if err := checkIRI(iri); err != nil {
		return Term{}, err
	}
	text := "<" + iri + ">"
	return Term{text, hashOf(text)}, nil
}

// IsZero says whether it is none.
func (t Term) IsZero() bool { return t.text == "" }

// Term is the node of a term.
func (d *Dataset) Term(t Term) Node {
	n, at := find(d, t.hash, t.text)
	if n == 0 {
		from := len(d.text)
		d.text = append(d.text, t.text...)
		n = d.settle(at, t.hash, from)
	}
	return n
}

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
	const each, most = 48, 1 << 14 // bytes of a usual term, and of those of a usual document
	d.index.grow(terms)
	d.text = slices.Grow(d.text, min(each*terms, most))
	d.terms = slices.Grow(d.terms, terms)
	d.quads = slices.Grow(d.quads, terms)
}

// Typed is the node of a literal with a datatype. The value must be UTF-8.
func (d *Dataset) Typed(value string, t Datatype) Node {
	from := len(d.text)
	b := appendQuoted(d.text, value)
	d.text = append(b[:len(b)-1], t.suffix...)
	return d.intern(from)
}

// QuotedTyped is Quoted with a datatype.
func (d *Dataset) QuotedTyped(text string, t Datatype) Node {
	from := len(d.text)
	d.text = append(d.text, text[:len(text)-1]...)
	d.text = append(d.text, t.suffix...)
	return d.intern(from)
}

// QuotedTagged is Quoted with a language tag.
func (d *Dataset) QuotedTagged(text, language string) (Node, error) {
	if !isLanguage(language) {
		return 0, fmt.Errorf("%w: %q is not a language tag (BCP 47)", ErrTerm, language)
	}
	from := len(d.text)
	d.text = append(d.text, text...)
	d.text = append(d.text, '@')
	d.text = append(d.text, language...)
	return d.intern(from), nil
}

// Quoted is the node of a string that is given as it stands in canonical N-Quads,
// with its quotation marks. The caller answers for that.
func (d *Dataset) Quoted(text string) Node {
	from := len(d.text)
	d.text = append(d.text, text...)
	return d.intern(from)
}

// Reset empties the dataset for another, keeping its memory but none of its terms.
// What was canonicalised from it must not be asked for Issued any more.
func (d *Dataset) Reset() {
	clear(d.labels)
	d.text, d.terms, d.labels, d.quads = d.text[:0], d.terms[:0], d.labels[:0], d.quads[:0]
	d.index.reset()
}
