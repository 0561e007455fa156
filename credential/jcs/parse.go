package jcs

import (
	"slices"
	"strings"
)

type parser struct {
	tree
	pos int
}

// Parse reads one JSON value. The error wraps ErrSyntax and names a place, never
// a value. src may be changed afterwards.
func Parse(src []byte) (Value, error) { return new(Reader).Read(src) }

// Reader reads one text after another into the same memory. It is not for concurrent
// use.
type Reader struct{ p parser }

// Read is Parse. What it gives is good until the next Read or Forget; texts and raw
// values that were taken from it stay good.
func (r *Reader) Read(src []byte) (Value, error) {
	r.Forget()
	p := &r.p
	p.src = string(src)
	p.nodes = slices.Grow(p.nodes, 16+len(src)/24)
	p.space()
	if err := p.value(node{nameAt: -1}, 0); err != nil {
		return Value{}, err
	}
	p.space()
	if p.pos != len(src) {
		return Value{}, p.fault("there is more after the end of the value")
	}
	return Value{&p.tree, 0}, nil
}

// maxNodes is how much memory a Reader keeps.
const maxNodes = 1 << 14

// Forget lets go of what was read, and of the memory of a large text.
func (r *Reader) Forget() {
	p := &r.p
	if cap(p.nodes) > maxNodes || cap(p.forms) > maxNodes {
		p.tree = tree{}
	}
	clear(p.forms)
	p.tree = tree{nodes: p.nodes[:0], forms: p.forms[:0]}
	p.pos = 0
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\n', '\r', '\t':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

// value reads a value; n has its name.
func (p *parser) value(n node, depth int) (err error) {
	at := len(p.nodes)
	n.from = int32(p.pos)
	p.nodes = append(p.nodes, n)
	switch c := p.peek(); {
	case c == '"':
		n.kind = String
		var s string
		if s, err = p.string(); err == nil {
			n.form = p.keep(s, p.src[n.from+1:p.pos-1])
		}
	case c == '{' || c == '[':
		if depth == MaxDepth {
			return p.fault("nested more than %d deep", MaxDepth)
		}
		if n.kind = Array; c == '{' {
			n.kind = Object
			err = p.object(at, depth+1)
		} else {
			err = p.array(depth + 1)
		}
	case c == '-' || c >= '0' && c <= '9':
		n.kind = Number
		var s string
		if s, err = p.number(); err == nil {
			n.form = p.keep(s, p.src[n.from:p.pos])
		}
	default:
		n.kind, err = p.word()
	}
	n.end, n.to = int32(len(p.nodes)), int32(p.pos)
	p.nodes[at] = n
	return err
}

func (p *parser) word() (Kind, error) {
	for i, w := range [...]string{"null", "false", "true"} {
		if strings.HasPrefix(p.src[p.pos:], w) {
			p.pos += len(w)
			return Null + Kind(i), nil
		}
	}
	return None, p.fault("expected a JSON value (RFC 8259, Section 3)")
}

func (p *parser) array(depth int) error {
	p.pos++
	p.space()
	if p.peek() == ']' {
		p.pos++
		return nil
	}
	for {
		p.space()
		if err := p.value(node{nameAt: -1}, depth); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return nil
		default:
			return p.fault("expected , or ]")
		}
	}
}

func (p *parser) object(at, depth int) error {
	p.pos++
	p.space()
	if p.peek() == '}' {
		p.pos++
		return nil
	}
	names := names{t: &p.tree, object: at}
	for {
		p.space()
		n := node{nameAt: int32(p.pos)}
		if p.peek() != '"' {
			return p.fault("expected the name of a member")
		}
		name, err := p.string()
		if err != nil {
			return err
		}
		if names.twice(name) {
			return p.fault("a member name stands there twice: which one counts would be open (RFC 7493, Section 2.3)")
		}
		n.nameTo = int32(p.pos)
		n.nameForm = p.keep(name, p.src[n.nameAt+1:n.nameTo-1])
		p.space()
		if p.peek() != ':' {
			return p.fault("expected :")
		}
		p.pos++
		p.space()
		if err := p.value(n, depth); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			return nil
		default:
			return p.fault("expected , or }")
		}
	}
}

// names are those of an object under way. A wide object gets a map: comparing
// each with each would be quadratic.
type names struct {
	t      *tree
	object int
	count  int
	seen   map[string]bool
}

func (s *names) twice(name string) bool {
	const few = 16
	s.count++
	if s.count <= few {
		for c := s.object + 1; c < len(s.t.nodes); c = int(s.t.nodes[c].end) {
			if s.t.name(&s.t.nodes[c]) == name {
				return true
			}
		}
		return false
	}
	if s.seen == nil {
		s.seen = make(map[string]bool, 4*few)
		for c := s.object + 1; c < len(s.t.nodes); c = int(s.t.nodes[c].end) {
			s.seen[s.t.name(&s.t.nodes[c])] = true
		}
	}
	if s.seen[name] {
		return true
	}
	s.seen[name] = true
	return false
}
