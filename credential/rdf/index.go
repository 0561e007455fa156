package rdf

import "hash/maphash"

// index finds nodes by what is written for them: a hash table with open
// addressing that keeps no strings of its own. Nobody can choose what falls
// together, because the hash is seeded by chance.
type index struct {
	slots []slot // a power of two, at most half of them taken
	taken int
}

type slot struct {
	hash uint32
	node Node // zero is free
}

var seed = maphash.MakeSeed()

func hashOf(text string) uint32 { return uint32(maphash.String(seed, text)) }

const minSlots = 64

// grow makes room for n nodes in an empty index, or leaves a larger one as it is.
func (x *index) grow(n int) {
	size := minSlots
	for size < 2*n {
		size *= 2
	}
	switch {
	case size <= len(x.slots):
	case size <= cap(x.slots) && x.taken == 0:
		x.slots = x.slots[:size]
	default:
		old := x.slots
		x.slots = make([]slot, size)
		for _, s := range old {
			if s.node != 0 {
				at := int(s.hash) & (size - 1)
				for x.slots[at].node != 0 {
					at = (at + 1) & (size - 1)
				}
				x.slots[at] = s
			}
		}
	}
}

// reset empties the index and keeps its memory, of which a small dataset will
// use no more than it needs.
func (x *index) reset() {
	clear(x.slots)
	x.slots, x.taken = x.slots[:0], 0
}

// put takes a free slot that find answered with.
func (x *index) put(at int, hash uint32, n Node) {
	x.slots[at] = slot{hash, n}
	x.taken++
}

// find looks for what is written; without a node it answers where one belongs.
func find[T string | []byte](d *Dataset, hash uint32, text T) (n Node, at int) {
	if x := &d.index; 2*x.taken >= len(x.slots) {
		x.grow(x.taken + 1)
	}
	return probe(d, hash, text)
}

// probe is find in an index that has a free slot. It changes nothing.
func probe[T string | []byte](d *Dataset, hash uint32, text T) (n Node, at int) {
	x := &d.index
	last := len(x.slots) - 1
	for at = int(hash) & last; x.slots[at].node != 0; at = (at + 1) & last {
		s := x.slots[at]
		if s.hash != hash {
			continue
		}
		if s.node.IsBlank() {
			if d.labels[s.node.blank()] == string(text) {
				return s.node, at
			}
		} else if string(d.term(s.node)) == string(text) {
			return s.node, at
		}
	}
	return 0, at
}

// intern is the node of what was just written at the end of d.text; what stands
// there already is taken back.
func (d *Dataset) intern(from int) Node {
	written := d.text[from:]
	h := uint32(maphash.Bytes(seed, written))
	n, at := find(d, h, written)
	if n != 0 {
		d.text = d.text[:from]
		return n
	}
	return d.settle(at, h, from)
}

// settle makes a new term of what was just written.
func (d *Dataset) settle(at int, hash uint32, from int) Node {
	d.terms = append(d.terms, span{from, len(d.text)})
	d.text = append(d.text, ' ')
	n := Node(len(d.terms))
	d.index.put(at, hash, n)
	return n
}
