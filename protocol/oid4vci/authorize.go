package oid4vci

import (
	"crypto/subtle"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// Form are the parameters of the request, for a wallet. A vault handle is left
// out: it goes into pushed requests only, with Pushed.
func (r AuthorizationRequest) Form() (url.Values, error) {
	form := url.Values{
		"response_type": {"code"}, "client_id": {r.ClientID}, "redirect_uri": {r.RedirectURI},
		"code_challenge": {r.CodeChallenge}, "code_challenge_method": {"S256"},
	}
	for name, value := range map[string]string{
		"state": r.State, "scope": strings.Join(r.Scopes, " "), "issuer_state": string(r.IssuerState), "resource": r.Resource,
		"dpop_jkt": r.DPoPJKT, "ui_locales": r.UILocales,
	} {
		if value != "" {
			form.Set(name, value)
		}
	}
	if r.Details != nil {
		b, err := jose.Marshal(r.Details)
		if err != nil {
			return nil, err
		}
		form.Set("authorization_details", string(b))
	}
	return form, nil
}

// Pushed are the parameters as they are pushed, for a wallet.
func (r AuthorizationRequest) Pushed() (url.Values, error) {
	form, err := r.Form()
	if err == nil && r.VaultHandle != "" {
		form.Set(VaultHandleParameter, string(r.VaultHandle))
	}
	return form, err
}

// ParsePushedResponse reads the answer to a pushed request, for a wallet.
func ParsePushedResponse(b []byte) (PushedResponse, error) {
	const spec = "RFC 9126, Section 2.2"
	var r PushedResponse
	if err := decode(b, &r, MaxMessage, "", "pushed authorization response", spec); err != nil {
		return PushedResponse{}, err
	}
	if r.RequestURI == "" || tooLong(string(r.RequestURI)) {
		return PushedResponse{}, refuse("", spec, "request_uri", "is missing or longer than %d bytes", MaxText)
	}
	if r.ExpiresIn <= 0 {
		return PushedResponse{}, refuse("", spec, "expires_in", "must be a positive number of seconds")
	}
	return r, nil
}

// AuthorizationResponse is what the browser brings back: a code or an error.
type AuthorizationResponse struct {
	Code Secret
	// Iss is the server that answers; empty when it did not say.
	Iss string
	// Error is empty with a code.
	Error ErrorResponse
}

// ParseAuthorizationResponse reads the answer to a request with this state, for
// a wallet. Iss is still to be held against the server that was asked
// (CheckIss), before anything else is done with it.
func ParseAuthorizationResponse(q url.Values, state string) (AuthorizationResponse, error) {
	const spec = "RFC 6749, Section 4.1.2"
	for _, name := range []string{"state", "iss", "code", "error", "error_description"} {
		if len(q[name]) > 1 {
			return AuthorizationResponse{}, refuse("", "RFC 6749, Section 3.1", name, "stands there twice")
		}
	}
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
		return AuthorizationResponse{}, refuse("", "RFC 6749, Section 10.12", "state", "is another than the one sent: start again")
	}
	r := AuthorizationResponse{Code: Secret(q.Get("code")), Iss: q.Get("iss")}
	if code := q.Get("error"); code != "" {
		r.Code, r.Error = "", ErrorResponse{Error: ErrorCode(wire.Clip(code)), Description: wire.Description(q.Get("error_description"))}
		return r, nil
	}
	if r.Code == "" || tooLong(string(r.Code)) {
		return AuthorizationResponse{}, refuse("", spec, "code", "is missing or longer than %d bytes", MaxText)
	}
	return r, nil
}

// CheckIss holds the answer against the server that was asked, so that no code
// goes to a server that did not give it (RFC 9207, Section 2.4). An answer
// without iss is refused also from a server that does not promise it, unless
// lax.
func (r AuthorizationResponse) CheckIss(m AuthorizationServerMetadata, lax bool) error {
	const spec = "RFC 9207, Section 2.4"
	switch {
	case r.Iss == m.Issuer:
		return nil
	case r.Iss == "" && lax && !m.AuthorizationResponseIssParameterSupported:
		return nil
	case r.Iss == "":
		return refuse("", spec, "iss", "is missing, so that nobody can tell which server answers")
	default:
		return refuse("", spec, "iss", "is another server than the one that was asked: start again")
	}
}
