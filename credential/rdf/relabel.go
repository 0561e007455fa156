package rdf

import "hash/maphash"

// Blank is the number of a blank node in its dataset, from 0: its place in
// Canonical.Names.
func (n Node) Blank() int { return n.blank() }

// Quads are the quads as they were added, of which some may be the same. They
// are not to be changed.
func (d *Dataset) Quads() []Quad { return d.quads }

// Find is the node that is written in this dataset as n is in another: the same
// term, or the blank node of the same label. Blank nodes without a label are
// never found.
func (d *Dataset) Find(other *Dataset, n Node) (Node, bool) {
	var text []byte
	if n.IsBlank() {
		text = []byte(other.Label(n))
	} else {
		text = other.term(n)
	}
	if len(text) == 0 || len(d.index.slots) == 0 {
		return 0, false
	}
	found, _ := probe(d, uint32(maphash.Bytes(seed, text)), text)
	return found, found != 0
}

// CanonicalNumbers are the numbers of the canonical names, "c14n" left out, without the
// canonical form: for those who give the blank nodes other labels. The blank nodes that
// stand in quads have the first numbers, from 0: there are used of them.
func (d *Dataset) CanonicalNumbers(o Options) (numbers []int, used int, err error) {
	c := pool.Get().(*canon)
	defer c.release()
	if err := c.number(d, o); err != nil {
		return nil, 0, err
	}
	numbers = make([]int, len(c.issued))
	for b, number := range c.issued {
		numbers[b] = int(number)
	}
	return numbers, int(c.used), nil
}

// Relabelled are the quads, each once, in the code point order of their lines when the
// blank nodes have these names (by number, with "_:"), and the lines one after another:
// line i is lines[ends[i-1]:ends[i]].
func (d *Dataset) Relabelled(names []string) (quads []Quad, lines []byte, ends []int) {
	c := pool.Get().(*canon)
	defer c.release()
	c.take(d)
	c.names = append(c.names[:0], names...)
	c.sort()
	quads = append(quads, c.quads...)
	lines, ends = make([]byte, 0, c.size()), make([]int, len(quads))
	for i, q := range quads {
		lines = d.appendQuad(lines, q, names)
		ends[i] = len(lines)
	}
	return quads, lines, ends
}
