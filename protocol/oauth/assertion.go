package oauth

import (
	"context"
	"crypto"
	"crypto/rand"
	"net/url"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

const (
	// TypClientAssertion is the typ of our client assertions (RFC 7523bis,
	// Section 3); those of others have often none.
	TypClientAssertion = "client-authentication+jwt"
	// AssertionJWT is the client_assertion_type (RFC 7523, Section 2.2).
	AssertionJWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// MethodPrivateKeyJWT is the client authentication method.
	MethodPrivateKeyJWT = "private_key_jwt"

	specAssertion = "RFC 7523, Section 3"
	// maxAssertionLife bounds how long a jti must be remembered.
	maxAssertionLife = 10 * time.Minute
)

// ClientAssertion is an assertion that was checked.
type ClientAssertion struct {
	ClientID string
	// JTI must be used once by the caller, until Expires.
	JTI     string
	Expires time.Time
}

// AssertionExpect is what an assertion must be made for.
type AssertionExpect struct {
	// Keys of a client; an error if it is not known or does not authenticate so.
	Keys func(ctx context.Context, clientID string) ([]jose.JWK, error)
	// Audiences are what aud may be: the issuer identifier of the server, and its
	// token endpoint, which older clients name. It must be only one of them.
	Audiences []string
	// ClientID of the request, empty if it names none.
	ClientID string
	Now      time.Time
}

// HasClientAssertion says whether a request tries to authenticate with an
// assertion.
func HasClientAssertion(form url.Values) bool {
	return form.Has("client_assertion") || form.Has("client_assertion_type")
}

// VerifyClientAssertion checks the client assertion of a request (RFC 7523,
// Sections 2.2 and 3; RFC 8725, Section 3.11: no typ of another kind of JWT).
func VerifyClientAssertion(ctx context.Context, form url.Values, e AssertionExpect) (ClientAssertion, error) {
	bad := func(field, text string, err error) (ClientAssertion, error) {
		return ClientAssertion{}, &Error{Code: InvalidClient, Spec: specAssertion, Field: field, Description: text, Err: err}
	}
	if form.Get("client_assertion_type") != AssertionJWT {
		return bad("client_assertion_type", "expected "+AssertionJWT, nil)
	}
	if len(form.Get("client_assertion")) > maxAttestation {
		return bad("client_assertion", "is too long", nil)
	}
	t, err := jose.Parse(form.Get("client_assertion"))
	if err != nil {
		return bad("client_assertion", err.Error(), err)
	}
	use := jose.Use{Typ: t.Header.Typ, Algs: dpopAlgs}
	if !slices.Contains([]string{TypClientAssertion, "JWT", ""}, t.Header.Typ) {
		use.Typ = TypClientAssertion
	}
	if err := use.Check(t); err != nil {
		return bad("client_assertion", err.Error(), err)
	}
	var c struct {
		Issuer    string            `json:"iss"`
		Subject   string            `json:"sub"`
		Audience  jsontext.Value    `json:"aud"`
		JTI       string            `json:"jti"`
		Expires   *jose.NumericDate `json:"exp"`
		NotBefore *jose.NumericDate `json:"nbf"`
		IssuedAt  *jose.NumericDate `json:"iat"`
	}
	if err := jose.Unmarshal(t.Payload, &c); err != nil {
		return bad("client_assertion", err.Error(), err)
	}
	switch {
	case c.Issuer == "" || c.Issuer != c.Subject:
		return bad("iss", "iss and sub must both be the client_id", nil)
	case e.ClientID != "" && e.ClientID != c.Subject:
		return bad("client_id", "is not the sub of the assertion", nil)
	case !slices.ContainsFunc(e.Audiences, func(a string) bool { return isOnly(c.Audience, a) }):
		return bad("aud", "expected this server's issuer identifier", nil)
	case c.JTI == "" || len(c.JTI) > 128:
		return bad("jti", "must have 1 to 128 characters", nil)
	case c.Expires == nil || !e.Now.Before(c.Expires.Time()):
		return bad("exp", "is missing or past", nil)
	case c.Expires.Time().After(e.Now.Add(maxAssertionLife)):
		return bad("exp", "is more than "+maxAssertionLife.String()+" ahead", nil)
	case c.NotBefore != nil && c.NotBefore.Time().After(e.Now.Add(skew)), c.IssuedAt != nil && c.IssuedAt.Time().After(e.Now.Add(skew)):
		return bad("nbf", "nbf or iat lies in the future", nil)
	}
	keys, err := e.Keys(ctx, c.Subject)
	if err != nil {
		return bad("client_assertion", "is not of a client that authenticates so", err)
	}
	key, err := chosen(keys, t.Header)
	if err == nil {
		err = t.Verify(key)
	}
	if err != nil {
		return bad("client_assertion", "is not signed by a key of the client", err)
	}
	return ClientAssertion{ClientID: c.Subject, JTI: c.JTI, Expires: c.Expires.Time()}, nil
}

// chosen is the client's key that the header names: by kid, or the only one.
func chosen(keys []jose.JWK, h jose.Header) (crypto.PublicKey, error) {
	for _, k := range keys {
		if h.Kid != "" && k.Kid == h.Kid || h.Kid == "" && len(keys) == 1 {
			return k.Key()
		}
	}
	return nil, refuse(InvalidClient, specAssertion, "kid", "names no key of the client")
}

// NewClientAssertion is the form of a client that authenticates with its key.
func NewClientAssertion(key crypto.Signer, kid, client, audience string, now time.Time) (url.Values, error) {
	alg, err := jose.AlgFor(key.Public())
	if err != nil {
		return nil, err
	}
	payload, err := jose.Marshal(struct {
		Issuer   string           `json:"iss"`
		Subject  string           `json:"sub"`
		Audience string           `json:"aud"`
		JTI      string           `json:"jti"`
		IssuedAt jose.NumericDate `json:"iat"`
		Expires  jose.NumericDate `json:"exp"`
	}{client, client, audience, rand.Text(), jose.Date(now), jose.Date(now.Add(time.Minute))})
	if err != nil {
		return nil, err
	}
	text, err := jose.SignCompact(key, struct {
		Alg jose.Alg `json:"alg"`
		Typ string   `json:"typ"`
		Kid string   `json:"kid,omitzero"`
	}{alg, TypClientAssertion, kid}, payload)
	if err != nil {
		return nil, err
	}
	return url.Values{"client_id": {client}, "client_assertion_type": {AssertionJWT}, "client_assertion": {text}}, nil
}
