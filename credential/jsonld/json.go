package jsonld

import (
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/credential/internal/jsontree"
)

// The kinds of JSON values.
const (
	null    = jsontree.Null
	falsity = jsontree.False
	truth   = jsontree.True
	number  = jsontree.Number
	text    = jsontree.String
	array   = jsontree.Array
	object  = jsontree.Object
)

// arena is a parsed document in document order; the root is at 0.
type arena struct {
	jsontree.Tree
	url string // of a context, for errors
}

func parse(src string) (*arena, error) {
	a := &arena{}
	if err := a.parse(src); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *arena) parse(src string) error {
	err := a.Read(src, false)
	if err == nil {
		return nil
	}
	at := ""
	if len(a.Nodes) > 0 {
		at = a.pointer(int32(len(a.Nodes) - 1))
	}
	return &Error{Code: codeJSON, Pointer: at, Context: a.url, Detail: err.Error()}
}

// pointer is the JSON pointer of a value (RFC 6901), found from the root: it is
// asked for only when something is wrong or positions are wanted.
func (a *arena) pointer(target int32) string {
	var b strings.Builder
	for at := int32(0); at != target; {
		n := 0
		c := at + 1
		for c < target && a.Nodes[c].End != 0 && a.Nodes[c].End <= target {
			c = a.Nodes[c].End
			n++
		}
		b.WriteByte('/')
		if a.Nodes[at].Kind == array || a.Src[a.Nodes[at].From] == '[' {
			b.WriteString(strconv.Itoa(n))
		} else {
			b.WriteString(escapePointer.Replace(a.Nodes[c].Name))
		}
		at = c
	}
	return b.String()
}

var escapePointer = strings.NewReplacer("~", "~0", "/", "~1")
