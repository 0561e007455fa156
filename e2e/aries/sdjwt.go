package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v3/jwt"
	"github.com/hyperledger/aries-framework-go/pkg/doc/jose"
	"github.com/hyperledger/aries-framework-go/pkg/doc/jose/jwk"
	"github.com/hyperledger/aries-framework-go/pkg/doc/jose/jwk/jwksupport"
	ariesjwt "github.com/hyperledger/aries-framework-go/pkg/doc/jwt"
	"github.com/hyperledger/aries-framework-go/pkg/doc/sdjwt/holder"
	"github.com/hyperledger/aries-framework-go/pkg/doc/sdjwt/issuer"
	"github.com/hyperledger/aries-framework-go/pkg/doc/sdjwt/verifier"
	signature "github.com/hyperledger/aries-framework-go/pkg/doc/signature/verifier"
)

// sdjwtInput is what the operations on SD-JWT are given: draft 2 of what became RFC 9901,
// whose holder binding does not cover what is disclosed.
type sdjwtInput struct {
	Claims          json.RawMessage // an object, each member disclosable
	Disclosed       []string        // names of members
	Issuer          string
	Nonce, Audience string
	Now, Expires    time.Time

	issuer, holder party
	trusted        jose.SignatureVerifier // of the issuer
}

// party has a P-256 key and signs with ES256.
type party struct {
	key    *ecdsa.PrivateKey
	public *jwk.JWK
}

func newParty() (p party, err error) {
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err == nil {
		p.public, err = jwksupport.JWKFromKey(p.key.Public())
	}
	return p, err
}

// Sign implements jose.Signer.
func (p party) Sign(data []byte) ([]byte, error) {
	digest := sha256.Sum256(data)
	r, s, err := ecdsa.Sign(rand.Reader, p.key, digest[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}

// Headers implements jose.Signer.
func (party) Headers() jose.Headers { return jose.Headers{"alg": "ES256"} }

func readSDJWT(given json.RawMessage) (in sdjwtInput, err error) {
	if err := json.Unmarshal(given, &in); err != nil {
		return in, err
	}
	if in.issuer, err = newParty(); err != nil {
		return in, err
	}
	if in.holder, err = newParty(); err != nil {
		return in, err
	}
	in.trusted, err = ariesjwt.GetVerifier(&signature.PublicKey{JWK: in.issuer.public})
	return in, err
}

func (in sdjwtInput) issue() (string, error) {
	var claims map[string]any
	if err := json.Unmarshal(in.Claims, &claims); err != nil {
		return "", err
	}
	token, err := issuer.New(in.Issuer, claims, nil, in.issuer, issuer.WithHolderPublicKey(in.holder.public),
		issuer.WithIssuedAt(jwt.NewNumericDate(in.Now)), issuer.WithExpiry(jwt.NewNumericDate(in.Expires)))
	if err != nil {
		return "", err
	}
	return token.Serialize(false)
}

func (in sdjwtInput) present(issued string) (string, error) {
	claims, err := holder.Parse(issued, holder.WithSignatureVerifier(&holder.NoopSignatureVerifier{}))
	if err != nil {
		return "", err
	}
	var disclosures []string
	for _, c := range claims {
		if slices.Contains(in.Disclosed, c.Name) {
			disclosures = append(disclosures, c.Disclosure)
		}
	}
	return holder.CreatePresentation(issued, disclosures, holder.WithHolderBinding(&holder.BindingInfo{
		Payload: holder.BindingPayload{Nonce: in.Nonce, Audience: in.Audience, IssuedAt: jwt.NewNumericDate(in.Now)}, Signer: in.holder,
	}))
}

func (in sdjwtInput) verify(shown string) error {
	algs := []string{"ES256"}
	claims, err := verifier.Parse(shown, verifier.WithSignatureVerifier(in.trusted),
		verifier.WithIssuerSigningAlgorithms(algs), verifier.WithHolderSigningAlgorithms(algs), verifier.WithHolderBindingRequired(true),
		verifier.WithExpectedNonceForHolderBinding(in.Nonce), verifier.WithExpectedAudienceForHolderBinding(in.Audience))
	if err != nil {
		return err
	}
	for _, name := range in.Disclosed {
		if _, ok := claims[name]; !ok {
			return fmt.Errorf("%s is missing", name)
		}
	}
	return nil
}

func sdjwtIssue(given json.RawMessage) (func() (string, error), error) {
	in, err := readSDJWT(given)
	return in.issue, err
}

func sdjwtPresent(given json.RawMessage) (func() (string, error), error) {
	in, err := readSDJWT(given)
	if err != nil {
		return nil, err
	}
	issued, err := in.issue()
	return func() (string, error) { return in.present(issued) }, err
}

func sdjwtVerify(given json.RawMessage) (func() (string, error), error) {
	in, err := readSDJWT(given)
	if err != nil {
		return nil, err
	}
	issued, err := in.issue()
	if err != nil {
		return nil, err
	}
	shown, err := in.present(issued)
	return func() (string, error) { return "verified", in.verify(shown) }, err
}
