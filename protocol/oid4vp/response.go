package oid4vp

import (
	"crypto/ecdsa"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// Form is what a wallet posts to the response URI (OpenID4VP 1.0, Sections 8.2
// and 8.3.1): an encrypted response, or an error.
type Form struct {
	// Response is the JWE of direct_post.jwt.
	Response string
	// Error is set when the wallet refused; errors may come in clear.
	Error       ErrorCode
	Description string
	State       Secret
}

const specResponse = "OpenID4VP 1.0, Section 8.3"

// ParseForm reads the form of a response where encryption was asked for. A
// vp_token in clear is refused: who asked for encryption must not take less.
func ParseForm(form url.Values) (Form, error) {
	if err := wire.Single(form); err != nil {
		return Form{}, refuseCause(InvalidRequest, "RFC 6749, Section 3.2", "form", "repeats a parameter", err)
	}
	if form.Has("vp_token") {
		return Form{}, refuse(InvalidRequest, specResponse, "vp_token", "came in clear; the request asks for direct_post.jwt")
	}
	f := Form{Response: form.Get("response"), Error: ErrorCode(form.Get("error")), Description: form.Get("error_description"), State: Secret(form.Get("state"))}
	switch {
	case f.Response == "" && f.Error == "":
		return Form{}, refuse(InvalidRequest, specResponse, "response", "is missing")
	case f.Response != "" && f.Error != "":
		return Form{}, refuse(InvalidRequest, specResponse, "error", "must not stand beside response")
	case len(f.Response) > jose.MaxToken || len(f.State) > MaxText:
		return Form{}, refuse(InvalidRequest, specResponse, "form", "is too long")
	case !f.Error.wellFormed():
		return Form{}, refuse(InvalidRequest, "RFC 6749, Section 4.1.2.1", "error", "is no error code")
	}
	f.Description = wire.Clip(f.Description)
	return f, nil
}

// ParseClearForm reads the form of a response where no encryption was asked for
// (direct_post, Section 8.2). Response is then the response itself, as JSON.
func ParseClearForm(form url.Values) (Form, error) {
	const spec = "OpenID4VP 1.0, Section 8.2"
	switch {
	case form.Has("response"):
		return Form{}, refuse(InvalidRequest, spec, "response", "is encrypted; the request asks for direct_post")
	case !form.Has("vp_token"):
		return ParseForm(form) // an error, or nothing
	case form.Has("error"):
		return Form{}, refuse(InvalidRequest, spec, "error", "must not stand beside vp_token")
	}
	if err := wire.Single(form); err != nil {
		return Form{}, refuseCause(InvalidRequest, "RFC 6749, Section 3.2", "form", "repeats a parameter", err)
	}
	f := Form{State: Secret(form.Get("state"))}
	text := jsontext.Value(form.Get("vp_token"))
	if len(text) > jose.MaxToken || len(f.State) > MaxText {
		return Form{}, refuse(InvalidRequest, spec, "form", "is too long")
	}
	b, err := jose.Marshal(map[string]any{"vp_token": text, "state": string(f.State)})
	if err != nil {
		return Form{}, refuseCause(InvalidRequest, spec, "vp_token", "is no JSON", err)
	}
	f.Response = string(b)
	return f, nil
}

// Kid names the key that the response was encrypted to, to find the request
// whose key it is.
func (f Form) Kid() (string, error) {
	h, err := jose.ParseJWEHeader(f.Response)
	if err != nil {
		return "", refuseCause(InvalidRequest, specResponse, "response", "is no JWE", err)
	}
	return h.Kid, nil
}

// Open decrypts the response with the key of this one request; kid and enc must
// be the ones that the request offered. Encryption says nothing about who sent
// it (Section 14.6).
func (f Form) Open(key *ecdsa.PrivateKey, kid string, encs ...string) ([]byte, error) {
	b, h, err := jose.DecryptCompact(f.Response, key, encs...)
	if err != nil {
		return nil, refuseCause(InvalidRequest, specResponse, "response", "cannot be decrypted with the key of this request", err)
	}
	if h.Kid != kid {
		return nil, refuse(InvalidRequest, specResponse, "response", "names another key in kid")
	}
	return b, nil
}

// Response is the content of an authorization response (Section 8.1): a VP
// Token or an error.
type Response struct {
	VPToken          VPToken   `json:"vp_token,omitempty"`
	State            Secret    `json:"state,omitzero"`
	Error            ErrorCode `json:"error,omitzero"`
	ErrorDescription string    `json:"error_description,omitzero"`
}

// VPToken maps ids of credential queries to presentations (Section 8.1).
type VPToken map[string][]jsontext.Value

// Text is a presentation that is a string, as those of dc+sd-jwt are.
func Text(v jsontext.Value) (string, bool) {
	var s string
	if v.Kind() != '"' || jose.Unmarshal(v, &s) != nil {
		return "", false
	}
	return s, true
}

// Presentations makes the array of a query's presentations.
func Presentations(texts ...string) []jsontext.Value {
	out := make([]jsontext.Value, len(texts))
	for i, t := range texts {
		out[i], _ = jose.Marshal(t) // a string always marshals
	}
	return out
}

// ParseResponse reads the decrypted response and holds the VP Token against
// the query's shape (Section 8.6): an object keyed by ids of the query, each
// value a non-empty array, with one element unless the query says multiple.
func ParseResponse(b []byte, q Query) (Response, error) {
	var r Response
	if len(b) > jose.MaxToken {
		return Response{}, refuse(InvalidRequest, specResponse, "response", "is longer than %d bytes", jose.MaxToken)
	}
	if err := jose.Unmarshal(b, &r); err != nil {
		return Response{}, refuseCause(InvalidRequest, "OpenID4VP 1.0, Section 8.1", "vp_token", "must be an object whose members are arrays", err)
	}
	if r.Error != "" {
		if r.VPToken != nil {
			return Response{}, refuse(InvalidRequest, "OpenID4VP 1.0, Section 8.5", "error", "must not stand beside vp_token")
		}
		if !r.Error.wellFormed() {
			return Response{}, refuse(InvalidRequest, "RFC 6749, Section 4.1.2.1", "error", "is no error code")
		}
		r.ErrorDescription = wire.Clip(r.ErrorDescription)
		return r, nil
	}
	if len(r.VPToken) == 0 {
		return Response{}, refuse(InvalidRequest, specVPToken, "vp_token", "is missing or empty")
	}
	for id, list := range r.VPToken {
		c, ok := q.Find(id)
		switch {
		case !ok:
			return Response{}, refuse(InvalidRequest, specVPToken, "vp_token", "answers %s, which was not asked", wire.Clip(id))
		case len(list) == 0 || len(list) > MaxList:
			return Response{}, refuse(InvalidRequest, specVPToken, "vp_token", "has %d presentations for %s, expected 1 to %d", len(list), id, MaxList)
		case len(list) > 1 && !c.Multiple:
			return Response{}, refuse(InvalidRequest, specVPToken, "vp_token", "has %d presentations for %s, which did not ask for multiple", len(list), id)
		}
		for _, v := range list {
			if v.Kind() != '{' {
				if text, ok := Text(v); !ok || text == "" {
					return Response{}, refuse(InvalidRequest, "OpenID4VP 1.0, Section 8.1", "vp_token", "holds something for %s that is neither a non-empty string nor an object", id)
				}
			}
		}
	}
	return r, nil
}

// CheckState holds the state that came back against the one of the request
// (Sections 5.3 and 14.4.2). A request without state wants none back.
func (r Response) CheckState(expected Secret) error {
	if expected == "" && r.State == "" || expected.Equal(r.State) {
		return nil
	}
	return refuse(InvalidRequest, specRequest+".3", "state", "is not the one of the request")
}

// Accepted is the verifier's answer to a response (Section 8.2). Serve it with
// Cache-Control: no-store, and never as an HTTP redirect.
type Accepted struct {
	RedirectURI string `json:"redirect_uri,omitzero"`
}

// ParseAccepted reads the verifier's answer, for a wallet that will open the
// redirect_uri.
func ParseAccepted(b []byte, opts ...Option) (Accepted, error) {
	const spec = "OpenID4VP 1.0, Section 8.2"
	var a Accepted
	if len(b) > MaxMessage {
		return Accepted{}, refuse("", spec, "answer", "is too long")
	}
	if err := jose.Unmarshal(b, &a); err != nil {
		return Accepted{}, refuseCause("", spec, "answer", "cannot be read", err)
	}
	if a.RedirectURI == "" {
		return a, nil
	}
	page, _, _ := strings.Cut(a.RedirectURI, "#")
	if err := wire.CheckURL(page, insecure(opts)); err != nil {
		return Accepted{}, refuseCause("", spec, "redirect_uri", "cannot be opened", err)
	}
	if strings.ContainsFunc(a.RedirectURI, func(r rune) bool { return r <= ' ' || r >= 0x7f }) || len(a.RedirectURI) > MaxText {
		return Accepted{}, refuse("", spec, "redirect_uri", "is no URI, or too long")
	}
	return a, nil
}
