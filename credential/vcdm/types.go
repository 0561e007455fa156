package vcdm

import (
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/internal/jose"
)

// Types expands types to IRIs with the contexts of the document, as the
// type_values of a query are compared (OpenID4VP 1.0, Appendix B.1.1). It
// processes the types alone, not the document. Contexts the processor does not
// know and types no context defines are errors.
func Types(p *jsonld.Processor, contexts []Context, types []string) ([]string, error) {
	bad := func(err error) error {
		return &Error{Problem: MalformedValueError, Member: "type", Spec: section("4.5"), Detail: "does not expand to IRIs", Err: err}
	}
	list := make([]any, len(contexts))
	for i, c := range contexts {
		list[i] = c.URL
		if c.Inline != nil {
			var inline any
			if err := jose.Unmarshal(c.Inline, &inline); err != nil {
				return nil, bad(err)
			}
			list[i] = inline
		}
	}
	// A node for each type, so that the contexts are processed once.
	nodes := make([]any, len(types))
	for i, t := range types {
		nodes[i] = map[string]any{"@id": subject(i), "@type": t}
	}
	b, err := jose.Marshal(map[string]any{"@context": list, "@graph": nodes})
	if err != nil {
		return nil, bad(err)
	}
	quads, err := p.Canonicalize(b, jsonld.Options{}, rdf.Options{})
	if err != nil {
		return nil, bad(err)
	}
	iris := map[string]string{}
	for line := range strings.Lines(string(quads)) {
		s, iri, ok := strings.Cut(strings.TrimSuffix(line, "> .\n"), "> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <")
		if ok {
			iris[strings.TrimPrefix(s, "<")] = iri
		}
	}
	out := make([]string, len(types))
	for i := range types {
		iri, ok := iris[subject(i)]
		if !ok {
			return nil, malformed("type", "4.5", "holds a type that no context defines")
		}
		out[i] = iri
	}
	return out, nil
}

// subject is the node that has the type of this index.
func subject(i int) string { return "urn:x:" + strconv.Itoa(i) }
