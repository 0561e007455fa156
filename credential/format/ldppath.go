package format

import (
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/credential"
)

// pointersTo are JSON pointers (RFC 6901) to what must be disclosed of a document
// so that a claims path selects in the rest what it selects in the whole; false if
// it selects nothing, or nothing that can be disclosed alone.
//
// Arrays close up when elements are held back. An index counts in what is
// disclosed, so that of the elements before it the type must be there too, and
// nothing else of them may have to be.
func pointersTo(root any, p credential.Path) (pointers []string, ok bool) {
	w := way{}
	w.walk(root, p, "")
	return w.pointers, len(w.pointers) > 0 && !w.entangled
}

type way struct {
	pointers  []string
	entangled bool
}

func (w *way) walk(v any, rest credential.Path, at string) {
	if len(rest) == 0 {
		w.pointers = append(w.pointers, at)
		return
	}
	switch part := rest[0].(type) {
	case string:
		object, _ := v.(map[string]any)
		member, found := object[part]
		switch _, whole := object["@value"]; {
		case !found:
		case whole: // a value and its language are one statement
			w.pointers = append(w.pointers, at)
		default:
			w.walk(member, rest[1:], at+"/"+escapePointer.Replace(part))
		}
	case int:
		array, _ := v.([]any)
		if part < 0 || part >= len(array) {
			return
		}
		var before []string
		for i, element := range array[:part] {
			if !typed(element) {
				w.entangled = true
				return
			}
			before = append(before, at+"/"+strconv.Itoa(i)+"/type")
		}
		had := len(w.pointers)
		w.walk(array[part], rest[1:], at+"/"+strconv.Itoa(part))
		if len(w.pointers) > had {
			w.pointers = append(w.pointers, before...)
		}
	case nil:
		array, _ := v.([]any)
		for i, element := range array {
			w.walk(element, rest[1:], at+"/"+strconv.Itoa(i))
		}
	}
}

// typed: it can be shown to be there, without saying which it is.
func typed(v any) bool {
	object, _ := v.(map[string]any)
	_, named := object["id"]
	_, also := object["@id"]
	return object["type"] != nil && !named && !also
}

var escapePointer = strings.NewReplacer("~", "~0", "/", "~1")

// pathTo is a JSON pointer into a document as a claims path.
func pathTo(root any, pointer string) credential.Path {
	var p credential.Path
	for _, step := range strings.Split(pointer, "/")[1:] {
		switch v := root.(type) {
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return p
			}
			p, root = append(p, i), v[i]
		case map[string]any:
			name := unescapePointer.Replace(step)
			p, root = append(p, name), v[name]
		default:
			return p
		}
	}
	return p
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")
