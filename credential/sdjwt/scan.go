package sdjwt

import (
	"bytes"
	"hash/maphash"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/zegel-id/zegel/internal/jose"
)

// kind of a JSON value. kindAbsent is an array element whose disclosure was
// not sent: it has a place, but no value.
type kind uint8

const (
	kindNull kind = iota + 1
	kindTrue
	kindFalse
	kindNumber
	kindString
	kindArray
	kindObject
	kindAbsent
)

type flags uint8

const (
	// escapedName: the name had escapes, its span is in document.names.
	escapedName flags = 1 << iota
	// escapedValue: the string value has escapes.
	escapedValue
	// changed: the processed value differs from the bytes that were signed.
	changed
	// hidden: the object holds digests that no disclosure was sent for.
	hidden
)

// node is one JSON value inside a document. Values are linked by index, so
// that inserting a disclosed value moves no bytes.
type node struct {
	nameStart, nameEnd uint32 // member name without quotes
	start, end         uint32 // value as written
	child, next        int32  // -1 when there is none
	disclosure         int32  // index + 1 of the disclosure it came in, 0 when none
	kind               kind
	flags              flags
}

// document holds JSON texts (the payload and all disclosures) and their values
// in one arena: one parse, no maps.
type document struct {
	src   []byte
	names []byte // names that had escapes, unescaped
	nodes []node
}

// scan reads one strict JSON value (RFC 8259) that fills src[start:end]. It
// refuses duplicate names, invalid UTF-8, lone surrogates, trailing data and
// nesting deeper than jose.MaxDepth.
func (d *document) scan(start, end int) (root int32, ok bool) {
	s := scanner{d: d, src: d.src[:end], pos: start}
	s.space()
	root, ok = s.value(1)
	if !ok {
		return 0, false
	}
	s.space()
	return root, s.pos == end
}

func (d *document) name(n int32) []byte {
	nd := &d.nodes[n]
	if nd.flags&escapedName != 0 {
		return d.names[nd.nameStart:nd.nameEnd]
	}
	return d.src[nd.nameStart:nd.nameEnd]
}

func (d *document) raw(n int32) []byte { return d.src[d.nodes[n].start:d.nodes[n].end] }

// text is the value of a string without its quotes, unescaped.
func (d *document) text(n int32) string {
	nd := &d.nodes[n]
	if nd.kind != kindString {
		return ""
	}
	inner := d.src[nd.start+1 : nd.end-1]
	if nd.flags&escapedValue != 0 {
		return string(appendUnescaped(nil, inner))
	}
	return string(inner)
}

// member finds a member of an object by name, or -1.
func (d *document) member(object int32, name string) int32 {
	if object < 0 || d.nodes[object].kind != kindObject {
		return -1
	}
	for n := d.nodes[object].child; n >= 0; n = d.nodes[n].next {
		if string(d.name(n)) == name {
			return n
		}
	}
	return -1
}

// seed makes the hashes of names unpredictable.
var seed = maphash.MakeSeed()

// unique reports whether all members of an object have different names.
func (d *document) unique(object int32) bool {
	count := 0
	var met [4]uint64 // a bit for each hash met: most names are compared with none
	for a := d.nodes[object].child; a >= 0; a = d.nodes[a].next {
		if count++; count > 64 {
			return d.uniqueMany(object)
		}
		name := d.name(a)
		hash := maphash.Bytes(seed, name)
		word, bit := &met[hash>>6&3], uint64(1)<<(hash&63)
		if *word&bit == 0 {
			*word |= bit
			continue
		}
		for b := d.nodes[object].child; b != a; b = d.nodes[b].next {
			if bytes.Equal(name, d.name(b)) {
				return false
			}
		}
	}
	return true
}

func (d *document) uniqueMany(object int32) bool {
	var names [][]byte
	for n := d.nodes[object].child; n >= 0; n = d.nodes[n].next {
		names = append(names, d.name(n))
	}
	slices.SortFunc(names, bytes.Compare)
	for i := 1; i < len(names); i++ {
		if bytes.Equal(names[i-1], names[i]) {
			return false
		}
	}
	return true
}

// appendJSON writes the processed value: what was signed where nothing
// changed, otherwise with disclosed values inserted and digests removed.
func (d *document) appendJSON(dst []byte, n int32) []byte {
	nd := &d.nodes[n]
	if nd.flags&changed == 0 {
		return append(dst, d.src[nd.start:nd.end]...)
	}
	opening, closing := byte('{'), byte('}')
	if nd.kind == kindArray {
		opening, closing = '[', ']'
	}
	dst = append(dst, opening)
	first := true
	for c := nd.child; c >= 0; c = d.nodes[c].next {
		if d.nodes[c].kind == kindAbsent {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if nd.kind == kindObject {
			if d.nodes[c].flags&escapedName != 0 {
				dst = appendQuoted(dst, d.name(c))
			} else {
				dst = append(dst, '"')
				dst = append(dst, d.name(c)...)
				dst = append(dst, '"')
			}
			dst = append(dst, ':')
		}
		dst = d.appendJSON(dst, c)
	}
	return append(dst, closing)
}

type scanner struct {
	d   *document
	src []byte
	pos int
}

func (s *scanner) space() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) value(level int) (int32, bool) {
	if s.pos >= len(s.src) {
		return 0, false
	}
	n := int32(len(s.d.nodes))
	s.d.nodes = append(s.d.nodes, node{start: uint32(s.pos), child: -1, next: -1})
	var k kind
	var f flags
	ok := false
	switch c := s.src[s.pos]; c {
	case '"':
		var escaped bool
		_, _, escaped, ok = s.str()
		k = kindString
		if escaped {
			f = escapedValue
		}
	case '{':
		k = kindObject
		ok = level <= jose.MaxDepth && s.object(n, level)
	case '[':
		k = kindArray
		ok = level <= jose.MaxDepth && s.array(n, level)
	case 't':
		k, ok = kindTrue, s.literal("true")
	case 'f':
		k, ok = kindFalse, s.literal("false")
	case 'n':
		k, ok = kindNull, s.literal("null")
	default:
		k, ok = kindNumber, s.number()
	}
	if !ok {
		return 0, false
	}
	nd := &s.d.nodes[n]
	nd.end, nd.kind, nd.flags = uint32(s.pos), k, nd.flags|f
	return n, true
}

func (s *scanner) object(n int32, level int) bool {
	s.pos++
	s.space()
	last := int32(-1)
	for first := true; ; first = false {
		if s.pos >= len(s.src) {
			return false
		}
		if first && s.src[s.pos] == '}' {
			s.pos++
			return true
		}
		if s.src[s.pos] != '"' {
			return false
		}
		start, end, escaped, ok := s.str()
		if !ok {
			return false
		}
		s.space()
		if s.pos >= len(s.src) || s.src[s.pos] != ':' {
			return false
		}
		s.pos++
		s.space()
		c, ok := s.value(level + 1)
		if !ok {
			return false
		}
		if escaped {
			from := len(s.d.names)
			s.d.names = appendUnescaped(s.d.names, s.src[start:end])
			start, end = from, len(s.d.names)
			s.d.nodes[c].flags |= escapedName
		}
		s.d.nodes[c].nameStart, s.d.nodes[c].nameEnd = uint32(start), uint32(end)
		last = s.link(n, last, c)
		more, ok := s.separator('}')
		if !ok {
			return false
		}
		if !more {
			return s.d.unique(n)
		}
	}
}

func (s *scanner) array(n int32, level int) bool {
	s.pos++
	s.space()
	if s.pos < len(s.src) && s.src[s.pos] == ']' {
		s.pos++
		return true
	}
	last := int32(-1)
	for {
		c, ok := s.value(level + 1)
		if !ok {
			return false
		}
		last = s.link(n, last, c)
		more, ok := s.separator(']')
		if !ok {
			return false
		}
		if !more {
			return true
		}
	}
}

func (s *scanner) link(parent, last, c int32) int32 {
	if last < 0 {
		s.d.nodes[parent].child = c
	} else {
		s.d.nodes[last].next = c
	}
	return c
}

// separator reads a comma or the closing bracket.
func (s *scanner) separator(closing byte) (more, ok bool) {
	s.space()
	if s.pos >= len(s.src) {
		return false, false
	}
	switch s.src[s.pos] {
	case closing:
		s.pos++
		return false, true
	case ',':
		s.pos++
		s.space()
		return true, true
	default:
		return false, false
	}
}

func (s *scanner) literal(word string) bool {
	if len(s.src)-s.pos < len(word) || string(s.src[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

func (s *scanner) number() bool {
	i := s.pos
	if i < len(s.src) && s.src[i] == '-' {
		i++
	}
	whole := i
	i = s.digits(i)
	if i == whole || (s.src[whole] == '0' && i > whole+1) {
		return false
	}
	if i < len(s.src) && s.src[i] == '.' {
		from := i + 1
		if i = s.digits(from); i == from {
			return false
		}
	}
	exponent := i < len(s.src) && (s.src[i] == 'e' || s.src[i] == 'E')
	if exponent {
		i++
		if i < len(s.src) && (s.src[i] == '+' || s.src[i] == '-') {
			i++
		}
		from := i
		if i = s.digits(from); i == from {
			return false
		}
	}
	text := s.src[s.pos:i]
	s.pos = i
	// Beyond binary64 a number has no value that readers agree on (RFC 7493,
	// Section 2.2).
	if exponent || len(text) > 300 {
		_, err := strconv.ParseFloat(string(text), 64)
		return err == nil
	}
	return true
}

func (s *scanner) digits(i int) int {
	for i < len(s.src) && s.src[i] >= '0' && s.src[i] <= '9' {
		i++
	}
	return i
}

// str reads the string whose quote is at pos and gives the span inside.
func (s *scanner) str() (start, end int, escaped, ok bool) {
	start = s.pos + 1
	ascii := true
	for i := start; ; {
		if i = jose.Plainly(s.src, i); i == len(s.src) {
			return 0, 0, false, false
		}
		switch c := s.src[i]; {
		case c == '"':
			s.pos = i + 1
			return start, i, escaped, ascii || utf8.Valid(s.src[start:i])
		case c == '\\':
			n := escapeLen(s.src[i:])
			if n == 0 {
				return 0, 0, false, false
			}
			escaped = true
			i += n
		case c >= utf8.RuneSelf:
			ascii = false
			for i++; i < len(s.src) && s.src[i] >= utf8.RuneSelf; i++ {
			}
		default: // a control character
			return 0, 0, false, false
		}
	}
}
