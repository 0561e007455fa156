package rdf

import (
	"fmt"
	"slices"
	"testing"
)

// TestIndex: one text is one node however many there are, and a dataset that was large
// keeps nothing that makes a small one slow.
func TestIndex(t *testing.T) {
	d := &Dataset{}
	for round := range 3 {
		nodes := map[Node]string{}
		for again := range 2 {
			for i := range 3000 {
				iri := fmt.Sprintf("https://a.example/%d/%d", round, i)
				term, err := NewTerm(iri)
				if err != nil {
					t.Fatal(err)
				}
				n, err := d.IRI(iri)
				if err != nil || d.Term(term) != n || string(d.term(n)) != "<"+iri+">" {
					t.Fatalf("%s: %v, %d is %s", iri, err, n, d.term(n))
				}
				b := d.Blank(fmt.Sprintf("_:b%d", i))
				if old, ok := nodes[n]; again == 0 && ok || again == 1 && old != iri || b.blank() != i {
					t.Fatalf("%s: node %d was %s, blank node %d", iri, n, old, b.blank())
				}
				nodes[n] = iri
			}
		}
		if len(d.terms) != 3000 || len(d.labels) != 3000 {
			t.Fatalf("%d terms, %d labels", len(d.terms), len(d.labels))
		}
		d.Reset()
		if d.Grow(10); len(d.index.slots) > minSlots {
			t.Errorf("%d slots for ten terms", len(d.index.slots))
		}
	}
}

// TestSize holds the estimate of a line against the line.
func TestSize(t *testing.T) {
	d, err := ParseNQuads("_:a <a:p> \"x\"@nl <a:g> .\n<a:s> <a:p> <a:o> .\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range d.quads {
		line := d.appendQuad(nil, q, []string{"_:c14n000"})
		if got := d.Size(q); got != len(line) {
			t.Errorf("%d for %q", got, line)
		}
	}
}

func TestDecimalOrder(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 11, 99, 1234} {
		ranks := decimalOrder(nil, n)
		at := make([]string, n)
		for number, rank := range ranks {
			at[rank] = fmt.Sprintf("%d ", number)
		}
		if !slices.IsSorted(at) {
			t.Errorf("%d: %q", n, at)
		}
	}
}
