package jcs

import (
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/zegel-id/zegel/credential/internal/jsontree"
)

// AppendCanonical appends the canonical form of the value (RFC 8785, Section
// 3.2).
func (v Value) AppendCanonical(b []byte) []byte {
	switch v.Kind() {
	case String:
		n := v.node()
		if len(n.Text) == int(n.To-n.From)-2 {
			return append(b, v.Raw()...) // without escapes there is one spelling
		}
		return AppendString(b, n.Text)
	case Number:
		form, _ := jsontree.CanonicalNumber(v.node().Text) // what it refuses is not read
		return append(b, form...)
	case Array:
		b = append(b, '[')
		first := true
		for e := range v.Elements() {
			b = comma(b, &first)
			b = e.AppendCanonical(b)
		}
		return append(b, ']')
	case Object:
		return v.AppendObject(b)
	default:
		return append(b, v.Raw()...)
	}
}

// Member is a member of an object under construction.
type Member struct {
	Name  string
	Value Value
}

// AppendObject appends the canonical form of an object with the members of v, of
// which some are left out or take another value: those of replace, where a zero
// Value leaves a member out. Names that v does not have are added.
func (v Value) AppendObject(b []byte, replace ...Member) []byte {
	var few [32]Member
	members := few[:0]
	for name, m := range v.Members() {
		if !slices.ContainsFunc(replace, func(r Member) bool { return r.Name == name }) {
			members = append(members, Member{name, m})
		}
	}
	for _, r := range replace {
		if r.Value.Kind() != None {
			members = append(members, r)
		}
	}
	slices.SortFunc(members, func(x, y Member) int { return compare(x.Name, y.Name) })
	b = append(b, '{')
	first := true
	for _, m := range members {
		b = comma(b, &first)
		b = append(AppendString(b, m.Name), ':')
		b = m.Value.AppendCanonical(b)
	}
	return append(b, '}')
}

func comma(b []byte, first *bool) []byte {
	if *first {
		*first = false
		return b
	}
	return append(b, ',')
}

// compare is the order of names: by UTF-16 code units (RFC 8785, Section 3.2.3).
// Below the surrogates it is that of the bytes.
func compare(x, y string) int {
	if low(x) && low(y) {
		return strings.Compare(x, y)
	}
	return slices.Compare(utf16.Encode([]rune(x)), utf16.Encode([]rune(y)))
}

func low(s string) bool {
	for i := range len(s) {
		if s[i] >= 0xed { // the first byte from U+D000 on
			return false
		}
	}
	return true
}

// AppendString appends a text, which must be UTF-8, as a JSON string in canonical form
// (RFC 8785, Section 3.2.2.2).
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b', '\t', '\n', '\f', '\r':
			b = append(b, '\\', "btn\x00fr"[c-'\b'])
		default:
			if c < ' ' {
				const hex = "0123456789abcdef"
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
				continue
			}
			b = append(b, c)
		}
	}
	return append(b, '"')
}
