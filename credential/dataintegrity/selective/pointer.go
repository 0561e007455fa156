package selective

import (
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/credential/internal/jsontree"
)

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// marked marks what a pointer selects and the way to it (selectPaths, DI ECDSA 1.0,
// Section 3.4.12).
func (t *tree) marked(pointer string) error {
	if pointer != "" && pointer[0] != '/' {
		return &Error{Pointer: pointer, Detail: "a JSON pointer is empty or starts with / (RFC 6901, Section 3)"}
	}
	at := int32(0)
	steps := strings.Split(pointer, "/")
	for _, step := range steps[1:] {
		t.pass(at)
		var ok bool
		if at, ok = t.child(at, step); !ok {
			return &Error{Pointer: pointer, Detail: "it leads to nothing in the document (RFC 6901, Section 4)"}
		}
	}
	t.marks[at] = whole
	return nil
}

// child finds a member or an item.
func (t *tree) child(at int32, step string) (int32, bool) {
	v := &t.Nodes[at]
	switch v.Kind {
	case jsontree.Object:
		if strings.IndexByte(step, '~') >= 0 {
			if bad(step) {
				return 0, false
			}
			step = unescape.Replace(step)
		}
		for c := at + 1; c < v.End; c = t.Nodes[c].End {
			if t.Nodes[c].Name == step {
				return c, true
			}
		}
	case jsontree.Array:
		index, err := strconv.Atoi(step)
		if err != nil || index < 0 || strconv.Itoa(index) != step {
			return 0, false
		}
		for c := at + 1; c < v.End; c = t.Nodes[c].End {
			if index == 0 {
				return c, true
			}
			index--
		}
	}
	return 0, false
}

// bad: a ~ that escapes nothing.
func bad(step string) bool {
	for i := range len(step) {
		if step[i] == '~' && (i+1 == len(step) || step[i+1] != '0' && step[i+1] != '1') {
			return true
		}
	}
	return false
}

// pass marks a value on the way, with what tells which node it is (createInitialSelection,
// Section 3.4.11): the identifier, unless it is a blank node's, and the types.
func (t *tree) pass(at int32) {
	v := &t.Nodes[at]
	if t.marks[at] != unmarked {
		return
	}
	t.marks[at] = passed
	if v.Kind != jsontree.Object {
		return
	}
	for c := at + 1; c < v.End; c = t.Nodes[c].End {
		switch t.Nodes[c].Name {
		case "id", "@id":
			if n := &t.Nodes[c]; n.Kind == jsontree.String && strings.HasPrefix(n.Text, "_:") {
				continue
			}
			t.marks[c] = whole
		case "type", "@type", "@context":
			t.marks[c] = whole
		}
	}
}

// reset forgets all marks.
func (t *tree) reset() {
	clear(t.marks)
}

// Has says whether a JSON pointer leads to a value of the document. All of them say
// something: what does not, such as null, cannot be read.
func (d *Document) Has(pointer string) bool {
	d.once.Do(d.index)
	if pointer != "" && pointer[0] != '/' {
		return false
	}
	at, ok := int32(0), true
	for _, step := range strings.Split(pointer, "/")[1:] {
		if at, ok = d.tree.child(at, step); !ok {
			return false
		}
	}
	return true
}
