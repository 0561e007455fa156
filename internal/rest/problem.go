package rest

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// Problem is a refusal of our own APIs (RFC 9457). It says what was wrong and
// what to do, and holds no claim value, secret or identifier of a citizen.
type Problem struct {
	Type   string `json:"type"` // about:blank if empty
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Field, Expected and Found say what does not fit, Spec which clause asks
	// for it, Remedy what helps.
	Field    string `json:"field,omitempty"`
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`
	Spec     string `json:"spec,omitempty"`
	Remedy   string `json:"remedy,omitempty"`
	// Header is sent with it, Cause goes to the log only.
	Header http.Header `json:"-"`
	Cause  error       `json:"-"`
}

func (p *Problem) Error() string {
	s := p.Title
	if s == "" {
		s = http.StatusText(p.Status)
	}
	if p.Field != "" {
		s += ": " + p.Field
	}
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	return s
}

func (p *Problem) Unwrap() error { return p.Cause }

func (p *Problem) complete() *Problem {
	c := *p
	if c.Status < 400 || c.Status > 599 {
		c.Status = http.StatusInternalServerError
	}
	if c.Type == "" {
		c.Type = "about:blank"
	}
	if c.Title == "" {
		c.Title = http.StatusText(c.Status)
	}
	return &c
}

func (p *Problem) answer() Answer {
	c := p.complete()
	a := TypedJSON(c.Status, "application/problem+json", c)
	a.Header = p.Header.Clone()
	return a
}

// OAuthError is a refusal of an OAuth or OpenID endpoint: a JSON object with
// error and error_description, never cached (RFC 6749, Section 5.2).
type OAuthError struct {
	Status      int // 400 if 0
	Code        string
	Description string
	// Extra are further members, such as c_nonce.
	Extra map[string]any
	// Header is sent with it, such as WWW-Authenticate (RFC 6750, Section 3).
	Header http.Header
	// Cause goes to the log only.
	Cause error
}

func (e *OAuthError) Error() string {
	if e.Description == "" {
		return e.Code
	}
	return e.Code + ": " + e.Description
}

func (e *OAuthError) Unwrap() error { return e.Cause }

func (e *OAuthError) answer() Answer {
	body := map[string]any{}
	for k, v := range e.Extra {
		body[k] = v
	}
	body["error"] = e.Code
	if d := description(e.Description); d != "" {
		body["error_description"] = d
	}
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	a := JSON(status, body)
	a.Header = e.Header.Clone()
	return a.With("Cache-Control", "no-store").With("Pragma", "no-cache")
}

// description keeps the characters that RFC 6749, Appendix A.8 allows in
// error_description.
func description(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < 0x20 || r > 0x7e || r == '\\':
			return '?'
		}
		return r
	}, s)
}

// oauth is the OAuth form of what this package refuses itself.
func (p *Problem) oauth() *OAuthError {
	e := &OAuthError{Status: p.Status, Header: p.Header, Cause: p.Cause, Code: "invalid_request", Description: p.Error()}
	switch {
	case p.Status == http.StatusUnauthorized:
		e.Code = "invalid_client"
	case p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable:
		e.Code = "temporarily_unavailable"
	case p.Status >= 500:
		e.Code, e.Description = "server_error", ""
	}
	return e
}

// internal is what an outsider sees of an error that nobody mapped.
func internal(cause error) *Problem {
	p := &Problem{Status: http.StatusInternalServerError, Detail: "The server could not answer. Its operator finds the cause under the request id.", Cause: cause}
	var late interface{ Timeout() bool }
	if errors.Is(cause, context.DeadlineExceeded) || errors.As(cause, &late) && late.Timeout() {
		p.Status, p.Detail = http.StatusServiceUnavailable, "The answer took too long. Try again later."
	}
	return p
}

// refuse turns an error into an answer, and says what the log may call it.
func (e *Engine) refuse(r *Request, err error) (Answer, string) {
	var p *Problem
	var o *OAuthError
	if !errors.As(err, &p) && !errors.As(err, &o) && e.o.Errors != nil {
		if mapped := e.o.Errors(err); mapped != nil {
			if !errors.As(mapped, &p) {
				errors.As(mapped, &o)
			}
		}
	}
	switch {
	case o != nil:
		return o.answer(), o.Code
	case p == nil:
		p = internal(err)
	}
	name := p.complete().Title // not the field, whose name may come from outside
	switch {
	case r.route != nil && r.route.OAuth:
		return p.oauth().answer(), name
	case r.route != nil && r.route.Page && e.o.ErrorPage != nil:
		a := e.o.ErrorPage(r, p.complete())
		for k, v := range p.Header {
			a = a.With(k, v[0])
		}
		return a, name
	}
	return p.answer(), name
}

// malformed is the refusal of a body that is not strict JSON, or has a member that
// is not understood.
func malformed(err error) *Problem {
	var m *jose.MemberError
	switch {
	case errors.As(err, &m) && m.Unknown:
		p := &Problem{Status: http.StatusBadRequest, Title: "Unknown member", Field: m.Path, Detail: "is no member here", Expected: strings.Join(m.Members, ", "), Remedy: "Leave it out, or write it as the description of the interface does.", Cause: jose.ErrJSON}
		if len(m.Members) == 0 {
			p.Expected = "no member at all"
		}
		return p
	case m != nil && m.Path != "":
		return &Problem{Status: http.StatusBadRequest, Title: "Wrong JSON type", Field: m.Path, Detail: "cannot be read", Expected: m.Expected, Spec: "RFC 8259, Section 3", Remedy: "Write it as the description of the interface does.", Cause: jose.ErrJSON}
	}
	expected := ""
	if m != nil {
		expected = m.Expected
	}
	return &Problem{
		Status: http.StatusBadRequest, Title: "Malformed request body", Detail: err.Error(), Expected: expected, Spec: "RFC 8259; RFC 8725, Section 3.10",
		Remedy: "Send one JSON value in UTF-8 without duplicate members.", Cause: jose.ErrJSON,
	}
}
