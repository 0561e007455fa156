package oid4vci

import (
	"fmt"
	"strings"

	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// ErrorCode is the error member of an error response.
type ErrorCode string

const (
	// Token endpoint (RFC 6749, Section 5.2; Section 6.3).
	InvalidRequest       ErrorCode = "invalid_request"
	InvalidClient        ErrorCode = "invalid_client"
	InvalidGrant         ErrorCode = "invalid_grant"
	UnauthorizedClient   ErrorCode = "unauthorized_client"
	UnsupportedGrantType ErrorCode = "unsupported_grant_type"
	InvalidScope         ErrorCode = "invalid_scope"
	// InvalidTarget answers a resource that is not this issuer (RFC 8707,
	// Section 2).
	InvalidTarget ErrorCode = "invalid_target"
	// InvalidAuthorizationDetails is RFC 9396, Section 5.
	InvalidAuthorizationDetails ErrorCode = "invalid_authorization_details"

	// Authorization endpoint (RFC 6749, Section 4.1.2.1; OpenID Connect Core 1.0,
	// Section 3.1.2.6; RFC 9101, Section 4).
	AccessDenied            ErrorCode = "access_denied"
	UnsupportedResponseType ErrorCode = "unsupported_response_type"
	ServerError             ErrorCode = "server_error"
	TemporarilyUnavailable  ErrorCode = "temporarily_unavailable"
	RequestNotSupported     ErrorCode = "request_not_supported"
	InvalidRequestURI       ErrorCode = "invalid_request_uri"

	// Protected endpoints (RFC 6750, Section 3.1; Section 8.3.1.1).
	InvalidToken      ErrorCode = "invalid_token"
	InsufficientScope ErrorCode = "insufficient_scope"

	// Credential endpoint (Section 8.3.1.2).
	InvalidCredentialRequest       ErrorCode = "invalid_credential_request"
	UnknownCredentialConfiguration ErrorCode = "unknown_credential_configuration"
	UnknownCredentialIdentifier    ErrorCode = "unknown_credential_identifier"
	InvalidProof                   ErrorCode = "invalid_proof"
	InvalidNonce                   ErrorCode = "invalid_nonce"
	InvalidEncryptionParameters    ErrorCode = "invalid_encryption_parameters"
	CredentialRequestDenied        ErrorCode = "credential_request_denied"

	// Deferred endpoint (Section 9.3).
	InvalidTransactionID ErrorCode = "invalid_transaction_id"

	// Notification endpoint (Section 11.3).
	InvalidNotificationID      ErrorCode = "invalid_notification_id"
	InvalidNotificationRequest ErrorCode = "invalid_notification_request"
)

// Error says which field was refused, why, and by which clause. It never holds
// a secret or a claim value.
type Error struct {
	// Code is what goes on the wire. It is empty when the message that was
	// refused is one that nobody waits for an answer to, such as metadata.
	Code        ErrorCode
	Field       string
	Description string
	Spec        string
	Err         error // cause, if there is one
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("oid4vci: ")
	if e.Code != "" {
		b.WriteString(string(e.Code) + ": ")
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Description)
	if e.Spec != "" {
		b.WriteString(" (" + e.Spec + ")")
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Response is the error as the body of an answer.
func (e *Error) Response() ErrorResponse {
	text := strings.TrimPrefix(e.Error(), "oid4vci: ")
	text = strings.TrimPrefix(text, string(e.Code)+": ")
	return ErrorResponse{Error: e.Code, Description: wire.Description(text)}
}

func refuse(code ErrorCode, spec, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Description: fmt.Sprintf(format, args...), Spec: spec}
}

// refuseURL turns what is wrong with a URL into an error of the field.
func refuseURL(code ErrorCode, spec, field string, err error) error {
	if err == nil {
		return nil
	}
	return refuse(code, spec, field, "%v", err)
}

// ErrorResponse is the JSON body of every error answer.
type ErrorResponse struct {
	Error       ErrorCode `json:"error"`
	Description string    `json:"error_description,omitempty"`
}

// ParseErrorResponse reads an error answer, for a wallet. The description is
// for developers: it comes from outside and is cut to printable ASCII.
func ParseErrorResponse(b []byte) (ErrorResponse, error) {
	var r ErrorResponse
	if err := decode(b, &r, MaxMessage, "", "error response", "RFC 6749, Section 5.2"); err != nil {
		return ErrorResponse{}, err
	}
	if r.Error == "" || len(r.Error) > 128 || wire.Description(string(r.Error)) != string(r.Error) {
		return ErrorResponse{}, refuse("", "RFC 6749, Section 5.2", "error", "is missing or no ASCII error code")
	}
	if tooLong(r.Description) {
		r.Description = r.Description[:MaxText]
	}
	r.Description = wire.Description(r.Description)
	return r, nil
}
