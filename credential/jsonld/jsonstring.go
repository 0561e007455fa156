package jsonld

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

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
