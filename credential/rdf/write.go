package rdf

import (
	"slices"
	"strings"
)

// write is the canonical form (Section 5, step 7 of Section 4.4.3).
func (c *canon) write(quads []Quad, names []string) []byte {
	out := make([]byte, 0, c.sort(quads, names))
	for _, q := range quads {
		out = c.d.appendQuad(out, q, names)
	}
	return out
}

// sort orders quads and says how long their lines are together. Comparing
// term by term orders as comparing whole lines would, because no term is the
// beginning of another followed by something before a space.
func (c *canon) sort(quads []Quad, names []string) (size int) {
	d := c.d
	for _, q := range quads {
		size += len(d.text(q.S, names)) + len(d.text(q.P, names)) + len(d.text(q.O, names)) + 5
		if q.G != 0 {
			size += len(d.text(q.G, names)) + 1
		}
	}
	compare := func(a, b Node) int {
		switch {
		case a == b:
			return 0
		case a == 0:
			return -1
		case b == 0:
			return 1
		}
		return strings.Compare(d.text(a, names), d.text(b, names))
	}
	// Subjects and predicates come again and again: they are put in order once.
	ranks := c.rank(quads, compare)
	slices.SortFunc(quads, func(a, b Quad) int {
		if a.S != b.S {
			return int(ranks[d.slot(a.S)]) - int(ranks[d.slot(b.S)])
		}
		if a.P != b.P {
			return int(ranks[d.slot(a.P)]) - int(ranks[d.slot(b.P)])
		}
		if n := compare(a.O, b.O); n != 0 {
			return n
		}
		return compare(a.G, b.G)
	})
	return size
}

// slot is the place of a node among the terms and blank nodes of the dataset.
func (d *Dataset) slot(n Node) int {
	if n.IsBlank() {
		return len(d.terms) + n.blank()
	}
	return int(n) - 1
}

// rank orders the subjects and predicates of quads, by slot.
func (c *canon) rank(quads []Quad, compare func(a, b Node) int) []int32 {
	c.ranks = zeroed(c.ranks, len(c.d.terms)+len(c.d.labels))
	c.nodes = c.nodes[:0]
	add := func(n Node) {
		if at := c.d.slot(n); c.ranks[at] == 0 {
			c.ranks[at] = 1
			c.nodes = append(c.nodes, n)
		}
	}
	for _, q := range quads {
		add(q.S)
		add(q.P)
	}
	slices.SortFunc(c.nodes, compare)
	for i, n := range c.nodes {
		c.ranks[c.d.slot(n)] = int32(i)
	}
	return c.ranks
}
