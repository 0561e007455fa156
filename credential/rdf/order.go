package rdf

import (
	"bytes"
	"slices"
	"strings"
)

// compare orders nodes as their lines are ordered, with the names that blank
// nodes have at the moment. Comparing term by term orders as comparing whole
// lines would, because no term is the beginning of another followed by something
// before a space.
func (c *canon) compare(a, b Node) int {
	switch {
	case a == b:
		return 0
	case a == 0:
		return -1
	case b == 0:
		return 1
	case a.IsBlank() && b.IsBlank():
		if len(c.ranks) > 0 {
			return int(c.ranks[a.blank()] - c.ranks[b.blank()])
		}
		return strings.Compare(c.names[a.blank()], c.names[b.blank()])
	case a.IsBlank():
		return 1 // _ stands behind < and "
	case b.IsBlank():
		return -1
	}
	return bytes.Compare(c.d.term(a), c.d.term(b))
}

// decimalOrder are the ranks of the numbers below n as they are ordered when they are
// written: 0, 1, 10, 100, 11, …, 2, 20.
func decimalOrder(ranks []int32, n int) []int32 {
	ranks = zeroed(ranks, n)
	if n <= 10 { // one digit each
		for number := range ranks {
			ranks[number] = int32(number)
		}
		return ranks
	}
	next := int32(0)
	var visit func(number int)
	visit = func(number int) {
		if number >= n {
			return
		}
		ranks[number] = next
		next++
		for digit := range 10 {
			if number > 0 {
				visit(10*number + digit)
			}
		}
	}
	for digit := range 10 {
		visit(digit)
	}
	return ranks
}

// byPredicate and bySubject put the quads in the order of those, and leave quads that
// have the same in the order they are in.
func (c *canon) byPredicate() {
	c.keys = c.keys[:0]
	for i := range c.quads {
		c.keys = append(c.keys, c.quads[i].P)
	}
	c.arrange()
}

func (c *canon) bySubject() {
	c.keys = c.keys[:0]
	for i := range c.quads {
		c.keys = append(c.keys, c.quads[i].S)
	}
	c.arrange()
}

// arrange puts the quads in the order of c.keys, of which each has one. Predicates and
// subjects come again and again: each is compared once, and the quads are counted into
// their places.
func (c *canon) arrange() {
	d := c.d
	c.places = zeroed(c.places, len(d.terms)+len(d.labels))
	c.nodes = c.nodes[:0]
	for _, n := range c.keys {
		at := d.slot(n)
		if c.places[at] == 0 {
			c.nodes = append(c.nodes, n)
		}
		c.places[at]++
	}
	c.order(c.nodes)
	next := int32(0)
	for _, n := range c.nodes {
		at := d.slot(n)
		next, c.places[at] = next+c.places[at], next
	}
	c.moved = slices.Grow(c.moved[:0], len(c.quads))[:len(c.quads)]
	for i, n := range c.keys {
		at := d.slot(n)
		c.moved[c.places[at]] = c.quads[i]
		c.places[at]++
	}
	c.quads, c.moved = c.moved, c.quads
}

// few nodes are put in order by insertion: with the terms of a usual document that takes a
// third fewer comparisons.
const few = 64

func (c *canon) order(nodes []Node) {
	if len(nodes) > few {
		slices.SortFunc(nodes, c.compare)
		return
	}
	for i, n := range nodes {
		from, to := 0, i
		for from < to {
			if middle := (from + to) / 2; c.compare(n, nodes[middle]) < 0 {
				to = middle
			} else {
				from = middle + 1
			}
		}
		copy(nodes[from+1:i+1], nodes[from:i])
		nodes[from] = n
	}
}

// slot is the place of a node among the terms and blank nodes of the dataset.
func (d *Dataset) slot(n Node) int {
	if n.IsBlank() {
		return len(d.terms) + n.blank()
	}
	return int(n) - 1
}

// write appends the canonical form (Section 5, step 7 of Section 4.4.3).
func (c *canon) write(to []byte) []byte {
	c.sort()
	if cap(to)-len(to) < 2*len(c.d.text) { // else there is room, unless terms are repeated often
		to = slices.Grow(to, c.size())
	}
	for _, q := range c.quads {
		to = c.d.appendQuad(to, q, c.names)
	}
	return to
}

// sort puts the quads into the order of their lines: by subject, and then by
// predicate, as they are already.
func (c *canon) sort() {
	c.bySubject()
	for from := 0; from < len(c.quads); {
		end := from + 1
		for end < len(c.quads) && c.quads[end].S == c.quads[from].S && c.quads[end].P == c.quads[from].P {
			end++
		}
		if end-from > 1 {
			slices.SortFunc(c.quads[from:end], func(a, b Quad) int {
				if n := c.compare(a.O, b.O); n != 0 {
					return n
				}
				return c.compare(a.G, b.G)
			})
		}
		from = end
	}
}

// size is how long the canonical form is.
func (c *canon) size() (n int) {
	for _, q := range c.quads {
		n += len(".\n")
		for _, node := range [...]Node{q.S, q.P, q.O, q.G} {
			switch {
			case node == 0:
			case node.IsBlank():
				n += len(c.names[node.blank()]) + 1
			default:
				s := c.d.terms[node-1]
				n += s.to - s.from + 1
			}
		}
	}
	return n
}
