package mdoc

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/jose"
)

// Path is a claims path pointer. One into an mdoc begins with a namespace and
// a data element (OpenID4VP 1.0, Section 7.2; OpenID4VCI 1.0, Appendix C.2).
type Path = credential.Path

// Claims are the data elements of a document by namespace. They are turned
// into JSON on demand only (RFC 8949, Section 6.1).
type Claims struct{ items []item }

// Len is the number of data elements.
func (c Claims) Len() int { return len(c.items) }

// Paths lists the data elements, in their order.
func (c Claims) Paths() []Path {
	out := make([]Path, len(c.items))
	parts := make([]any, 0, 2*len(c.items))
	for i := range c.items {
		parts = append(parts, c.items[i].namespace, string(c.items[i].name))
		out[i] = parts[2*i : 2*i+2 : 2*i+2]
	}
	return out
}

// JSON is an object of namespaces, each an object of data elements. The error
// says that an element holds a map that no JSON object can stand for.
func (c Claims) JSON() ([]byte, error) {
	dst := []byte{'{'}
	for i := range c.items {
		it := &c.items[i]
		var err error
		switch {
		case i > 0 && it.namespace == c.items[i-1].namespace:
			dst = append(dst, ',')
		default:
			if i > 0 {
				dst = append(dst, '}', ',')
			}
			if dst, err = jsontext.AppendQuote(dst, it.namespace); err != nil {
				return nil, err
			}
			dst = append(dst, ':', '{')
		}
		if dst, err = jsontext.AppendQuote(dst, it.name); err != nil {
			return nil, err
		}
		dst = append(dst, ':')
		if dst, err = appendJSON(dst, cbor.NewReader(it.value), base64url); err != nil {
			return nil, &Error{Check: credential.CheckStructure, Spec: specJSON, Detail: "element " + clip(it.name), Err: err}
		}
	}
	if len(c.items) > 0 {
		dst = append(dst, '}')
	}
	return append(dst, '}'), nil
}

// MarshalJSON is JSON.
func (c Claims) MarshalJSON() ([]byte, error) { return c.JSON() }

// Decode reads the claims into v, strictly.
func (c Claims) Decode(v any) error {
	b, err := c.JSON()
	if err != nil {
		return err
	}
	return jose.Unmarshal(b, v)
}

// CBOR is the value of a data element as its issuer encoded it, nil when it is
// not there.
func (c Claims) CBOR(namespace, element string) []byte {
	if i := c.index(namespace, element); i >= 0 {
		return c.items[i].value
	}
	return nil
}

func (c Claims) index(namespace, element string) int {
	for i := range c.items {
		if string(c.items[i].name) == element && c.items[i].namespace == namespace {
			return i
		}
	}
	return -1
}

// Select is the JSON of every value a path selects.
func (c Claims) Select(p Path) [][]byte {
	_, found := c.find(p)
	var out [][]byte
	for _, v := range found {
		b, err := jsonOf(v)
		if err != nil {
			return nil
		}
		out = append(out, b)
	}
	return out
}

// Lookup is every value a path selects, decoded from its JSON; false when it
// selects none.
func (c Claims) Lookup(p Path) ([]any, bool) {
	selected := c.Select(p)
	out := make([]any, len(selected))
	for i, b := range selected {
		if jose.Unmarshal(b, &out[i]) != nil {
			return nil, false
		}
	}
	return out, len(out) > 0
}

// find gives the index of the item a path points into and the values it
// selects there, -1 and none when it does not fit.
func (c Claims) find(p Path) (int, [][]byte) {
	if p.ValidateMdoc() != nil {
		return -1, nil
	}
	i := c.index(p[0].(string), p[1].(string))
	if i < 0 {
		return -1, nil
	}
	selected := [][]byte{c.items[i].value}
	for _, part := range p[2:] {
		var next [][]byte
		for _, v := range selected {
			if cbor.NewReader(v).Next() != cbor.NewReader(selected[0]).Next() {
				return -1, nil // an index for some and a key for others
			}
			var err error
			if next, err = step(next, v, part); err != nil {
				return -1, nil
			}
		}
		selected = next
	}
	if len(selected) == 0 {
		return -1, nil
	}
	return i, selected
}

var errStep = errors.New("the path does not fit the value")

// step applies one part of a path to a CBOR value: a name or a number to the
// keys of a map, a number or null to an array (OpenID4VCI 1.0, Appendix C.2).
func step(next [][]byte, value []byte, part any) ([][]byte, error) {
	r := cbor.NewReader(value)
	n, isNumber := part.(int)
	name, isName := part.(string)
	switch m := r.Next(); {
	case m == cbor.Map && (isName || isNumber):
		for range r.Map() {
			hit := false
			if r.Next() == cbor.Text {
				text := r.RawText()
				hit = isName && string(text) == name
			} else {
				hit = r.Int() == int64(n) && isNumber
			}
			if v := r.Skip(); hit {
				next = append(next, v)
			}
		}
	case m == cbor.Array && !isName && n >= 0:
		for i := range r.Array() {
			if v := r.Skip(); part == nil || i == n {
				next = append(next, v)
			}
		}
	default:
		return nil, errStep
	}
	return next, r.Err()
}
