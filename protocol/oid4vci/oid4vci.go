// Package oid4vci holds the wire words of OpenID for Verifiable Credential
// Issuance 1.0: structures, error codes, and what each side must check in what
// it reads. "OpenID4VCI" in comments means that specification.
//
// It is neither an issuer nor a wallet: it keeps no state, opens no connection
// and decides no policy. Offers, codes, nonces and tokens are made, counted
// and spent elsewhere. Nothing is processed as JSON-LD (Appendix A.1.2).
//
// Every Parse function validates what it returns; everything that a Parse
// function returns together with an error is empty.
package oid4vci

import (
	"fmt"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// Grant types of the token endpoint.
const (
	GrantAuthorizationCode = "authorization_code"
	GrantPreAuthorizedCode = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
	GrantRefreshToken      = "refresh_token"
)

// TypeOpenIDCredential is the type of authorization details for credentials
// (Section 5.1.1).
const TypeOpenIDCredential = "openid_credential"

// Option weakens or narrows a check; the zero case is the strict one.
type Option uint8

// InsecureLoopback lets http URLs through when their host is loopback, for a
// development profile only.
const InsecureLoopback Option = 1

func insecure(opts []Option) bool {
	for _, o := range opts {
		if o == InsecureLoopback {
			return true
		}
	}
	return false
}

// Secret is a code, token or nonce. It prints nothing; on the wire it is a
// plain string.
type Secret string

// Format hides the value whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { wire.Redacted(f) }

// The limits of what is read from outside.
const (
	MaxDocument = 1 << 20 // bytes of metadata
	MaxMessage  = 1 << 18 // bytes of any other message
	MaxText     = 4096    // bytes of one string
	MaxList     = 256     // elements of one list
)

func tooLong(s string) bool { return len(s) > MaxText }

// JWKS is a set of public keys (RFC 7517, Section 5).
type JWKS = wire.JWKS

// decode reads strict JSON of bounded size.
func decode(b []byte, v any, most int, code ErrorCode, what, spec string) error {
	if len(b) > most {
		return refuse(code, spec, what, "is longer than %d bytes", most)
	}
	if err := jose.Unmarshal(b, v); err != nil {
		return &Error{Code: code, Field: what, Description: err.Error(), Spec: spec, Err: err}
	}
	return nil
}
