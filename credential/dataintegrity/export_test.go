package dataintegrity

import "crypto"

// HashData is what a suite of ours signs, with its parts.
func HashData(s Suite, in Input, key crypto.PublicKey) (configuration, document, data []byte, err error) {
	suite := s.(*signatureSuite)
	alg, err := suite.alg(key)
	if err != nil {
		return nil, nil, nil, err
	}
	if configuration, err = suite.configuration(in, hash(alg)); err != nil {
		return nil, nil, nil, err
	}
	if document, err = suite.document(in, hash(alg)); err != nil {
		return nil, nil, nil, err
	}
	data, err = suite.hashData(in, hash(alg), sum(hash(alg), configuration))
	return configuration, document, data, err
}
