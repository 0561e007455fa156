package dataintegrity

import (
	"crypto"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/internal/jose"
)

// EdDSARDFC2022 is eddsa-rdfc-2022 (Data Integrity EdDSA Cryptosuites 1.0, Section
// 3.2), for Ed25519 keys.
func EdDSARDFC2022(p *jsonld.Processor) Suite { return eddsaRDFC(p) }

// NewEdDSARDFC2022 signs by EdDSARDFC2022.
func NewEdDSARDFC2022(p *jsonld.Processor, key crypto.Signer) (Signer, error) {
	return eddsaRDFC(p).signer(key)
}

func eddsaRDFC(p *jsonld.Processor) *signatureSuite {
	return rdfc(p, "eddsa-rdfc-2022", "Data Integrity EdDSA Cryptosuites 1.0, Section 3.2", jose.EdDSA)
}
