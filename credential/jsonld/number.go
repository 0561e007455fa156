package jsonld

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

func toFloat(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}

const (
	xsdBoolean = "http://www.w3.org/2001/XMLSchema#boolean"
	xsdInteger = "http://www.w3.org/2001/XMLSchema#integer"
	xsdDouble  = "http://www.w3.org/2001/XMLSchema#double"
	rdfJSON    = "http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON"
)

// lexical is a number as a literal, and its datatype where none is given (API,
// Section 8.2.2, steps 10 and 11). exact is false for an integer that a double
// cannot hold, so that another number would have the same form.
func lexical(s, datatype string) (form, own string, exact bool) {
	if len(s) <= 15 && datatype != xsdDouble && !strings.ContainsAny(s, ".eE") && s != "-0" {
		return s, xsdInteger, true
	}
	f := toFloat(s)
	if f == math.Trunc(f) && math.Abs(f) < 1e21 && datatype != xsdDouble {
		if f == 0 {
			return "0", xsdInteger, true
		}
		return strconv.FormatFloat(f, 'f', 0, 64), xsdInteger, math.Abs(f) < 1<<53
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return "", "", false
	}
	b := strconv.FormatFloat(f, 'E', 15, 64)
	mantissa, exponent, _ := strings.Cut(b, "E")
	mantissa = strings.TrimRight(mantissa, "0")
	if strings.HasSuffix(mantissa, ".") {
		mantissa += "0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n), xsdDouble, true
}

// jcs appends a value by the JSON Canonicalization Scheme (RFC 8785), the form of
// JSON literals (API, Section 8.2.2, step 5).
func (a *arena) jcs(b []byte, at int32) ([]byte, bool) {
	v := &a.Nodes[at]
	switch v.Kind {
	case null:
		return append(b, "null"...), true
	case falsity:
		return append(b, "false"...), true
	case truth:
		return append(b, "true"...), true
	case number:
		f := toFloat(v.Text)
		if math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, false
		}
		return appendES6(b, f), true
	case text:
		return jcsString(b, v.Text), true
	case array:
		b = append(b, '[')
		for c := at + 1; c < v.End; c = a.Nodes[c].End {
			if c > at+1 {
				b = append(b, ',')
			}
			var ok bool
			if b, ok = a.jcs(b, c); !ok {
				return nil, false
			}
		}
		return append(b, ']'), true
	}
	var members []int32
	for c := at + 1; c < v.End; c = a.Nodes[c].End {
		members = append(members, c)
	}
	slices.SortFunc(members, func(x, y int32) int { return compareUTF16(a.Nodes[x].Name, a.Nodes[y].Name) })
	b = append(b, '{')
	for i, c := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(jcsString(b, a.Nodes[c].Name), ':')
		var ok bool
		if b, ok = a.jcs(b, c); !ok {
			return nil, false
		}
	}
	return append(b, '}'), true
}

// compareUTF16 is the order of names (RFC 8785, Section 3.2.3).
func compareUTF16(x, y string) int {
	ascii := func(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r >= 0xd800 }) < 0 }
	if ascii(x) && ascii(y) {
		return strings.Compare(x, y)
	}
	return slices.Compare(utf16.Encode([]rune(x)), utf16.Encode([]rune(y)))
}

func jcsString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\t':
			b = append(b, `\t`...)
		case '\n':
			b = append(b, `\n`...)
		case '\f':
			b = append(b, `\f`...)
		case '\r':
			b = append(b, `\r`...)
		default:
			if c < ' ' {
				const hex = "0123456789abcdef"
				b = append(b, `\u00`...)
				b = append(b, hex[c>>4], hex[c&15])
				continue
			}
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// appendES6 is Number::toString of ECMAScript (RFC 8785, Section 3.2.2.3).
func appendES6(b []byte, f float64) []byte {
	abs := math.Abs(f)
	if abs == 0 {
		return append(b, '0')
	}
	if abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(s, "e")
	sign := exponent[:1]
	exponent = strings.TrimLeft(exponent[1:], "0")
	return append(b, mantissa+"e"+sign+exponent...)
}
