package rest

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/zegel-id/zegel/internal/jose"
)

// Request is what a handler gets.
type Request struct {
	HTTP *http.Request
	// ID is the request id, which stands in the log and in the answer.
	ID string
	// Client is who called, on routes with a permission.
	Client Client
	// IdempotencyID is the same for every request of one client with one
	// Idempotency-Key, and empty without one. What a handler makes should be
	// named after it, so that a repetition after a crash meets what is there.
	IdempotencyID string

	gin     *gin.Context
	route   *Route
	maxBody int64
	body    []byte
	read    bool
}

// Context ends when the caller is gone or the route's time is over.
func (r *Request) Context() context.Context { return r.HTTP.Context() }

// Path is a parameter of the route's path.
func (r *Request) Path(name string) string { return r.gin.Param(name) }

// Remote is the caller's address, from the nearest proxy that is trusted.
func (r *Request) Remote() string { return r.gin.ClientIP() }

// Certificate is the client certificate of the connection, nil without one.
// What it proves is for the TLS configuration and the caller to know.
func (r *Request) Certificate() *x509.Certificate {
	if r.HTTP.TLS == nil || len(r.HTTP.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.HTTP.TLS.PeerCertificates[0]
}

// Certificates are what the client showed: its own first, then what it sent
// along for others to be led to an authority.
func (r *Request) Certificates() []*x509.Certificate {
	if r.HTTP.TLS == nil {
		return nil
	}
	return r.HTTP.TLS.PeerCertificates
}

// Authorization splits the Authorization header into scheme, as it was
// written, and credentials (RFC 9110, Section 11.6.2). ok is false when there
// is none. Two headers are refused.
func (r *Request) Authorization() (scheme, credentials string, ok bool, err error) {
	return authorization(r.HTTP)
}

func authorization(r *http.Request) (scheme, credentials string, ok bool, err error) {
	switch values := r.Header.Values("Authorization"); len(values) {
	case 0:
		return "", "", false, nil
	case 1:
		scheme, credentials, ok = strings.Cut(strings.TrimSpace(values[0]), " ")
		credentials = strings.TrimSpace(credentials)
		if !ok || credentials == "" {
			return "", "", false, &Problem{Status: http.StatusBadRequest, Title: "Malformed Authorization header", Field: "Authorization", Expected: "a scheme, a space and credentials", Spec: "RFC 9110, Section 11.6.2"}
		}
		return scheme, credentials, true, nil
	default:
		return "", "", false, &Problem{Status: http.StatusBadRequest, Title: "More than one Authorization header", Field: "Authorization", Spec: "RFC 6750, Section 2"}
	}
}

// Body reads the whole body, at most what the route allows. It may be called
// again.
func (r *Request) Body() ([]byte, error) {
	if r.read {
		return r.body, nil
	}
	tooLarge := &Problem{
		Status: http.StatusRequestEntityTooLarge, Title: "Request body too large", Expected: fmt.Sprintf("at most %d bytes", r.maxBody), Spec: "RFC 9110, Section 15.5.14",
	}
	if coding := r.HTTP.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, &Problem{Status: http.StatusUnsupportedMediaType, Title: "Content coding not supported", Field: "Content-Encoding", Expected: "no content coding", Spec: "RFC 9110, Section 15.5.16"}
	}
	if r.HTTP.ContentLength > r.maxBody {
		return nil, tooLarge
	}
	b, err := io.ReadAll(r.HTTP.Body) // a MaxBytesReader, see Engine.serve
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case err != nil:
		return nil, &Problem{Status: http.StatusBadRequest, Title: "Request body could not be read", Cause: err}
	}
	r.body, r.read = b, true
	return b, nil
}

// mediaType refuses a Content-Type that is not one of types. A charset other
// than UTF-8 is refused too.
func (r *Request) mediaType(types ...string) error {
	got, params, err := mime.ParseMediaType(r.HTTP.Header.Get("Content-Type"))
	charset := params["charset"]
	if err == nil && len(r.HTTP.Header.Values("Content-Type")) == 1 && slices.Contains(types, got) && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		return nil
	}
	return &Problem{
		Status: http.StatusUnsupportedMediaType, Title: "Media type not supported", Field: "Content-Type", Expected: strings.Join(types, " or "), Spec: "RFC 9110, Section 15.5.16",
		Header: http.Header{"Accept": {strings.Join(types, ", ")}},
	}
}

// Document is the body as it came, if it is of one of the media types.
func (r *Request) Document(types ...string) ([]byte, error) {
	if err := r.mediaType(types...); err != nil {
		return nil, err
	}
	return r.Body()
}

// DecodeJSON reads the body as strict JSON; unknown members are ignored, as
// protocols ask for. types are the media types allowed, application/json if
// none is given.
func DecodeJSON[T any](r *Request, types ...string) (T, error) {
	return decode[T](r, jose.Unmarshal, types)
}

// DecodeClosedJSON is DecodeJSON that refuses unknown members, for APIs of our
// own: a misspelt member must not go unseen.
func DecodeClosedJSON[T any](r *Request, types ...string) (T, error) {
	return decode[T](r, jose.UnmarshalClosed, types)
}

func decode[T any](r *Request, unmarshal func([]byte, any) error, types []string) (T, error) {
	var v, zero T
	if len(types) == 0 {
		types = []string{"application/json"}
	}
	if err := r.mediaType(types...); err != nil {
		return zero, err
	}
	b, err := r.Body()
	if err != nil {
		return zero, err
	}
	if len(b) == 0 {
		return zero, &Problem{Status: http.StatusBadRequest, Title: "Request body is empty", Expected: "a JSON value"}
	}
	if err := unmarshal(b, &v); err != nil {
		return zero, malformed(err)
	}
	return v, nil
}

// Values are parameters of a form or a query. A parameter without a value
// counts as left out (RFC 6749, Section 3.1).
type Values struct{ m map[string][]string }

// Value is the value of a parameter, empty if it is not there.
func (v Values) Value(name string) string {
	if all := v.m[name]; len(all) > 0 {
		return all[0]
	}
	return ""
}

// All is every value of a parameter that may be repeated.
func (v Values) All(name string) []string { return slices.Clone(v.m[name]) }

// Has says whether a parameter is there.
func (v Values) Has(name string) bool { return len(v.m[name]) > 0 }

// Require is the value of a parameter, or a refusal that names it.
func (v Values) Require(name string) (string, error) {
	if !v.Has(name) {
		return "", &Problem{Status: http.StatusBadRequest, Title: "Parameter is missing", Field: name}
	}
	return v.Value(name), nil
}

// Form reads the body as application/x-www-form-urlencoded. Parameters stand
// there once (RFC 6749, Sections 3.1 and 3.2), but for those in repeatable,
// such as resource (RFC 8707, Section 2).
func (r *Request) Form(repeatable ...string) (Values, error) {
	if err := r.mediaType("application/x-www-form-urlencoded"); err != nil {
		return Values{}, err
	}
	b, err := r.Body()
	if err != nil {
		return Values{}, err
	}
	return values(string(b), repeatable)
}

// Query reads the parameters of the URL by the same rules.
func (r *Request) Query(repeatable ...string) (Values, error) {
	return values(r.HTTP.URL.RawQuery, repeatable)
}

func values(text string, repeatable []string) (Values, error) {
	bad := func(title, field string) error {
		return &Problem{Status: http.StatusBadRequest, Title: title, Field: field, Spec: "RFC 6749, Sections 3.1 and 3.2; Appendix B"}
	}
	q, err := url.ParseQuery(text)
	if err != nil {
		return Values{}, bad("Parameters are not well-formed", "")
	}
	out := Values{m: map[string][]string{}}
	for name, all := range q {
		if !utf8.ValidString(name) || slices.ContainsFunc(all, func(s string) bool { return !utf8.ValidString(s) }) {
			return Values{}, bad("Parameters are not UTF-8", "")
		}
		all = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" })
		if len(q[name]) > 1 && !slices.Contains(repeatable, name) {
			return Values{}, bad("Parameter stands there more than once", clip(name))
		}
		if len(all) > 0 {
			out.m[name] = all
		}
	}
	return out, nil
}

// clip makes an outside name fit for a message.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), 40)]
}
