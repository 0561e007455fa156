package did

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// JWKMethod is the method did:jwk (quartzjer/did-jwk of 19 August 2023).
type JWKMethod struct{}

var jwkContexts = jsontext.Value(`["https://www.w3.org/ns/did/v1","https://w3id.org/security/suites/jws-2020/v1"]`)

// DIDJWK is the did:jwk of a public key: of its required members, in
// lexicographic order without white space. Other spellings of one key are
// other DIDs.
func DIDJWK(pub crypto.PublicKey) (string, error) {
	var k jose.JWK
	if x, ok := pub.(*ecdh.PublicKey); ok && x.Curve() == ecdh.X25519() {
		k = jose.JWK{Kty: "OKP", Crv: "X25519", X: jose.Encode(x.Bytes())}
	} else {
		var err error
		if k, err = jose.PublicJWK(pub); err != nil {
			return "", fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
	members := map[string]string{}
	for name, value := range map[string]string{"crv": k.Crv, "e": k.E, "kty": k.Kty, "n": k.N, "x": k.X, "y": k.Y} {
		if value != "" {
			members[name] = value
		}
	}
	b, err := jose.Marshal(members)
	if err != nil {
		return "", err
	}
	return "did:jwk:" + jose.Encode(b), nil
}

// ParseDIDJWK returns the JWK of a did:jwk and its key. The text must be
// canonical base64url without padding of one strict JSON object with a public
// key; private members are refused.
func ParseDIDJWK(did string) (jose.JWK, crypto.PublicKey, error) {
	d, err := Parse(did)
	if err != nil {
		return jose.JWK{}, nil, err
	}
	if d.Method != "jwk" {
		return jose.JWK{}, nil, fmt.Errorf("%w: expected did:jwk", ErrMethod)
	}
	b, err := jose.Decode(d.ID)
	if err != nil {
		return jose.JWK{}, nil, fmt.Errorf("%w: the identifier must be canonical base64url without padding (did:jwk, Read)", ErrSyntax)
	}
	var k jose.JWK
	if err := jose.Unmarshal(b, &k); err != nil {
		return jose.JWK{}, nil, fmt.Errorf("%w: the identifier must hold one strict JSON object (did:jwk, Read)", ErrSyntax)
	}
	pub, err := jwkKey(k)
	if err != nil {
		return jose.JWK{}, nil, err
	}
	return k, pub, nil
}

// Resolve computes the document of a did:jwk (did:jwk, Read). The fragment of
// the one method is always 0, whatever kid says; use decides the
// relationships.
func (JWKMethod) Resolve(_ context.Context, did string) (*Document, error) {
	k, _, err := ParseDIDJWK(did)
	if err != nil {
		return nil, err
	}
	doc := &Document{Context: jwkContexts, ID: did}
	use := doc.add(VerificationMethod{ID: did + "#0", Type: TypeJSONWebKey2020, Controller: did, PublicKeyJWK: &k})
	if k.Use != "enc" {
		doc.AssertionMethod, doc.Authentication = use, use
		doc.CapabilityInvocation, doc.CapabilityDelegation = use, use
	}
	if k.Use != "sig" {
		doc.KeyAgreement = use
	}
	return doc, nil
}
