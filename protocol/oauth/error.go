package oauth

import (
	"fmt"
	"strings"
)

// Codes of refusals (RFC 6749, Sections 4.1.2.1 and 5.2; RFC 9449, Section 12.2;
// attestation-based client authentication -10, Section 6.2).
const (
	InvalidRequest           = "invalid_request"
	InvalidClient            = "invalid_client"
	UnauthorizedClient       = "unauthorized_client"
	AccessDenied             = "access_denied"
	InvalidDPoPProof         = "invalid_dpop_proof"
	UseDPoPNonce             = "use_dpop_nonce"
	InvalidClientAttestation = "invalid_client_attestation"
	UseAttestationChallenge  = "use_attestation_challenge"
	UseFreshAttestation      = "use_fresh_attestation"
)

// Error says which field was refused, why, and by which clause. It never holds
// a secret.
type Error struct {
	Code        string // on the wire
	Field       string
	Description string
	Spec        string
	Err         error // cause, if there is one
}

func (e *Error) Error() string {
	parts := []string{e.Code}
	if e.Field != "" {
		parts = append(parts, e.Field)
	}
	text := strings.Join(append(parts, e.Description), ": ")
	if e.Spec != "" {
		text += " (" + e.Spec + ")"
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

func refuse(code, spec, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Description: fmt.Sprintf(format, args...), Spec: spec}
}
