package api

import (
	"errors"
	"net/http"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/vcapi"
)

// problem maps what vcapi refuses.
func problem(err error) error {
	var e *vcapi.Error
	if !errors.As(err, &e) {
		return nil
	}
	p := &rest.Problem{Type: e.Type, Title: e.Title, Field: e.Field, Detail: e.Detail, Spec: e.Spec, Remedy: e.Remedy, Cause: err}
	switch e.Err {
	case vcapi.ErrInput:
		p.Status = http.StatusBadRequest
	case vcapi.ErrNotFound:
		p.Status = http.StatusNotFound
	case vcapi.ErrConflict:
		p.Status = http.StatusConflict
	default:
		return nil
	}
	return p
}

// unknownOption is the problem of VCALM 0.9, "Error Handling".
const unknownOption = "https://www.w3.org/TR/vcalm#UNKNOWN_OPTION_PROVIDED"
