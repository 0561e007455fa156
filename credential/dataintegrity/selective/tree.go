package selective

import (
	"encoding/json"
	"strings"
)

// mark says how much of a value is selected.
type mark uint8

const (
	unmarked mark = iota
	passed        // on the way to what is selected
	whole
)

// value is one JSON value; those inside it follow, up to end.
type value struct {
	kind     byte // its first character
	mark     mark
	end      int32
	from, to int32 // of its text
	keyFrom  int32 // of its name, with the quotation mark
	keyTo    int32
	key      string
}

// tree is the text of a document with the places of its values, in document order.
type tree struct {
	src    string
	values []value
	pos    int
}

// scan reads a document that is known to be strict JSON: nothing is checked.
func scan(doc string) *tree {
	t := &tree{src: doc, values: make([]value, 0, 16+len(doc)/24)}
	t.space()
	t.value()
	return t
}

func (t *tree) space() {
	for t.pos < len(t.src) && strings.IndexByte(" \t\r\n", t.src[t.pos]) >= 0 {
		t.pos++
	}
}

// next goes over space and commas to the next value, and says whether there is one.
func (t *tree) next() bool {
	t.space()
	if t.src[t.pos] == ',' {
		t.pos++
		t.space()
	}
	if c := t.src[t.pos]; c == '}' || c == ']' {
		t.pos++
		return false
	}
	return true
}

func (t *tree) value() {
	at := len(t.values)
	t.values = append(t.values, value{kind: t.src[t.pos], from: int32(t.pos)})
	switch t.src[t.pos] {
	case '"':
		t.text()
	case '[':
		for t.pos++; t.next(); {
			t.value()
		}
	case '{':
		for t.pos++; t.next(); {
			t.member()
		}
	default:
		for t.pos < len(t.src) && strings.IndexByte(",]} \t\r\n", t.src[t.pos]) < 0 {
			t.pos++
		}
	}
	t.values[at].end, t.values[at].to = int32(len(t.values)), int32(t.pos)
}

func (t *tree) member() {
	from := t.pos
	t.text()
	to, at := t.pos, len(t.values)
	t.space()
	t.pos++ // the colon
	t.space()
	t.value()
	v := &t.values[at]
	v.keyFrom, v.keyTo, v.key = int32(from), int32(to), unquote(t.src[from:to])
}

// text goes over a string.
func (t *tree) text() {
	for t.pos++; t.src[t.pos] != '"'; t.pos++ {
		if t.src[t.pos] == '\\' {
			t.pos++
		}
	}
	t.pos++
}

func unquote(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s[1 : len(s)-1]
	}
	var out string
	_ = json.Unmarshal([]byte(s), &out) // known to be a string
	return out
}

// string is the value of a string.
func (t *tree) string(at int32) string {
	v := &t.values[at]
	return unquote(t.src[v.from:v.to])
}
