package oid4vp

import (
	"fmt"

	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// ErrorCode is an error of an authorization response (OpenID4VP 1.0, Section
// 8.5; RFC 6749, Section 4.1.2.1).
type ErrorCode string

const (
	InvalidRequest          ErrorCode = "invalid_request"
	InvalidScope            ErrorCode = "invalid_scope"
	InvalidClient           ErrorCode = "invalid_client"
	AccessDenied            ErrorCode = "access_denied"
	VPFormatsNotSupported   ErrorCode = "vp_formats_not_supported"
	InvalidRequestURIMethod ErrorCode = "invalid_request_uri_method"
	InvalidTransactionData  ErrorCode = "invalid_transaction_data"
	WalletUnavailable       ErrorCode = "wallet_unavailable"
	UnsupportedResponseType ErrorCode = "unsupported_response_type"
	TemporarilyUnavailable  ErrorCode = "temporarily_unavailable"
	ServerError             ErrorCode = "server_error"
)

// wellFormed: codes of others may be unknown, but never free text.
func (c ErrorCode) wellFormed() bool {
	return len(c) <= 64 && wire.Description(string(c)) == string(c)
}

// Error is a message that breaks a rule. Its text names the field, the rule
// and the section, and holds no secret.
type Error struct {
	Code   ErrorCode
	Field  string
	Detail string
	Spec   string
	Err    error
}

func (e *Error) Error() string {
	text := e.Detail
	if e.Field != "" {
		text = e.Field + " " + text
	}
	if e.Spec != "" {
		text += " (" + e.Spec + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Description is the text for error_description.
func (e *Error) Description() string { return wire.Description(e.Error()) }

func refuse(code ErrorCode, spec, field, format string, args ...any) error {
	return &Error{Code: code, Field: field, Detail: fmt.Sprintf(format, args...), Spec: spec}
}

func refuseCause(code ErrorCode, spec, field, detail string, err error) error {
	return &Error{Code: code, Field: field, Detail: detail, Spec: spec, Err: err}
}
