package fetch

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
)

// Reason names the rule that refused a request or an answer.
type Reason string

const (
	// ReasonURL: the address is not an absolute URL with a host, or the request
	// names another host than its URL.
	ReasonURL Reason = "url"
	// ReasonScheme: https is required, or a redirect left https.
	ReasonScheme Reason = "scheme"
	// ReasonUserinfo: the URL holds a user name or password.
	ReasonUserinfo Reason = "userinfo"
	// ReasonHost: the host is an IP literal where a name is required.
	ReasonHost Reason = "host"
	// ReasonPort: the port is not on the list.
	ReasonPort Reason = "port"
	// ReasonAddress: the name leads to an address that is not allowed.
	ReasonAddress Reason = "address"
	// ReasonCredentials: the request carries credentials that this class of
	// client does not send.
	ReasonCredentials Reason = "credentials"
	// ReasonRedirect: the answer redirects and may not, or too often.
	ReasonRedirect Reason = "redirect"
	// ReasonTimeout: a time limit passed.
	ReasonTimeout Reason = "timeout"
	// ReasonTooLarge: headers or body are larger than allowed, before or after
	// decompression.
	ReasonTooLarge Reason = "too_large"
	// ReasonEncoding: the content coding is unknown or broken.
	ReasonEncoding Reason = "encoding"
	// ReasonStatus: Fetch got another status than 200.
	ReasonStatus Reason = "status"
	// ReasonNetwork: name resolution, connection, TLS or protocol failed.
	ReasonNetwork Reason = "network"
	// ReasonCanceled: the caller gave up.
	ReasonCanceled Reason = "canceled"
)

// Error is the only error type of this package. It names the host and never
// the path or query, which may hold tokens.
type Error struct {
	Reason Reason
	// Host is where the request went, without path or query.
	Host string
	// Status is the HTTP status for ReasonStatus and ReasonRedirect, else 0.
	Status int
	// Detail says what was found and expected.
	Detail string
	// Err is the cause, if there is one.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("fetch")
	if e.Host != "" {
		b.WriteString(" " + e.Host)
	}
	b.WriteString(": " + string(e.Reason))
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// StatusCode is Status, for packages that ask by an interface of their own.
func (e *Error) StatusCode() int { return e.Status }

// Is reports whether err was caused by the rule.
func Is(err error, r Reason) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == r
}

// classify turns whatever net/http returned into an Error for the host. The
// url.Error around it is dropped, because it prints the whole URL.
func classify(host string, err error) error {
	var ours *Error
	if errors.As(err, &ours) {
		if ours.Host == "" {
			c := *ours
			c.Host = host
			return &c
		}
		return ours
	}
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	var ne net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return &Error{Reason: ReasonCanceled, Host: host, Err: context.Canceled}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return &Error{Reason: ReasonTimeout, Host: host, Detail: "the answer took longer than allowed", Err: context.DeadlineExceeded}
	case strings.Contains(err.Error(), "response headers exceeded"), strings.Contains(err.Error(), "response header list larger"):
		return &Error{Reason: ReasonTooLarge, Host: host, Detail: "response headers are larger than allowed"}
	}
	return &Error{Reason: ReasonNetwork, Host: host, Err: err}
}
