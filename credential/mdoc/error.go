package mdoc

import (
	"errors"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/credential"
)

// CheckDigests is the check that every data element that was returned is one
// the issuer signed. The other names are those of package credential.
const CheckDigests = "digests"

// Errors that callers branch on.
var (
	// ErrSealed is returned when a draft is sealed a second time.
	ErrSealed = errors.New("the draft was sealed before; prepare a new one, so that random values, status index and device key differ in every copy")
	// ErrNoSuchClaim is returned when a path selects nothing in the document.
	ErrNoSuchClaim = errors.New("the path selects no data element of this document")
	// ErrNotAuthorized is returned when the device shall sign an element that
	// the issuer did not authorise its key for.
	ErrNotAuthorized = errors.New("the device key is not authorised to sign this data element")
)

// Error is a check that failed. Its text holds no value of a data element.
type Error struct {
	Check  string // CheckDigests or one of the credential.Check names
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

// The texts that ask for the checks.
const (
	specMSO       = "ISO/IEC 18013-5, 9.1.2.4"
	specItems     = "ISO/IEC 18013-5, 9.1.2.5"
	specDevice    = "ISO/IEC 18013-5, 9.1.3"
	specResponse  = "ISO/IEC 18013-5, 8.3.2.1.2.2"
	specIssuer    = "ISO/IEC 18013-5, 9.3.1"
	specIssued    = "OpenID4VCI 1.0, Appendix A.2.4"
	specPresented = "OpenID4VP 1.0, Appendix B.2.5"
	specHandover  = "OpenID4VP 1.0, Appendix B.2.6"
	specJSON      = "RFC 8949, Section 6"
)

func malformed(spec, detail string) *Error {
	return &Error{Check: credential.CheckStructure, Spec: spec, Detail: detail}
}

// broken is malformed with a cause.
func broken(spec, detail string, err error) *Error {
	return &Error{Check: credential.CheckStructure, Spec: spec, Detail: detail, Err: err}
}

// clip keeps a short printable part of an outside name for an error text.
func clip[T string | []byte](s T) string {
	const most = 60
	if len(s) > most {
		return strconv.QuoteToASCII(string(s[:most]) + "...")
	}
	return strconv.QuoteToASCII(string(s))
}
