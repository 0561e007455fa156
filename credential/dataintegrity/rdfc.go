package dataintegrity

import (
	"crypto"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/internal/jose"
)

// rdfc is a suite that canonicalises document and proof configuration as RDF. The
// hash within RDFC-1.0 is that of the signature.
func rdfc(p *jsonld.Processor, name, spec string, algs ...jose.Alg) *signatureSuite {
	c := NewConfigurations(p)
	return &signatureSuite{
		name: name, spec: spec, algs: algs, configuration: c.append,
		document: func(to []byte, in Input, h crypto.Hash) ([]byte, error) {
			return in.appendCanonicalRDF(to, p, h)
		},
	}
}
