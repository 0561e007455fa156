package api

import (
	"mime"
	"net/http"
	"regexp"

	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/internal/rest"
)

// condition is what a PUT expects to be there (RFC 9110, Section 13.1): with
// If-None-Match: * nothing, with If-Match that version. given says whether
// there is one.
type condition struct {
	given, absent bool
	match         string
}

var strongTag = regexp.MustCompile(`^"[\x21\x23-\x7e]{1,256}"$`)

func conditionOf(h http.Header) (condition, error) {
	bad := func(field, expected, spec string) error {
		return &rest.Problem{Status: http.StatusBadRequest, Title: "Condition is not understood", Field: field, Expected: expected, Spec: spec}
	}
	match, none := h.Values("If-Match"), h.Values("If-None-Match")
	switch {
	case len(match) == 0 && len(none) == 0:
		return condition{}, nil
	case len(match) > 0 && len(none) > 0:
		return condition{}, bad("If-Match", "If-Match or If-None-Match, not both", "RFC 9110, Section 13.2.2")
	case len(none) > 0:
		if len(none) != 1 || none[0] != "*" {
			return condition{}, bad("If-None-Match", "*", "RFC 9110, Section 13.1.2")
		}
		return condition{given: true, absent: true}, nil
	default:
		if len(match) != 1 || !strongTag.MatchString(match[0]) {
			return condition{}, bad("If-Match", "one strong entity tag, as it was read", "RFC 9110, Section 13.1.1")
		}
		return condition{given: true, match: match[0]}, nil
	}
}

func (a *api) items(r *rest.Request, q holder.Request) (rest.Answer, error) {
	names, err := a.holder.Items(r.Context(), q)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, map[string][]string{"items": list(names)}), nil
}

// putItem answers 201 with a new item and 204 with a new version of one.
func (a *api) putItem(r *rest.Request, q holder.Request) (rest.Answer, error) {
	c, err := conditionOf(r.HTTP.Header)
	if err != nil {
		return rest.Answer{}, err
	}
	if !c.given {
		return rest.Answer{}, &rest.Problem{Status: http.StatusPreconditionRequired, Expected: "If-None-Match: * or If-Match", Remedy: "Say whether the item is new, or which version it replaces.", Spec: "RFC 6585, Section 3"}
	}
	if t, params, err := mime.ParseMediaType(r.HTTP.Header.Get("Content-Type")); err != nil || t != pod.MediaType || len(params) != 0 {
		return rest.Answer{}, &rest.Problem{
			Status: http.StatusUnsupportedMediaType, Title: "Only ciphertext enters a vault", Field: "Content-Type", Expected: pod.MediaType,
			Spec: "RFC 9110, Section 15.5.16", Header: http.Header{"Accept": {pod.MediaType}},
		}
	}
	data, err := r.Body()
	if err != nil {
		return rest.Answer{}, err
	}
	status, when := http.StatusNoContent, pod.IfMatch(pod.ETag(c.match))
	if c.absent {
		status, when = http.StatusCreated, pod.IfAbsent()
	}
	tag, err := a.holder.PutItem(r.Context(), q, r.Path("name"), pod.MediaType, data, when)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Status(status).With("ETag", string(tag)), nil
}

func (a *api) item(r *rest.Request, q holder.Request) (rest.Answer, error) {
	o, err := a.holder.Item(r.Context(), q, r.Path("name"))
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Text(http.StatusOK, pod.MediaType, o.Data).With("ETag", string(o.ETag)), nil
}

func (a *api) deleteItem(r *rest.Request, q holder.Request) (rest.Answer, error) {
	return done(a.holder.DeleteItem(r.Context(), q, r.Path("name")))
}

func (a *api) putKeystore(r *rest.Request, q holder.Request) (rest.Answer, error) {
	c, err := conditionOf(r.HTTP.Header)
	if err != nil {
		return rest.Answer{}, err
	}
	if t, _, err := mime.ParseMediaType(r.HTTP.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return rest.Answer{}, &rest.Problem{Status: http.StatusUnsupportedMediaType, Field: "Content-Type", Expected: "application/json", Spec: "RFC 9110, Section 15.5.16", Header: http.Header{"Accept": {"application/json"}}}
	}
	data, err := r.Body()
	if err != nil {
		return rest.Answer{}, err
	}
	tag, err := a.holder.PutKeystore(r.Context(), q, data, holder.Expect{Absent: c.absent, Match: holder.KeystoreTag(c.match)})
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.NoContent().With("ETag", string(tag)), nil
}

func (a *api) keystore(r *rest.Request, q holder.Request) (rest.Answer, error) {
	data, tag, err := a.holder.Keystore(r.Context(), q)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Text(http.StatusOK, "application/json", data).With("ETag", string(tag)), nil
}
