package selective

import "sort"

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
	f := fragment{text: make([]byte, 0, len(t.src)/2)}
	f.value(t, 0)
	return f
}

func (f *fragment) value(t *tree, at int32) {
	v := &t.values[at]
	f.origins = append(f.origins, origin{len(f.text), int(v.from)})
	if v.mark == whole {
		f.text = append(f.text, t.src[v.from:v.to]...)
		return
	}
	f.text = append(f.text, v.kind)
	first := true
	for c := at + 1; c < v.end; c = t.values[c].end {
		if t.values[c].mark == unmarked {
			continue
		}
		if !first {
			f.text = append(f.text, ',')
		}
		first = false
		if v.kind == '{' {
			f.text = append(f.text, t.src[t.values[c].keyFrom:t.values[c].keyTo]...)
			f.text = append(f.text, ':')
		}
		f.value(t, c)
	}
	f.text = append(f.text, v.kind+2) // '{' and '}', '[' and ']' are two apart
}

// origin is where in the document a place of the fragment comes from.
func (f *fragment) origin(at int) int {
	i := sort.Search(len(f.origins), func(i int) bool { return f.origins[i].at > at }) - 1
	return f.origins[i].from + at - f.origins[i].at
}
