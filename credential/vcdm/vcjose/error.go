package vcjose

import (
	"errors"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/vcdm"
)

// The media types, as typ.
const (
	TypCredential   = "vc+jwt"
	TypPresentation = "vp+jwt"
	TypSDJWT        = "vc+sd-jwt"
)

// ErrSealed is returned when a draft is sealed a second time.
var ErrSealed = errors.New("the draft was sealed before; prepare a new one")

// Error is a check that failed. Its text holds no claim value.
type Error struct {
	Check  string // one of the credential.Check names
	Spec   string // document and section
	Detail string
	Err    error
}

func (e *Error) Error() string {
	s := e.Check + ": " + e.Detail
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + " (" + e.Spec + ")"
}

func (e *Error) Unwrap() error { return e.Err }

// Problem is the problem type of the data model that an error of this package
// belongs to (VC Data Model 2.0, Section 7.2).
func Problem(err error) vcdm.Problem {
	var data *vcdm.Error
	if errors.As(err, &data) {
		return data.Problem
	}
	var e *Error
	if errors.As(err, &e) && e.Check == credential.CheckStructure {
		return vcdm.ParsingError
	}
	return vcdm.CryptographicSecurityError
}

func failed(check, section, detail string, err error) error {
	return &Error{Check: check, Spec: "VC-JOSE-COSE, Section " + section, Detail: detail, Err: err}
}
