package oid4vci

import (
	"slices"

	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// AuthorizationServerMetadata of RFC 8414, Section 2, as far as issuance uses
// it (OpenID4VCI, Section 12.3).
type AuthorizationServerMetadata struct {
	Issuer                                     string   `json:"issuer"`
	AuthorizationEndpoint                      string   `json:"authorization_endpoint,omitzero"`
	TokenEndpoint                              string   `json:"token_endpoint"`
	PushedAuthorizationRequestEndpoint         string   `json:"pushed_authorization_request_endpoint,omitzero"`
	RequirePushedAuthorizationRequests         bool     `json:"require_pushed_authorization_requests,omitzero"`
	JWKSURI                                    string   `json:"jwks_uri,omitzero"`
	ScopesSupported                            []string `json:"scopes_supported,omitempty"`
	ResponseTypesSupported                     []string `json:"response_types_supported,omitempty"`
	GrantTypesSupported                        []string `json:"grant_types_supported,omitempty"`
	TokenEndpointAuthMethodsSupported          []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	TokenEndpointAuthSigningAlgValuesSupported []string `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	CodeChallengeMethodsSupported              []string `json:"code_challenge_methods_supported,omitempty"`
	AuthorizationDetailsTypesSupported         []string `json:"authorization_details_types_supported,omitempty"`
	DPoPSigningAlgValuesSupported              []string `json:"dpop_signing_alg_values_supported,omitempty"`
	AuthorizationResponseIssParameterSupported bool     `json:"authorization_response_iss_parameter_supported,omitzero"`
	ChallengeEndpoint                          string   `json:"challenge_endpoint,omitzero"`
	ClientAttestationSigningAlgValuesSupported []string `json:"client_attestation_signing_alg_values_supported,omitempty"`
	// ClientAttestationPoPSigningAlgValuesSupported are for the proofs of instance
	// keys.
	ClientAttestationPoPSigningAlgValuesSupported []string `json:"client_attestation_pop_signing_alg_values_supported,omitempty"`
	// TLSClientCertificateBoundAccessTokens says that tokens of clients with a
	// certificate are bound to it (RFC 8705, Section 3.3).
	TLSClientCertificateBoundAccessTokens bool `json:"tls_client_certificate_bound_access_tokens,omitzero"`
	// PreAuthorizedGrantAnonymousAccessSupported lets a wallet without a
	// client_id redeem a pre-authorized code; false by default.
	PreAuthorizedGrantAnonymousAccessSupported bool `json:"pre-authorized_grant_anonymous_access_supported,omitzero"`
}

const specServer = "RFC 8414, Section 2"

// AuthorizationServerURL is where the metadata of a server stands (RFC 8414,
// Section 3.1).
func AuthorizationServerURL(identifier string, opts ...Option) (string, error) {
	return wire.WellKnown(trimSlash(identifier), "oauth-authorization-server", insecure(opts))
}

// trimSlash removes one terminating slash, as RFC 8414, Section 3.1 asks.
func trimSlash(s string) string {
	if n := len(s); n > 0 && s[n-1] == '/' {
		return s[:n-1]
	}
	return s
}

// ParseAuthorizationServerMetadata reads metadata that was fetched from the
// AuthorizationServerURL of identifier; issuer must be equal to it (RFC 8414,
// Section 3.3).
func ParseAuthorizationServerMetadata(b []byte, identifier string, opts ...Option) (AuthorizationServerMetadata, error) {
	var m AuthorizationServerMetadata
	if err := decode(b, &m, MaxDocument, "", "authorization server metadata", specServer); err != nil {
		return AuthorizationServerMetadata{}, err
	}
	if m.Issuer != identifier {
		return AuthorizationServerMetadata{}, refuse("", "RFC 8414, Section 3.3", "issuer", "differs from the identifier that the metadata was looked up with")
	}
	if err := m.Validate(opts...); err != nil {
		return AuthorizationServerMetadata{}, err
	}
	return m, nil
}

// Validate checks identifier, endpoints and the lengths of lists.
func (m AuthorizationServerMetadata) Validate(opts ...Option) error {
	if err := wire.CheckIdentifier(m.Issuer, insecure(opts)); err != nil {
		return refuseURL("", specServer, "issuer", err)
	}
	for _, e := range []struct {
		field, url string
		optional   bool
	}{
		{"token_endpoint", m.TokenEndpoint, false},
		{"authorization_endpoint", m.AuthorizationEndpoint, true},
		{"pushed_authorization_request_endpoint", m.PushedAuthorizationRequestEndpoint, true},
		{"jwks_uri", m.JWKSURI, true},
		{"challenge_endpoint", m.ChallengeEndpoint, true},
	} {
		if e.optional && e.url == "" {
			continue
		}
		if err := wire.CheckURL(e.url, insecure(opts)); err != nil {
			return refuseURL("", specServer, e.field, err)
		}
	}
	for _, l := range []struct {
		field string
		list  []string
	}{
		{"scopes_supported", m.ScopesSupported},
		{"response_types_supported", m.ResponseTypesSupported},
		{"grant_types_supported", m.GrantTypesSupported},
		{"token_endpoint_auth_methods_supported", m.TokenEndpointAuthMethodsSupported},
		{"token_endpoint_auth_signing_alg_values_supported", m.TokenEndpointAuthSigningAlgValuesSupported},
		{"code_challenge_methods_supported", m.CodeChallengeMethodsSupported},
		{"authorization_details_types_supported", m.AuthorizationDetailsTypesSupported},
		{"dpop_signing_alg_values_supported", m.DPoPSigningAlgValuesSupported},
		{"client_attestation_signing_alg_values_supported", m.ClientAttestationSigningAlgValuesSupported},
		{"client_attestation_pop_signing_alg_values_supported", m.ClientAttestationPoPSigningAlgValuesSupported},
	} {
		if n := len(l.list); n > 4*MaxList {
			return refuse("", specServer, l.field, "expected at most %d values, found %d", 4*MaxList, n)
		}
	}
	return nil
}

// Supports reports whether the server processes the grant type. A server that
// does not say supports the authorization code (RFC 8414, Section 2).
func (m AuthorizationServerMetadata) Supports(grant string) bool {
	if m.GrantTypesSupported == nil {
		return grant == GrantAuthorizationCode
	}
	return slices.Contains(m.GrantTypesSupported, grant)
}
