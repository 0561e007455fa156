package provider

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/zegel-id/zegel/internal/provider/identifier"
)

// Node is one element of a supplier's record as a neutral document: an XML
// element, a JSON member or a CSV cell. Lists are repeated children of one
// name. It holds personal data and therefore prints nothing but its name.
type Node struct {
	Name     string
	Attrs    []Attr
	Children []*Node
	// Text as the supplier wrote it; Value gives it normalised.
	Text string
}

// Attr is an attribute of an element.
type Attr struct{ Name, Value string }

// Value is the text with every run of white space, line breaks too, as one
// space: suppliers wrap lines where their tools do.
func (n *Node) Value() string { return strings.Join(strings.Fields(n.Text), " ") }

// Add appends a child and returns it.
func (n *Node) Add(name, text string) *Node {
	c := &Node{Name: name, Text: text}
	n.Children = append(n.Children, c)
	return c
}

func (n *Node) attr(name string) (string, bool) {
	for _, a := range n.Attrs {
		if a.Name == name {
			return strings.Join(strings.Fields(a.Value), " "), true
		}
	}
	return "", false
}

// String never shows content.
func (n *Node) String() string { return "[record document]" }

// GoString never shows content.
func (n *Node) GoString() string { return n.String() }

// Format never shows content, whatever the verb.
func (n *Node) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, n.String()) }

// LogValue never shows content.
func (n *Node) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalText refuses: a record leaves as claims or not at all.
func (n *Node) MarshalText() ([]byte, error) { return nil, identifier.ErrRedacted }

// Path leads from a record to a value in it:
//
//	Basis/Studierichting/Naam
//	Basis/BijkomendeInformaties/BijkomendeInformatie[Naam=Bewijs omschrijving]/Inhoud
//	Naam/@DatumBegin
//	.
//
// A condition in brackets keeps the elements whose child, or attribute with
// @, has that value. The zero Path leads nowhere.
type Path struct {
	text  string
	steps []step
}

type step struct {
	name            string
	attr            bool
	condition, want string
}

// ParsePath reads a path.
func ParsePath(s string) (Path, error) {
	if s == "." {
		return Path{text: s, steps: []step{}}, nil
	}
	p := Path{text: s}
	for rest := s; ; {
		var st step
		end := strings.IndexAny(rest, "/[")
		if end < 0 {
			end = len(rest)
		}
		st.name, rest = rest[:end], rest[end:]
		if strings.HasPrefix(rest, "[") {
			close := strings.IndexByte(rest, ']')
			if close < 0 {
				return Path{}, fmt.Errorf("path %q: a condition has no closing bracket", s)
			}
			cond, want, ok := strings.Cut(rest[1:close], "=")
			if !ok || cond == "" || want == "" {
				return Path{}, fmt.Errorf("path %q: a condition is written [Name=value]", s)
			}
			st.condition, st.want = cond, want
			rest = rest[close+1:]
		}
		st.name, st.attr = strings.CutPrefix(st.name, "@")
		if st.name == "" || strings.ContainsAny(st.name, "@]=") {
			return Path{}, fmt.Errorf("path %q: an element has no name", s)
		}
		if st.attr && (rest != "" || st.condition != "") {
			return Path{}, fmt.Errorf("path %q: nothing follows an attribute", s)
		}
		p.steps = append(p.steps, st)
		if rest == "" {
			return p, nil
		}
		if rest[0] != '/' {
			return Path{}, fmt.Errorf("path %q: expected / after a condition", s)
		}
		rest = rest[1:]
	}
}

// String is the path as it was written.
func (p Path) String() string { return p.text }

// IsZero reports whether the path leads nowhere.
func (p Path) IsZero() bool { return p.steps == nil }

// Select gives every element that the path leads to, in document order. An
// attribute is given as an element of its name and value.
func (p Path) Select(n *Node) []*Node {
	if p.IsZero() || n == nil {
		return nil
	}
	at := []*Node{n}
	for _, st := range p.steps {
		var next []*Node
		for _, e := range at {
			next = st.from(e, next)
		}
		at = next
	}
	return at
}

// First is the normalised text of the first element that the path leads to,
// and whether there is one.
func (p Path) First(n *Node) (string, bool) {
	found := p.Select(n)
	if len(found) == 0 {
		return "", false
	}
	return found[0].Value(), true
}

func (s step) from(e *Node, out []*Node) []*Node {
	if s.attr {
		if v, ok := e.attr(s.name); ok {
			out = append(out, &Node{Name: s.name, Text: v})
		}
		return out
	}
	for _, c := range e.Children {
		if c.Name == s.name && s.holds(c) {
			out = append(out, c)
		}
	}
	return out
}

func (s step) holds(c *Node) bool {
	if s.condition == "" {
		return true
	}
	if name, ok := strings.CutPrefix(s.condition, "@"); ok {
		v, found := c.attr(name)
		return found && v == s.want
	}
	for _, child := range c.Children {
		if child.Name == s.condition && child.Value() == s.want {
			return true
		}
	}
	return false
}
