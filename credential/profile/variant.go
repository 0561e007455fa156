package profile

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseVariant compiles a declaration that differs from another in some of its
// members: those of the variant, and those of the variant's document, stand
// instead of those of the base; null takes a member away (RFC 7396, one level of
// the declaration and one of the document).
func ParseVariant(base, variant []byte) (*Profile, error) {
	b, err := membersOf(base)
	if err != nil {
		return nil, err
	}
	v, err := membersOf(variant)
	if err != nil {
		return nil, err
	}
	if i := find(v, "document"); i >= 0 {
		inner, err := membersOf(v[i].value)
		if err != nil {
			return nil, err
		}
		var under []rawMember
		if j := find(b, "document"); j >= 0 {
			if under, err = membersOf(b[j].value); err != nil {
				return nil, err
			}
		}
		v[i].value = joined(merged(under, inner))
	}
	return Parse(joined(merged(b, v)))
}

type rawMember struct {
	name  string
	value jsontext.Value
}

func find(m []rawMember, name string) int {
	return slices.IndexFunc(m, func(r rawMember) bool { return r.name == name })
}

func membersOf(b []byte) ([]rawMember, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(slices.Clone(b)))
	if d.PeekKind() != '{' {
		return nil, &Error{Err: ErrDeclaration, Detail: "must be a JSON object"}
	}
	var m []rawMember
	for _, err := d.ReadToken(); ; {
		if err != nil {
			return nil, &Error{Err: ErrDeclaration, Detail: err.Error()}
		}
		if d.PeekKind() == '}' {
			return m, nil
		}
		var name jsontext.Token
		if name, err = d.ReadToken(); err != nil {
			continue
		}
		r := rawMember{name: name.String()}
		var v jsontext.Value
		if v, err = d.ReadValue(); err == nil {
			r.value = v.Clone()
			m = append(m, r)
		}
	}
}

func merged(base, over []rawMember) []rawMember {
	out := slices.Clone(base)
	for _, o := range over {
		i := find(out, o.name)
		switch {
		case o.value.Kind() == 'n' && i >= 0:
			out = slices.Delete(out, i, i+1)
		case o.value.Kind() == 'n':
		case i >= 0:
			out[i].value = o.value
		default:
			out = append(out, o)
		}
	}
	return out
}

func joined(m []rawMember) []byte {
	out := []byte{'{'}
	for i, r := range m {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(appendQuoted(out, r.name), ':'), r.value...)
	}
	return append(out, '}')
}
