package derivable

import (
	"crypto"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/did"
)

// Verifier is a dataintegrity.Suite whose issuers have keys of one kind.
type Verifier[K any] struct {
	Suite string
	// IssuerKey is a key that fits the suite.
	IssuerKey func(crypto.PublicKey) (K, error)
	// Proof verifies a base or a derived proof, not both.
	Proof func(in di.Input, proofValue string, issuer K) error
}

// Name of the cryptosuite.
func (v Verifier[K]) Name() string { return v.Suite }

// Key is the key of a verification method, if it fits the suite.
func (v Verifier[K]) Key(m *did.VerificationMethod) (crypto.PublicKey, error) {
	key, err := m.Key()
	if err != nil {
		return nil, err
	}
	if _, err := v.IssuerKey(key); err != nil {
		return nil, err
	}
	return key, nil
}

// Verify verifies a proof with a key that Key gave.
func (v Verifier[K]) Verify(in di.Input, proofValue string, key crypto.PublicKey) error {
	issuer, err := v.IssuerKey(key)
	if err != nil {
		return err
	}
	return v.Proof(in, proofValue, issuer)
}
