package jsonld

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxDepth of nested arrays and objects.
const maxDepth = 64

type kind uint8

const (
	null kind = iota
	falsity
	truth
	number
	text
	array
	object
)

// value is one JSON value in an arena. The values inside an array or object
// follow it, up to end, which is one more than the place of the last of them.
type value struct {
	kind   kind
	marked bool   // an object with a member whose name begins with @
	hash   uint32 // of key
	end    int32
	from   int32  // where its text begins in the source
	to     int32  // and ends
	key    string // its name in the object around it
	str    string // a string's value, a number's text
}

// arena is a parsed document in document order; the root is at 0.
type arena struct {
	src    string
	values []value
	pos    int
	url    string // of a context, for errors
}

func parse(src string) (*arena, error) {
	a := &arena{}
	if err := a.parse(src); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *arena) parse(src string) error {
	a.src, a.pos = src, 0
	a.values = slices.Grow(a.values[:0], 16+len(src)/24)
	a.space()
	if err := a.value("", 0, 0); err != nil {
		return err
	}
	a.space()
	if a.pos != len(src) {
		a.values = a.values[:0]
		return a.fault("there is more after the end of the document")
	}
	return nil
}

func (a *arena) fault(format string, args ...any) error {
	at := ""
	if len(a.values) > 0 {
		at = a.pointer(int32(len(a.values) - 1))
	}
	return &Error{Code: codeJSON, Pointer: at, Context: a.url,
		Detail: fmt.Sprintf(format, args...) + " (byte " + strconv.Itoa(a.pos) + ")"}
}

func (a *arena) space() {
	for a.pos < len(a.src) {
		switch a.src[a.pos] {
		case ' ', '\n', '\r', '\t':
			a.pos++
		default:
			return
		}
	}
}

func (a *arena) peek() byte {
	if a.pos < len(a.src) {
		return a.src[a.pos]
	}
	return 0
}

func (a *arena) value(key string, hash uint32, depth int) (err error) {
	at := len(a.values)
	a.values = append(a.values, value{key: key, hash: hash, from: int32(a.pos)})
	var v value
	switch c := a.peek(); {
	case c == '"':
		v.kind = text
		v.str, err = a.string()
	case c == '{' || c == '[':
		if depth == maxDepth {
			return a.fault("nested more than %d deep", maxDepth)
		}
		if v.kind = array; c == '{' {
			v.kind = object
			err = a.object(int32(at), depth+1)
		} else {
			err = a.array(depth + 1)
		}
	case c == '-' || c >= '0' && c <= '9':
		v.kind = number
		v.str, err = a.number()
	default:
		v.kind, err = a.word()
	}
	if err != nil {
		return err
	}
	p := &a.values[at]
	p.kind, p.str = v.kind, v.str
	p.end, p.to = int32(len(a.values)), int32(a.pos)
	return nil
}

func (a *arena) word() (kind, error) {
	for i, w := range [...]string{"null", "false", "true"} {
		if strings.HasPrefix(a.src[a.pos:], w) {
			a.pos += len(w)
			return kind(i), nil
		}
	}
	return 0, a.fault("expected a JSON value (RFC 8259, Section 3)")
}

func (a *arena) array(depth int) error {
	a.pos++
	a.space()
	if a.peek() == ']' {
		a.pos++
		return nil
	}
	for {
		a.space()
		if err := a.value("", 0, depth); err != nil {
			return err
		}
		a.space()
		switch a.peek() {
		case ',':
			a.pos++
		case ']':
			a.pos++
			return nil
		default:
			return a.fault("expected , or ]")
		}
	}
}

func (a *arena) object(at int32, depth int) error {
	a.pos++
	a.space()
	if a.peek() == '}' {
		a.pos++
		return nil
	}
	var seen map[string]bool // for wide objects: comparing each with each would be quadratic
	for members := 0; ; members++ {
		a.space()
		if a.peek() != '"' {
			return a.fault("expected the name of a member")
		}
		key, err := a.string()
		if err != nil {
			return err
		}
		if key != "" && key[0] == '@' {
			a.values[at].marked = true
		}
		hash, double := hashOf(key), false
		switch {
		case members < 16:
			double = a.has(at, hash, key)
		case seen == nil:
			seen = map[string]bool{}
			for c := at + 1; c < int32(len(a.values)); c = a.values[c].end {
				seen[a.values[c].key] = true
			}
			fallthrough
		default:
			double = seen[key]
			seen[key] = true
		}
		if double {
			return a.fault("the member %q stands there twice: which one counts would be open (RFC 8259, Section 4)", key)
		}
		a.space()
		if a.peek() != ':' {
			return a.fault("expected :")
		}
		a.pos++
		a.space()
		if err := a.value(key, hash, depth); err != nil {
			return err
		}
		a.space()
		switch a.peek() {
		case ',':
			a.pos++
		case '}':
			a.pos++
			return nil
		default:
			return a.fault("expected , or }")
		}
	}
}

// has says whether an object under construction has a member.
func (a *arena) has(at int32, hash uint32, key string) bool {
	for c := at + 1; c < int32(len(a.values)); c = a.values[c].end {
		if v := &a.values[c]; v.hash == hash && v.key == key {
			return true
		}
	}
	return false
}

// pointer is the JSON pointer of a value (RFC 6901), found from the root: it is
// asked for only when something is wrong or positions are wanted.
func (a *arena) pointer(target int32) string {
	var b strings.Builder
	for at := int32(0); at != target; {
		n := 0
		c := at + 1
		for c < target && a.values[c].end != 0 && a.values[c].end <= target {
			c = a.values[c].end
			n++
		}
		b.WriteByte('/')
		if a.values[at].kind == array || a.src[a.values[at].from] == '[' {
			b.WriteString(strconv.Itoa(n))
		} else {
			b.WriteString(escapePointer.Replace(a.values[c].key))
		}
		at = c
	}
	return b.String()
}

var escapePointer = strings.NewReplacer("~", "~0", "/", "~1")

// member finds a member of an object.
func (a *arena) member(at int32, key string) (int32, bool) {
	end := a.values[at].end
	for c := at + 1; c < end; c = a.values[c].end {
		if a.values[c].key == key {
			return c, true
		}
	}
	return 0, false
}

// raw is the source text of a value.
func (a *arena) raw(at int32) string { return a.src[a.values[at].from:a.values[at].to] }
