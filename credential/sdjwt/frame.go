package sdjwt

import "fmt"

// Frame says which claims are selectively disclosable. It is compiled once per
// credential type and safe for concurrent use. The zero Frame makes nothing
// disclosable.
type Frame struct{ root *frameNode }

type frameNode struct {
	disclosable bool
	members     []frameMember // of an object
	byName      map[string]int
	elements    *frameNode // of every element of an array
	at          map[int]*frameNode
}

type frameMember struct {
	name string
	node *frameNode
}

// NewFrame compiles paths. A path makes the claim it points to a disclosure of
// its own; nested paths nest disclosures (RFC 9901, Section 6.3). nil stands
// for every element of an array. Claims that decide validity are refused
// (RFC 9901, Section 9.7), so are names with a meaning of their own.
func NewFrame(paths ...Path) (Frame, error) {
	f := Frame{root: &frameNode{}}
	for _, p := range paths {
		if err := p.Validate(); err != nil {
			return Frame{}, err
		}
		first, ok := p[0].(string)
		if !ok {
			return Frame{}, fmt.Errorf("frame path %s must start with a claim name", p)
		}
		if reserved(first) {
			return Frame{}, fmt.Errorf("frame path %s: claim %s must always be visible (RFC 9901, Section 9.7; SD-JWT VC, Section 2.2.2.3)", p, first)
		}
		at := f.root
		for _, part := range p {
			if name, ok := part.(string); ok && special(name) {
				return Frame{}, fmt.Errorf("frame path %s: %q is no claim name (RFC 9901, Section 4.1)", p, name)
			}
			at = at.grow(part)
		}
		if at.disclosable {
			return Frame{}, fmt.Errorf("frame path %s is given twice", p)
		}
		at.disclosable = true
	}
	if err := f.root.settle(); err != nil {
		return Frame{}, err
	}
	return f, nil
}

func special(name string) bool { return name == nameSD || name == nameDots || name == nameSDAlg }

// grow gives the child for one part of a path.
func (f *frameNode) grow(part any) *frameNode {
	switch v := part.(type) {
	case string:
		for _, m := range f.members {
			if m.name == v {
				return m.node
			}
		}
		f.members = append(f.members, frameMember{v, &frameNode{}})
		return f.members[len(f.members)-1].node
	case int:
		if f.at == nil {
			f.at = map[int]*frameNode{}
		}
		if f.at[v] == nil {
			f.at[v] = &frameNode{}
		}
		return f.at[v]
	default:
		if f.elements == nil {
			f.elements = &frameNode{}
		}
		return f.elements
	}
}

// settle folds what holds for every element into the elements that have rules
// of their own, so that issuing looks at one node only.
func (f *frameNode) settle() error {
	if len(f.members) > 0 && (f.elements != nil || f.at != nil) {
		return fmt.Errorf("a frame treats the same claim as object and as array")
	}
	if f.elements != nil {
		for _, own := range f.at {
			own.merge(f.elements)
		}
		if err := f.elements.settle(); err != nil {
			return err
		}
	}
	for _, own := range f.at {
		if err := own.settle(); err != nil {
			return err
		}
	}
	f.byName = make(map[string]int, len(f.members))
	for i, m := range f.members {
		f.byName[m.name] = i
		if err := m.node.settle(); err != nil {
			return err
		}
	}
	return nil
}

func (f *frameNode) merge(all *frameNode) {
	f.disclosable = f.disclosable || all.disclosable
	for _, m := range all.members {
		f.grow(m.name).merge(m.node)
	}
	if all.elements != nil {
		f.grow(nil).merge(all.elements)
	}
	for i, e := range all.at {
		f.grow(i).merge(e)
	}
}

// member is the rule for a member, nil when there is none. Credentials mostly
// have their claims in the order of the frame, so the member at next is tried
// first; the second value is the next to try.
func (f *frameNode) member(name []byte, next int) (*frameNode, int) {
	if next < len(f.members) && f.members[next].name == string(name) {
		return f.members[next].node, next + 1
	}
	if i, ok := f.byName[string(name)]; ok {
		return f.members[i].node, i + 1
	}
	return nil, next
}

// element is the rule for an array element, nil when there is none.
func (f *frameNode) element(i int) *frameNode {
	if own := f.at[i]; own != nil {
		return own
	}
	return f.elements
}

// disclosableMembers counts the members that are disclosures of their own.
func (f *frameNode) disclosableMembers() int {
	n := 0
	if f != nil {
		for _, m := range f.members {
			if m.node.disclosable {
				n++
			}
		}
	}
	return n
}
