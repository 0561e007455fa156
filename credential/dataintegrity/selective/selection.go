package selective

import (
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/credential/rdf"
)

// maxSteps bounds the work of following pointers, each of which may pass all values.
const maxSteps = 1 << 24

// Selection is what JSON pointers select of a document.
type Selection struct {
	// JSON is the fragment of the document: a JSON-LD document of the same context. It is
	// nil if there were no pointers.
	JSON []byte
	// Indexes are the places, in ascending order, of the statements that the fragment makes
	// among those of the document.
	Indexes []int

	d     *Document
	data  *rdf.Dataset
	nodes []rdf.Node // of the document, by number of the fragment's blank node
}

// Select selects statements (selectCanonicalNQuads, DI ECDSA 1.0, Section 3.4.15, and the
// matching half of a group of canonicalizeAndGroup, Section 3.4.16). A pointer
// selects the value it leads to, and of each object on the way the identifier and the
// types; the empty pointer selects the document. The error is an *Error.
func (d *Document) Select(pointers []string) (*Selection, error) {
	if len(pointers) > MaxPointers {
		return nil, &Error{Detail: fmt.Sprintf("%d JSON pointers, more than %d", len(pointers), MaxPointers)}
	}
	s := &Selection{d: d}
	if len(pointers) == 0 {
		return s, nil
	}
	d.once.Do(d.index)
	if len(pointers)*len(d.tree.Nodes) > maxSteps {
		return nil, &Error{Detail: fmt.Sprintf("%d JSON pointers into a document of %d values are too many; select larger parts", len(pointers), len(d.tree.Nodes))}
	}
	f, err := d.cut(pointers)
	if err != nil {
		return nil, err
	}
	part, err := d.processor.ToRDF(f.text, options)
	if err != nil {
		return nil, &Error{Detail: "what the JSON pointers select is no JSON-LD document on its own", Err: err}
	}
	s.JSON, s.data = f.text, part.Dataset
	s.nodes = make([]rdf.Node, part.Blanks())
	turn := map[int]int{} // several blank nodes of one place come in the same order in both
	for _, p := range part.Positions {
		offset := f.origin(p.Offset)
		here := d.places[offset]
		if i := turn[offset]; i < len(here) {
			s.nodes[p.Node.Blank()] = here[i]
		}
		turn[offset]++
	}
	if err := s.match(); err != nil {
		return nil, err
	}
	return s, nil
}

func (d *Document) cut(pointers []string) (fragment, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.tree.reset()
	d.tree.pass(0)
	for _, p := range pointers {
		if err := d.tree.marked(p); err != nil {
			return fragment{}, err
		}
	}
	return d.tree.cut(), nil
}

// match finds the statements of the fragment among those of the document.
func (s *Selection) match() error {
	seen := make([]bool, len(s.d.quads))
	for _, q := range s.data.Quads() {
		i, ok := s.statement(q)
		if !ok {
			return &Error{Detail: "what the JSON pointers select says something that the document does not say: select lists, JSON literals and values with a language whole, and an object whose id is a blank node's whole"}
		}
		seen[i] = true
	}
	s.Indexes = make([]int, 0, len(seen))
	for i, selected := range seen {
		if selected {
			s.Indexes = append(s.Indexes, i)
		}
	}
	return s.whole()
}

// statement is the place of the document's statement that a quad of the fragment is.
func (s *Selection) statement(q rdf.Quad) (int, bool) {
	var ok [4]bool
	q.S, ok[0] = s.node(q.S)
	q.P, ok[1] = s.node(q.P)
	q.O, ok[2] = s.node(q.O)
	q.G, ok[3] = s.node(q.G)
	if ok != [4]bool{true, true, true, true} {
		return 0, false
	}
	i, found := s.d.at[q]
	return i, found
}

// node is the document's node that a node of the fragment is.
func (s *Selection) node(n rdf.Node) (rdf.Node, bool) {
	if n == 0 {
		return 0, true
	}
	if n.IsBlank() && s.nodes[n.Blank()] != 0 {
		return s.nodes[n.Blank()], true
	}
	same, ok := s.d.data.Find(s.data, n)
	if ok && n.IsBlank() { // one of a label that stands nowhere as an object
		s.nodes[n.Blank()] = same
	}
	return same, ok
}

// whole makes sure that no blank node of the document became two.
func (s *Selection) whole() error {
	seen := make(map[rdf.Node]bool, len(s.nodes))
	for _, n := range s.nodes {
		if n != 0 && seen[n] {
			return &Error{Detail: "a blank node of the document would become two in the fragment: select the objects with its id whole"}
		}
		seen[n] = true
	}
	return nil
}

// Labels are the label map of a verifier, who has nothing but the fragment: the label at i
// is what the document's label map gave to the blank node that is "c14n<i>" in the
// fragment (createDisclosureData, DI ECDSA 1.0, Section 3.5.4).
func (s *Selection) Labels() ([]string, error) {
	if s.data == nil {
		return nil, nil
	}
	numbers, used, err := s.data.CanonicalNumbers(rdf.Options{})
	if err != nil {
		return nil, err
	}
	labels := make([]string, used)
	for b, number := range numbers {
		if number < used {
			labels[number] = s.d.Labels[s.d.numbers[s.nodes[b].Blank()]]
		}
	}
	return labels, nil
}

// Relative are the places of numbers within an ascending list of others: how indexes
// into one group of statements become indexes into another. Numbers that are not within
// are left out.
func Relative(numbers, within []int) []int {
	out := make([]int, 0, len(numbers))
	for _, n := range numbers {
		if at, ok := slices.BinarySearch(within, n); ok {
			out = append(out, at)
		}
	}
	return out
}
