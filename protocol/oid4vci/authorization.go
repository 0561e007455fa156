package oid4vci

import (
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/protocol/internal/wire"
	"github.com/zegel-id/zegel/protocol/oauth"
)

const (
	specAuthorization = "OpenID4VCI 1.0, Section 5.1"
	specPAR           = "RFC 9126, Section 2.1"
	specPKCE          = "RFC 7636, Section 4.3"

	// maxState bounds what must be carried back.
	maxState = 1024
	// VaultHandleParameter is our own: a vault handle (protocol/vault), which goes
	// only where no browser sees it, into pushed requests.
	VaultHandleParameter = "vault_handle"
	// RequestURIPrefix begins the request_uri of a pushed request (RFC 9126,
	// Section 2.2).
	RequestURIPrefix = "urn:ietf:params:oauth:request_uri:"
)

// AuthorizationRequest asks for an authorization code (OpenID4VCI, Section 5;
// RFC 6749, Section 4.1.1; RFC 7636, Section 4.3).
type AuthorizationRequest struct {
	ClientID, RedirectURI string
	State                 string
	// CodeChallenge is of method S256.
	CodeChallenge string
	Scopes        []string
	// Details are nil when none were sent.
	Details []AuthorizationDetail
	// IssuerState comes from an offer; anybody can have put it there (Section
	// 5.1.3).
	IssuerState Secret
	Resource    string
	// DPoPJKT binds the code to a key (RFC 9449, Section 10).
	DPoPJKT string
	// UILocales are the languages the citizen wants.
	UILocales   string
	VaultHandle Secret
}

// ParsePushedRequest reads the form of a pushed authorization request (RFC
// 9126, Section 2.1). Parameters not known here are ignored.
func ParsePushedRequest(form url.Values) (AuthorizationRequest, error) {
	if err := wire.Single(form); err != nil {
		return AuthorizationRequest{}, refuse(InvalidRequest, "RFC 6749, Section 3.1", "", "%v", err)
	}
	for name, values := range form {
		if name != "authorization_details" && name != "client_assertion" && tooLong(values[0]) {
			return AuthorizationRequest{}, refuse(InvalidRequest, specAuthorization, wire.Clip(name), "is longer than %d bytes", MaxText)
		}
	}
	r := AuthorizationRequest{
		ClientID: form.Get("client_id"), RedirectURI: form.Get("redirect_uri"), State: form.Get("state"), CodeChallenge: form.Get("code_challenge"),
		Scopes: strings.Fields(form.Get("scope")), IssuerState: Secret(form.Get("issuer_state")), Resource: form.Get("resource"),
		DPoPJKT: form.Get("dpop_jkt"), UILocales: form.Get("ui_locales"), VaultHandle: Secret(form.Get(VaultHandleParameter)),
	}
	switch {
	case form.Has("request_uri"):
		return AuthorizationRequest{}, refuse(InvalidRequest, specPAR, "request_uri", "must not be pushed")
	case form.Has("request"):
		return AuthorizationRequest{}, refuse(RequestNotSupported, "RFC 9101, Section 4", "request", "request objects are not read here")
	case form.Get("response_type") == "":
		return AuthorizationRequest{}, refuse(InvalidRequest, "RFC 6749, Section 4.1.1", "response_type", "is missing")
	case form.Get("response_type") != "code":
		return AuthorizationRequest{}, refuse(UnsupportedResponseType, "RFC 6749, Section 4.1.1", "response_type", "expected code")
	case r.RedirectURI == "":
		return AuthorizationRequest{}, refuse(InvalidRequest, "RFC 6749, Section 4.1.1", "redirect_uri", "is missing")
	case len(r.State) > maxState:
		return AuthorizationRequest{}, refuse(InvalidRequest, "RFC 6749, Section 4.1.1", "state", "is longer than %d bytes", maxState)
	case form.Get("code_challenge_method") != "S256":
		return AuthorizationRequest{}, refuse(InvalidRequest, specPKCE, "code_challenge_method", "expected S256")
	case !oauth.ValidChallenge(r.CodeChallenge):
		return AuthorizationRequest{}, refuse(InvalidRequest, specPKCE, "code_challenge", "must be 43 characters of base64url")
	case form.Has("dpop_jkt") && len(r.DPoPJKT) != 43:
		return AuthorizationRequest{}, refuse(InvalidRequest, "RFC 9449, Section 10", "dpop_jkt", "must be the SHA-256 thumbprint of a key")
	case len(r.Scopes) > MaxList:
		return AuthorizationRequest{}, refuse(InvalidScope, "RFC 6749, Section 3.3", "scope", "has more than %d values", MaxList)
	}
	if form.Has("authorization_details") {
		var err error
		if r.Details, err = ParseAuthorizationDetails([]byte(form.Get("authorization_details"))); err != nil {
			return AuthorizationRequest{}, err
		}
	}
	return r, nil
}

// PushedResponse answers a pushed request with 201 (RFC 9126, Section 2.2).
type PushedResponse struct {
	RequestURI Secret `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"` // seconds
}
