package jsontree

import (
	"bytes"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// plain goes on from i to the next byte of a string that does not stand for itself,
// looking at eight of them at once: a quotation mark, a backslash, a control character or
// a part of a character beyond ASCII.
func plain(s string, i int) int {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(s); i += 8 {
		b := s[i : i+8]
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		quote, slash := w^each*'"', w^each*'\\'
		// What a subtraction borrows comes from a byte that is found before.
		if found := (w | (w - each*' ') | (quote - each) | (slash - each)) & high; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(s) && s[i] >= ' ' && s[i] != '"' && s[i] != '\\' && s[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// string reads a string.
func (r *reader) string() (string, error) {
	r.pos++
	from := r.pos
	ascii := true
	for i := plain(r.src, from); i < len(r.src); i = plain(r.src, i) {
		switch c := r.src[i]; {
		case c == '"':
			r.pos = i + 1
			s := r.src[from:i]
			if !ascii && !r.characters(s) {
				return "", r.fault("a string with what is no Unicode character (RFC 7493, Section 2.1)")
			}
			return s, nil
		case c == '\\':
			return r.unescape(from, i)
		case c < ' ':
			r.pos = i
			return "", r.fault("a control character in a string must be escaped (RFC 8259, Section 7)")
		}
		ascii = false
		for i < len(r.src) && r.src[i] >= utf8.RuneSelf {
			i++
		}
	}
	r.pos = len(r.src)
	return "", r.fault("a string without an end")
}

// characters says whether s is UTF-8, if strict without noncharacters.
func (r *reader) characters(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	if !r.strict {
		return true
	}
	for _, c := range s {
		if c >= 0xfdd0 && (c <= 0xfdef || c&0xfffe == 0xfffe) {
			return false
		}
	}
	return true
}

// unescape reads on from i, the first escape of the string that begins at from.
func (r *reader) unescape(from, i int) (string, error) {
	b := append(make([]byte, 0, i-from+32), r.src[from:i]...)
	for i < len(r.src) {
		c := r.src[i]
		r.pos = i
		switch {
		case c == '"':
			r.pos = i + 1
			if s := string(b); r.characters(s) {
				return s, nil
			}
			return "", r.fault("a string with what is no Unicode character (RFC 7493, Section 2.1)")
		case c < ' ':
			return "", r.fault("a control character in a string must be escaped (RFC 8259, Section 7)")
		case c != '\\':
			b = append(b, c)
			i++
			continue
		}
		char, n := escape(r.src[i+1:])
		if n == 0 {
			return "", r.fault("an escape that JSON does not know, or a lone surrogate (RFC 8259, Section 7; RFC 7493, Section 2.1)")
		}
		b = utf8.AppendRune(b, char)
		i += 1 + n
	}
	r.pos = len(r.src)
	return "", r.fault("a string without an end")
}

// escape reads what follows a backslash: the character, and the bytes it took; 0
// for none.
func escape(s string) (rune, int) {
	if s == "" {
		return 0, 0
	}
	if s[0] != 'u' {
		if i := strings.IndexByte(`"\/bfnrt`, s[0]); i >= 0 {
			return rune("\"\\/\b\f\n\r\t"[i]), 1
		}
		return 0, 0
	}
	r := unit(s[1:])
	switch {
	case r < 0 || r >= 0xdc00 && r < 0xe000:
		return 0, 0
	case r < 0xd800 || r >= 0xe000:
		return r, 5
	case len(s) < 11 || s[5:7] != `\u`:
		return 0, 0
	}
	low := unit(s[7:])
	if low < 0xdc00 || low >= 0xe000 {
		return 0, 0
	}
	return (r-0xd800)<<10 | (low - 0xdc00) + 0x10000, 11
}

// unit is the value of four hexadecimal digits; -1 for anything else.
func unit(s string) rune {
	if len(s) < 4 {
		return -1
	}
	var r rune
	for i := range 4 {
		d := bytes.IndexByte([]byte("0123456789abcdef"), lower(s[i]))
		if d < 0 {
			return -1
		}
		r = r<<4 | rune(d)
	}
	return r
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'F' {
		return c | 0x20
	}
	return c
}
