package profile

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// compiler makes nodes of a declared document. With an issuer, what is known of
// it becomes constant.
type compiler struct {
	p      *Profile
	names  *names
	issuer *[valueCount]string // nil while it is not known
	refs   []*reference
	item   *names // inside a list
}

func (c *compiler) document() (*node, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(slices.Clone(c.p.declared)))
	n, err := c.value(d, "", nil)
	if err != nil {
		return nil, err
	}
	if n.kind != object {
		return nil, c.p.fault(ErrDeclaration, "document", "must be an object that refers to claims")
	}
	return n, nil
}

func (c *compiler) fault(pointer, format string, args ...any) error {
	if pointer == "" {
		pointer = "document"
	}
	return c.p.fault(ErrDeclaration, pointer, format, args...)
}

func (c *compiler) value(d *jsontext.Decoder, pointer string, path []any) (*node, error) {
	switch d.PeekKind() {
	case '{':
		return c.object(d, pointer, path)
	case '[':
		return c.array(d, pointer, path)
	}
	raw, err := d.ReadValue()
	if err != nil {
		return nil, c.fault(pointer, "%v", err)
	}
	if raw.Kind() == '"' {
		var s string
		if err := jose.Unmarshal(raw, &s); err != nil {
			return nil, c.fault(pointer, "%v", err)
		}
		if n, err := c.reference(s, pointer, path); n != nil || err != nil {
			return n, err
		}
	}
	return fixed(slices.Clone(raw))
}

func fixed(text []byte) (*node, error) {
	n := &node{text: text}
	return n, jose.Unmarshal(text, &n.value)
}

// reference is a string with a place in it; nil without one.
func (c *compiler) reference(s, pointer string, path []any) (*node, error) {
	r, err := parseReference(s, c.p.tables)
	if err != nil {
		return nil, c.fault(pointer, "%v", err)
	}
	if r == nil {
		return nil, nil
	}
	r.pointer, r.path = pointer, slices.Clone(path)
	switch {
	case r.isValue():
		return c.valueOfCopy(r)
	case r.name[0] == '.':
		if c.item == nil {
			return nil, c.fault(pointer, "%s is a member of a list's elements, and this is not in $each", r.name)
		}
		r.slot = c.item.slot(r.name[1:])
	default:
		r.slot = c.names.slot(r.name)
		if _, isList := c.names.lists[r.slot]; isList {
			return nil, c.fault(pointer, "%s is a list; its elements have places in $each", r.name)
		}
	}
	c.refs = append(c.refs, r)
	return &node{kind: place, ref: r, claims: true}, nil
}

func (c *compiler) valueOfCopy(r *reference) (*node, error) {
	v, ok := values[r.name]
	if !ok {
		return nil, c.fault(r.pointer, "there is no value %s", r.name)
	}
	if v == valueStatus && (r.prefix+r.suffix != "" || len(r.functions) > 0) {
		return nil, c.fault(r.pointer, "%s is JSON and stands alone", r.name)
	}
	r.slot = int(v)
	if c.issuer == nil || !v.ofIssuer() {
		return &node{kind: place, ref: r}, nil
	}
	text, ok := r.apply(c.issuer[v])
	if !ok {
		return nil, c.p.fault(ErrCopy, r.name, "cannot stand at %s", r.pointer)
	}
	return fixed(appendQuoted(nil, r.prefix+text+r.suffix))
}

func (c *compiler) object(d *jsontext.Decoder, pointer string, path []any) (*node, error) {
	if _, err := d.ReadToken(); err != nil {
		return nil, c.fault(pointer, "%v", err)
	}
	n := &node{kind: object}
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return nil, c.fault(pointer, "%v", err)
		}
		name := token.String()
		if name == "$if" {
			if n.when, err = c.when(d, pointer); err != nil {
				return nil, err
			}
			continue
		}
		if name[:min(1, len(name))] == "$" {
			return nil, c.fault(pointer, "there is no %q here", name)
		}
		v, err := c.value(d, pointer+"/"+escapePointer(name), append(slices.Clip(path), name))
		if err != nil {
			return nil, err
		}
		n.members = append(n.members, member{name: name, key: append(appendQuoted(nil, name), ':'), value: v})
		n.claims = n.claims || v.claims
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, c.fault(pointer, "%v", err)
	}
	return n.fold()
}

// fold makes an object of constants one constant, and neighbouring constants of
// other objects one run of bytes, names included.
func (n *node) fold() (*node, error) {
	for i, m := range n.members {
		if m.value.kind == constant {
			m = member{value: &node{text: append(slices.Clone(m.key), m.value.text...)}}
			if last := len(n.runs) - 1; i > 0 && n.runs[last].value.kind == constant {
				before := n.runs[last].value
				before.text = append(append(before.text, ','), m.value.text...)
				continue
			}
		}
		n.runs = append(n.runs, m)
	}
	if n.when != nil || len(n.runs) > 1 || len(n.runs) == 1 && n.runs[0].value.kind != constant {
		return n, nil
	}
	text := []byte{'{'}
	for _, m := range n.runs {
		text = append(text, m.value.text...)
	}
	return fixed(append(text, '}'))
}

func (c *compiler) when(d *jsontext.Decoder, pointer string) ([]int, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return nil, c.fault(pointer, "%v", err)
	}
	var claims []string
	if err := jose.Unmarshal(raw, &claims); err != nil || len(claims) == 0 || c.item != nil {
		return nil, c.fault(pointer, "$if is an array of claims, outside lists")
	}
	slots := make([]int, len(claims))
	for i, claim := range claims {
		slots[i] = c.names.slot(claim)
	}
	return slots, nil
}

func (c *compiler) array(d *jsontext.Decoder, pointer string, path []any) (*node, error) {
	if _, err := d.ReadToken(); err != nil {
		return nil, c.fault(pointer, "%v", err)
	}
	n := &node{kind: array}
	text, same := []byte{'['}, true
	for i := 0; d.PeekKind() != ']'; i++ {
		v, err := c.element(d, pointer+"/"+strconv.Itoa(i), append(slices.Clip(path), i))
		if err != nil {
			return nil, err
		}
		if same = same && v.kind == constant; same {
			text = append(append(text, ","[:min(i, 1)]...), v.text...)
		}
		n.items = append(n.items, v)
		n.claims = n.claims || v.claims
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, c.fault(pointer, "%v", err)
	}
	if same {
		return fixed(append(text, ']'))
	}
	return n, c.tell(n, pointer)
}

// element of an array: a value, or $each.
func (c *compiler) element(d *jsontext.Decoder, pointer string, path []any) (*node, error) {
	if d.PeekKind() != '{' {
		return c.value(d, pointer, path)
	}
	raw, err := d.ReadValue()
	if err != nil {
		return nil, c.fault(pointer, "%v", err)
	}
	var each struct {
		Each string         `json:"$each"`
		Item jsontext.Value `json:"$item"`
	}
	inner := func(b []byte) *jsontext.Decoder { return jsontext.NewDecoder(bytes.NewBuffer(slices.Clone(b))) }
	if err := jose.Unmarshal(raw, &each); err != nil || each.Each == "" {
		return c.value(inner(raw), pointer, path)
	}
	if len(each.Item) == 0 || c.item != nil {
		return nil, c.fault(pointer, "$each needs $item, and lists have no lists in them")
	}
	n := &node{kind: list, slot: c.names.slot(each.Each), claims: true}
	if c.item = c.names.lists[n.slot]; c.item == nil {
		c.item = &names{}
		c.names.lists[n.slot] = c.item
	}
	path[len(path)-1] = nil
	item, err := c.value(inner(each.Item), pointer, path)
	c.item = nil
	if err != nil {
		return nil, err
	}
	if !item.claims {
		return nil, c.fault(pointer, "the $item of a list refers to its elements")
	}
	n.items = []*node{item}
	n.ref = &reference{name: each.Each, slot: n.slot, pointer: pointer, path: path}
	c.refs = append(c.refs, n.ref)
	return n, nil
}

// tell finds the constant by which the items of an array are told apart when a
// document is read.
func (c *compiler) tell(n *node, pointer string) error {
	if len(n.items) < 2 || !n.claims {
		return nil
	}
	n.items[0].constants(nil, func(path []string) {
		if n.tell != nil && len(n.tell) <= len(path) {
			return
		}
		seen := map[string]bool{}
		telling := make([]string, len(n.items))
		for i, item := range n.items {
			s, ok := item.at(path)
			if !ok || seen[s] {
				return
			}
			seen[s], telling[i] = true, s
		}
		n.tell, n.telling = slices.Clone(path), telling
	})
	if n.tell == nil {
		return c.fault(pointer, "no constant tells the elements of this array apart")
	}
	return nil
}
