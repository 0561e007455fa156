package did

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"fmt"
	"strings"
)

// KeyMethod is the method did:key (version 0.9 of 2 November 2025) for P-256, P-384,
// Ed25519 and BLS12-381 G2 keys. Other types are
// refused.
type KeyMethod struct {
	// DeriveEncryption adds the X25519 key of an Ed25519 key under
	// keyAgreement (option enableEncryptionKeyDerivation). Off by default: the
	// specification warns of it (did:key, Key Derivation Lacks Proof).
	DeriveEncryption bool
}

// DIDKey is the did:key of a public key.
func DIDKey(pub crypto.PublicKey) (string, error) {
	multibase, err := EncodeMultikey(pub)
	if err != nil {
		return "", err
	}
	return "did:key:" + multibase, nil
}

// ParseDIDKey returns the public key of a did:key and the multibase value,
// which is the fragment of its verification method.
func ParseDIDKey(did string) (pub crypto.PublicKey, multibase string, err error) {
	d, err := Parse(did)
	if err != nil {
		return nil, "", err
	}
	if d.Method != "key" {
		return nil, "", fmt.Errorf("%w: expected did:key", ErrMethod)
	}
	multibase = d.ID
	if version, value, ok := strings.Cut(d.ID, ":"); ok {
		// The only version there is; a number that is not known could mean
		// another reading of the value.
		if version != "1" {
			return nil, "", fmt.Errorf("%w: did:key version must be 1 (did:key, Document Creation Algorithm)", ErrSyntax)
		}
		multibase = value
	}
	if pub, err = DecodeMultikey(multibase); err != nil {
		return nil, "", err
	}
	if !signs(pub) {
		return nil, "", fmt.Errorf("%w: a did:key must hold a signature key: P-256, P-384, Ed25519 or BLS12-381 G2 (did:key, Signature Method Creation Algorithm)", ErrKey)
	}
	return pub, multibase, nil
}

// Resolve computes the document of a did:key (did:key, Document Creation
// Algorithm).
func (m KeyMethod) Resolve(_ context.Context, did string) (*Document, error) {
	pub, multibase, err := ParseDIDKey(did)
	if err != nil {
		return nil, err
	}
	doc := &Document{Context: multikeyContexts, ID: did}
	use := doc.add(VerificationMethod{
		ID: did + "#" + multibase, Type: TypeMultikey, Controller: did, PublicKeyMultibase: multibase,
	})
	doc.Authentication, doc.AssertionMethod = use, use
	doc.CapabilityDelegation, doc.CapabilityInvocation = use, use
	if ed, ok := pub.(ed25519.PublicKey); ok && m.DeriveEncryption {
		x, err := montgomery(ed)
		if err != nil {
			return nil, err
		}
		text, err := EncodeMultikey(x)
		if err != nil {
			return nil, err
		}
		doc.KeyAgreement = []Reference{{Method: &VerificationMethod{
			ID: did + "#" + text, Type: TypeMultikey, Controller: did, PublicKeyMultibase: text,
		}}}
	}
	return doc, nil
}
