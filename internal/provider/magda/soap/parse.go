// Package soap reads and writes SOAP 1.1 envelopes (W3C Note 8 May 2000):
// XML that is strict and bounded, header, body and fault.
//
// It has no document type declarations, no entities of the sender's, no
// processing instructions and no encoding but UTF-8: none of them belongs in
// a SOAP message (SOAP 1.1, Section 3), and each is a way to attack a parser.
package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// ErrXML is returned for bytes that are not strict, bounded XML.
var ErrXML = errors.New("not strict XML")

const (
	// MaxDepth and MaxElements bound a message whatever its size in bytes.
	MaxDepth    = 48
	MaxElements = 200_000
	maxAttrs    = 64
)

const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

// Parse reads one XML document. The error never holds content.
func Parse(b []byte) (*etree.Document, error) {
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrXML)
	}
	if err := scan(b); err != nil {
		return nil, err
	}
	doc := etree.NewDocument()
	doc.ReadSettings = etree.ReadSettings{MaxDepth: MaxDepth + 1, PreserveDuplicateAttrs: true}
	if err := doc.ReadFromBytes(b); err != nil || doc.Root() == nil {
		return nil, fmt.Errorf("%w: no document element", ErrXML)
	}
	return doc, nil
}

// scope is an open element: its name as written and the namespaces that it
// declares.
type scope struct {
	name       xml.Name
	namespaces map[string]string
}

type scanner struct {
	open     []scope
	elements int
	roots    int
}

// scan refuses what the tree builder would let through.
func scan(b []byte) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, errors.New("encoding is not UTF-8")
	}
	s := &scanner{}
	for first := true; ; first = false {
		tok, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = s.token(tok, first)
		} else {
			err = errors.New("syntax error, unknown entity or other encoding")
		}
		if err != nil {
			return fmt.Errorf("%w: at byte %d: %w", ErrXML, d.InputOffset(), err)
		}
	}
	if len(s.open) != 0 || s.roots != 1 {
		return fmt.Errorf("%w: expected one complete document element", ErrXML)
	}
	return nil
}

func (s *scanner) token(tok xml.Token, first bool) error {
	switch t := tok.(type) {
	case xml.StartElement:
		return s.start(t)
	case xml.EndElement:
		if len(s.open) == 0 || s.open[len(s.open)-1].name != t.Name {
			return errors.New("an end tag does not match")
		}
		s.open = s.open[:len(s.open)-1]
	case xml.CharData:
		if len(s.open) == 0 && len(bytes.TrimSpace(bytes.TrimPrefix(t, []byte("\ufeff")))) != 0 {
			return errors.New("text outside the document element")
		}
	case xml.Comment:
	case xml.ProcInst:
		if t.Target != "xml" || !first {
			return errors.New("a processing instruction is not allowed (SOAP 1.1, Section 3)")
		}
	default:
		return errors.New("a document type declaration is not allowed (SOAP 1.1, Section 3)")
	}
	return nil
}

func (s *scanner) start(t xml.StartElement) error {
	if len(s.open) == 0 {
		s.roots++
	}
	if s.elements++; s.elements > MaxElements {
		return fmt.Errorf("more than %d elements", MaxElements)
	}
	if len(s.open) == MaxDepth {
		return fmt.Errorf("nested deeper than %d levels", MaxDepth)
	}
	if len(t.Attr) > maxAttrs {
		return fmt.Errorf("more than %d attributes on one element", maxAttrs)
	}
	sc := scope{name: t.Name}
	for _, a := range t.Attr {
		prefix, declares := a.Name.Local, a.Name.Space == "xmlns"
		if a.Name.Space == "" && a.Name.Local == "xmlns" {
			prefix, declares = "", true
		}
		if !declares {
			continue
		}
		if prefix == "xmlns" || prefix == "xml" && a.Value != xmlNamespace || prefix != "" && a.Value == "" {
			return errors.New("a namespace declaration is not allowed")
		}
		if sc.namespaces == nil {
			sc.namespaces = map[string]string{}
		}
		if _, twice := sc.namespaces[prefix]; twice {
			return errors.New("a namespace is declared twice on one element")
		}
		sc.namespaces[prefix] = a.Value
	}
	s.open = append(s.open, sc)
	return s.names(t)
}

// names checks that every prefix is declared and that no attribute is there
// twice, by name or through two prefixes (Namespaces in XML, Section 6.3).
func (s *scanner) names(t xml.StartElement) error {
	if !s.declared(t.Name.Space) || t.Name.Space == "xmlns" || strings.Contains(t.Name.Local, ":") {
		return errors.New("an element's prefix is not declared")
	}
	seen := make(map[xml.Name]bool, len(t.Attr))
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		if !s.declared(a.Name.Space) || strings.Contains(a.Name.Local, ":") {
			return errors.New("an attribute's prefix is not declared")
		}
		name := a.Name
		if name.Space != "" {
			name.Space = s.lookup(name.Space)
		}
		if seen[name] {
			return errors.New("an attribute is there twice")
		}
		seen[name] = true
	}
	return nil
}

func (s *scanner) declared(prefix string) bool { return prefix == "" || s.lookup(prefix) != "" }

func (s *scanner) lookup(prefix string) string {
	if prefix == "xml" {
		return xmlNamespace
	}
	for i := len(s.open) - 1; i >= 0; i-- {
		if ns, ok := s.open[i].namespaces[prefix]; ok {
			return ns
		}
	}
	return ""
}

// Is reports whether the element has that namespace and name.
func Is(e *etree.Element, namespace, name string) bool {
	return e != nil && e.Tag == name && e.NamespaceURI() == namespace
}

// Children gives the child elements of that namespace and name.
func Children(e *etree.Element, namespace, name string) []*etree.Element {
	var out []*etree.Element
	for _, c := range e.ChildElements() {
		if Is(c, namespace, name) {
			out = append(out, c)
		}
	}
	return out
}

// Child gives the only child element of that namespace and name, or nil when
// there is none or more than one.
func Child(e *etree.Element, namespace, name string) *etree.Element {
	if e == nil {
		return nil
	}
	if found := Children(e, namespace, name); len(found) == 1 {
		return found[0]
	}
	return nil
}

// Text is all character data directly in e. It does not stop at a comment, as
// etree's Text does: canonical XML has no comments, and what is read must be
// what was signed.
func Text(e *etree.Element) string {
	if e == nil {
		return ""
	}
	var b strings.Builder
	for _, t := range e.Child {
		if c, ok := t.(*etree.CharData); ok {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}
