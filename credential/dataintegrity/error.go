package dataintegrity

import (
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/credential"
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
