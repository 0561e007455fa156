package verifier

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

// selection is a tree of the claims that were asked for.
type selection struct {
	all      bool // the value with everything in it
	members  map[string]*selection
	elements map[int]*selection
	each     *selection // every element of an array
}

func selectionOf(paths []credential.Path) *selection {
	root := &selection{}
	for _, p := range paths {
		n := root
		for _, part := range p {
			n = n.child(part)
		}
		n.all = true
	}
	return root
}

func (s *selection) child(part any) *selection {
	switch part := part.(type) {
	case string:
		if s.members == nil {
			s.members = map[string]*selection{}
		}
		if s.members[part] == nil {
			s.members[part] = &selection{}
		}
		return s.members[part]
	case int:
		if s.elements == nil {
			s.elements = map[int]*selection{}
		}
		if s.elements[part] == nil {
			s.elements[part] = &selection{}
		}
		return s.elements[part]
	default:
		if s.each == nil {
			s.each = &selection{}
		}
		return s.each
	}
}

// cut keeps of a JSON value what was asked for, and says whether anything is
// left. Elements of arrays keep their order, not their index. A receiver reads
// only what it named: whatever a wallet discloses beyond that stays here.
func (s *selection) cut(v jsontext.Value) (jsontext.Value, bool, error) {
	if s.all {
		return v, true, nil
	}
	switch v.Kind() {
	case '{':
		var object, kept map[string]jsontext.Value
		if err := jose.Unmarshal(v, &object); err != nil {
			return nil, false, err
		}
		kept = map[string]jsontext.Value{}
		for name, child := range s.members {
			member, there := object[name]
			if !there {
				continue
			}
			value, ok, err := child.cut(member)
			if err != nil {
				return nil, false, err
			}
			if ok {
				kept[name] = value
			}
		}
		return marshalled(kept, len(kept) > 0)
	case '[':
		var array, kept []jsontext.Value
		if err := jose.Unmarshal(v, &array); err != nil {
			return nil, false, err
		}
		for i, element := range array {
			value, ok, err := s.element(i, element)
			if err != nil {
				return nil, false, err
			}
			if ok {
				kept = append(kept, value)
			}
		}
		return marshalled(kept, len(kept) > 0)
	default:
		return nil, false, nil
	}
}

// element keeps what each of the two ways to name an element asks for. When
// both do, the wider one is taken.
func (s *selection) element(i int, v jsontext.Value) (jsontext.Value, bool, error) {
	both := slices.DeleteFunc([]*selection{s.elements[i], s.each}, func(x *selection) bool { return x == nil })
	if len(both) == 0 {
		return nil, false, nil
	}
	merged := both[0]
	if len(both) == 2 {
		merged = merge(both[0], both[1])
	}
	return merged.cut(v)
}

func merge(a, b *selection) *selection {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	out := &selection{all: a.all || b.all, each: merge(a.each, b.each), members: map[string]*selection{}, elements: map[int]*selection{}}
	for _, s := range []*selection{a, b} {
		for name, child := range s.members {
			out.members[name] = merge(out.members[name], child)
		}
		for i, child := range s.elements {
			out.elements[i] = merge(out.elements[i], child)
		}
	}
	return out
}

func marshalled(v any, there bool) (jsontext.Value, bool, error) {
	if !there {
		return nil, false, nil
	}
	b, err := jose.Marshal(v)
	return b, true, err
}
