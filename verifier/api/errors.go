package api

import (
	"errors"
	"net/http"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
)

const titleBrowser = "The page belongs to another browser"

// problem maps what the verifier refuses a receiver.
func problem(err error) error {
	var e *verifier.Error
	if !errors.As(err, &e) {
		return nil
	}
	p := &rest.Problem{Field: e.Field, Detail: e.Detail, Spec: e.Spec, Remedy: e.Remedy, Cause: err}
	if e.Cause != nil {
		p.Detail += ": " + e.Cause.Error()
	}
	switch e.Err {
	case verifier.ErrRequest:
		p.Status, p.Title = http.StatusBadRequest, "The transaction cannot be created as asked"
	case verifier.ErrNotAdmitted:
		p.Status, p.Title = http.StatusForbidden, "Receiver not admitted"
	case verifier.ErrNotFound:
		p.Status, p.Title = http.StatusNotFound, "No such transaction"
	case verifier.ErrNoEvidence:
		p.Status, p.Title = http.StatusNotFound, "No evidence"
	case verifier.ErrSpent, verifier.ErrExpired:
		p.Status, p.Title = http.StatusGone, "The transaction is over"
	case verifier.ErrPending:
		p.Status, p.Title, p.Header = http.StatusConflict, "No answer yet", http.Header{"Retry-After": {"2"}}
	case verifier.ErrCode:
		p.Status, p.Title = http.StatusForbidden, "Response code refused"
	case verifier.ErrResponse:
		p.Status, p.Title = http.StatusBadRequest, "The answer cannot be taken"
	case verifier.ErrDocument:
		p.Status, p.Title = http.StatusBadRequest, "No document"
	case verifier.ErrBrowser:
		p.Status, p.Title = http.StatusForbidden, titleBrowser
	default:
		return nil
	}
	return p
}

// wallet maps what is refused to a wallet (OpenID4VP 1.0, Section 8.5; RFC
// 6749, Section 5.2). Errors that are not refusals stay what they are.
func wallet(err error) error {
	var words *oid4vp.Error
	var e *verifier.Error
	out := &rest.OAuthError{Status: http.StatusBadRequest, Code: string(oid4vp.InvalidRequest), Description: err.Error(), Cause: err}
	switch {
	case errors.As(err, &e):
	case errors.As(err, &words):
		out.Description = words.Description()
		return out
	default:
		return err
	}
	switch e.Err {
	case verifier.ErrRequest, verifier.ErrResponse, verifier.ErrNotVerified:
	case verifier.ErrNotFound:
		out.Status = http.StatusNotFound
	case verifier.ErrSpent, verifier.ErrExpired:
		out.Status = http.StatusGone
	case verifier.ErrNotAdmitted:
		out.Status, out.Code = http.StatusForbidden, string(oid4vp.AccessDenied)
	default:
		return err
	}
	return out
}
