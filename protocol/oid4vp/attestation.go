package oid4vp

import (
	"crypto"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// TypAttestation is the typ of a verifier attestation.
const TypAttestation = "verifier-attestation+jwt"

const specAttestation = "OpenID4VP 1.0, Section 12"

// VerifierAttestation is the statement of somebody whom the wallet trusts that
// a key is a verifier's (OpenID4VP 1.0, Section 12).
type VerifierAttestation struct {
	Issuer string `json:"iss"`
	// Subject is the client identifier without its prefix.
	Subject      string           `json:"sub"`
	IssuedAt     jose.NumericDate `json:"iat,omitzero"`
	NotBefore    jose.NumericDate `json:"nbf,omitzero"`
	Expires      jose.NumericDate `json:"exp"`
	Confirmation struct {
		JWK jsontext.Value `json:"jwk"`
	} `json:"cnf"`
	// RedirectURIs, when there are any, are the only addresses for responses.
	RedirectURIs []string `json:"redirect_uris,omitempty"`
}

// attested takes the key of the verifier attestation in the header jwt.
func (v Verification) attested(t *jose.Token, out *Verified, name string) ([]crypto.PublicKey, error) {
	var h struct {
		JWT string `json:"jwt"`
	}
	if err := jose.Unmarshal(t.RawHeader, &h); err != nil || h.JWT == "" {
		return nil, refuse(InvalidClient, specAttestation, "jwt", "header with the verifier attestation is missing")
	}
	a, key, err := v.attestation(h.JWT)
	if err != nil {
		return nil, err
	}
	switch {
	case a.Subject == "" || a.Subject != name:
		return nil, refuse(InvalidClient, specClient+".3", "client_id", "is not the one that the verifier attestation is about")
	case !fresh(a.IssuedAt, a.NotBefore, a.Expires, v.Now):
		return nil, refuse(InvalidClient, specAttestation, "jwt", "is over, without end, or of a time that lies ahead")
	case a.RedirectURIs != nil && v.Origin == "" && !slices.Contains(a.RedirectURIs, out.replyTo()):
		return nil, refuse(InvalidClient, specClient+".3", out.replyName(), "is none of those in the verifier attestation")
	}
	out.Attester = a.Issuer
	return []crypto.PublicKey{key}, nil
}

// attestation opens it with a key of the trusted attester that it names, and
// gives the key that it is bound to.
func (v Verification) attestation(text string) (VerifierAttestation, crypto.PublicKey, error) {
	fail := func(detail string, err error) (VerifierAttestation, crypto.PublicKey, error) {
		return VerifierAttestation{}, nil, refuseCause(InvalidClient, specAttestation, "jwt", detail, err)
	}
	t, err := jose.Parse(text)
	if err != nil {
		return fail("is no verifier attestation", err)
	}
	if err := (jose.Use{Typ: TypAttestation, Algs: clientAlgs}).Check(t); err != nil {
		return fail("is no verifier attestation of an accepted kind", err)
	}
	var a VerifierAttestation
	if err := jose.Unmarshal(t.Payload, &a); err != nil {
		return fail("cannot be read", err)
	}
	signed := false
	for _, k := range v.Attesters[a.Issuer] {
		key, err := k.Key()
		if err != nil {
			continue
		}
		if t.Verify(key) == nil {
			signed = true
			break
		}
	}
	if !signed {
		return VerifierAttestation{}, nil, refuse(InvalidClient, specAttestation, "jwt", "is signed by nobody whom this wallet trusts to vouch for verifiers")
	}
	_, key, err := jose.ParseJWK(a.Confirmation.JWK)
	if err != nil {
		return fail("has no key in cnf.jwk that can be used", err)
	}
	return a, key, nil
}
