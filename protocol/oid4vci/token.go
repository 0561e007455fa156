package oid4vci

import (
	"crypto/subtle"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// AuthorizationDetail of type openid_credential (OpenID4VCI, Sections 5.1.1
// and 6.2).
type AuthorizationDetail struct {
	Type                      string             `json:"type"`
	CredentialConfigurationID string             `json:"credential_configuration_id"`
	Locations                 []string           `json:"locations,omitempty"`
	Claims                    []ClaimDescription `json:"claims,omitempty"`
	// CredentialIdentifiers stand in token responses only, one per dataset.
	CredentialIdentifiers []string `json:"credential_identifiers,omitempty"`
}

const (
	specDetails  = "OpenID4VCI 1.0, Section 5.1.1"
	specTokenReq = "OpenID4VCI 1.0, Section 6.1"
	specTokenRes = "OpenID4VCI 1.0, Section 6.2"
)

// ParseAuthorizationDetails reads the authorization_details of a request. Other
// types than openid_credential are refused: nothing here could grant them.
func ParseAuthorizationDetails(b []byte) ([]AuthorizationDetail, error) {
	var list []AuthorizationDetail
	const field = "authorization_details"
	if err := decode(b, &list, MaxMessage, InvalidAuthorizationDetails, field, specDetails); err != nil {
		return nil, err
	}
	if len(list) == 0 || len(list) > MaxList {
		return nil, refuse(InvalidAuthorizationDetails, specDetails, field, "expected 1 to %d elements, found %d", MaxList, len(list))
	}
	for i, d := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		if d.Type != TypeOpenIDCredential {
			return nil, refuse(InvalidAuthorizationDetails, specDetails, at+".type", "expected %s", TypeOpenIDCredential)
		}
		if d.CredentialConfigurationID == "" || tooLong(d.CredentialConfigurationID) {
			return nil, refuse(InvalidAuthorizationDetails, specDetails, at+".credential_configuration_id", "is missing or longer than %d bytes", MaxText)
		}
		if d.CredentialIdentifiers != nil {
			return nil, refuse(InvalidAuthorizationDetails, specDetails, at+".credential_identifiers", "is for responses only")
		}
		if d.Locations != nil && (len(d.Locations) == 0 || len(d.Locations) > MaxList) {
			return nil, refuse(InvalidAuthorizationDetails, specDetails, at+".locations", "expected 1 to %d elements, or leave it out", MaxList)
		}
		// The format is not known here; the looser rule of paths into an mdoc
		// is not needed because every such path is also well-formed.
		if err := checkDetailClaims(at+".claims", d.Claims); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func checkDetailClaims(field string, claims []ClaimDescription) error {
	if claims == nil {
		return nil
	}
	return checkClaims(InvalidAuthorizationDetails, field, claims, false)
}

// CheckLocations refuses a detail that does not name the issuer in locations,
// which it must when the issuer's metadata lists authorization servers
// (Section 5.1.1).
func (d AuthorizationDetail) CheckLocations(m CredentialIssuerMetadata) error {
	if len(m.AuthorizationServers) > 0 && !slices.Contains(d.Locations, m.CredentialIssuer) {
		return refuse(InvalidAuthorizationDetails, specDetails, "locations", "must hold the credential issuer identifier, because its metadata lists authorization_servers")
	}
	if d.Locations != nil && !slices.Contains(d.Locations, m.CredentialIssuer) {
		return refuse(InvalidAuthorizationDetails, specDetails, "locations", "does not hold the credential issuer identifier")
	}
	return nil
}

// TokenRequest redeems a pre-authorized code (Section 6.1), an authorization
// code (RFC 6749, Section 4.1.3; RFC 7636, Section 4.5) or a refresh token (RFC
// 6749, Section 6), as GrantType says.
type TokenRequest struct {
	GrantType         string
	PreAuthorizedCode Secret
	// TxCode is nil when none was sent.
	TxCode *Secret
	// Code, RedirectURI and CodeVerifier belong to an authorization code.
	Code         Secret
	RedirectURI  string
	CodeVerifier Secret
	RefreshToken Secret
	// Scope is empty when none was sent.
	Scope                string
	ClientID             string
	AuthorizationDetails []AuthorizationDetail
	// Resource, if sent, must name the issuer (RFC 8707).
	Resource string
}

// ParseTokenRequest reads the form of a token request. Parameters not known
// here are ignored.
func ParseTokenRequest(form url.Values) (TokenRequest, error) {
	if err := wire.Single(form); err != nil {
		return TokenRequest{}, refuse(InvalidRequest, "RFC 6749, Section 3.2", "", "%v", err)
	}
	for name, values := range form {
		if name != "authorization_details" && name != "client_assertion" && tooLong(values[0]) {
			return TokenRequest{}, refuse(InvalidRequest, specTokenReq, wire.Clip(name), "is longer than %d bytes", MaxText)
		}
	}
	r := TokenRequest{GrantType: form.Get("grant_type"), ClientID: form.Get("client_id"), Resource: form.Get("resource"), Scope: form.Get("scope")}
	var needed []string
	switch r.GrantType {
	case "":
		return TokenRequest{}, refuse(InvalidRequest, specTokenReq, "grant_type", "is missing")
	case GrantPreAuthorizedCode:
		needed = []string{"pre-authorized_code"}
		r.PreAuthorizedCode = Secret(form.Get("pre-authorized_code"))
		if form.Has("tx_code") {
			code := Secret(form.Get("tx_code"))
			r.TxCode = &code
		}
	case GrantAuthorizationCode:
		needed = []string{"code", "redirect_uri", "code_verifier"}
		r.Code, r.RedirectURI, r.CodeVerifier = Secret(form.Get("code")), form.Get("redirect_uri"), Secret(form.Get("code_verifier"))
	case GrantRefreshToken:
		needed = []string{"refresh_token"}
		r.RefreshToken = Secret(form.Get("refresh_token"))
	default:
		return TokenRequest{}, refuse(UnsupportedGrantType, specTokenReq, "grant_type", "is none of grant_types_supported")
	}
	for _, name := range needed {
		if form.Get(name) == "" {
			return TokenRequest{}, refuse(InvalidRequest, specTokenReq, name, "is missing")
		}
	}
	if form.Has("authorization_details") {
		var err error
		if r.AuthorizationDetails, err = ParseAuthorizationDetails([]byte(form.Get("authorization_details"))); err != nil {
			return TokenRequest{}, err
		}
	}
	return r, nil
}

// CheckTxCode compares the transaction code with the expected one, in constant
// time; expected is nil when none is (Section 6.3). Count the try before
// calling it: a wrong code uses up a try also when the answer is never read.
func (r TokenRequest) CheckTxCode(expected *Secret) error {
	switch {
	case expected == nil && r.TxCode == nil:
		return nil
	case expected == nil:
		return refuse(InvalidRequest, "OpenID4VCI 1.0, Section 6.3", "tx_code", "is not expected for this code")
	case r.TxCode == nil:
		return refuse(InvalidRequest, "OpenID4VCI 1.0, Section 6.3", "tx_code", "is needed for this code")
	case subtle.ConstantTimeCompare([]byte(*r.TxCode), []byte(*expected)) != 1:
		return refuse(InvalidGrant, "OpenID4VCI 1.0, Section 6.3", "tx_code", "is wrong")
	default:
		return nil
	}
}

// NewTokenRequest is the request for an offer's pre-authorized code. The
// transaction code is needed when the offer has a tx_code object, even an
// empty one, and must not be sent otherwise (Sections 4.1.1 and 6.1).
func NewTokenRequest(o CredentialOffer, txCode *Secret) (TokenRequest, error) {
	if o.Grants == nil || o.Grants.PreAuthorizedCode == nil {
		return TokenRequest{}, refuse("", specOffer, "grants", "the offer has no pre-authorized code")
	}
	g := o.Grants.PreAuthorizedCode
	switch {
	case g.TxCode == nil && txCode != nil:
		return TokenRequest{}, refuse("", specTokenReq, "tx_code", "is not expected for this offer")
	case g.TxCode != nil && txCode == nil:
		return TokenRequest{}, refuse("", specTokenReq, "tx_code", "is needed for this offer")
	case g.TxCode != nil:
		if err := g.TxCode.Fits(*txCode); err != nil {
			return TokenRequest{}, err
		}
	}
	return TokenRequest{GrantType: GrantPreAuthorizedCode, PreAuthorizedCode: g.Code, TxCode: txCode}, nil
}

// Form is the body of the request. It holds secrets.
func (r TokenRequest) Form() (url.Values, error) {
	form := url.Values{"grant_type": {r.GrantType}}
	for name, value := range map[string]string{
		"pre-authorized_code": string(r.PreAuthorizedCode), "code": string(r.Code), "redirect_uri": r.RedirectURI, "code_verifier": string(r.CodeVerifier),
		"refresh_token": string(r.RefreshToken), "scope": r.Scope, "client_id": r.ClientID, "resource": r.Resource,
	} {
		if value != "" {
			form.Set(name, value)
		}
	}
	if r.TxCode != nil {
		form.Set("tx_code", string(*r.TxCode))
	}
	if r.AuthorizationDetails != nil {
		b, err := jose.Marshal(r.AuthorizationDetails)
		if err != nil {
			return nil, err
		}
		form.Set("authorization_details", string(b))
	}
	return form, nil
}

// TokenResponse of Section 6.2. Serve it with Cache-Control: no-store.
type TokenResponse struct {
	AccessToken          Secret                `json:"access_token"`
	TokenType            string                `json:"token_type"`
	ExpiresIn            int64                 `json:"expires_in,omitzero"` // seconds
	RefreshToken         Secret                `json:"refresh_token,omitzero"`
	Scope                string                `json:"scope,omitzero"`
	AuthorizationDetails []AuthorizationDetail `json:"authorization_details,omitempty"`
}

// Token types that a wallet knows how to use.
const (
	Bearer = "Bearer"
	DPoP   = "DPoP"
)

// ParseTokenResponse reads a token response, for a wallet. Details of other
// types are left out.
func ParseTokenResponse(b []byte) (TokenResponse, error) {
	var r TokenResponse
	if err := decode(b, &r, MaxMessage, "", "token response", specTokenRes); err != nil {
		return TokenResponse{}, err
	}
	if r.AccessToken == "" || len(r.AccessToken) > 16*MaxText {
		return TokenResponse{}, refuse("", specTokenRes, "access_token", "is missing or too long")
	}
	switch {
	case strings.EqualFold(r.TokenType, Bearer):
		r.TokenType = Bearer
	case strings.EqualFold(r.TokenType, DPoP):
		r.TokenType = DPoP
	default:
		return TokenResponse{}, refuse("", "RFC 6749, Section 7.1", "token_type", "expected Bearer or DPoP, found %s", wire.Clip(r.TokenType))
	}
	if r.ExpiresIn < 0 {
		return TokenResponse{}, refuse("", specTokenRes, "expires_in", "must not be negative")
	}
	if len(r.AuthorizationDetails) > MaxList {
		return TokenResponse{}, refuse("", specTokenRes, "authorization_details", "has more than %d elements", MaxList)
	}
	var details []AuthorizationDetail
	for i, d := range r.AuthorizationDetails {
		if d.Type != TypeOpenIDCredential {
			continue
		}
		at := fmt.Sprintf("authorization_details[%d]", i)
		if d.CredentialConfigurationID == "" {
			return TokenResponse{}, refuse("", specTokenRes, at+".credential_configuration_id", "is missing")
		}
		if n := len(d.CredentialIdentifiers); n == 0 || n > MaxList {
			return TokenResponse{}, refuse("", specTokenRes, at+".credential_identifiers", "expected 1 to %d identifiers, found %d", MaxList, n)
		}
		for j, id := range d.CredentialIdentifiers {
			if id == "" || tooLong(id) {
				return TokenResponse{}, refuse("", specTokenRes, fmt.Sprintf("%s.credential_identifiers[%d]", at, j), "is empty or longer than %d bytes", MaxText)
			}
		}
		details = append(details, d)
	}
	r.AuthorizationDetails = details
	return r, nil
}

// Requests are the credential requests that the token is for, still without
// proofs: by identifier, one per dataset, when the response had identifiers,
// by configuration otherwise, for those of the offer (Section 8.2).
func (r TokenResponse) Requests(offered []string) []CredentialRequest {
	var out []CredentialRequest
	if r.AuthorizationDetails == nil {
		for _, id := range offered {
			out = append(out, CredentialRequest{CredentialConfigurationID: id})
		}
		return out
	}
	for _, d := range r.AuthorizationDetails {
		if !slices.Contains(offered, d.CredentialConfigurationID) {
			continue
		}
		for _, id := range d.CredentialIdentifiers {
			out = append(out, CredentialRequest{CredentialIdentifier: id})
		}
	}
	return out
}

// NonceResponse of Section 7.2. Serve it with Cache-Control: no-store.
type NonceResponse struct {
	CNonce Secret `json:"c_nonce"`
}

// ParseNonceResponse reads a nonce response, for a wallet.
func ParseNonceResponse(b []byte) (NonceResponse, error) {
	var r NonceResponse
	const spec = "OpenID4VCI 1.0, Section 7.2"
	if err := decode(b, &r, MaxMessage, "", "nonce response", spec); err != nil {
		return NonceResponse{}, err
	}
	if r.CNonce == "" || tooLong(string(r.CNonce)) {
		return NonceResponse{}, refuse("", spec, "c_nonce", "is missing or longer than %d bytes", MaxText)
	}
	return r, nil
}
