package dataintegrity

import (
	"crypto"

	"github.com/zegel-id/zegel/internal/jose"
)

// EdDSAJCS2022 is eddsa-jcs-2022 (Data Integrity EdDSA Cryptosuites 1.0, Section
// 3.3), for Ed25519 keys.
func EdDSAJCS2022() Suite { return eddsaJCS }

// NewEdDSAJCS2022 signs by EdDSAJCS2022.
func NewEdDSAJCS2022(key crypto.Signer) (Signer, error) { return newJCS(eddsaJCS, key) }

var eddsaJCS = &signatureSuite{
	name: "eddsa-jcs-2022", spec: "Data Integrity EdDSA Cryptosuites 1.0, Section 3.3",
	algs: []jose.Alg{jose.EdDSA}, form: jcsForm,
}

// jcsSigner writes the document's @context into its proofs (Data Integrity EdDSA
// Cryptosuites 1.0, Section 3.3.1, step 2).
type jcsSigner struct{ Signer }

func (jcsSigner) contextInProof() {}

func newJCS(s *signatureSuite, key crypto.Signer) (Signer, error) {
	signer, err := s.signer(key)
	if err != nil {
		return nil, err
	}
	return jcsSigner{signer}, nil
}
