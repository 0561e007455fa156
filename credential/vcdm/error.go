package vcdm

import (
	"errors"
	"strconv"
)

// Problem is a problem type of Section 7.2, a URL.
type Problem string

const problems = "https://www.w3.org/TR/vc-data-model#"

// The problem types.
const (
	ParsingError               Problem = problems + "PARSING_ERROR"
	CryptographicSecurityError Problem = problems + "CRYPTOGRAPHIC_SECURITY_ERROR"
	MalformedValueError        Problem = problems + "MALFORMED_VALUE_ERROR"
	RangeError                 Problem = problems + "RANGE_ERROR"
)

// Title is the short text of the problem type, the same each time.
func (p Problem) Title() string {
	switch p {
	case ParsingError:
		return "The document could not be parsed."
	case CryptographicSecurityError:
		return "The securing mechanism did not verify."
	case RangeError:
		return "A value is outside its range."
	default:
		return "A value does not conform to the data model."
	}
}

// Errors that callers branch on.
var (
	// ErrVersion1 is returned for a document of the Data Model 1.1.
	ErrVersion1 = errors.New("a document of the Verifiable Credentials Data Model 1.1; issue it with " + BaseContext + " as first context, or let the policy accept version 1.1")
	// ErrDigest is returned when a related resource is not the one whose
	// digest was signed.
	ErrDigest = errors.New("the related resource does not have the digest that the credential states")
)

// Error says which rule a document breaks. It never holds a claim value.
type Error struct {
	Problem Problem
	Member  string // the member at fault, such as "credentialStatus[1].type"
	Spec    string // document and section
	Detail  string // what was expected
	Err     error  // cause, if there is one
}

func (e *Error) Error() string {
	s := e.Detail
	if e.Member != "" {
		s = e.Member + " " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + " (" + e.Spec + ")"
}

func (e *Error) Unwrap() error { return e.Err }

func section(s string) string { return "VC Data Model 2.0, Section " + s }

func malformed(member, sec, detail string) error {
	return &Error{Problem: MalformedValueError, Member: member, Spec: section(sec), Detail: detail}
}

func at(member string, i int) string { return member + "[" + strconv.Itoa(i) + "]" }
