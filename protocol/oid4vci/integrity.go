package oid4vci

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/credential/dataintegrity"
)

// Cryptosuites that a di_vp proof may use. Those that canonicalise as RDF are
// not among them: nothing is processed as JSON-LD here (OpenID4VCI 1.0,
// Appendix A.1.2).
const (
	EdDSAJCS = "eddsa-jcs-2022"
	ECDSAJCS = "ecdsa-jcs-2019"
)

const typeIntegrity = "DataIntegrityProof"

var errIntegrity = errors.New("the Data Integrity proof does not hold")

// suiteOf is the suite a key signs with.
func suiteOf(pub crypto.PublicKey) (dataintegrity.Suite, error) {
	switch k := pub.(type) {
	case ed25519.PublicKey:
		return dataintegrity.EdDSAJCS2022(), nil
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() {
			return dataintegrity.ECDSAJCS2019(), nil
		}
	}
	return nil, fmt.Errorf("%w: no cryptosuite for a %T of this kind", errIntegrity, pub)
}

// integritySigner makes the proofs of a key.
func integritySigner(key crypto.Signer) (dataintegrity.Signer, error) {
	suite, err := suiteOf(key.Public())
	if err != nil {
		return nil, err
	}
	if suite.Name() == EdDSAJCS {
		return dataintegrity.NewEdDSAJCS2022(key)
	}
	return dataintegrity.NewECDSAJCS2019(key)
}

// verifyIntegrity checks the one proof of a document. The key decides the
// algorithm and the hash; the proof must name its suite.
func verifyIntegrity(document []byte, key crypto.PublicKey) error {
	suite, err := suiteOf(key)
	if err != nil {
		return err
	}
	secured, err := dataintegrity.Parse(document)
	if err != nil {
		return err
	}
	proofs := secured.Proofs()
	if len(proofs) != 1 {
		return fmt.Errorf("%w: there must be exactly one", errIntegrity)
	}
	if proofs[0].Cryptosuite != suite.Name() {
		return fmt.Errorf("%w: the key does not fit the cryptosuite", errIntegrity)
	}
	in, err := secured.Input(proofs[0])
	if err != nil {
		return err
	}
	if err := suite.Verify(in, proofs[0].Value, key); err != nil {
		return fmt.Errorf("%w: %w", errIntegrity, err)
	}
	return nil
}
