package jsonld

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zegel-id/zegel/credential/rdf"
)

// container is the set of container mappings of a term (API, Section 4.1).
type container uint8

const (
	inList container = 1 << iota
	inSet
	inLanguage
	inIndex
	inID
	inType
	inGraph
)

var containers = map[string]container{"@list": inList, "@set": inSet, "@language": inLanguage,
	"@index": inIndex, "@id": inID, "@type": inType, "@graph": inGraph}

// optional is a string that may be unset, or set to null.
type optional struct {
	set   bool
	value string // "" is null
}

// term is a term definition (API, Section 4.1). It does not change once it is in
// a context.
type term struct {
	name      string
	hash      uint32 // of name
	kw        word   // what it stands for: a keyword, a property, nothing
	iri       string // IRI mapping or keyword, "" is null
	prefix    bool
	protected bool
	reverse   bool
	container container
	coerce    string // type mapping
	index     string // index mapping
	nest      string
	language  optional
	direction optional
	scope     *local

	named    rdf.Term // iri as a term of RDF
	namedErr error
	datatype rdf.Datatype // coerce as a datatype
	place    uint8        // in run.nodes
}

// same compares all but protection (API, Section 4.2.2, step 27).
func (t *term) same(o *term) bool {
	a, b := *t, *o
	a.protected, b.protected = false, false
	if a.scope != nil && b.scope != nil && a.scope.base == b.scope.base && a.scope.a.Raw(a.scope.at) == b.scope.a.Raw(b.scope.at) {
		b.scope = a.scope
	}
	return a.name == b.name && a.iri == b.iri && a.prefix == b.prefix && a.reverse == b.reverse && a.container == b.container &&
		a.coerce == b.coerce && a.index == b.index && a.nest == b.nest && a.language == b.language && a.direction == b.direction && a.scope == b.scope
}

// local is a local context as it stands in a document, not yet processed.
type local struct {
	a    *arena
	at   int32
	base string
}

// Context is an active context (API, Section 4.1), compiled. It never changes, but
// for remembering the contexts made from it.
type Context struct {
	terms     terms
	original  string // base URL of the document
	base      string // "" is none
	vocab     optional
	language  string
	direction string
	previous  *Context
	guarded   bool // holds protected terms
	// Other names of @type, @value and @none, which are looked for before the rest.
	typeNames, valueNames, noneNames []string

	scopes bool // holds terms with scoped contexts

	mu   sync.Mutex
	next atomic.Pointer[map[step]*Context]
}

// step is what leads from one context to the next: the text of an inline
// context, or a term with a scoped context.
type step struct {
	raw  string
	term *term
	how  how
}

type how uint8

const (
	inline how = iota
	byProperty
	byType
	byMap
)

// reached finds a context made before.
func (c *Context) reached(s step) *Context {
	if m := c.next.Load(); m != nil {
		return (*m)[s]
	}
	return nil
}

// maxSteps bounds what one context remembers, and so what remembering costs.
const maxSteps = 512

func (c *Context) remember(s step, to *Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := map[step]*Context{}
	if old := c.next.Load(); old != nil && len(*old) < maxSteps {
		m = maps.Clone(*old)
	}
	m[s] = to
	c.next.Store(&m)
}

func (c *Context) clone() *Context {
	return &Context{terms: c.terms.clone(), original: c.original, base: c.base, vocab: c.vocab,
		language: c.language, direction: c.direction, previous: c.previous, guarded: c.guarded, scopes: c.scopes,
		typeNames: c.typeNames, valueNames: c.valueNames, noneNames: c.noneNames}
}

// equal says whether a context just made adds nothing to another, so that
// recursive documents do not make ever more contexts.
func (c *Context) equal(o *Context) bool {
	return c.base == o.base && c.vocab == o.vocab && c.language == o.language && c.direction == o.direction &&
		c.previous == o.previous && c.terms.equal(&o.terms)
}

// keyword says what keyword a name stands for, "" if none.
func (c *Context) keyword(name string) string {
	if t := c.terms.get(name); t != nil {
		name = t.iri
	}
	if isKeyword(name) {
		return name
	}
	return ""
}

// keywordLike is "@"1*ALPHA, which is set aside for later versions.
func keywordLike(s string) bool {
	if len(s) < 2 || s[0] != '@' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// expandIRI is IRI Expansion (API, Section 5.2.2) with a context that is ready.
// The answer "" is null.
func (c *Context) expandIRI(s string, relative, vocab bool) string {
	if s == "" && !relative {
		return c.inVocab(s, vocab)
	}
	if s != "" && s[0] == '@' {
		if wordOf(s) != kwProperty {
			return s
		}
		if keywordLike(s) {
			return ""
		}
	}
	colon := strings.IndexByte(s, ':')
	if vocab || colon <= 0 { // a term with a colon inside is never a keyword
		if t := c.terms.get(s); t != nil && (vocab || isKeyword(t.iri)) {
			return t.iri
		}
	}
	if colon >= 0 {
		if colon > 0 {
			if s[:colon] == "_" || strings.HasPrefix(s[colon+1:], "//") {
				return s
			}
			if t := c.terms.get(s[:colon]); t != nil && t.prefix && t.iri != "" {
				return t.iri + s[colon+1:]
			}
		}
		if absolute(s) {
			return s
		}
	}
	if vocab && c.vocab.set {
		return c.vocab.value + s
	}
	if relative {
		return resolve(c.base, s)
	}
	return s
}

func (c *Context) inVocab(s string, vocab bool) string {
	if vocab && c.vocab.set {
		return c.vocab.value + s
	}
	return s
}

// typeScoped says whether any term has a scoped context.
func (c *Context) typeScoped() bool { return c.scopes }

// findAliases keeps the other names of @type, @value and @none at hand.
func (c *Context) findAliases() {
	c.typeNames, c.valueNames, c.noneNames = nil, nil, nil
	for t := range c.terms.all {
		switch t.iri {
		case "@type":
			c.typeNames = append(c.typeNames, t.name)
		case "@value":
			c.valueNames = append(c.valueNames, t.name)
		case "@none":
			c.noneNames = append(c.noneNames, t.name)
		}
	}
}

// isNone says whether the name of an entry of a map stands for @none.
func (c *Context) isNone(name string) bool {
	return name == "@none" || slices.Contains(c.noneNames, name)
}
