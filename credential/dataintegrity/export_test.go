package dataintegrity

import (
	"crypto"

	"github.com/zegel-id/zegel/credential/jsonld"
)

// HashData is what a suite of ours signs, with its parts.
func HashData(s Suite, in Input, key crypto.PublicKey) (configuration, document, data []byte, err error) {
	suite := s.(*signatureSuite)
	alg, err := suite.alg(key)
	if err != nil {
		return nil, nil, nil, err
	}
	if configuration, err = suite.configuration(nil, in, hash(alg)); err != nil {
		return nil, nil, nil, err
	}
	if document, err = suite.document(nil, in, hash(alg)); err != nil {
		return nil, nil, nil, err
	}
	data, err = suite.hashData(in, hash(alg))
	return configuration, document, data, err
}

// Configuration is the canonical proof configuration of a suite of ours, remembered
// or not, and how many the suite remembers.
func Configuration(p *jsonld.Processor) func(in Input, h crypto.Hash) (canonical []byte, known int, err error) {
	c := NewConfigurations(p)
	return func(in Input, h crypto.Hash) ([]byte, int, error) {
		b, err := c.append(nil, in, h)
		return b, len(c.known), err
	}
}
