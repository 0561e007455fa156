// Package jsontree reads JSON into a tree that lies in one piece of memory, in the order
// of the text. It is what jcs and jsonld have in common, so that a document that one of
// them has read need not be read again by the other.
//
// It is not a general JSON library: nothing is read into Go types, and what the text
// means is for its users to say.
package jsontree

import (
	"fmt"
	"hash/maphash"
)

// MaxDepth is how deeply arrays and objects may be nested.
const MaxDepth = 64

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

// Node is one value. The values inside an array or object follow it, up to End, which is
// one more than the place of the last of them.
type Node struct {
	Kind     Kind
	Keywords bool   // an object with a member whose name begins with @
	Hash     uint32 // of Name
	End      int32
	From     int32  // where its text begins
	To       int32  // and ends
	NameAt   int32  // where its name begins, with the quotation mark
	Name     string // in the object around it
	Text     string // a string's value; a number as it is written
}

// Tree is a text that was read; the root is at 0.
type Tree struct {
	Src   string
	Nodes []Node
}

// Error says what is wrong with a text, and never what stands in it. What was read
// before it is in the tree, where a value under way has no End.
type Error struct {
	Detail string
	Offset int // in bytes
}

func (e *Error) Error() string { return fmt.Sprintf("%s (byte %d)", e.Detail, e.Offset) }

// Forget lets go of what was read and keeps the memory.
func (t *Tree) Forget() {
	clear(t.Nodes)
	t.Src, t.Nodes = "", t.Nodes[:0]
}

// Raw is a value as it is written.
func (t *Tree) Raw(at int32) string { return t.Src[t.Nodes[at].From:t.Nodes[at].To] }

// Member finds a member of an object.
func (t *Tree) Member(at int32, name string) (int32, bool) {
	for c, end := at+1, t.Nodes[at].End; c < end; c = t.Nodes[c].End {
		if t.Nodes[c].Name == name {
			return c, true
		}
	}
	return 0, false
}

// Copy makes the tree a value of another tree. Of an object one member can be left out,
// by its place; 0 leaves out none.
func (t *Tree) Copy(of *Tree, at, without int32) {
	root := of.Nodes[at]
	t.Src = of.Src
	if without == 0 {
		without = root.End
	}
	t.Nodes = append(t.Nodes[:0], of.Nodes[at:without]...)
	gone := int32(0)
	if without < root.End {
		behind := of.Nodes[without].End
		gone = behind - without
		t.Nodes = append(t.Nodes, of.Nodes[behind:root.End]...)
	}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if n.End -= at; n.End > without-at {
			n.End -= gone
		}
	}
}

// seed is drawn by chance, so that nobody can choose names whose hashes fall together.
var seed = maphash.MakeSeed()

// Hash is Node.Hash of a name.
func Hash(name string) uint32 { return uint32(maphash.String(seed, name)) }
