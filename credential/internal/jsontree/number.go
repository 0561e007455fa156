package jsontree

import (
	"math"
	"strconv"
	"strings"
)

// number reads a number.
func (r *reader) number() (string, error) {
	from := r.pos
	digits := func() bool {
		start := r.pos
		for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
			r.pos++
		}
		return r.pos > start
	}
	if r.peek() == '-' {
		r.pos++
	}
	zero, start := r.peek() == '0', r.pos
	ok := digits() && !(zero && r.pos-start > 1)
	if ok && r.peek() == '.' {
		r.pos++
		ok = digits()
	}
	if ok && r.peek()|0x20 == 'e' {
		r.pos++
		if c := r.peek(); c == '+' || c == '-' {
			r.pos++
		}
		ok = digits()
	}
	if !ok {
		return "", r.fault("not a number (RFC 8259, Section 6)")
	}
	text := r.src[from:r.pos]
	if r.strict {
		if _, ok := CanonicalNumber(text); !ok {
			return "", r.fault("a number that a double cannot hold; write it as a string (RFC 7493, Section 2.2)")
		}
	}
	return text, nil
}

// CanonicalNumber is a number of the grammar of RFC 8259 by RFC 8785, Section
// 3.2.2.3. It refuses what is too large or too small for a double, and whole
// numbers of which a double would keep other digits than were written. Fractions
// are rounded, as every reader does.
func CanonicalNumber(s string) (string, bool) {
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
