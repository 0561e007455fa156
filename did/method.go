package did

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// Relationship is what a key may be used for (Controlled Identifiers 1.0,
// Section 2.3). A key serves only the relationships that list it.
type Relationship string

// The verification relationships.
const (
	// AssertionMethod: to state claims, such as issuing a credential.
	AssertionMethod Relationship = "assertionMethod"
	// Authentication: to prove to be the subject, such as presenting.
	Authentication Relationship = "authentication"
	// KeyAgreement: to receive what is encrypted to the subject.
	KeyAgreement         Relationship = "keyAgreement"
	CapabilityInvocation Relationship = "capabilityInvocation"
	CapabilityDelegation Relationship = "capabilityDelegation"
)

// Relationships are all of them, in the order of a document.
var Relationships = []Relationship{AssertionMethod, Authentication, KeyAgreement, CapabilityInvocation, CapabilityDelegation}

// Types of verification methods whose keys are read.
const (
	TypeMultikey       = "Multikey"
	TypeJSONWebKey     = "JsonWebKey"
	TypeJSONWebKey2020 = "JsonWebKey2020"
	TypeEd25519Key2020 = "Ed25519VerificationKey2020"
)

func (d *Document) references(use Relationship) []Reference {
	switch use {
	case AssertionMethod:
		return d.AssertionMethod
	case Authentication:
		return d.Authentication
	case KeyAgreement:
		return d.KeyAgreement
	case CapabilityInvocation:
		return d.CapabilityInvocation
	case CapabilityDelegation:
		return d.CapabilityDelegation
	default:
		return nil
	}
}

// Method retrieves the public key of a verification method for one use at one
// time, as Retrieve does.
//
// The key is *ecdsa.PublicKey, ed25519.PublicKey or *rsa.PublicKey; for
// KeyAgreement *ecdh.PublicKey (X25519) or *ecdsa.PublicKey.
func (d *Document) Method(url string, use Relationship, at time.Time) (crypto.PublicKey, error) {
	m, err := d.Retrieve(url, use, at)
	if err != nil {
		return nil, err
	}
	pub, err := m.Key()
	if err != nil {
		return nil, err
	}
	if use == KeyAgreement && !agrees(pub) || use != KeyAgreement && !signs(pub) {
		return nil, fmt.Errorf("%w: a key of this type cannot serve %s", ErrVerificationMethod, use)
	}
	return pub, nil
}

// Retrieve retrieves a verification method for one use at one time (Controlled
// Identifiers 1.0, Section 3.3). url is absolute, with a fragment, and belongs to
// this document; the method is listed under use; its controller is this document;
// at is before revoked and expires (Section 2.2). For proofs whose time is proven,
// at is that time, else it is now. The key may be of a kind that Method does not
// read.
func (d *Document) Retrieve(url string, use Relationship, at time.Time) (*VerificationMethod, error) {
	base, fragment, _ := strings.Cut(url, "#")
	if fragment == "" {
		return nil, fmt.Errorf("%w: the verification method must be a URL with a fragment (Controlled Identifiers 1.0, Section 3.3)", ErrVerificationMethod)
	}
	if base != d.ID {
		return nil, fmt.Errorf("%w: the verification method is of another document (Controlled Identifiers 1.0, Section 3.3)", ErrVerificationMethod)
	}
	m := d.listed(url, use)
	switch {
	case m == nil:
		return nil, fmt.Errorf("%w: it is not listed under %s (Controlled Identifiers 1.0, Section 3.3)", ErrVerificationMethod, use)
	case m.Controller != d.ID:
		return nil, fmt.Errorf("%w: its controller is not this document (Controlled Identifiers 1.0, Section 3.3)", ErrVerificationMethod)
	case !m.Revoked.IsZero() && !at.Before(m.Revoked):
		return nil, fmt.Errorf("%w: it was revoked before this use (Controlled Identifiers 1.0, Section 2.2)", ErrVerificationMethod)
	case !m.Expires.IsZero() && !at.Before(m.Expires):
		return nil, fmt.Errorf("%w: it expired before this use (Controlled Identifiers 1.0, Section 2.2)", ErrVerificationMethod)
	}
	if k := m.PublicKeyJWK; k != nil && (k.Use == "enc" && use != KeyAgreement || k.Use == "sig" && use == KeyAgreement) {
		return nil, fmt.Errorf("%w: the JWK's use is %s, not %s (RFC 7517, Section 4.2)", ErrVerificationMethod, k.Use, use)
	}
	return m, nil
}

// listed finds the method under the relationship, by reference or embedded.
func (d *Document) listed(url string, use Relationship) *VerificationMethod {
	for _, r := range d.references(use) {
		if r.Method != nil {
			if r.Method.ID == url {
				return r.Method
			}
			continue
		}
		if r.ID != url {
			continue
		}
		for i := range d.VerificationMethod {
			if d.VerificationMethod[i].ID == url {
				return &d.VerificationMethod[i]
			}
		}
	}
	return nil
}

// Key is the public key of the method, whatever its use. The type decides the
// form (Controlled Identifiers 1.0, Sections 2.2.2 and 2.2.3); a type that is
// not known here has no usable key.
func (m *VerificationMethod) Key() (crypto.PublicKey, error) {
	switch m.Type {
	case TypeMultikey:
		return DecodeMultikey(m.PublicKeyMultibase)
	case TypeEd25519Key2020:
		pub, err := DecodeMultikey(m.PublicKeyMultibase)
		if err != nil {
			return nil, err
		}
		if _, ok := pub.(ed25519.PublicKey); !ok {
			return nil, fmt.Errorf("%w: the key of an %s must be Ed25519", ErrKey, TypeEd25519Key2020)
		}
		return pub, nil
	case TypeJSONWebKey, TypeJSONWebKey2020:
		if m.PublicKeyJWK == nil {
			return nil, fmt.Errorf("%w: a %s must have publicKeyJwk (Controlled Identifiers 1.0, Section 2.2.3)", ErrKey, m.Type)
		}
		return jwkKey(*m.PublicKeyJWK)
	default:
		return nil, fmt.Errorf("%w: the type of the verification method is not one of %s, %s, %s, %s", ErrKey, TypeMultikey, TypeJSONWebKey, TypeJSONWebKey2020, TypeEd25519Key2020)
	}
}

// jwkKey is the key of a public JWK, X25519 included (RFC 8037, Section 2).
func jwkKey(k jose.JWK) (crypto.PublicKey, error) {
	if k.Kty == "OKP" && k.Crv == "X25519" && k.D == "" {
		x, err := jose.Decode(k.X)
		if err != nil {
			return nil, fmt.Errorf("%w: x must be base64url (RFC 8037, Section 2)", ErrKey)
		}
		pub, err := ecdh.X25519().NewPublicKey(x)
		if err != nil {
			return nil, fmt.Errorf("%w: an X25519 key must have x of 32 octets (RFC 8037, Section 2)", ErrKey)
		}
		return pub, nil
	}
	pub, err := k.Key()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return pub, nil
}

func signs(pub crypto.PublicKey) bool {
	switch pub.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey, *rsa.PublicKey, BBSPublicKey:
		return true
	default:
		return false
	}
}

func agrees(pub crypto.PublicKey) bool {
	switch pub.(type) {
	case *ecdsa.PublicKey, *ecdh.PublicKey:
		return true
	default:
		return false
	}
}
