package rdf

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
	text := other.text(n, other.labels)
	if text == "" {
		return 0, false
	}
	found, ok := d.index[text]
	return found, ok
}

// CanonicalNumbers are the numbers of the canonical names, "c14n" left out, without the
// canonical form: for those who give the blank nodes other labels. The blank nodes that
// stand in quads have the first numbers, from 0: there are used of them.
func (d *Dataset) CanonicalNumbers(o Options) (numbers []int, used int, err error) {
	c, err := d.canonicalize(o)
	if err != nil {
		return nil, 0, err
	}
	defer c.release()
	used = int(c.next)
	return c.numbers(), used, nil
}

// numbers are the canonical numbers by number of the blank node; those that stand in
// no quad come last.
func (c *canon) numbers() []int {
	numbers := make([]int, len(c.issued))
	for b, number := range c.issued {
		if number < 0 { // named, but in no quad
			number = c.next
			c.next++
		}
		numbers[b] = int(number)
	}
	return numbers
}

// Relabelled are the quads, each once, in the code point order of their lines when the
// blank nodes have these names (by number, with "_:"), and the lines one after another:
// line i is lines[ends[i-1]:ends[i]].
func (d *Dataset) Relabelled(names []string) (quads []Quad, lines []byte, ends []int) {
	c := pool.Get().(*canon)
	defer c.release()
	c.d = d
	c.distinct(d.quads)
	quads = append(quads, c.quads...)
	size := c.sort(quads, names)
	lines, ends = make([]byte, 0, size), make([]int, len(quads))
	for i, q := range quads {
		lines = d.appendQuad(lines, q, names)
		ends[i] = len(lines)
	}
	return quads, lines, ends
}
