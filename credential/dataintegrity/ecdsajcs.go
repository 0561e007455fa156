package dataintegrity

import (
	"crypto"

	"github.com/zegel-id/zegel/internal/jose"
)

// ECDSAJCS2019 is ecdsa-jcs-2019 (Data Integrity ECDSA Cryptosuites 1.0, Section
// 3.3). A P-256 key goes with SHA-256, a P-384 key with SHA-384.
func ECDSAJCS2019() Suite { return ecdsaJCS() }

// NewECDSAJCS2019 signs by ECDSAJCS2019.
func NewECDSAJCS2019(key crypto.Signer) (Signer, error) { return ecdsaJCS().signer(key) }

func ecdsaJCS() *signatureSuite {
	return jcsSuite("ecdsa-jcs-2019", "Data Integrity ECDSA Cryptosuites 1.0, Section 3.3", jose.ES256, jose.ES384)
}
