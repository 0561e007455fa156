package dataintegrity

import (
	"crypto"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/internal/jose"
)

// ECDSARDFC2019 is ecdsa-rdfc-2019 (Data Integrity ECDSA Cryptosuites 1.0, Section
// 3.2). A P-256 key goes with SHA-256, a P-384 key with SHA-384.
func ECDSARDFC2019(p *jsonld.Processor) Suite { return ecdsaRDFC(p) }

// NewECDSARDFC2019 signs by ECDSARDFC2019.
func NewECDSARDFC2019(p *jsonld.Processor, key crypto.Signer) (Signer, error) {
	return ecdsaRDFC(p).signer(key)
}

func ecdsaRDFC(p *jsonld.Processor) *signatureSuite {
	return rdfc(p, "ecdsa-rdfc-2019", "Data Integrity ECDSA Cryptosuites 1.0, Section 3.2", jose.ES256, jose.ES384)
}
