package oid4vp

import (
	"crypto"
	"crypto/x509"
	"slices"

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
// wallet to judge by its own profile. A request that is to be answered in clear
// needs AnswerInClear.
func (r Request) Sign(key crypto.Signer, chain []*x509.Certificate, opts ...Option) (string, error) {
	alg, err := signing(key, chain)
	if err != nil {
		return "", err
	}
	if err := r.signable(chain[0], opts); err != nil {
		return "", err
	}
	payload, err := jose.Marshal(r)
	if err != nil {
		return "", err
	}
	return jose.SignCompact(key, jose.Header{Alg: alg, Typ: TypRequest, X5C: jose.EncodeX5C(chain)}, payload)
}

// signing holds a key against its chain.
func signing(key crypto.Signer, chain []*x509.Certificate) (jose.Alg, error) {
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
	return alg, nil
}

func (r Request) signable(leaf *x509.Certificate, opts []Option) error {
	if err := r.makeable(opts); err != nil {
		return err
	}
	prefix, name := Split(r.ClientID)
	return bound(prefix, name, r, leaf)
}

// makeable is what holds for every request that is made here.
func (r Request) makeable(opts []Option) error {
	switch {
	case r.IssuedAt == 0 || r.Expires == 0:
		return refuse("", "RFC 9101, Section 6", "iat", "and exp must be there: a request is for one use, soon")
	case len(r.Nonce) < minSecret:
		return refuse("", specRequest+".2", "nonce", "is shorter than 128 bits in %d characters", minSecret)
	case r.State != "" && len(r.State) < minSecret:
		return refuse("", specRequest+".3", "state", "is shorter than 128 bits in %d characters", minSecret)
	}
	switch {
	case r.Audience == "" && !r.viaBrowser():
		return refuse(InvalidRequest, specRequest+".8", "aud", "is missing")
	case !r.Encrypted() && !slices.Contains(opts, AnswerInClear):
		return refuse(InvalidRequest, "OpenID4VP 1.0, Section 8.3", "response_mode", "must ask for an encrypted answer, found %s", r.Mode())
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
	return r.browserWords()
}
