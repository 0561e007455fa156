package profile

// kind of a node of the declared document.
type kind uint8

const (
	constant kind = iota
	place         // a reference
	object
	array
	list // an element per element of a list claim
)

// node is a part of the declared document, compiled.
type node struct {
	kind    kind
	text    []byte // constant: its JSON
	value   any    // constant: decoded
	ref     *reference
	members []member
	runs    []member // the same to write, constants that are neighbours in one
	items   []*node  // array; list: the one item
	slot    int      // list: of the claim
	when    []int    // object: slots of which one must be there
	claims  bool     // mentions a claim
	tell    []string // array: members on the way to the constant that tells its items apart
	telling []string // array: that constant, by item
}

type member struct {
	name  string
	key   []byte // quoted, with the colon
	value *node
}

// each visits the references in order.
func (n *node) each(visit func(*reference)) {
	switch n.kind {
	case place:
		visit(n.ref)
	case object:
		for _, m := range n.members {
			m.value.each(visit)
		}
	case array:
		for _, i := range n.items {
			i.each(visit)
		}
	case list:
		visit(n.ref)
		n.items[0].each(visit)
	}
}

// arrays visits the arrays that are not constant.
func (n *node) arrays(visit func(*node)) {
	if n.kind == array {
		visit(n)
	}
	for _, m := range n.members {
		m.value.arrays(visit)
	}
	for _, i := range n.items {
		i.arrays(visit)
	}
}

// at is the constant text at a path of members below n.
func (n *node) at(path []string) (string, bool) {
	if len(path) == 0 {
		s, ok := n.value.(string)
		return s, ok && n.kind == constant
	}
	if n.kind == list {
		return n.items[0].at(path)
	}
	if n.kind == constant {
		return constantAt(n.value, path)
	}
	for _, m := range n.members {
		if m.name == path[0] {
			return m.value.at(path[1:])
		}
	}
	return "", false
}

// constantAt is the text at a path of members of a decoded value.
func constantAt(v any, path []string) (string, bool) {
	for _, name := range path {
		o, ok := v.(map[string]any)
		if !ok {
			return "", false
		}
		v = o[name]
	}
	s, ok := v.(string)
	return s, ok
}

// constants are the paths of all constant texts below n.
func (n *node) constants(path []string, visit func([]string)) {
	switch n.kind {
	case constant:
		constantsOf(n.value, path, visit)
	case object:
		for _, m := range n.members {
			m.value.constants(append(path, m.name), visit)
		}
	case list:
		n.items[0].constants(path, visit)
	}
}

func constantsOf(v any, path []string, visit func([]string)) {
	switch v := v.(type) {
	case string:
		visit(path)
	case map[string]any:
		for name, at := range v {
			constantsOf(at, append(path, name), visit)
		}
	}
}
