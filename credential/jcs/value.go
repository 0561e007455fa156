package jcs

import (
	"iter"

	"github.com/zegel-id/zegel/credential/internal/jsontree"
)

// Kind is the type of a value. The zero Kind is of no value.
type Kind = jsontree.Kind

// The types of JSON (RFC 8259, Section 3).
const (
	None   = jsontree.None
	Null   = jsontree.Null
	False  = jsontree.False
	True   = jsontree.True
	Number = jsontree.Number
	String = jsontree.String
	Array  = jsontree.Array
	Object = jsontree.Object
)

// Value is a value in a text that was read. The zero Value is none: of kind
// None and without members.
type Value struct {
	t  *jsontree.Tree
	at int32
}

func (v Value) node() *jsontree.Node { return &v.t.Nodes[v.at] }

// Tree is where the value stands in the text that was read, for packages that go on from
// there; nil for none.
func (v Value) Tree() (t *jsontree.Tree, at int32) { return v.t, v.at }

// Kind of the value.
func (v Value) Kind() Kind {
	if v.t == nil {
		return None
	}
	return v.node().Kind
}

// Raw is the value as it was written.
func (v Value) Raw() string {
	if v.t == nil {
		return ""
	}
	return v.t.Raw(v.at)
}

// Span says where in the text the value begins and ends.
func (v Value) Span() (from, to int) {
	if v.t == nil {
		return 0, 0
	}
	return int(v.node().From), int(v.node().To)
}

// NameAt says where in the text the name of a member begins.
func (v Value) NameAt() int {
	if v.t == nil {
		return 0
	}
	return int(v.node().NameAt)
}

// Text is a string, decoded; false for other kinds.
func (v Value) Text() (string, bool) {
	if v.Kind() != String {
		return "", false
	}
	return v.node().Text, true
}

// Member is the member of an object with this name; the zero Value if there is
// none.
func (v Value) Member(name string) Value {
	if v.Kind() != Object {
		return Value{}
	}
	if at, ok := v.t.Member(v.at, name); ok {
		return Value{v.t, at}
	}
	return Value{}
}

// Members are the members of an object, in the order of the text; none for other
// kinds.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.Kind() != Object {
			return
		}
		for c, end := v.at+1, v.node().End; c < end; c = v.t.Nodes[c].End {
			if !yield(v.t.Nodes[c].Name, Value{v.t, c}) {
				return
			}
		}
	}
}

// Elements are the elements of an array; none for other kinds.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != Array {
			return
		}
		for c, end := v.at+1, v.node().End; c < end; c = v.t.Nodes[c].End {
			if !yield(Value{v.t, c}) {
				return
			}
		}
	}
}

// Named are all members with this name, of the value and of whatever is inside
// it.
func (v Value) Named(name string) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.t == nil {
			return
		}
		for c, end := v.at+1, v.node().End; c < end; c++ {
			if n := &v.t.Nodes[c]; n.Name == name && n.NameAt > 0 && !yield(Value{v.t, c}) {
				return
			}
		}
	}
}
