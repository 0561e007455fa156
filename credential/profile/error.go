package profile

import (
	"errors"
	"strconv"
)

// Errors that callers branch on.
var (
	// ErrDeclaration is returned for a declaration that cannot be compiled.
	ErrDeclaration = errors.New("not a sound profile declaration")
	// ErrClaims is returned for claims that the profile cannot say.
	ErrClaims = errors.New("the claims do not fit the profile")
	// ErrCopy is returned for a copy or an issuer that lacks something.
	ErrCopy = errors.New("the copy does not fit the profile")
	// ErrDocument is returned for a document that is not of the profile.
	ErrDocument = errors.New("not a document of the profile")
)

// Error says where and why, never which value.
type Error struct {
	Profile string // name, empty while there is none
	Field   string // claim, JSON pointer or field of Copy and Issuer
	Detail  string // what was found, expected, and what helps
	Spec    string // document and section that asks for it, if one does
	Err     error  // one of the errors above
}

func (e *Error) Error() string {
	s := "profile " + strconv.Quote(e.Profile) + ": " + e.Err.Error()
	if e.Field != "" {
		s += ": " + e.Field
	}
	s += ": " + e.Detail
	if e.Spec != "" {
		s += " (" + e.Spec + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }
