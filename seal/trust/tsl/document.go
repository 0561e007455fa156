package tsl

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// Bounds of a document. The longest list of a Member State in 2026 had 3 MB and
// 40,000 tags.
const (
	MaxSize     = 16 << 20
	maxDepth    = 48
	maxMarkup   = 300_000 // tags, comments and the like
	maxAttrs    = 32      // of one element
	maxEquals   = 400_000 // no attribute without one
	maxComments = 1000    // the canonicaliser takes each out of its siblings
	maxPrefixes = 64      // in scope at once: it copies them for every element
)

// Namespaces of a trusted list.
const (
	nsList  = "http://uri.etsi.org/02231/v2#"
	nsMore  = "http://uri.etsi.org/02231/v2/additionaltypes#"
	nsQual  = "http://uri.etsi.org/TrstSvc/SvcInfoExt/eSigDir-1999-93-EC-TrustedList/#"
	nsXAdES = "http://uri.etsi.org/01903/v1.3.2#"
	nsDS    = "http://www.w3.org/2000/09/xmldsig#"
	nsXML   = "http://www.w3.org/XML/1998/namespace"
)

const listTag = "http://uri.etsi.org/19612/TSLTag"

// readXML reads one XML document and gives its root. It refuses what the
// parser would let through and a list never needs: document type declarations,
// processing instructions, attributes that are there twice, prefixes that are
// not declared, an Id that two elements have, comments in the middle of a
// value.
func readXML(b []byte) (*etree.Element, error) {
	if err := bounded(b); err != nil {
		return nil, &Error{Check: CheckXML, Spec: specXML, Detail: err.Error()}
	}
	doc := etree.NewDocument()
	doc.ReadSettings = etree.ReadSettings{MaxDepth: maxDepth, PreserveDuplicateAttrs: true}
	if err := doc.ReadFromBytes(bytes.TrimPrefix(b, []byte("\ufeff"))); err != nil {
		// The parser's own words may hold content of the document.
		return nil, &Error{Check: CheckXML, Spec: specXML, Detail: fmt.Sprintf("a syntax error, an unknown entity, or more than %d levels", maxDepth)}
	}
	root, err := prolog(doc)
	if err != nil {
		return nil, &Error{Check: CheckXML, Spec: specXML, Detail: err.Error()}
	}
	w := walker{ids: map[string]bool{}}
	if err := w.element(root, map[string]string{"xml": nsXML}); err != nil {
		return nil, err
	}
	return root, nil
}

// bounded looks at the octets before a tree is made of them, so that a small
// document cannot become a large tree.
func bounded(b []byte) error {
	switch {
	case len(b) > MaxSize:
		return fmt.Errorf("longer than %d octets", MaxSize)
	case !utf8.Valid(b):
		return errors.New("not UTF-8")
	case bytes.Count(b, []byte("<")) > maxMarkup:
		return fmt.Errorf("more than %d tags", maxMarkup)
	case bytes.Count(b, []byte("=")) > maxEquals:
		return fmt.Errorf("more than %d attributes", maxEquals)
	case bytes.Count(b, []byte("<!--")) > maxComments:
		return fmt.Errorf("more than %d comments", maxComments)
	}
	return nil
}

// prolog finds the one root and checks what stands around it.
func prolog(doc *etree.Document) (*etree.Element, error) {
	var root *etree.Element
	for i, t := range doc.Child {
		switch t := t.(type) {
		case *etree.Element:
			if root != nil {
				return nil, errors.New("more than one document element")
			}
			root = t
		case *etree.ProcInst:
			if i != 0 || t.Target != "xml" {
				return nil, errors.New("a processing instruction is not allowed")
			}
			if enc := declaredEncoding(t.Inst); enc != "" && !strings.EqualFold(enc, "utf-8") {
				return nil, errors.New("the declared encoding is not UTF-8")
			}
		case *etree.Directive:
			return nil, errors.New("a document type declaration is not allowed")
		case *etree.CharData:
			if strings.TrimSpace(t.Data) != "" {
				return nil, errors.New("text outside the document element")
			}
		}
	}
	if root == nil {
		return nil, errors.New("no document element")
	}
	return root, nil
}

func declaredEncoding(declaration string) string {
	_, rest, ok := strings.Cut(declaration, "encoding")
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(rest, "= \t\r\n")
	if rest == "" {
		return "?"
	}
	value, _, _ := strings.Cut(rest[1:], rest[:1])
	return value
}

// walker checks every element once.
type walker struct{ ids map[string]bool }

func (w walker) element(e *etree.Element, scope map[string]string) error {
	malformed := func(detail string) error {
		return &Error{Check: CheckXML, Spec: "Namespaces in XML 1.0", Detail: detail}
	}
	if len(e.Attr) > maxAttrs {
		return malformed(fmt.Sprintf("an element has more than %d attributes", maxAttrs))
	}
	scope, err := declare(e, scope)
	if err != nil {
		return malformed(err.Error())
	}
	if !named(e.Space, e.Tag, scope) {
		return malformed("the prefix of an element is not declared")
	}
	type name struct{ space, local string }
	seen := make(map[name]bool, len(e.Attr))
	for _, a := range e.Attr {
		if declares(a) {
			continue
		}
		if !named(a.Space, a.Key, scope) {
			return malformed("the prefix of an attribute is not declared")
		}
		n := name{a.Space, a.Key}
		if n.space != "" {
			n.space = scope[a.Space]
		}
		if seen[n] {
			return malformed("an attribute is there twice")
		}
		seen[n] = true
		// Whatever another reader may take for an identifier counts.
		if strings.EqualFold(a.Key, "id") {
			if w.ids[a.Value] {
				return &Error{Check: CheckIdentifiers, Spec: specXMLSig + ", Section 4.4.3.2", Detail: "two elements have the same Id"}
			}
			w.ids[a.Value] = true
		}
	}
	return w.children(e, scope)
}

func (w walker) children(e *etree.Element, scope map[string]string) error {
	var comment, text bool
	for _, t := range e.Child {
		switch t := t.(type) {
		case *etree.Element:
			if err := w.element(t, scope); err != nil {
				return err
			}
		case *etree.Comment:
			comment = true
		case *etree.CharData:
			text = text || strings.TrimSpace(t.Data) != ""
		case *etree.ProcInst:
			return &Error{Check: CheckXML, Spec: specXML, Detail: "a processing instruction is not allowed"}
		default:
			return &Error{Check: CheckXML, Spec: specXML, Detail: "a document type declaration is not allowed"}
		}
	}
	if comment && text {
		return &Error{Check: CheckXML, Spec: specXML, Detail: "a comment in the middle of a value is not allowed, because readers disagree what the value is"}
	}
	return nil
}

func declares(a etree.Attr) bool {
	return a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns"
}

// declare adds the namespace declarations of e to the scope around it.
func declare(e *etree.Element, scope map[string]string) (map[string]string, error) {
	var added map[string]string
	for _, a := range e.Attr {
		if !declares(a) {
			continue
		}
		prefix := a.Key
		if a.Space == "" {
			prefix = ""
		}
		if prefix == "xmlns" || (prefix == "xml") != (a.Value == nsXML) || prefix != "" && a.Value == "" {
			return nil, errors.New("a namespace declaration is not allowed")
		}
		if _, twice := added[prefix]; twice {
			return nil, errors.New("a namespace is declared twice on one element")
		}
		if added == nil {
			added = map[string]string{}
		}
		added[prefix] = a.Value
	}
	if added == nil {
		return scope, nil
	}
	for prefix, ns := range scope {
		if _, ok := added[prefix]; !ok {
			added[prefix] = ns
		}
	}
	if len(added) > maxPrefixes {
		return nil, fmt.Errorf("more than %d namespaces are in scope", maxPrefixes)
	}
	return added, nil
}

func named(prefix, local string, scope map[string]string) bool {
	return local != "" && !strings.Contains(local, ":") && prefix != "xmlns" && (prefix == "" || scope[prefix] != "")
}

// is reports whether e has that namespace and name.
func is(e *etree.Element, ns, name string) bool {
	return e != nil && e.Tag == name && e.NamespaceURI() == ns
}

// children gives the child elements of that namespace and name.
func children(e *etree.Element, ns, name string) []*etree.Element {
	var out []*etree.Element
	if e == nil {
		return nil
	}
	for _, t := range e.Child {
		if c, ok := t.(*etree.Element); ok && is(c, ns, name) {
			out = append(out, c)
		}
	}
	return out
}

// child gives the only child element of that namespace and name, or nil when
// there is none or more than one.
func child(e *etree.Element, ns, name string) *etree.Element {
	if found := children(e, ns, name); len(found) == 1 {
		return found[0]
	}
	return nil
}

// text is the value of an element without child elements, without the white
// space around it.
func text(e *etree.Element) string {
	if e == nil {
		return ""
	}
	var b strings.Builder
	for _, t := range e.Child {
		switch t := t.(type) {
		case *etree.CharData:
			b.WriteString(t.Data)
		case *etree.Element:
			return ""
		}
	}
	return strings.TrimSpace(b.String())
}

// attribute is the value of an attribute without a namespace.
func attribute(e *etree.Element, name string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value
		}
	}
	return ""
}

// octets decodes base64 that may be broken into lines.
func octets(e *etree.Element) ([]byte, error) {
	value := strings.Join(strings.Fields(text(e)), "")
	if value == "" {
		return nil, errors.New("no base64")
	}
	return base64.StdEncoding.Strict().DecodeString(value)
}
