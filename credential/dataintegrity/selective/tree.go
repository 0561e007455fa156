package selective

import "github.com/zegel-id/zegel/credential/internal/jsontree"

// mark says how much of a value is selected.
type mark uint8

const (
	unmarked mark = iota
	passed        // on the way to what is selected
	whole
)

// tree is a document as JSON, with what of it is selected.
type tree struct {
	jsontree.Tree
	marks []mark // of the nodes
}

// scan reads a document that statements were made of before: it is read as it was then,
// without an error.
func scan(doc string) *tree {
	t := &tree{}
	_ = t.Read(doc, false)
	t.marks = make([]mark, len(t.Nodes))
	return t
}
