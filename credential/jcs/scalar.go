package jcs

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// plainRun goes on from i as long as eight bytes of a string stand for
// themselves, looking at all of them at once; it may stop early.
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

// string reads a string.
func (p *parser) string() (string, error) {
	p.pos++
	from := p.pos
	ascii := true
	for i := plainRun(p.src, from); i < len(p.src); i++ {
		switch c := p.src[i]; {
		case c == '"':
			p.pos = i + 1
			s := p.src[from:i]
			if !ascii && !characters(s) {
				return "", p.fault("a string with what is no Unicode character (RFC 7493, Section 2.1)")
			}
			return s, nil
		case c == '\\':
			return p.unescape(from, i)
		case c < ' ':
			p.pos = i
			return "", p.fault("a control character in a string must be escaped (RFC 8259, Section 7)")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	p.pos = len(p.src)
	return "", p.fault("a string without an end")
}

// characters says whether s is UTF-8 without noncharacters.
func characters(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r >= 0xfdd0 && (r <= 0xfdef || r&0xfffe == 0xfffe) {
			return false
		}
	}
	return true
}

// unescape reads on from i, the first escape of the string that begins at from.
func (p *parser) unescape(from, i int) (string, error) {
	b := append(make([]byte, 0, i-from+32), p.src[from:i]...)
	for i < len(p.src) {
		c := p.src[i]
		p.pos = i
		switch {
		case c == '"':
			p.pos = i + 1
			if s := string(b); characters(s) {
				return s, nil
			}
			return "", p.fault("a string with what is no Unicode character (RFC 7493, Section 2.1)")
		case c < ' ':
			return "", p.fault("a control character in a string must be escaped (RFC 8259, Section 7)")
		case c != '\\':
			b = append(b, c)
			i++
			continue
		}
		r, n := escape(p.src[i+1:])
		if n == 0 {
			return "", p.fault("an escape that JSON does not know, or a lone surrogate (RFC 8259, Section 7; RFC 7493, Section 2.1)")
		}
		b = utf8.AppendRune(b, r)
		i += 1 + n
	}
	p.pos = len(p.src)
	return "", p.fault("a string without an end")
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

// number reads a number and gives its canonical form.
func (p *parser) number() (string, error) {
	from := p.pos
	digits := func() bool {
		start := p.pos
		for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
			p.pos++
		}
		return p.pos > start
	}
	if p.peek() == '-' {
		p.pos++
	}
	zero, start := p.peek() == '0', p.pos
	ok := digits() && !(zero && p.pos-start > 1)
	if ok && p.peek() == '.' {
		p.pos++
		ok = digits()
	}
	if ok && p.peek()|0x20 == 'e' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		ok = digits()
	}
	if !ok {
		return "", p.fault("not a number (RFC 8259, Section 6)")
	}
	form, ok := canonicalNumber(p.src[from:p.pos])
	if !ok {
		return "", p.fault("a number that a double cannot hold; write it as a string (RFC 7493, Section 2.2)")
	}
	return form, nil
}

// canonicalNumber is a number of the grammar of RFC 8259 by RFC 8785, Section
// 3.2.2.3. It refuses what is too large or too small for a double, and whole
// numbers of which a double would keep other digits than were written. Fractions
// are rounded, as every reader does.
func canonicalNumber(s string) (string, bool) {
	whole := !strings.ContainsAny(s, ".eE")
	if whole && len(s) <= 15 && s != "-0" {
		return s, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return "", false
	}
	if f == 0 {
		mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
		return "0", strings.Trim(mantissa, "-0.") == ""
	}
	form := es6(f)
	return form, !whole || form == s || math.Abs(f) < 1<<53
}

// es6 is Number::toString of ECMAScript (RFC 8785, Section 3.2.2.3 and Appendix
// B).
func es6(f float64) string {
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	return mantissa + "e" + exponent[:1] + strings.TrimLeft(exponent[1:], "0")
}
