package status

// ErrorName is the name of a processing error (Bitstring Status List 1.0,
// Section 3.5).
type ErrorName string

const (
	RetrievalError      ErrorName = "STATUS_RETRIEVAL_ERROR"
	VerificationError   ErrorName = "STATUS_VERIFICATION_ERROR"
	LengthError         ErrorName = "STATUS_LIST_LENGTH_ERROR"
	RangeError          ErrorName = "RANGE_ERROR"
	MalformedValueError ErrorName = "MALFORMED_VALUE_ERROR"
)

// Error of the algorithms of Bitstring Status List 1.0, Section 3. It wraps the
// error that both kinds of lists have in common, such as ErrUnavailable.
type Error struct {
	Name   ErrorName
	Detail string
	Err    error
}

func (e *Error) Error() string {
	return "status: " + string(e.Name) + ": " + e.Detail + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Type is the problem type of the error for an HTTP answer (Section 3.5).
func (e *Error) Type() string {
	return "https://www.w3.org/ns/credentials/status-list#" + string(e.Name)
}
