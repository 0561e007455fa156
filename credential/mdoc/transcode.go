package mdoc

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/cbor"
)

// node is a compiled Element: what is known of a value.
type node struct {
	name    string
	typ     Type
	members []node
}

func compile(e Element) node {
	n := node{name: e.Identifier, typ: e.Type}
	for _, m := range e.Members {
		n.members = append(n.members, compile(m))
	}
	return n
}

// member is the node for a name, nil when nothing is known. Names mostly come
// in the order of the type, so the one at next is tried first.
func (n *node) member(name []byte, next *int) *node {
	if n == nil {
		return nil
	}
	if *next < len(n.members) && n.members[*next].name == string(name) {
		*next++
		return &n.members[*next-1]
	}
	for i := range n.members {
		if n.members[i].name == string(name) {
			*next = i + 1
			return &n.members[i]
		}
	}
	return nil
}

// transcoder writes JSON (RFC 8259) as CBOR in one pass, as RFC 8949, Section
// 6.2 says and as types ask. It refuses what jose.Unmarshal refuses: duplicate
// members, invalid UTF-8, trailing data, deep nesting.
type transcoder struct {
	src   []byte
	at    int
	dst   []byte
	names []span // of the objects being written, in dst
	plain []byte // scratch: a string without escapes
	fault string
}

type span struct{ from, to int }

// maxMembers limits one JSON object.
const maxMembers = 512

func (t *transcoder) fail(fault string) {
	if t.fault == "" {
		t.fault = fault
	}
}

// err is the fault, without any value. An element is named by the caller.
func (t *transcoder) err(what string) error {
	if t.fault == "" {
		return nil
	}
	return &Error{Check: credential.CheckStructure, Spec: specJSON, Detail: what + ": " + t.fault}
}

// next skips white space and gives the next byte, 0 at the end.
func (t *transcoder) next() byte {
	for t.at < len(t.src) && t.fault == "" {
		switch c := t.src[t.at]; c {
		case ' ', '\t', '\n', '\r':
			t.at++
		default:
			return c
		}
	}
	return 0
}

func (t *transcoder) expect(c byte) bool {
	if t.next() != c {
		t.fail("not well-formed JSON: expected " + strconv.QuoteRune(rune(c)) + " at byte " + strconv.Itoa(t.at))
		return false
	}
	t.at++
	return true
}

// more steps from one entry of an array or object to the next, or over its end.
func (t *transcoder) more(end byte) bool {
	switch t.next() {
	case ',':
		t.at++
		return true
	case end:
		t.at++
		return false
	default:
		t.fail("not well-formed JSON at byte " + strconv.Itoa(t.at))
		return false
	}
}

// empty steps over the end of an empty array or object.
func (t *transcoder) empty(end byte) bool {
	if t.next() == end {
		t.at++
		return true
	}
	return false
}

// text reads a string. The result is valid until the next call.
func (t *transcoder) text() []byte {
	if !t.expect('"') {
		return nil
	}
	from, ascii := t.at, true
	for i := from; i < len(t.src); i++ {
		switch c := t.src[i]; {
		case c == '"':
			t.at = i + 1
			if s := t.src[from:i]; ascii || utf8.Valid(s) {
				return s
			}
			t.fail("a string is not valid UTF-8")
			return nil
		case c == '\\':
			return t.escaped(from)
		case c < 0x20:
			t.fail("a string holds a control character")
			return nil
		case c >= 0x80:
			ascii = false
		}
	}
	t.fail("not well-formed JSON: a string does not end")
	return nil
}

// escaped reads a string with escapes that begins at from.
func (t *transcoder) escaped(from int) []byte {
	for i := from; i < len(t.src); i++ {
		switch t.src[i] {
		case '\\':
			i++
		case '"':
			t.at = i + 1
			var err error
			if t.plain, err = jsontext.AppendUnquote(t.plain[:0], t.src[from-1:t.at]); err != nil {
				t.fail("a string has an escape that stands for no character")
				return nil
			}
			return t.plain
		}
	}
	t.fail("not well-formed JSON: a string does not end")
	return nil
}

// value writes one value.
func (t *transcoder) value(n *node, depth int) {
	if depth > maxDepth-4 {
		t.fail("nested too deeply")
		return
	}
	typ := Any
	if n != nil {
		typ = n.typ
	}
	switch c := t.next(); {
	case c == '"':
		t.string(typ)
	case c == '[':
		t.array(n, depth+1)
	case c == '{':
		if typ != Any {
			t.fail("an object stands where " + string(typ) + " is expected")
			return
		}
		t.object(n, depth+1)
	case c == '-' || c >= '0' && c <= '9':
		t.number(typ)
	default:
		t.literal(typ)
	}
}

// array writes an array; each entry is what the type says of the value.
func (t *transcoder) array(n *node, depth int) {
	t.at++
	at, count := t.open(), 0
	if !t.empty(']') {
		for ok := true; ok && t.fault == ""; ok = t.more(']') {
			t.value(n, depth)
			count++
		}
	}
	t.close(at, cbor.Array, count)
}

func (t *transcoder) object(n *node, depth int) {
	t.at++
	at, count, names, next := t.open(), 0, len(t.names), 0
	if !t.empty('}') {
		for ok := true; ok && t.fault == ""; ok = t.more('}') {
			name := t.text()
			if t.fault != "" {
				return
			}
			m := n.member(name, &next)
			t.name(name, names)
			if t.expect(':') {
				t.value(m, depth)
			}
			count++
		}
	}
	t.names = t.names[:names]
	t.close(at, cbor.Map, count)
}

// name writes a member's name, which must not stand in this object yet. The
// places of the names of outer objects stay right: heads are put in place, and
// may move what follows, only when their object ends.
func (t *transcoder) name(name []byte, from int) {
	if len(t.names)-from >= maxMembers {
		t.fail(fmt.Sprintf("an object has more than %d members", maxMembers))
		return
	}
	for _, s := range t.names[from:] {
		if bytes.Equal(t.dst[s.from:s.to], name) {
			t.fail("an object has the same member twice")
			return
		}
	}
	t.dst = cbor.AppendHead(t.dst, cbor.Text, uint64(len(name)))
	t.names = append(t.names, span{len(t.dst), len(t.dst) + len(name)})
	t.dst = append(t.dst, name...)
}

// open keeps a byte for a head whose count is not known yet.
func (t *transcoder) open() int {
	t.dst = append(t.dst, 0)
	return len(t.dst) - 1
}

// close puts the head into its place.
func (t *transcoder) close(at int, m cbor.Major, count int) {
	t.dst = putHead(t.dst, at, 1, m, uint64(count))
}

// putHead writes a head at a place where size bytes were kept for it.
func putHead(b []byte, at, size int, m cbor.Major, n uint64) []byte {
	var head [9]byte
	h := cbor.AppendHead(head[:0], m, n)
	if extra := len(h) - size; extra > 0 {
		b = append(b, head[:extra]...)
		copy(b[at+len(h):], b[at+size:len(b)-extra])
	} else if extra < 0 {
		b = append(b[:at], b[at-extra:]...)
	}
	copy(b[at:], h)
	return b
}

// end refuses what follows the value.
func (t *transcoder) end() {
	if t.next() != 0 || t.at < len(t.src) {
		t.fail("data follows the JSON value")
	}
}
