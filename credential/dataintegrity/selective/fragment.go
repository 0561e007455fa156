package selective

import (
	"sort"
	"strings"

	"github.com/zegel-id/zegel/credential/internal/jsontree"
)

// fragment is the text of what is marked (selectJsonLd, DI ECDSA 1.0, Section 3.4.13):
// members in the order of the document, values byte by byte as they were, arrays without
// gaps.
type fragment struct {
	text []byte
	// origins tell where pieces of the text come from, in its order.
	origins []origin
}

type origin struct{ at, from int }

// cut writes the marked parts of the document.
func (t *tree) cut() fragment {
	f := fragment{text: make([]byte, 0, len(t.Src)/2)}
	f.value(t, 0)
	return f
}

func (f *fragment) value(t *tree, at int32) {
	v := &t.Nodes[at]
	f.origins = append(f.origins, origin{len(f.text), int(v.From)})
	if t.marks[at] == whole {
		f.text = append(f.text, t.Src[v.From:v.To]...)
		return
	}
	brackets := "{}"
	if v.Kind == jsontree.Array {
		brackets = "[]"
	}
	f.text = append(f.text, brackets[0])
	first := true
	for c := at + 1; c < v.End; c = t.Nodes[c].End {
		if t.marks[c] == unmarked {
			continue
		}
		if !first {
			f.text = append(f.text, ',')
		}
		first = false
		if n := &t.Nodes[c]; v.Kind == jsontree.Object {
			f.text = append(f.text, strings.TrimRight(t.Src[n.NameAt:n.From], " \t\r\n:")...)
			f.text = append(f.text, ':')
		}
		f.value(t, c)
	}
	f.text = append(f.text, brackets[1])
}

// origin is where in the document a place of the fragment comes from.
func (f *fragment) origin(at int) int {
	i := sort.Search(len(f.origins), func(i int) bool { return f.origins[i].at > at }) - 1
	return f.origins[i].from + at - f.origins[i].at
}
