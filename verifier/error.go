package verifier

import "errors"

// What callers branch on. Every refusal of this package wraps one of them.
var (
	// ErrRequest is returned for what a receiver asked wrongly.
	ErrRequest = errors.New("verifier: the transaction cannot be created as asked")
	// ErrNotAdmitted is returned when the receiver is not in the register, is
	// suspended, or may no longer ask for this.
	ErrNotAdmitted = errors.New("verifier: the receiver is not admitted")
	// ErrNotFound is returned when a secret names nothing: unknown, over, or
	// another receiver's.
	ErrNotFound = errors.New("verifier: no such transaction, request or response address")
	// ErrSpent is returned when a step was taken before.
	ErrSpent = errors.New("verifier: this can be done only once")
	// ErrExpired is returned when the time for a step is over.
	ErrExpired = errors.New("verifier: the transaction is over")
	// ErrPending is returned when there is no answer yet.
	ErrPending = errors.New("verifier: there is no answer yet")
	// ErrNoEvidence is returned when a transaction has a result and no evidence.
	ErrNoEvidence = errors.New("verifier: there is no evidence")
	// ErrCode is returned for a missing or wrong response code.
	ErrCode = errors.New("verifier: the response code is not the one of this transaction")
	// ErrResponse is returned for a response that cannot be taken.
	ErrResponse = errors.New("verifier: the response cannot be taken")
	// ErrDocument is returned when there is no document of which to judge the seal.
	ErrDocument = errors.New("verifier: there is no document to judge")
	// ErrNotVerified is returned to the wallet whose response was taken and
	// does not hold.
	ErrNotVerified = errors.New("verifier: the presentation does not hold")
)

// Error is a refusal: what, where, by which clause and what helps. Its text
// holds no secret and no claim value.
type Error struct {
	Err    error // one of the above
	Field  string
	Detail string
	Spec   string
	Remedy string
	Cause  error
}

func (e *Error) Error() string {
	text := e.Err.Error() + ": "
	if e.Field != "" {
		text += e.Field + " "
	}
	text += e.Detail
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	if e.Spec != "" {
		text += " (" + e.Spec + ")"
	}
	return text
}

// Unwrap gives the sentinel and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Cause}
}
