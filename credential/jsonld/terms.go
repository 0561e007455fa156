package jsonld

import (
	"slices"

	"github.com/zegel-id/zegel/credential/internal/jsontree"
)

// terms is the table of a context's terms by name. Every name in a document is
// looked up in one, and every context begins as a copy of another: a map is slow at
// both.
type terms struct {
	slots []*term // a power of two, at most half of them taken; open addressing
	taken int
}

// get is the term with a name, nil if there is none.
func (x *terms) get(name string) *term {
	if x.taken == 0 {
		return nil
	}
	return x.find(jsontree.Hash(name), name)
}

// find is get for a name whose hash is known.
func (x *terms) find(hash uint32, name string) *term {
	last := len(x.slots) - 1
	if last < 0 {
		return nil
	}
	for at := int(hash) & last; ; at = (at + 1) & last {
		if t := x.slots[at]; t == nil || t.hash == hash && t.name == name {
			return t
		}
	}
}

// put adds a term, or replaces the one with its name.
func (x *terms) put(t *term) {
	if 2*x.taken >= len(x.slots) {
		old := x.slots
		x.slots = make([]*term, max(8, 2*len(old)))
		for _, o := range old {
			if o != nil {
				x.slots[x.place(o.hash, o.name)] = o
			}
		}
	}
	t.hash = jsontree.Hash(t.name)
	at := x.place(t.hash, t.name)
	if x.slots[at] == nil {
		x.taken++
	}
	x.slots[at] = t
}

// place is where a name is or would be.
func (x *terms) place(hash uint32, name string) int {
	last := len(x.slots) - 1
	at := int(hash) & last
	for t := x.slots[at]; t != nil && (t.hash != hash || t.name != name); t = x.slots[at] {
		at = (at + 1) & last
	}
	return at
}

// remove takes a name out, and moves up those that stood behind it.
func (x *terms) remove(name string) {
	if x.find(jsontree.Hash(name), name) == nil {
		return
	}
	last := len(x.slots) - 1
	at := x.place(jsontree.Hash(name), name)
	x.slots[at] = nil
	x.taken--
	for at = (at + 1) & last; x.slots[at] != nil; at = (at + 1) & last {
		t := x.slots[at]
		x.slots[at] = nil
		x.slots[x.place(t.hash, t.name)] = t
	}
}

func (x *terms) clone() terms { return terms{slices.Clone(x.slots), x.taken} }

// all yields the terms, in no order.
func (x *terms) all(yield func(*term) bool) {
	for _, t := range x.slots {
		if t != nil && !yield(t) {
			return
		}
	}
}

// equal says whether both hold the very same terms.
func (x *terms) equal(o *terms) bool {
	if x.taken != o.taken {
		return false
	}
	for t := range x.all {
		if o.find(t.hash, t.name) != t {
			return false
		}
	}
	return true
}
