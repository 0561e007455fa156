package jsonld

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
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
	kind kind
	end  int32
	from int32  // where its text begins in the source
	to   int32  // and ends
	key  string // its name in the object around it
	str  string // a string's value, a number's text
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
	if err := a.value("", 0); err != nil {
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

func (a *arena) value(key string, depth int) (err error) {
	at := len(a.values)
	a.values = append(a.values, value{key: key, from: int32(a.pos)})
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
		if err := a.value("", depth); err != nil {
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
		double := false
		switch {
		case members < 16:
			double = a.has(at, key)
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
		if err := a.value(key, depth); err != nil {
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
func (a *arena) has(at int32, key string) bool {
	for c := at + 1; c < int32(len(a.values)); c = a.values[c].end {
		if a.values[c].key == key {
			return true
		}
	}
	return false
}

// plain are the bytes of a string that stand for themselves.
var plain = func() (p [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		p[c] = c != '"' && c != '\\'
	}
	return p
}()

// plainRun goes on from i as long as eight bytes are plain, looking at all of
// them at once; it may stop early.
func plainRun(s string, i int) int {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(s); i += 8 {
		b := s[i : i+8]
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		quote, slash := w^each*'"', w^each*'\\'
		if (w|(w-each*' ')|(quote-each)|(slash-each))&high != 0 {
			break
		}
	}
	return i
}

func (a *arena) string() (string, error) {
	a.pos++
	from := a.pos
	ascii := true
	for i := from; i < len(a.src); i++ {
		i = plainRun(a.src, i)
		if i == len(a.src) {
			break
		}
		c := a.src[i]
		if plain[c] {
			continue
		}
		switch {
		case c >= utf8.RuneSelf:
			ascii = false
		case c == '"':
			a.pos = i + 1
			s := a.src[from:i]
			if !ascii && !utf8.ValidString(s) {
				return "", a.fault("a string that is not UTF-8")
			}
			return s, nil
		case c == '\\':
			return a.escaped(from, i)
		default:
			a.pos = i
			return "", a.fault("a control character in a string must be escaped (RFC 8259, Section 7)")
		}
	}
	a.pos = len(a.src)
	return "", a.fault("a string without an end")
}

// escaped is a string with escapes: from where it begins, i the first one.
func (a *arena) escaped(from, i int) (string, error) {
	b := append(make([]byte, 0, i-from+32), a.src[from:i]...)
	for i < len(a.src) {
		c := a.src[i]
		a.pos = i
		switch {
		case c == '"':
			a.pos = i + 1
			if !utf8.Valid(b) {
				return "", a.fault("a string that is not UTF-8")
			}
			return string(b), nil
		case c < ' ':
			return "", a.fault("a control character in a string must be escaped (RFC 8259, Section 7)")
		case c != '\\':
			b = append(b, c)
			i++
			continue
		}
		if i+1 >= len(a.src) {
			break
		}
		i += 2
		switch e := a.src[i-1]; e {
		case '"', '\\', '/':
			b = append(b, e)
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, n := hexRune(a.src[i:])
			if n == 0 {
				return "", a.fault("\\u needs four hexadecimal digits, and surrogates come in pairs (RFC 7493, Section 2.1)")
			}
			b = utf8.AppendRune(b, r)
			i += n
		default:
			return "", a.fault("an escape that JSON does not know")
		}
	}
	a.pos = len(a.src)
	return "", a.fault("a string without an end")
}

// hexRune reads the digits after \u, and those of a second surrogate.
func hexRune(s string) (rune, int) {
	unit := func(s string) rune {
		if len(s) < 4 || s[0] == '+' || s[0] == '-' || strings.Contains(s[:4], "_") {
			return -1
		}
		u, err := strconv.ParseUint(s[:4], 16, 16)
		if err != nil {
			return -1
		}
		return rune(u)
	}
	r := unit(s)
	switch {
	case r < 0 || r >= 0xdc00 && r < 0xe000:
		return 0, 0
	case r < 0xd800 || r >= 0xe000:
		return r, 4
	case len(s) < 10 || s[4:6] != `\u`:
		return 0, 0
	}
	low := unit(s[6:])
	if low < 0xdc00 || low >= 0xe000 {
		return 0, 0
	}
	return (r-0xd800)<<10 | (low - 0xdc00) + 0x10000, 10
}

func (a *arena) number() (string, error) {
	from := a.pos
	digits := func() bool {
		start := a.pos
		for c := a.peek(); c >= '0' && c <= '9'; c = a.peek() {
			a.pos++
		}
		return a.pos > start
	}
	if a.peek() == '-' {
		a.pos++
	}
	zero := a.peek() == '0'
	start := a.pos
	ok := digits() && !(zero && a.pos-start > 1)
	if ok && a.peek() == '.' {
		a.pos++
		ok = digits()
	}
	if ok && a.peek()|0x20 == 'e' {
		a.pos++
		if c := a.peek(); c == '+' || c == '-' {
			a.pos++
		}
		ok = digits()
	}
	if !ok {
		return "", a.fault("not a number (RFC 8259, Section 6)")
	}
	return a.src[from:a.pos], nil
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
			b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(a.values[c].key))
		}
		at = c
	}
	return b.String()
}

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
