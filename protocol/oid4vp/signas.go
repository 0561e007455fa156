package oid4vp

import (
	"crypto"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// SignDID makes the request object of a client that is a DID: kid names the key
// in its document, and nothing else stands for the client (Section 5.9.3). That
// the key is in the document is for the caller to know.
func (r Request) SignDID(key crypto.Signer, kid string, opts ...Option) (string, error) {
	prefix, name := Split(r.ClientID)
	id, fragment, _ := strings.Cut(kid, "#")
	switch {
	case prefix != PrefixDecentralized || !strings.HasPrefix(name, "did:"):
		return "", refuse("", specClient+".3", "client_id", "must be decentralized_identifier and a DID")
	case id != name || fragment == "":
		return "", refuse("", specClient+".3", "kid", "must name a verification method of the DID in client_id")
	}
	return r.signAs(key, opts, func(alg jose.Alg) any {
		return jose.Header{Alg: alg, Typ: TypRequest, Kid: kid}
	})
}

// SignAttested makes the request object of a client for which somebody vouches:
// the verifier attestation goes along in the header, and its key signs
// (Sections 5.9.3 and 12). Whether a wallet trusts its issuer is for the wallet.
func (r Request) SignAttested(key crypto.Signer, attestation string, opts ...Option) (string, error) {
	a, err := ReadAttestation(attestation)
	if err != nil {
		return "", err
	}
	_, bound, err := jose.ParseJWK(a.Confirmation.JWK)
	prefix, name := Split(r.ClientID)
	switch {
	case err != nil || jose.Thumbprint(bound) != jose.Thumbprint(key.Public()):
		return "", refuse("", specAttestation, "cnf.jwk", "is not the key that signs")
	case prefix != PrefixAttestation || name != a.Subject:
		return "", refuse("", specClient+".3", "client_id", "is not the one that the verifier attestation is about")
	case !fresh(a.IssuedAt, a.NotBefore, a.Expires, r.IssuedAt.Time()):
		return "", refuse("", specAttestation, "exp", "of the verifier attestation is over, or its time lies ahead; have it renewed")
	case a.RedirectURIs != nil && !r.viaBrowser() && !slices.Contains(a.RedirectURIs, r.replyTo()):
		return "", refuse("", specClient+".3", r.replyName(), "is none of those in the verifier attestation")
	}
	return r.signAs(key, opts, func(alg jose.Alg) any {
		return struct {
			Alg jose.Alg `json:"alg"`
			Typ string   `json:"typ"`
			JWT string   `json:"jwt"`
		}{alg, TypRequest, attestation}
	})
}

// ReadAttestation reads a verifier attestation of which one is the subject. Its
// signature is for wallets to check.
func ReadAttestation(text string) (VerifierAttestation, error) {
	fail := func(detail string, err error) (VerifierAttestation, error) {
		return VerifierAttestation{}, refuseCause("", specAttestation, "verifier attestation", detail, err)
	}
	t, err := jose.Parse(text)
	if err != nil {
		return fail("is malformed", err)
	}
	if err := (jose.Use{Typ: TypAttestation, Algs: clientAlgs}).Check(t); err != nil {
		return fail("is none of an accepted kind", err)
	}
	var a VerifierAttestation
	if err := jose.Unmarshal(t.Payload, &a); err != nil {
		return fail("cannot be read", err)
	}
	if a.Issuer == "" || a.Subject == "" || a.Expires == 0 || a.Confirmation.JWK == nil {
		return VerifierAttestation{}, refuse("", specAttestation, "verifier attestation", "must have iss, sub, exp and cnf.jwk")
	}
	return a, nil
}

func (r Request) signAs(key crypto.Signer, opts []Option, header func(jose.Alg) any) (string, error) {
	alg, err := jose.AlgFor(key.Public())
	if err != nil {
		return "", err
	}
	if !slices.Contains(clientAlgs, alg) {
		return "", refuse("", specRequest, "alg", "is %s, expected one of %v", alg, clientAlgs)
	}
	if err := r.makeable(opts); err != nil {
		return "", err
	}
	h, err := jose.Marshal(header(alg))
	if err != nil {
		return "", err
	}
	payload, err := jose.Marshal(r)
	if err != nil {
		return "", err
	}
	input := jose.Encode(h) + "." + jose.Encode(payload)
	signature, err := jose.Sign(key, alg, []byte(input))
	return input + "." + jose.Encode(signature), err
}
