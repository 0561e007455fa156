package profile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// Profile is a declaration, compiled. It does not change and is safe for
// concurrent use.
type Profile struct {
	name          string
	required      []string
	mandatory     []string
	inexpressible map[string]string
	contexts      []any
	types         []string

	declared jsontext.Value // the document
	tables   map[string]map[string]string
	names    names // of claims
	root     *node // of a document whose issuer is not known
	claims   *branch
}

// names are the claims of a profile and where each is kept while a document is
// written.
type names struct {
	slots []string       // by slot
	of    map[string]int // slot of a claim's dotted name
	lists map[int]*names // the members of a list's elements, by the list's slot
}

func (n *names) slot(name string) int {
	if i, ok := n.of[name]; ok {
		return i
	}
	if n.of == nil {
		n.of, n.lists = map[string]int{}, map[int]*names{}
	}
	n.of[name] = len(n.slots)
	n.slots = append(n.slots, name)
	return len(n.slots) - 1
}

// Parse compiles a declaration, which is of the product or its operator and not
// of a stranger.
func Parse(declaration []byte) (*Profile, error) {
	var d struct {
		Name          string                       `json:"name"`
		Comment       string                       `json:"comment"`
		Document      jsontext.Value               `json:"document"`
		Required      []string                     `json:"required"`
		Mandatory     []string                     `json:"mandatory"`
		Tables        map[string]map[string]string `json:"tables"`
		Inexpressible map[string]string            `json:"inexpressible"`
	}
	if err := jose.UnmarshalClosed(declaration, &d); err != nil {
		return nil, &Error{Err: ErrDeclaration, Detail: err.Error()}
	}
	p := &Profile{
		name: d.Name, required: d.Required, mandatory: d.Mandatory, inexpressible: d.Inexpressible,
		declared: d.Document, tables: d.Tables,
	}
	if err := p.compileAll(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Profile) compileAll() error {
	if p.name == "" || len(p.declared) == 0 {
		return p.fault(ErrDeclaration, "", "name and document must be there")
	}
	c := compiler{p: p, names: &p.names}
	root, err := c.document()
	if err != nil {
		return err
	}
	p.root = root
	if err := p.head(); err != nil {
		return err
	}
	for _, claim := range p.required {
		if _, ok := values[claim]; ok {
			continue
		}
		if _, ok := p.names.of[claim]; !ok {
			return p.fault(ErrDeclaration, claim, "is required and has no place in the document")
		}
	}
	for _, pointer := range p.mandatory {
		if !strings.HasPrefix(pointer, "/") {
			return p.fault(ErrDeclaration, pointer, "is not a JSON pointer to a part of the document (RFC 6901)")
		}
	}
	for claim, why := range p.inexpressible {
		if why == "" {
			return p.fault(ErrDeclaration, claim, "has no place and no reason is given")
		}
	}
	for _, claim := range p.names.slots {
		if !slices.ContainsFunc(c.refs, func(r *reference) bool { return r.name == claim }) {
			return p.fault(ErrDeclaration, claim, "is only asked for by $if and has no place in the document")
		}
	}
	c.primaries(p.required)
	p.claims, err = p.tree()
	return err
}

// head finds what every document of the profile begins with.
func (p *Profile) head() error {
	var head struct {
		Context []any    `json:"@context"`
		Type    []string `json:"type"`
	}
	if err := jose.Unmarshal(p.declared, &head); err != nil || len(head.Context) == 0 || len(head.Type) == 0 {
		return p.fault(ErrDeclaration, "document", "@context and type must be arrays (VCDM 2.0, Sections 4.3 and 4.5)")
	}
	for _, c := range head.Context {
		if _, ok := c.(string); !ok {
			return p.fault(ErrDeclaration, "/@context", "a context is named by its URL, so that its digest decides what it says")
		}
	}
	p.contexts, p.types = head.Context, head.Type
	return nil
}

func (p *Profile) fault(kind error, field, format string, args ...any) error {
	return &Error{Profile: p.name, Field: field, Detail: fmt.Sprintf(format, args...), Err: kind}
}

// Name of the profile.
func (p *Profile) Name() string { return p.name }

// Contexts are the URLs in @context, in order.
func (p *Profile) Contexts() []string {
	out := make([]string, len(p.contexts))
	for i, c := range p.contexts {
		out[i] = c.(string)
	}
	return out
}

// Types are the values of type that every document has.
func (p *Profile) Types() []string { return slices.Clone(p.types) }

// Claims are the dotted names of the claims that have a place, in the order of
// the document.
func (p *Profile) Claims() []string { return slices.Clone(p.names.slots) }

// Mandatory are JSON pointers to what every presentation discloses, as far as a
// document has it.
func (p *Profile) Mandatory() []string { return slices.Clone(p.mandatory) }

// Required are the claims without which there is no such document.
func (p *Profile) Required() []string { return slices.Clone(p.required) }

// Inexpressible are the claims that have no place, or not with every value, and
// the reasons.
func (p *Profile) Inexpressible() map[string]string { return maps.Clone(p.inexpressible) }

var (
	pointerEscapes   = strings.NewReplacer("~", "~0", "/", "~1")
	pointerUnescapes = strings.NewReplacer("~1", "/", "~0", "~")
)

func escapePointer(s string) string { return pointerEscapes.Replace(s) }
