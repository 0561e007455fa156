package dataintegrity

import (
	"crypto"

	"github.com/zegel-id/zegel/credential/jsonld"
)

// rdfcForm canonicalises document and proof configuration as RDF. The hash within
// RDFC-1.0 is that of the signature.
func rdfcForm(p *jsonld.Processor) func(Input, crypto.Hash) ([]byte, []byte, error) {
	return func(in Input, h crypto.Hash) (configuration, document []byte, err error) {
		if configuration, err = in.CanonicalConfiguration(p, h); err != nil {
			return nil, nil, err
		}
		document, err = canonicalRDF(p, in.Document, h, "document")
		return configuration, document, err
	}
}
