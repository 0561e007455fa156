// Package authz is the core of the issuer's authorization server: an offer
// waits under its pre-authorized code, the code is redeemed once for an access
// token, the token opens what was offered.
//
// It sees no HTTP and knows nothing of credentials: what an offer holds is
// opaque to it and is never readable in the store. The authorization code
// flow, client authentication and sender-constrained tokens of HAIP are not
// here yet.
package authz

import (
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

// Server keeps offers and grants in a store.
type Server struct {
	Store store.Store
	Now   func() time.Time
	// TokenLife is how long an access token works. Bearer tokens must live at
	// most five minutes (OpenID4VCI 1.0, Section 13.10); zero means that.
	TokenLife time.Duration
	// Tries is how many transaction codes may be tried for an offer; zero
	// means 5 (OpenID4VCI 1.0, Section 13.6.3).
	Tries int
}

const (
	maxTokenLife = 5 * time.Minute
	defaultTries = 5
)

func (s *Server) tokenLife() time.Duration {
	if s.TokenLife <= 0 || s.TokenLife > maxTokenLife {
		return maxTokenLife
	}
	return s.TokenLife
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
	kindGrant store.Kind = "authz-grant"
)

// Purposes of secrets (internal/capsule).
const (
	purposeOffer = "authz offer"
	purposeGrant = "authz grant"
	purposeToken = "authz token"
)
