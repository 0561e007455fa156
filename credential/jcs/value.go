package jcs

import "iter"

// Kind is the type of a value. The zero Kind is of no value.
type Kind uint8

// The types of JSON (RFC 8259, Section 3).
const (
	None Kind = iota
	Null
	False
	True
	Number
	String
	Array
	Object
)

// node is one value of a text. Those inside an array or object follow it, up to
// end, which is one more than the place of the last of them. It holds no
// pointers, so that a document is nothing to the garbage collector.
type node struct {
	kind   Kind
	end    int32
	from   int32 // where its text begins
	to     int32 // and ends
	nameAt int32 // where its name begins, with the quotation mark; -1 for none
	nameTo int32 // and ends
	// form and nameForm are one more than the place, in tree.forms, of what the text
	// says where that is not the text itself; else 0.
	form, nameForm int32
}

// tree is a text that was read, in the order of the text.
type tree struct {
	src   string
	nodes []node
	forms []string // strings that are written with escapes, decoded; numbers in other than their canonical form
}

func (t *tree) name(n *node) string {
	if n.nameForm > 0 {
		return t.forms[n.nameForm-1]
	}
	return t.src[n.nameAt+1 : n.nameTo-1]
}

// keep remembers what a text says, and gives the place plus one; 0 for the text
// itself.
func (t *tree) keep(says, text string) int32 {
	if says == text {
		return 0
	}
	t.forms = append(t.forms, says)
	return int32(len(t.forms))
}

// Value is a value in a text that was read. The zero Value is none: of kind
// None and without members.
type Value struct {
	t  *tree
	at int32
}

func (v Value) node() *node { return &v.t.nodes[v.at] }

// Kind of the value.
func (v Value) Kind() Kind {
	if v.t == nil {
		return None
	}
	return v.node().kind
}

// Raw is the value as it was written.
func (v Value) Raw() string {
	if v.t == nil {
		return ""
	}
	return v.t.src[v.node().from:v.node().to]
}

// Span says where in the text the value begins and ends.
func (v Value) Span() (from, to int) {
	if v.t == nil {
		return 0, 0
	}
	return int(v.node().from), int(v.node().to)
}

// NameAt says where in the text the name of a member begins.
func (v Value) NameAt() int {
	if v.t == nil {
		return 0
	}
	return int(v.node().nameAt)
}

// Text is a string, decoded; false for other kinds.
func (v Value) Text() (string, bool) {
	if v.Kind() != String {
		return "", false
	}
	n := v.node()
	if n.form > 0 {
		return v.t.forms[n.form-1], true
	}
	return v.t.src[n.from+1 : n.to-1], true
}

// Member is the member of an object with this name; the zero Value if there is
// none.
func (v Value) Member(name string) Value {
	for n, m := range v.Members() {
		if n == name {
			return m
		}
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
		for c, end := v.at+1, v.node().end; c < end; c = v.t.nodes[c].end {
			if !yield(v.t.name(&v.t.nodes[c]), Value{v.t, c}) {
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
		for c, end := v.at+1, v.node().end; c < end; c = v.t.nodes[c].end {
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
		for c, end := v.at+1, v.node().end; c < end; c++ {
			if n := &v.t.nodes[c]; n.nameAt >= 0 && v.t.name(n) == name && !yield(Value{v.t, c}) {
				return
			}
		}
	}
}
