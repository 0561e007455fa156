package vcapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/credential/vcdm"
)

// Contexts are the JSON-LD contexts that documents may name. None is ever fetched.
type Contexts struct {
	urls      []string
	inline    bool
	processor *jsonld.Processor
}

// NewContexts knows the embedded contexts and those of more, by their URLs. An
// embedded one cannot be replaced. insecureInline also lets documents write
// contexts out, with which they can say anything of anything.
func NewContexts(more map[string][]byte, insecureInline bool) (*Contexts, error) {
	c := &Contexts{urls: contexts.URLs(), inline: insecureInline}
	for _, url := range slices.Sorted(maps.Keys(more)) {
		if slices.Contains(c.urls, url) {
			return nil, fmt.Errorf("vcapi: the context %s is embedded and cannot be replaced", url)
		}
		c.urls = append(c.urls, url)
	}
	c.processor = jsonld.New(jsonld.LoaderFunc(func(url string) ([]byte, error) {
		if b, ok := more[url]; ok {
			return b, nil
		}
		return contexts.Document(url)
	}))
	for url := range more {
		probe := []byte(`{"@context":"` + url + `","@id":"urn:x:1","@type":"urn:x:2"}`)
		if _, err := c.processor.Canonicalize(probe, jsonld.Options{}, rdf.Options{}); err != nil {
			return nil, fmt.Errorf("vcapi: the context %s: %w", url, err)
		}
	}
	return c, nil
}

// known refuses contexts that are not known, and such as are written out in the
// document: what they say is the author's alone (Data Integrity 1.0, Section
// 2.4.1).
func (c *Contexts) known(field string, list []vcdm.Context) error {
	for i, one := range list {
		at := fmt.Sprintf("%s.@context[%d]", field, i)
		switch {
		case one.Inline != nil && c.inline:
		case one.Inline != nil:
			return &Error{
				Err: ErrInput, Type: string(vcdm.MalformedValueError), Title: titleContext, Field: at, Detail: "is written out in the document",
				Spec: "Data Integrity 1.0, Section 2.4.1", Remedy: "Name a context by its URL. The operator can add contexts of files (vc_api.contexts).",
			}
		case !slices.Contains(c.urls, one.URL):
			return &Error{
				Err: ErrInput, Type: string(vcdm.MalformedValueError), Title: titleContext, Field: at, Detail: "names " + clip(one.URL) + ", which is not known here; contexts are never fetched",
				Spec: "Data Integrity 1.0, Section 2.4.1", Remedy: "Use one of the known contexts, or have the operator add this one from a file (vc_api.contexts).",
			}
		}
	}
	return nil
}

// defined makes sure that all of a document has a meaning: what JSON-LD would
// drop, such as an undefined term, is an error. A direction of text is not: it gets
// lost only where RDF is signed, and the suites that do refuse it then.
func (c *Contexts) defined(document []byte) error {
	_, err := c.processor.Canonicalize(document, jsonld.Options{Direction: jsonld.I18nDatatype}, rdf.Options{})
	return err
}

// clip keeps a short printable part of an outside name for an error text.
func clip(s string) string {
	const most = 120
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), most)]
}
