package jsonld

import (
	"slices"
	"strconv"

	"github.com/zegel-id/zegel/credential/rdf"
)

// Position says which node object a blank node stands for.
type Position struct {
	Node rdf.Node
	// Pointer is the JSON pointer (RFC 6901) of the node object; or of the item, or its
	// @value, for a blank node that holds a list together.
	Pointer string
	// Offset is where the text of that value begins in the document, in bytes.
	Offset int
}

// positions finds the pointers of all blank nodes in one walk.
func (r *run) positions() ([]Position, error) {
	byPlace := func(x, y item) int { return int(x.at - y.at) }
	if !slices.IsSortedFunc(r.places, byPlace) {
		slices.SortStableFunc(r.places, byPlace)
	}
	w := walk{a: r.a, want: r.places, room: minSize + maxGrowth*len(r.a.Src)}
	if len(w.want) > 0 {
		w.found = make([]Position, 0, len(w.want))
		w.at(0, nil)
	}
	if w.room < 0 {
		return nil, &Error{Code: codeLimit, Detail: "the pointers to its blank nodes are more than 64 times as long as the document: its members have very long names"}
	}
	return w.found, nil
}

// walk goes through a document once, to the places that are wanted, which are in its
// order.
type walk struct {
	a     *arena
	want  []item
	found []Position // of the first of them
	room  int        // for the bytes of pointers
}

// before says whether a place that is still wanted stands before another.
func (w *walk) before(end int32) bool {
	return len(w.found) < len(w.want) && w.want[len(w.found)].at < end && w.room >= 0
}

// at takes the pointer of a value, if it is wanted, and those of what is below.
func (w *walk) at(at int32, path []byte) {
	if w.want[len(w.found)].at == at {
		pointer := string(path)
		w.room -= len(pointer)
		for w.before(at + 1) {
			w.found = append(w.found, Position{w.want[len(w.found)].n, pointer, int(w.a.Nodes[at].From)})
		}
	}
	v := &w.a.Nodes[at]
	n := int64(0)
	for c := at + 1; c < v.End && w.before(v.End); c = w.a.Nodes[c].End {
		if w.before(w.a.Nodes[c].End) {
			below := append(path, '/')
			if v.Kind == array {
				below = strconv.AppendInt(below, n, 10)
			} else {
				below = append(below, escapePointer.Replace(w.a.Nodes[c].Name)...)
			}
			w.at(c, below)
		}
		n++
	}
}
