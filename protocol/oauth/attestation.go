package oauth

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// The headers and types of attestation-based client authentication
// (draft-ietf-oauth-attestation-based-client-auth-10, Sections 4 to 7).
const (
	HeaderClientAttestation    = "OAuth-Client-Attestation"
	HeaderClientAttestationPoP = "OAuth-Client-Attestation-PoP"
	HeaderAttestationChallenge = "OAuth-Client-Attestation-Challenge"

	TypClientAttestation    = "oauth-client-attestation+jwt"
	TypClientAttestationPoP = "oauth-client-attestation-pop+jwt"

	// MethodAttestation is the client authentication method, MethodAttestationDPoP
	// the one where a DPoP proof is the proof of possession (Section 5.2).
	MethodAttestation     = "attest_jwt_client_auth"
	MethodAttestationDPoP = "attest_jwt_client_auth_dpop"
)

const (
	specAttestation    = "attestation-based client authentication -10, Section 4"
	specAttestationPoP = "attestation-based client authentication -10, Section 5.1"
	specAttested       = "attestation-based client authentication -10, Section 7"
	// maxAttestation is the longest header that is read, in bytes.
	maxAttestation = 16 << 10
)

// ClientAttestation is what a wallet provider says of one instance of its
// wallet, after it was checked together with the instance's proof.
type ClientAttestation struct {
	// ClientID is the sub: the wallet, not the instance.
	ClientID string
	// Issuer is the wallet provider, if the attestation names it.
	Issuer  string
	Expires time.Time
	// Thumbprint is that of the instance key (RFC 7638).
	Thumbprint string
	// JTI of the proof must be used once by the caller. It is empty where a DPoP
	// proof stands for it, whose own jti is used up.
	JTI string
	// Combined: a DPoP proof by the instance key is the proof of possession. The
	// caller must have verified it and compare its Thumbprint.
	Combined bool
}

// AttestationExpect is what an attestation must be made for.
type AttestationExpect struct {
	// Key finds the key of a trusted wallet provider, by x5c or kid.
	Key func(ctx context.Context, t *jose.Token) (crypto.PublicKey, error)
	// Issuer says whether the provider that signed may call itself that; nil
	// accepts any name. It is asked only when the attestation has an iss.
	Issuer func(iss string) bool
	// Audience is the authorization server's issuer identifier.
	Audience string
	// ClientID of the request, empty if it names none.
	ClientID string
	// CheckChallenge says whether a challenge is one that the server gave lately;
	// nil when it gives none. It then stands for the client's clock.
	CheckChallenge func(challenge string) bool
	Now            time.Time
	// MaxAge is how old a proof may be that has no challenge.
	MaxAge time.Duration
}

// HasClientAttestation says whether a request tries to authenticate with an
// attestation.
func HasClientAttestation(h http.Header) bool {
	return len(h.Values(HeaderClientAttestation)) > 0 || len(h.Values(HeaderClientAttestationPoP)) > 0
}

type confirmation struct {
	JWK jsontext.Value `json:"jwk"`
}

// VerifyClientAttestation checks the attestation of a request and the proof of
// possession with it (draft -10, Sections 7.1 and 7.2; of -07, which OpenID4VCI
// 1.0 pins, iss is accepted and checked).
func VerifyClientAttestation(ctx context.Context, h http.Header, e AttestationExpect) (ClientAttestation, error) {
	attestation, pop := h.Values(HeaderClientAttestation), h.Values(HeaderClientAttestationPoP)
	// Step 1. Exactly one of each; without a proof of its own DPoP must be one.
	switch {
	case len(attestation) != 1 || len(attestation[0]) > maxAttestation:
		return ClientAttestation{}, refuse(InvalidClientAttestation, specAttested, HeaderClientAttestation, "expected one header of at most %d bytes, found %d", maxAttestation, len(attestation))
	case len(pop) > 1 || len(pop) == 1 && len(pop[0]) > maxAttestation:
		return ClientAttestation{}, refuse(InvalidClientAttestation, specAttested, HeaderClientAttestationPoP, "expected one header of at most %d bytes, found %d", maxAttestation, len(pop))
	case len(pop) == 0 && len(h.Values("DPoP")) != 1:
		return ClientAttestation{}, refuse(InvalidClientAttestation, specAttested, HeaderClientAttestationPoP, "is missing, and there is no DPoP proof in its place")
	}
	// Step 2. The attestation, signed by somebody who is trusted.
	a, key, err := openClientAttestation(ctx, attestation[0], e)
	if err != nil {
		return ClientAttestation{}, err
	}
	// Step 3. It is of the client that asks.
	if e.ClientID != "" && a.ClientID != e.ClientID {
		return ClientAttestation{}, refuse(InvalidClientAttestation, specAttested, "client_id", "is not the sub of the attestation")
	}
	// Step 4. The instance has the key.
	if len(pop) == 0 {
		a.Combined = true
		return a, nil
	}
	if a.JTI, err = openAttestationPoP(pop[0], key, a.ClientID, e); err != nil {
		return ClientAttestation{}, err
	}
	return a, nil
}

func openClientAttestation(ctx context.Context, compact string, e AttestationExpect) (ClientAttestation, crypto.PublicKey, error) {
	bad := func(code, field, text string, err error) (ClientAttestation, crypto.PublicKey, error) {
		return ClientAttestation{}, nil, &Error{Code: code, Spec: specAttestation, Field: field, Description: text, Err: err}
	}
	t, err := jose.Parse(compact)
	if err == nil {
		err = (jose.Use{Typ: TypClientAttestation, Algs: dpopAlgs}).Check(t)
	}
	if err != nil {
		return bad(InvalidClientAttestation, HeaderClientAttestation, err.Error(), err)
	}
	if e.Key == nil {
		return bad(InvalidClientAttestation, HeaderClientAttestation, "no wallet provider is trusted here", nil)
	}
	signer, err := e.Key(ctx, t)
	if err == nil {
		err = t.Verify(signer)
	}
	if err != nil {
		return bad(InvalidClientAttestation, HeaderClientAttestation, "is not signed by a wallet provider that is trusted here", err)
	}
	var c struct {
		Issuer    string            `json:"iss"`
		Subject   string            `json:"sub"`
		Expires   *jose.NumericDate `json:"exp"`
		NotBefore *jose.NumericDate `json:"nbf"`
		Confirm   confirmation      `json:"cnf"`
	}
	if err := jose.Unmarshal(t.Payload, &c); err != nil {
		return bad(InvalidClientAttestation, HeaderClientAttestation, err.Error(), err)
	}
	jwk, key, err := jose.ParseJWK(c.Confirm.JWK) // refuses private keys
	switch {
	case err != nil:
		return bad(InvalidClientAttestation, "cnf.jwk", err.Error(), err)
	case c.Subject == "" || len(c.Subject) > 512:
		return bad(InvalidClientAttestation, "sub", "must be the client_id", nil)
	case c.Expires == nil:
		return bad(InvalidClientAttestation, "exp", "is missing", nil)
	case !e.Now.Before(c.Expires.Time()):
		return bad(UseFreshAttestation, "exp", "is past", nil)
	case c.NotBefore != nil && c.NotBefore.Time().After(e.Now.Add(skew)):
		return bad(InvalidClientAttestation, "nbf", "lies in the future", nil)
	case c.Issuer != "" && e.Issuer != nil && !e.Issuer(c.Issuer):
		return bad(InvalidClientAttestation, "iss", "is not the wallet provider whose key signed", nil)
	}
	return ClientAttestation{ClientID: c.Subject, Issuer: c.Issuer, Expires: c.Expires.Time(), Thumbprint: jwk.Thumbprint()}, key, nil
}

func openAttestationPoP(compact string, key crypto.PublicKey, client string, e AttestationExpect) (jti string, err error) {
	bad := func(code, field, text string, err error) (string, error) {
		return "", &Error{Code: code, Spec: specAttestationPoP, Field: field, Description: text, Err: err}
	}
	t, err := jose.Parse(compact)
	if err == nil {
		err = (jose.Use{Typ: TypClientAttestationPoP, Algs: dpopAlgs}).Check(t)
	}
	if err == nil {
		err = t.Verify(key)
	}
	if err != nil {
		return bad(InvalidClientAttestation, HeaderClientAttestationPoP, err.Error(), err)
	}
	var c struct {
		Issuer    string            `json:"iss"`
		Audience  jsontext.Value    `json:"aud"`
		JTI       string            `json:"jti"`
		IssuedAt  *jose.NumericDate `json:"iat"`
		Challenge *string           `json:"challenge"`
	}
	if err := jose.Unmarshal(t.Payload, &c); err != nil {
		return bad(InvalidClientAttestation, HeaderClientAttestationPoP, err.Error(), err)
	}
	switch {
	case c.Issuer != "" && c.Issuer != client: // required and equal in -07, gone in -10
		return bad(InvalidClientAttestation, "iss", "is not the sub of the attestation", nil)
	case !isOnly(c.Audience, e.Audience):
		return bad(InvalidClientAttestation, "aud", "expected this server's issuer identifier alone", nil)
	case c.JTI == "" || len(c.JTI) > 128:
		return bad(InvalidClientAttestation, "jti", "must have 1 to 128 characters", nil)
	case c.IssuedAt == nil:
		return bad(InvalidClientAttestation, "iat", "is missing", nil)
	}
	at := c.IssuedAt.Time()
	switch {
	case e.CheckChallenge != nil && (c.Challenge == nil || !e.CheckChallenge(*c.Challenge)):
		return bad(UseAttestationChallenge, "challenge", "needs a challenge that this server gave lately", nil)
	case e.CheckChallenge == nil && (at.After(e.Now.Add(skew)) || at.Before(e.Now.Add(-e.MaxAge))):
		return bad(InvalidClientAttestation, "iat", "is not within the last "+e.MaxAge.String()+"; check the clock", nil)
	}
	return c.JTI, nil
}

// isOnly says whether an aud is that one, as a string or as an array of one.
func isOnly(aud jsontext.Value, want string) bool {
	var one string
	if jose.Unmarshal(aud, &one) == nil {
		return one == want
	}
	var many []string
	return jose.Unmarshal(aud, &many) == nil && slices.Equal(many, []string{want})
}

// AttestationClaims are what a wallet provider says (-10, Section 4; -07, Section 5.1).
type AttestationClaims struct {
	Issuer   string           `json:"iss,omitzero"`
	ClientID string           `json:"sub"`
	IssuedAt jose.NumericDate `json:"iat"`
	Expires  jose.NumericDate `json:"exp"`
	// Name and Link of the wallet (OpenID4VCI 1.0, Appendix E).
	Name string `json:"wallet_name,omitzero"`
	Link string `json:"wallet_link,omitzero"`
}

// NewClientAttestation signs an attestation of an instance's public key. The
// provider is named by its chain, leaf first and without the anchor, or else by
// kid.
func NewClientAttestation(provider crypto.Signer, kid string, chain []*x509.Certificate, c AttestationClaims, instance crypto.PublicKey) (string, error) {
	alg, err := jose.AlgFor(provider.Public())
	if err != nil {
		return "", err
	}
	jwk, err := jose.PublicJWK(instance)
	if err != nil {
		return "", err
	}
	var cnf struct {
		JWK jose.JWK `json:"jwk"`
	}
	cnf.JWK = jwk
	payload, err := jose.Marshal(struct {
		AttestationClaims
		Confirm any `json:"cnf"`
	}{c, cnf})
	if err != nil {
		return "", err
	}
	header := struct {
		Alg jose.Alg `json:"alg"`
		Typ string   `json:"typ"`
		Kid string   `json:"kid,omitzero"`
		X5C []string `json:"x5c,omitempty"`
	}{Alg: alg, Typ: TypClientAttestation}
	if len(chain) > 0 {
		header.X5C = jose.EncodeX5C(chain)
	} else {
		header.Kid = kid
	}
	return jose.SignCompact(provider, header, payload)
}

// NewAttestationPoP proves that the instance has the attested key. audience is
// the authorization server's issuer identifier; challenge is empty when the
// server gave none. It has the iss that draft -07 requires, and an exp, without
// which some servers refuse it.
func NewAttestationPoP(instance crypto.Signer, client, audience, challenge string, now time.Time) (string, error) {
	alg, err := jose.AlgFor(instance.Public())
	if err != nil {
		return "", err
	}
	payload, err := jose.Marshal(struct {
		Issuer    string           `json:"iss"`
		Audience  string           `json:"aud"`
		JTI       string           `json:"jti"`
		IssuedAt  jose.NumericDate `json:"iat"`
		Expires   jose.NumericDate `json:"exp"`
		Challenge string           `json:"challenge,omitzero"`
	}{client, audience, rand.Text(), jose.Date(now), jose.Date(now.Add(5 * time.Minute)), challenge})
	if err != nil {
		return "", err
	}
	return jose.SignCompact(instance, struct {
		Alg jose.Alg `json:"alg"`
		Typ string   `json:"typ"`
	}{alg, TypClientAttestationPoP}, payload)
}

// ChallengeResponse is what the challenge endpoint answers (Section 6.1). Serve
// it with Cache-Control: no-store.
type ChallengeResponse struct {
	Challenge string `json:"attestation_challenge"`
}

// ParseChallengeResponse reads one, for a wallet.
func ParseChallengeResponse(b []byte) (ChallengeResponse, error) {
	var r ChallengeResponse
	if err := jose.Unmarshal(b, &r); err != nil || r.Challenge == "" || len(r.Challenge) > 512 {
		return ChallengeResponse{}, refuse("", "attestation-based client authentication -10, Section 6.1", "attestation_challenge", "is missing or longer than 512 bytes")
	}
	return r, nil
}
