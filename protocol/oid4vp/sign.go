package oid4vp

import (
	"crypto"
	"crypto/x509"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// minSecret is how many URL-safe characters hold 128 bits (OpenID4VP 1.0,
// Sections 5.2 and 5.3).
const minSecret = 22

// Sign makes the request object: typ, and the chain of the key in x5c, leaf
// first and without the trust anchor (Sections 5 and 5.9.3; HAIP 1.0, Section
// 5). What a wallet would refuse is not signed, nor what a wallet cannot see is
// weak: a short nonce, a request without end. Loopback addresses are for the
// wallet to judge by its own profile.
func (r Request) Sign(key crypto.Signer, chain []*x509.Certificate) (string, error) {
	if err := wire.CheckChain(chain); err != nil {
		return "", refuseCause("", specRequest, "x5c", "cannot be used", err)
	}
	alg, err := jose.AlgFor(key.Public())
	if err != nil {
		return "", err
	}
	switch {
	case !slices.Contains(requestAlgs, alg):
		return "", refuse("", specRequest, "alg", "is %s, expected one of %v", alg, requestAlgs)
	case jose.Thumbprint(key.Public()) != jose.Thumbprint(chain[0].PublicKey):
		return "", refuse("", specClient+".3", "x5c", "is not the chain of the signing key")
	}
	if err := r.signable(chain[0]); err != nil {
		return "", err
	}
	payload, err := jose.Marshal(r)
	if err != nil {
		return "", err
	}
	return jose.SignCompact(key, jose.Header{Alg: alg, Typ: TypRequest, X5C: jose.EncodeX5C(chain)}, payload)
}

func (r Request) signable(leaf *x509.Certificate) error {
	switch {
	case r.IssuedAt == 0 || r.Expires == 0:
		return refuse("", "RFC 9101, Section 6", "iat", "and exp must be there: a request is for one use, soon")
	case len(r.Nonce) < minSecret:
		return refuse("", specRequest+".2", "nonce", "is shorter than 128 bits in %d characters", minSecret)
	case r.State != "" && len(r.State) < minSecret:
		return refuse("", specRequest+".3", "state", "is shorter than 128 bits in %d characters", minSecret)
	}
	switch {
	case r.Audience == "":
		return refuse(InvalidRequest, specRequest+".8", "aud", "is missing")
	case !r.Encrypted() && r.ResponseMode != ModeDCAPI:
		return refuse(InvalidRequest, "OpenID4VP 1.0, Section 8.3", "response_mode", "must ask for an encrypted answer, found %s", r.Mode())
	case r.viaBrowser() && len(r.ExpectedOrigins) == 0:
		return refuse(InvalidRequest, specDCAPI+".2", "expected_origins", "is missing; another site could send the request on")
	case r.viaBrowser() && r.State != "":
		return refuse(InvalidRequest, specDCAPI+".2", "state", "is no parameter over the Digital Credentials API")
	}
	if err := r.validate(r.IssuedAt.Time(), []Option{InsecureLoopback}); err != nil {
		return err
	}
	if err := r.DCQLQuery.Validate(); err != nil {
		return err
	}
	if r.ClientMetadata != nil && r.ClientMetadata.JWKS != nil {
		for i, k := range r.ClientMetadata.JWKS.Keys {
			if k.Alg == "" {
				return refuse("", "OpenID4VP 1.0, Section 8.3", "client_metadata.jwks", "[%d] has no alg", i)
			}
		}
	}
	prefix, name := Split(r.ClientID)
	return bound(prefix, name, r, leaf)
}

// SignMulti makes a request with a signature of its one client, in the form that
// has room for those of other trust frameworks (Appendix A.3.2.2): client_id and
// verifier_info stand in the protected header.
func (r Request) SignMulti(key crypto.Signer, chain []*x509.Certificate) (MultiSigned, error) {
	// What would not be signed alone is not signed so either.
	if _, err := r.Sign(key, chain); err != nil {
		return MultiSigned{}, err
	}
	alg, err := jose.AlgFor(key.Public())
	if err != nil {
		return MultiSigned{}, err
	}
	header := struct {
		Alg          jose.Alg       `json:"alg"`
		Typ          string         `json:"typ"`
		X5C          []string       `json:"x5c"`
		ClientID     string         `json:"client_id"`
		VerifierInfo []VerifierInfo `json:"verifier_info,omitempty"`
	}{alg, TypRequest, jose.EncodeX5C(chain), r.ClientID, r.VerifierInfo}
	r.ClientID, r.VerifierInfo = "", nil
	payload, err := jose.Marshal(r)
	if err != nil {
		return MultiSigned{}, err
	}
	compact, err := jose.SignCompact(key, header, payload)
	if err != nil {
		return MultiSigned{}, err
	}
	part := strings.Split(compact, ".")
	return MultiSigned{Payload: part[1], Signatures: []RequestSignature{{Protected: part[0], Signature: part[2]}}}, nil
}
