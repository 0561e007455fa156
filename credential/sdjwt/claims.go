package sdjwt

import (
	"github.com/zegel-id/zegel/internal/jose"
)

// Claims are the processed claims of an SD-JWT: disclosed values in their
// places, digests removed. They are parsed once and decoded only on demand.
type Claims struct {
	doc  *document
	root int32
}

// Raw is the processed JSON object. Values stand as the issuer wrote them.
func (c Claims) Raw() []byte {
	if c.doc == nil {
		return []byte("{}")
	}
	return c.doc.appendJSON(make([]byte, 0, len(c.doc.src)-int(c.doc.nodes[c.root].start)), c.root)
}

// MarshalJSON is Raw.
func (c Claims) MarshalJSON() ([]byte, error) { return c.Raw(), nil }

// Decode reads the processed claims into v, strictly.
func (c Claims) Decode(v any) error { return jose.Unmarshal(c.Raw(), v) }

// Map is the processed claims as a map.
func (c Claims) Map() (map[string]any, error) {
	m := map[string]any{}
	return m, c.Decode(&m)
}

// Member is the raw JSON of a top-level member, nil when it is not there.
func (c Claims) Member(name string) []byte {
	if c.doc == nil {
		return nil
	}
	n := c.doc.member(c.root, name)
	if n < 0 {
		return nil
	}
	return c.doc.appendJSON(nil, n)
}

// Text is a top-level string member, empty when it is not there or no string.
func (c Claims) Text(name string) string {
	if c.doc == nil {
		return ""
	}
	n := c.doc.member(c.root, name)
	if n < 0 {
		return ""
	}
	return c.doc.text(n)
}

// Select is the raw JSON of every value a path selects (OpenID4VP 1.0, Section
// 7.1). Indexes count the elements that are there.
func (c Claims) Select(p Path) [][]byte {
	found := c.find(p)
	out := make([][]byte, len(found))
	for i, n := range found {
		out[i] = c.doc.appendJSON(nil, n)
	}
	return out
}

// Lookup is every value a path selects, decoded; false when it selects none.
func (c Claims) Lookup(p Path) ([]any, bool) {
	found := c.find(p)
	out := make([]any, 0, len(found))
	for _, n := range found {
		switch nd := c.doc.nodes[n]; nd.kind {
		case kindString:
			out = append(out, c.doc.text(n))
		case kindTrue, kindFalse:
			out = append(out, nd.kind == kindTrue)
		case kindNull:
			out = append(out, nil)
		default:
			var v any
			if jose.Unmarshal(c.doc.appendJSON(nil, n), &v) != nil {
				return nil, false
			}
			out = append(out, v)
		}
	}
	return out, len(out) > 0
}

// find selects nodes. An error of the path processing (a member of something
// that is no object, an element of something that is no array) selects
// nothing.
func (c Claims) find(p Path) []int32 {
	if c.doc == nil || p.Validate() != nil {
		return nil
	}
	at := []int32{c.root}
	for _, part := range p {
		next, ok := c.doc.step(at, part, false)
		if !ok {
			return nil
		}
		at = next
	}
	return at
}

// step applies one part of a path. With asIssued, array positions count the
// elements that were not disclosed, and selecting one keeps it as absent.
func (d *document) step(at []int32, part any, asIssued bool) (next []int32, ok bool) {
	for _, n := range at {
		nd := &d.nodes[n]
		if nd.kind == kindAbsent {
			continue
		}
		name, isName := part.(string)
		switch {
		case isName && nd.kind == kindObject:
			if m := d.member(n, name); m >= 0 {
				next = append(next, m)
			}
		case !isName && nd.kind == kindArray:
			i := 0
			for e := nd.child; e >= 0; e = d.nodes[e].next {
				if d.nodes[e].kind == kindAbsent && !asIssued {
					continue
				}
				if part == nil || part == i {
					next = append(next, e)
				}
				i++
			}
		default:
			return nil, false
		}
	}
	return next, true
}
