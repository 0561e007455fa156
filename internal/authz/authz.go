// Package authz is the core of the issuer's authorization server: what was
// offered waits under a pre-authorized code, what a citizen agreed to under an
// authorization code; a code is redeemed once for an access token, which opens
// the grant, and for a refresh token, which renews it. It authenticates clients
// and binds tokens to their keys.
//
// It knows nothing of credentials: what a grant holds is opaque to it and is
// never readable in the store. It serves no HTTP; where proofs stand in headers
// it reads those.
package authz

import (
	"cmp"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/store"
)

// Error codes of the token endpoint (RFC 6749, Section 5.2; OpenID4VCI 1.0,
// Section 6.3) and of protected endpoints (RFC 6750, Section 3.1).
const (
	CodeInvalidRequest       = "invalid_request"
	CodeInvalidGrant         = "invalid_grant"
	CodeUnsupportedGrantType = "unsupported_grant_type"
	CodeInvalidToken         = "invalid_token"
	CodeInvalidClient        = "invalid_client"
	CodeUnauthorizedClient   = "unauthorized_client"
)

// Error is a refusal with its code on the wire.
type Error struct {
	Code        string
	Description string
}

func (e *Error) Error() string { return e.Code + ": " + e.Description }

func refuse(code, format string, args ...any) error {
	return &Error{Code: code, Description: fmt.Sprintf(format, args...)}
}

// Server keeps offers, codes and grants in a store.
type Server struct {
	Store store.Store
	Now   func() time.Time
	// TokenLife is how long an access token works. Bearer tokens live at most five
	// minutes whatever it says (OpenID4VCI 1.0, Section 13.10); zero means five
	// minutes for them and ten for those that are bound to a key.
	TokenLife time.Duration
	// RefreshLife is how long a refresh token works; zero means that there are
	// none.
	RefreshLife time.Duration
	// Renewable gives what a refresh token keeps of a grant, nil for a grant that
	// cannot be renewed. Renewed makes of it what the new access token opens.
	Renewable func(payload []byte) ([]byte, error)
	Renewed   func(kept []byte) ([]byte, error)
	// Tries is how many transaction codes may be tried for an offer; zero
	// means 5 (OpenID4VCI 1.0, Section 13.6.3).
	Tries int
}

const (
	maxBearerLife    = 5 * time.Minute
	defaultBoundLife = 10 * time.Minute
	defaultTries     = 5
)

// life of an access token for somebody.
func (s *Server) life(to Party) time.Duration {
	if to.bound() {
		return cmp.Or(max(s.TokenLife, 0), defaultBoundLife)
	}
	return min(cmp.Or(max(s.TokenLife, 0), maxBearerLife), maxBearerLife)
}

func (s *Server) tries() int {
	if s.Tries <= 0 {
		return defaultTries
	}
	return s.Tries
}

// Kinds of records.
const (
	kindOffer store.Kind = "authz-offer"
	kindTry   store.Kind = "authz-try"
	kindCode  store.Kind = "authz-code"
	kindGrant store.Kind = "authz-grant"
	kindOnce  store.Kind = "authz-once"
)

// Purposes of secrets (internal/capsule).
const (
	purposeOffer   = "authz offer"
	purposeCode    = "authz code"
	purposeGrant   = "authz grant"
	purposeToken   = "authz token"
	purposeRefresh = "authz refresh"
)

// Party is who a token is given to, and what it is bound to.
type Party struct {
	// Client is the client_id, empty for a wallet that named none.
	Client string `json:"client,omitempty"`
	// JKT is the thumbprint of the key of the DPoP proof (RFC 9449, Section 6.1).
	JKT string `json:"jkt,omitempty"`
	// X5T is the thumbprint of the client's certificate (RFC 8705, Section 3.1).
	X5T string `json:"x5t,omitempty"`
	// Instance is the thumbprint of the attested key of a wallet instance. Access
	// tokens are not bound to it; codes and refresh tokens are
	// (attestation-based client authentication -10, Sections 9.3 and 9.4).
	Instance string `json:"instance,omitempty"`
}

// bound: its access tokens are of no use to others.
func (p Party) bound() bool { return p.JKT != "" || p.X5T != "" }
