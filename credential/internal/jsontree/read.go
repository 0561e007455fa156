package jsontree

import (
	"fmt"
	"slices"
	"strings"
)

// reader is a text under way.
type reader struct {
	*Tree
	src    string
	pos    int
	strict bool
}

// Read reads one JSON value (RFC 8259): UTF-8 without lone surrogates, no member name
// twice, nothing after the value. If it is strict, it is I-JSON (RFC 7493): no
// noncharacters, and no number that would be another one when it is read as a double. The
// error is an *Error.
func (t *Tree) Read(src string, strict bool) error {
	r := reader{Tree: t, src: src, strict: strict}
	t.Src = src
	t.Nodes = slices.Grow(t.Nodes[:0], 16+len(src)/24)
	r.space()
	if err := r.value(Node{}, 0); err != nil {
		return err
	}
	r.space()
	if r.pos != len(src) {
		clear(t.Nodes)
		t.Nodes = t.Nodes[:0]
		return r.fault("there is more after the end of the value")
	}
	return nil
}

func (r *reader) fault(format string, args ...any) error {
	return &Error{fmt.Sprintf(format, args...), r.pos}
}

func (r *reader) space() {
	i := r.pos
	for i < len(r.src) && r.src[i] <= ' ' && (r.src[i] == ' ' || r.src[i] == '\n' || r.src[i] == '\r' || r.src[i] == '\t') {
		i++
	}
	r.pos = i
}

func (r *reader) peek() byte {
	if r.pos < len(r.src) {
		return r.src[r.pos]
	}
	return 0
}

// value reads a value; n has its name.
func (r *reader) value(n Node, depth int) (err error) {
	at := len(r.Nodes)
	n.From = int32(r.pos)
	r.Nodes = append(r.Nodes, n)
	var kind Kind
	var text string
	switch c := r.peek(); {
	case c == '"':
		kind = String
		text, err = r.string()
	case c == '{' || c == '[':
		if depth == MaxDepth {
			return r.fault("nested more than %d deep", MaxDepth)
		}
		if kind = Array; c == '{' {
			kind = Object
			err = r.object(at, depth+1)
		} else {
			err = r.array(depth + 1)
		}
	case c == '-' || c >= '0' && c <= '9':
		kind = Number
		text, err = r.number()
	default:
		kind, err = r.word()
	}
	if err != nil {
		return err
	}
	p := &r.Nodes[at]
	p.Kind, p.Text = kind, text
	p.End, p.To = int32(len(r.Nodes)), int32(r.pos)
	return nil
}

func (r *reader) word() (Kind, error) {
	for i, w := range [...]string{"null", "false", "true"} {
		if strings.HasPrefix(r.src[r.pos:], w) {
			r.pos += len(w)
			return Null + Kind(i), nil
		}
	}
	return None, r.fault("expected a JSON value (RFC 8259, Section 3)")
}

func (r *reader) array(depth int) error {
	r.pos++
	r.space()
	if r.peek() == ']' {
		r.pos++
		return nil
	}
	for {
		r.space()
		if err := r.value(Node{}, depth); err != nil {
			return err
		}
		r.space()
		switch r.peek() {
		case ',':
			r.pos++
		case ']':
			r.pos++
			return nil
		default:
			return r.fault("expected , or ]")
		}
	}
}

func (r *reader) object(at, depth int) error {
	r.pos++
	r.space()
	if r.peek() == '}' {
		r.pos++
		return nil
	}
	names := names{t: r.Tree, object: at}
	for {
		r.space()
		if r.peek() != '"' {
			return r.fault("expected the name of a member")
		}
		n := Node{NameAt: int32(r.pos)}
		var err error
		if n.Name, err = r.string(); err != nil {
			return err
		}
		n.Hash = Hash(n.Name)
		if names.twice(&n) {
			return r.fault("a member name stands there twice: which one counts would be open (RFC 8259, Section 4; RFC 7493, Section 2.3)")
		}
		if n.Name != "" && n.Name[0] == '@' {
			r.Nodes[at].Keywords = true
		}
		r.space()
		if r.peek() != ':' {
			return r.fault("expected :")
		}
		r.pos++
		r.space()
		if err := r.value(n, depth); err != nil {
			return err
		}
		r.space()
		switch r.peek() {
		case ',':
			r.pos++
		case '}':
			r.pos++
			return nil
		default:
			return r.fault("expected , or }")
		}
	}
}

// names are those of an object under way. A wide object gets a map: comparing
// each with each would be quadratic.
type names struct {
	t      *Tree
	object int
	count  int
	seen   map[string]bool
}

func (s *names) twice(n *Node) bool {
	const few = 16
	s.count++
	first := int32(s.object + 1)
	if s.count <= few {
		for c := first; int(c) < len(s.t.Nodes); c = s.t.Nodes[c].End {
			if o := &s.t.Nodes[c]; o.Hash == n.Hash && o.Name == n.Name {
				return true
			}
		}
		return false
	}
	if s.seen == nil {
		s.seen = make(map[string]bool, 4*few)
		for c := first; int(c) < len(s.t.Nodes); c = s.t.Nodes[c].End {
			s.seen[s.t.Nodes[c].Name] = true
		}
	}
	if s.seen[n.Name] {
		return true
	}
	s.seen[n.Name] = true
	return false
}
