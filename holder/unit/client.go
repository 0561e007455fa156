package unit

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// Client is how the unit makes itself known to authorization servers. To a
// server that redeems codes of anybody it stays unknown.
type Client struct {
	// ID is the client_id of a wallet that is registered as a public client, or
	// that servers take unregistered; empty for none.
	ID string
	// Provider vouches for the unit at servers that want it attested; nil for
	// none.
	Provider Provider
}

// Provider is the provider of the wallet, who attests its units
// (draft-ietf-oauth-attestation-based-client-auth; HAIP 1.0, Section 4.4.1).
type Provider interface {
	// Attest attests the unit for one authorization server. The same server
	// gets the same key each time, since refresh tokens are bound to it
	// (Section 9.3); each server gets another, and another attestation, so that
	// two of them cannot tell that it is one unit (Section 10.1). fresh: the one
	// before was refused as too old.
	Attest(ctx context.Context, server string, fresh bool) (Attestation, error)
}

// Attestation is a client attestation JWT and the key that it names.
type Attestation struct {
	JWT string
	Key crypto.Signer
}

// ErrAttestation is returned for an attestation that would not be taken.
var ErrAttestation = errors.New("the wallet provider's attestation cannot be used")

// methodNone is a public client (RFC 7591, Section 2).
const methodNone = "none"

// usable finds out whether the server takes this client at all. A server that
// does not say what it takes is asked.
func (c Client) usable(m oid4vci.AuthorizationServerMetadata, grant string) error {
	methods := m.TokenEndpointAuthMethodsSupported
	switch {
	case methods == nil, slices.Contains(methods, methodNone):
		return nil
	case grant == oid4vci.GrantPreAuthorizedCode && m.PreAuthorizedGrantAnonymousAccessSupported:
		return nil
	case slices.Contains(methods, oauth.MethodAttestation) && c.Provider != nil:
		return nil
	case slices.Contains(methods, oauth.MethodAttestation):
		return fmt.Errorf("%w: token_endpoint_auth_methods_supported of %s wants an attestation of the wallet's provider: set Issuance.Client.Provider", ErrOffer, shown(m.Issuer, 200))
	default:
		return fmt.Errorf("%w: token_endpoint_auth_methods_supported of %s has no method of this wallet, expected %s or %s", ErrOffer, shown(m.Issuer, 200), oauth.MethodAttestation, methodNone)
	}
}

// client is the unit before one authorization server.
type client struct {
	Client
	server oid4vci.AuthorizationServerMetadata
	// attestation and its sub; the JWT is empty before open and for a client
	// that is not attested.
	attestation Attestation
	sub         string
	// challenge of the server for the next proof of possession.
	challenge string
}

func (c *client) attested() bool {
	return c.Provider != nil && slices.Contains(c.server.TokenEndpointAuthMethodsSupported, oauth.MethodAttestation)
}

// id is the client_id: the sub of an attested client (Section 7.1).
func (c *client) id() string {
	if c.attested() {
		return c.sub
	}
	return c.ID
}

// open readies the client for its first request.
func (c *client) open(ctx context.Context, s Issuance) error {
	if !c.attested() || c.attestation.JWT != "" {
		return nil
	}
	return c.attest(ctx, s, false)
}

func (c *client) attest(ctx context.Context, s Issuance, fresh bool) error {
	a, err := c.Provider.Attest(ctx, c.server.Issuer, fresh)
	if err != nil {
		return fmt.Errorf("asking the wallet provider for an attestation: %w", err)
	}
	sub, err := a.check(s.Now())
	if err != nil {
		return err
	}
	if c.sub != "" && c.sub != sub {
		return fmt.Errorf("%w: its sub is another client than the one the server knows", ErrAttestation)
	}
	c.attestation, c.sub = a, sub
	return nil
}

// check finds what every server would refuse, whoever signed it.
func (a Attestation) check(now time.Time) (sub string, err error) {
	bad := func(format string, args ...any) (string, error) {
		return "", fmt.Errorf("%w: %s", ErrAttestation, fmt.Sprintf(format, args...))
	}
	t, err := jose.Parse(a.JWT)
	if err != nil {
		return bad("%v", err)
	}
	var c struct {
		Sub string           `json:"sub"`
		Exp jose.NumericDate `json:"exp"`
		Cnf struct {
			JWK jose.JWK `json:"jwk"`
		} `json:"cnf"`
	}
	if err := jose.Unmarshal(t.Payload, &c); err != nil {
		return bad("%v", err)
	}
	switch {
	case t.Header.Typ != oauth.TypClientAttestation:
		return bad("typ must be %s", oauth.TypClientAttestation)
	case c.Sub == "":
		return bad("sub is missing")
	case !now.Before(c.Exp.Time()):
		return bad("exp is past")
	case a.Key == nil || c.Cnf.JWK.Kty == "" || c.Cnf.JWK.Thumbprint() != jose.Thumbprint(a.Key.Public()):
		return bad("cnf.jwk is not the key that came with it")
	}
	return c.Sub, nil
}

// authenticate adds attestation and proof of possession (Section 6). The
// challenge is used once; where the server has an endpoint for them, there is
// one in every proof.
func (c *client) authenticate(ctx context.Context, s Issuance, h http.Header) error {
	if !c.attested() {
		return nil
	}
	if err := c.open(ctx, s); err != nil {
		return err
	}
	if c.challenge == "" && c.server.ChallengeEndpoint != "" {
		if err := c.fetchChallenge(ctx, s); err != nil {
			return err
		}
	}
	// It has the iss that the draft of OpenID4VCI demands, and which later ones
	// allow (-07, Section 5.2).
	proof, err := oauth.NewAttestationPoP(c.attestation.Key, c.sub, c.server.Issuer, c.challenge, s.Now())
	if err != nil {
		return err
	}
	c.challenge = ""
	h.Set(oauth.HeaderClientAttestation, c.attestation.JWT)
	h.Set(oauth.HeaderClientAttestationPoP, proof)
	return nil
}

func (c *client) fetchChallenge(ctx context.Context, s Issuance) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.ChallengeEndpoint, nil)
	if err != nil {
		return err
	}
	b, _, err := send(s.HTTP, req)
	if err != nil {
		return fmt.Errorf("asking for a challenge: %w", err)
	}
	out, err := oauth.ParseChallengeResponse(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAttestation, err)
	}
	c.challenge = out.Challenge
	return nil
}

// hear takes a challenge that came with an answer, for the next request
// (Section 6.2).
func (c *client) hear(h http.Header) {
	if n := h.Values(oauth.HeaderAttestationChallenge); len(n) == 1 && len(n[0]) <= maxNonce {
		c.challenge = n[0]
	}
}

// again readies the client for a second try, when the refusal is one that ends
// with it.
func (c *client) again(ctx context.Context, s Issuance, r *Refusal) bool {
	switch {
	case !c.attested():
		return false
	case r.Code == oauth.UseAttestationChallenge:
		return c.challenge != "" || c.server.ChallengeEndpoint != ""
	case r.Code == oauth.UseFreshAttestation:
		return c.attest(ctx, s, true) == nil
	default:
		return false
	}
}
