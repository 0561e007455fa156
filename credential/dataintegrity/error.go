package dataintegrity

import (
	"errors"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/jcs"
	"github.com/zegel-id/zegel/credential/jsonld"
)

// The checks of a verification, in the order in which they are made.
const (
	CheckPolicy      = credential.CheckPolicy
	CheckStructure   = credential.CheckStructure
	CheckCryptosuite = "cryptosuite"
	CheckPurpose     = "proof_purpose"
	CheckValidity    = credential.CheckValidity
	CheckDomain      = "domain"
	CheckChallenge   = "challenge"
	CheckChain       = "previous_proof"
	CheckContext     = "context"
	CheckSpelling    = "spelling"
	CheckMethod      = "verification_method"
	CheckProofValue  = "proof_value"
	CheckSignature   = "signature"
	CheckRequired    = "required_proof"
)

const (
	specDI  = "Data Integrity 1.0"
	specCID = "Controlled Identifiers 1.0"
)

// Error is a check that failed. Its text holds no value of the document.
type Error struct {
	Check  string // one of the constants above
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

// Type is the URL by which a failed verification is told to others (Data Integrity
// 1.0, Sections 2.4.3 and 4.7; Controlled Identifiers 1.0, Section 3.5).
func (e *Error) Type() string {
	const base = "https://w3id.org/security#"
	var lost *jsonld.Error
	switch {
	case errors.Is(e.Err, jcs.ErrSyntax):
		return base + "PARSING_ERROR"
	case errors.As(e.Err, &lost) && lost.Code == "dropped":
		return base + "DATA_LOSS_DETECTION_ERROR"
	}
	switch e.Check {
	case CheckDomain:
		return base + "INVALID_DOMAIN_ERROR"
	case CheckChallenge:
		return base + "INVALID_CHALLENGE_ERROR"
	case CheckMethod:
		return base + "INVALID_VERIFICATION_METHOD"
	default:
		return base + "PROOF_VERIFICATION_ERROR"
	}
}

func malformed(section, detail string) *Error {
	return &Error{Check: CheckStructure, Spec: specDI + ", Section " + section, Detail: detail}
}

// clip keeps a short printable part of an outside name for an error text.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.QuoteToASCII(s)
}
