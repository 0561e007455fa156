package oid4vp

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// The words of a request (OpenID4VP 1.0, Section 5).
const (
	// TypRequest is the typ of a request object.
	TypRequest = "oauth-authz-req+jwt"
	// MediaTypeRequest is what a request object is served as.
	MediaTypeRequest = "application/oauth-authz-req+jwt"
	// ResponseTypeVPToken is the only response type here.
	ResponseTypeVPToken = "vp_token"
	// ModeDirectPostJWT: the response is posted, encrypted (Section 8.3.1).
	ModeDirectPostJWT = "direct_post.jwt"
	// ModeDirectPost: the response is posted in clear (Section 8.2).
	ModeDirectPost = "direct_post"
	// ModeFragment and ModeQuery: the response goes with the citizen's browser
	// to redirect_uri, in clear (Section 5.6; OAuth 2.0 Multiple Response
	// Types, Section 2.1). Fragment is what no response_mode means.
	ModeFragment = "fragment"
	ModeQuery    = "query"
	// AudienceSelfIssued is the aud of a request to a wallet that is not known
	// (Section 5.8).
	AudienceSelfIssued = "https://self-issued.me/v2"
	// Scheme of a link that calls a wallet.
	Scheme = "openid4vp"
)

// Request is the content of a request object.
type Request struct {
	ClientID       string           `json:"client_id,omitzero"`
	ResponseType   string           `json:"response_type"`
	ResponseMode   string           `json:"response_mode"`
	ResponseURI    string           `json:"response_uri,omitzero"`
	RedirectURI    string           `json:"redirect_uri,omitzero"`
	Nonce          Secret           `json:"nonce"`
	State          Secret           `json:"state,omitzero"`
	WalletNonce    Secret           `json:"wallet_nonce,omitzero"`
	Audience       string           `json:"aud,omitzero"`
	IssuedAt       jose.NumericDate `json:"iat,omitzero"`
	NotBefore      jose.NumericDate `json:"nbf,omitzero"`
	Expires        jose.NumericDate `json:"exp,omitzero"`
	Scope          string           `json:"scope,omitzero"`
	DCQLQuery      *Query           `json:"dcql_query,omitzero"`
	ClientMetadata *ClientMetadata  `json:"client_metadata,omitzero"`
	VerifierInfo   []VerifierInfo   `json:"verifier_info,omitempty"`
	// TransactionData is base64url, hashed as it was sent (Section 8.4).
	TransactionData []string `json:"transaction_data,omitempty"`
	// ExpectedOrigins are those from which a signed request may come over the
	// Digital Credentials API (Appendix A.2).
	ExpectedOrigins []string `json:"expected_origins,omitempty"`
}

// JWKS is a set of public keys (RFC 7517, Section 5).
type JWKS = wire.JWKS

// ClientMetadata is what a verifier says of itself (Section 5.1).
type ClientMetadata struct {
	VPFormatsSupported map[string]jsontext.Value `json:"vp_formats_supported,omitempty"`
	JWKS               *JWKS                     `json:"jwks,omitzero"`
	EncValuesSupported []string                  `json:"encrypted_response_enc_values_supported,omitempty"`
}

// VerifierInfo is an attestation about the verifier (Section 5.1).
type VerifierInfo struct {
	Format        string         `json:"format"`
	Data          jsontext.Value `json:"data"`
	CredentialIDs []string       `json:"credential_ids,omitempty"`
}

const specRequest = "OpenID4VP 1.0, Section 5"

// Link is the deep link that calls a wallet with a request by reference
// (Section 5.10). method is "post" when the wallet may send a wallet_nonce.
func Link(clientID, requestURI, method string) string {
	q := "client_id=" + escape(clientID) + "&request_uri=" + escape(requestURI)
	if method != "" {
		q += "&request_uri_method=" + escape(method)
	}
	return Scheme + "://?" + q
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// ParseRequest reads the content of a request object whose signature holds and
// checks what does not depend on the client. What a wallet must not overlook
// is refused: other response types, a scope instead of a query, transaction
// data of a type that is not registered, redirect_uri beside response_uri.
func ParseRequest(payload []byte, now time.Time, opts ...Option) (Request, error) {
	r, err := decodeRequest(payload)
	if err != nil {
		return Request{}, err
	}
	if err := r.validate(now, opts); err != nil {
		return Request{}, err
	}
	return r, nil
}

// decodeRequest reads the content and checks nothing of it but its form.
func decodeRequest(payload []byte) (Request, error) {
	var r Request
	if len(payload) > MaxMessage {
		return Request{}, refuse(InvalidRequest, specRequest, "request object", "is too long")
	}
	if err := forbidden(payload); err != nil {
		return Request{}, err
	}
	if err := jose.Unmarshal(payload, &r); err != nil {
		return Request{}, refuseCause(InvalidRequest, specRequest, "request object", "cannot be read", err)
	}
	return r, nil
}

// forbidden refuses members by their presence, whatever their value: a request
// object carries the request itself and not another one, and what is to be
// refused must not hide behind an empty or null value.
func forbidden(payload []byte) error {
	var x struct {
		Request         jsontext.Value `json:"request"`
		RequestURI      jsontext.Value `json:"request_uri"`
		RedirectURI     jsontext.Value `json:"redirect_uri"`
		ResponseURI     jsontext.Value `json:"response_uri"`
		TransactionData jsontext.Value `json:"transaction_data"`
	}
	if err := jose.Unmarshal(payload, &x); err != nil {
		return refuseCause(InvalidRequest, specRequest, "request object", "cannot be read", err)
	}
	switch {
	case x.Request != nil || x.RequestURI != nil:
		return refuse(InvalidRequest, "RFC 9101, Section 4", "request", "and request_uri must not stand in a request object")
	case x.RedirectURI != nil && (x.ResponseURI != nil || x.RedirectURI.Kind() != '"'):
		return refuse(InvalidRequest, "OpenID4VP 1.0, Section 8.2", "redirect_uri", "must not stand beside response_uri, and must be a string")
	case x.TransactionData != nil && x.TransactionData.Kind() != '[':
		return refuse(InvalidTransactionData, specRequest+".1", "transaction_data", "must be a non-empty array of strings")
	}
	return nil
}

// Mode is the response mode; fragment when the request says none (Section 5.6).
func (r Request) Mode() string {
	if r.ResponseMode == "" {
		return ModeFragment
	}
	return r.ResponseMode
}

// EncryptionKey is the key that the response is to be encrypted to; nil if it
// goes in clear.
func (r Request) EncryptionKey() *jose.JWK {
	if !r.Encrypted() || r.ClientMetadata == nil || r.ClientMetadata.JWKS == nil {
		return nil
	}
	key, ok := r.ClientMetadata.JWKS.Encryption()
	if !ok {
		return nil
	}
	return &key
}

// Encrypted reports whether the response is to be encrypted (Section 8.3).
func (r Request) Encrypted() bool { return strings.HasSuffix(r.ResponseMode, ".jwt") }

// viaBrowser reports whether the request came, and is answered, over the
// Digital Credentials API (Appendix A).
func (r Request) viaBrowser() bool {
	return r.ResponseMode == ModeDCAPI || r.ResponseMode == ModeDCAPIJWT
}

// validateReply checks how and where the response is to go. Each mode has its
// one address; over the Digital Credentials API there is none.
func (r Request) validateReply(opts []Option) error {
	address, name, other, otherName := r.RedirectURI, "redirect_uri", r.ResponseURI, "response_uri"
	switch r.Mode() {
	case ModeDirectPost, ModeDirectPostJWT:
		address, name, other, otherName = other, otherName, address, name
	case ModeFragment, ModeQuery: // CheckURL lets no fragment through
	case ModeDCAPI, ModeDCAPIJWT:
		return nil
	default:
		return refuse(InvalidRequest, "OpenID4VP 1.0, Section 8", "response_mode", "is %s, which is not known here", wire.Clip(r.ResponseMode))
	}
	if other != "" {
		return refuse(InvalidRequest, "OpenID4VP 1.0, Section 8.2", otherName, "must not be there with the response mode %s", r.Mode())
	}
	if err := wire.CheckURL(address, insecure(opts)); err != nil {
		return refuseCause(InvalidRequest, "OpenID4VP 1.0, Section 8.2", name, "cannot be used", err)
	}
	return nil
}

func (r Request) validate(now time.Time, opts []Option) error {
	if err := r.validateReply(opts); err != nil {
		return err
	}
	if err := r.validateWords(now); err != nil {
		return err
	}
	if err := r.DCQLQuery.valid(); err != nil {
		return err
	}
	if r.State == "" && !r.viaBrowser() && r.DCQLQuery.StateRequired() {
		return refuse(InvalidRequest, specRequest+".3", "state", "is missing; a credential without holder binding is asked for")
	}
	if err := r.validateInfo(); err != nil {
		return err
	}
	if err := r.ClientMetadata.validate(r.Encrypted()); err != nil {
		return err
	}
	if err := r.validateFormats(); err != nil {
		return err
	}
	return r.validateTransactionData()
}

func (r Request) validateWords(now time.Time) error {
	const skew = time.Minute
	switch {
	case len(r.ClientID) > MaxText || r.ClientID == "" && !r.viaBrowser():
		return refuse(InvalidRequest, specRequest, "client_id", "is missing or too long")
	case r.ResponseType != ResponseTypeVPToken:
		return refuse(UnsupportedResponseType, specRequest+".6", "response_type", "must be vp_token, found %s", wire.Clip(r.ResponseType))
	case !wire.URLSafe(string(r.Nonce)) || len(r.Nonce) > MaxText:
		return refuse(InvalidRequest, specRequest+".2", "nonce", "is missing or has characters that are not URL-safe")
	case r.State != "" && (!wire.URLSafe(string(r.State)) || len(r.State) > MaxText):
		return refuse(InvalidRequest, specRequest+".3", "state", "has characters that are not URL-safe")
	case r.Expires != 0 && !now.Before(r.Expires.Time()):
		return refuse(InvalidRequest, "RFC 9101, Section 6", "exp", "is over; ask the receiver for a new request")
	case r.IssuedAt.Time().After(now.Add(skew)):
		return refuse(InvalidRequest, "RFC 9101, Section 6", "iat", "lies ahead")
	case r.NotBefore.Time().After(now.Add(skew)):
		return refuse(InvalidRequest, "RFC 9101, Section 6", "nbf", "lies ahead")
	case r.Scope != "":
		return refuse(InvalidScope, specRequest+".1", "scope", "is not understood; send dcql_query")
	case r.DCQLQuery == nil:
		return refuse(InvalidRequest, specRequest+".1", "dcql_query", "is missing")
	}
	return nil
}

// validateFormats: the formats may be known by other means; what is said must
// fit.
func (r Request) validateFormats() error {
	if r.ClientMetadata == nil || r.ClientMetadata.VPFormatsSupported == nil {
		return nil
	}
	for i, c := range r.DCQLQuery.Credentials {
		if _, ok := r.ClientMetadata.VPFormatsSupported[c.Format]; !ok {
			return refuse(VPFormatsNotSupported, "OpenID4VP 1.0, Section 11.1", "client_metadata.vp_formats_supported", "lacks the format of dcql_query.credentials[%d]", i)
		}
	}
	return nil
}

func (r Request) validateInfo() error {
	if n := len(r.VerifierInfo); n > MaxList || r.VerifierInfo != nil && n == 0 {
		return refuse(InvalidRequest, specRequest+".1", "verifier_info", "must have 1 to %d elements", MaxList)
	}
	for i, info := range r.VerifierInfo {
		at := fmt.Sprintf("verifier_info[%d]", i)
		if info.Format == "" || info.Data.Kind() != '"' && info.Data.Kind() != '{' {
			return refuse(InvalidRequest, specRequest+".1", at, "must have a format, and data that is a string or an object")
		}
		if info.CredentialIDs != nil && len(info.CredentialIDs) == 0 {
			return refuse(InvalidRequest, specRequest+".1", at+".credential_ids", "must not be empty; leave it out")
		}
		for _, id := range info.CredentialIDs {
			if _, ok := r.DCQLQuery.Find(id); !ok {
				return refuse(InvalidRequest, specRequest+".1", at+".credential_ids", "names %s, which is no credential query", wire.Clip(id))
			}
		}
	}
	return nil
}

// validate checks the keys for the response, which must be there when it is to
// be encrypted.
func (m *ClientMetadata) validate(encrypted bool) error {
	const at = "client_metadata"
	if m == nil || m.JWKS == nil {
		if !encrypted {
			return nil
		}
		return refuse(InvalidRequest, "OpenID4VP 1.0, Section 8.3", at+".jwks", "is missing; the answer is to be sent encrypted")
	}
	if err := m.JWKS.Check(); err != nil {
		return refuseCause(InvalidRequest, specRequest+".1", at+".jwks", "cannot be used", err)
	}
	if !encrypted {
		return nil
	}
	if _, ok := m.JWKS.Encryption(); !ok {
		return refuse(InvalidRequest, "OpenID4VP 1.0, Section 8.3", at+".jwks", "holds no EC key with alg ECDH-ES")
	}
	if _, ok := m.Enc(); !ok {
		return refuse(InvalidRequest, "OpenID4VP 1.0, Section 8.3", at+".encrypted_response_enc_values_supported", "has neither A256GCM nor A128GCM")
	}
	return nil
}

// Enc is the content encryption for the response: A256GCM where the verifier
// has it (HAIP 1.0, Section 5), A128GCM when it says nothing.
func (m *ClientMetadata) Enc() (string, bool) {
	if m.EncValuesSupported == nil {
		return jose.A128GCM, true
	}
	for _, enc := range []string{jose.A256GCM, jose.A128GCM} {
		if slices.Contains(m.EncValuesSupported, enc) {
			return enc, true
		}
	}
	return "", false
}
