package vcapi

import (
	"errors"
	"strings"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
)

// What callers branch on. Every refusal of this package wraps one of them.
var (
	// ErrInput is returned for what cannot be processed as it was sent.
	ErrInput = errors.New("vcapi: the request cannot be processed")
	// ErrNotFound is returned for a credential or list that is not known here.
	ErrNotFound = errors.New("vcapi: not known here")
	// ErrConflict is returned for what contradicts something that was done before.
	ErrConflict = errors.New("vcapi: not possible any more")
)

// Error is a refusal: what, where, by which clause and what helps. Its text holds
// no claim value.
type Error struct {
	Err    error  // one of the above
	Type   string // URL of the problem; empty for none in particular
	Title  string
	Field  string
	Detail string
	Spec   string
	Remedy string
	Cause  error
}

func (e *Error) Error() string {
	s := e.Err.Error() + ": "
	if e.Field != "" {
		s += e.Field + " "
	}
	s += e.Detail
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the sentinel and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Cause}
}

// Problem is why a document does not hold (VCALM 0.9, "Error Handling"; RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Spec   string `json:"spec,omitempty"`
}

// The titles of problems of the data model are vcdm.Problem's.
const (
	titleProof   = "The proof does not hold."
	titleContext = "A context is not known."
	titleStatus  = "The status could not be found out."
	titleRevoked = "The credential is not to be relied on."
)

// problemOf names an error by the specification that it comes from.
func problemOf(err error) Problem {
	var proof *di.Error
	var data *vcdm.Error
	var token *vcjose.Error
	var standing *status.Error
	switch {
	case errors.As(err, &standing):
		return Problem{Type: standing.Type(), Title: titleStatus, Detail: standing.Error(), Spec: "Bitstring Status List 1.0, Section 3.2"}
	case errors.As(err, &data):
		return Problem{Type: string(data.Problem), Title: data.Problem.Title(), Detail: err.Error(), Spec: data.Spec}
	case errors.As(err, &token):
		p := vcjose.Problem(err)
		return Problem{Type: string(p), Title: p.Title(), Detail: err.Error(), Spec: token.Spec}
	case errors.As(err, &proof):
		title := titleProof
		if proof.Check == di.CheckContext {
			title = titleContext
		}
		return Problem{Type: proof.Type(), Title: title, Detail: proof.Error(), Spec: proof.Spec}
	default:
		return Problem{Type: string(vcdm.CryptographicSecurityError), Title: vcdm.CryptographicSecurityError.Title(), Detail: err.Error()}
	}
}

// input refuses a document that could not even be judged.
func input(field, remedy string, err error) error {
	p := problemOf(err)
	var data *vcdm.Error
	switch {
	case !errors.As(err, &data) || data.Member == "":
	case data.Member == field || strings.HasPrefix(data.Member, field+"."): // it stands alone
		field = data.Member
	default:
		field += "." + data.Member
	}
	return &Error{Err: ErrInput, Type: p.Type, Title: p.Title, Field: field, Detail: p.Detail, Spec: p.Spec, Remedy: remedy, Cause: err}
}
