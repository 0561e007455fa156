package dataintegrity

import (
	"crypto"

	"github.com/zegel-id/zegel/internal/jose"
)

// EdDSAJCS2022 is eddsa-jcs-2022 (Data Integrity EdDSA Cryptosuites 1.0, Section
// 3.3), for Ed25519 keys.
func EdDSAJCS2022() Suite { return eddsaJCS() }

// NewEdDSAJCS2022 signs by EdDSAJCS2022.
func NewEdDSAJCS2022(key crypto.Signer) (Signer, error) { return eddsaJCS().signer(key) }

func eddsaJCS() *signatureSuite {
	return jcsSuite("eddsa-jcs-2022", "Data Integrity EdDSA Cryptosuites 1.0, Section 3.3", jose.EdDSA)
}
