package sdjwt

import (
	"errors"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/credential"
)

// Errors that callers branch on.
var (
	// ErrSealed is returned when a draft is sealed a second time.
	ErrSealed = errors.New("the draft was sealed before; prepare a new one, so that salts, jti, status index and holder key differ in every copy")
	// ErrNoSuchClaim is returned when a path selects nothing in the credential.
	ErrNoSuchClaim = errors.New("the path selects no claim of this credential")
)

// Error is a check that failed. Its text holds no claim value.
type Error struct {
	Check  string // one of the credential.Check names
	Spec   string // document and section
	Detail string // what was found, expected, and what helps
	Err    error  // cause, if there is one
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Check)
	b.WriteString(": ")
	b.WriteString(e.Detail)
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	if e.Spec != "" {
		b.WriteString(" (" + e.Spec + ")")
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

func malformed(spec, detail string) *Error {
	return &Error{Check: credential.CheckStructure, Spec: spec, Detail: detail}
}

// clip keeps a short printable part of an outside name for an error text.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.QuoteToASCII(s)
}
