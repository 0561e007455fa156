package oid4vci

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// CredentialOffer is the credential offer object (OpenID4VCI, Section 4.1.1).
// To a wallet it is untrusted input: it says where to look, nothing more.
type CredentialOffer struct {
	CredentialIssuer           string   `json:"credential_issuer"`
	CredentialConfigurationIDs []string `json:"credential_configuration_ids"`
	Grants                     *Grants  `json:"grants,omitzero"`
}

// Grants of an offer. Grant types not known here are ignored.
type Grants struct {
	AuthorizationCode *AuthorizationCodeGrant `json:"authorization_code,omitzero"`
	PreAuthorizedCode *PreAuthorizedCodeGrant `json:"urn:ietf:params:oauth:grant-type:pre-authorized_code,omitzero"`
}

// AuthorizationCodeGrant starts the authorization code flow. IssuerState may
// have been put there by an attacker: it proves nothing about who started the
// flow (Section 5.1.3).
type AuthorizationCodeGrant struct {
	IssuerState         string `json:"issuer_state,omitzero"`
	AuthorizationServer string `json:"authorization_server,omitzero"`
}

// PreAuthorizedCodeGrant carries a code that is short-lived and used once.
type PreAuthorizedCodeGrant struct {
	Code                Secret  `json:"pre-authorized_code"`
	TxCode              *TxCode `json:"tx_code,omitzero"`
	AuthorizationServer string  `json:"authorization_server,omitzero"`
}

// TxCode says that a transaction code is needed, even when it is empty.
type TxCode struct {
	InputMode   InputMode `json:"input_mode,omitzero"`
	Length      int       `json:"length,omitzero"`
	Description string    `json:"description,omitzero"`
}

// InputMode of a transaction code; empty means numeric.
type InputMode string

const (
	Numeric InputMode = "numeric"
	Text    InputMode = "text"
)

// MaxTxCodeDescription is the longest description, in characters.
const MaxTxCodeDescription = 300

const specOffer = "OpenID4VCI 1.0, Section 4.1.1"

// ParseCredentialOffer reads an offer, of either way it was sent.
func ParseCredentialOffer(b []byte, opts ...Option) (CredentialOffer, error) {
	var o CredentialOffer
	if err := decode(b, &o, MaxMessage, "", "credential offer", specOffer); err != nil {
		return CredentialOffer{}, err
	}
	// An empty object says no more than none; one with other grant types does.
	var g struct {
		Grants map[string]jsontext.Value `json:"grants"`
	}
	if err := jose.Unmarshal(b, &g); err == nil && g.Grants != nil && len(g.Grants) == 0 {
		o.Grants = nil
	}
	if err := o.Validate(opts...); err != nil {
		return CredentialOffer{}, err
	}
	return o, nil
}

// Validate holds the offer against Section 4.1.1. What depends on the issuer's
// metadata is Check's.
func (o CredentialOffer) Validate(opts ...Option) error {
	if err := wire.CheckIdentifier(o.CredentialIssuer, insecure(opts)); err != nil {
		return refuseURL("", specOffer, "credential_issuer", err)
	}
	if n := len(o.CredentialConfigurationIDs); n == 0 || n > MaxList {
		return refuse("", specOffer, "credential_configuration_ids", "expected 1 to %d identifiers, found %d", MaxList, n)
	}
	for i, id := range o.CredentialConfigurationIDs {
		field := fmt.Sprintf("credential_configuration_ids[%d]", i)
		if id == "" || tooLong(id) {
			return refuse("", specOffer, field, "is empty or longer than %d bytes", MaxText)
		}
		if slices.Contains(o.CredentialConfigurationIDs[:i], id) {
			return refuse("", specOffer, field, "stands there twice")
		}
	}
	if o.Grants == nil {
		return nil
	}
	if g := o.Grants.AuthorizationCode; g != nil {
		if tooLong(g.IssuerState) {
			return refuse("", specOffer, "grants.authorization_code.issuer_state", "is longer than %d bytes", MaxText)
		}
		if err := checkServer("grants.authorization_code.authorization_server", g.AuthorizationServer, opts); err != nil {
			return err
		}
	}
	if g := o.Grants.PreAuthorizedCode; g != nil {
		const at = "grants." + GrantPreAuthorizedCode
		if g.Code == "" || tooLong(string(g.Code)) {
			return refuse("", specOffer, at+".pre-authorized_code", "is missing or longer than %d bytes", MaxText)
		}
		if err := checkServer(at+".authorization_server", g.AuthorizationServer, opts); err != nil {
			return err
		}
		if g.TxCode != nil {
			return g.TxCode.validate(at + ".tx_code")
		}
	}
	return nil
}

func checkServer(field, server string, opts []Option) error {
	if server == "" {
		return nil
	}
	return refuseURL("", specOffer, field, wire.CheckIdentifier(server, insecure(opts)))
}

func (t TxCode) validate(at string) error {
	switch t.InputMode {
	case "", Numeric, Text:
	default:
		return refuse("", specOffer, at+".input_mode", "must be numeric or text, found %s", wire.Clip(string(t.InputMode)))
	}
	if t.Length < 0 || t.Length > 64 {
		return refuse("", specOffer, at+".length", "must be from 1 to 64")
	}
	if n := utf8.RuneCountInString(t.Description); n > MaxTxCodeDescription {
		return refuse("", specOffer, at+".description", "has %d characters, at most %d are allowed", n, MaxTxCodeDescription)
	}
	return nil
}

// Fits says, before anything is sent, whether what the citizen typed can be
// the transaction code (Section 4.1.1).
func (t TxCode) Fits(code Secret) error {
	if code == "" {
		return refuse("", specOffer, "tx_code", "is needed for this offer")
	}
	if n := utf8.RuneCountInString(string(code)); t.Length > 0 && n != t.Length {
		return refuse("", specOffer, "tx_code", "has %d characters, expected %d", n, t.Length)
	}
	if t.InputMode != Text && strings.Trim(string(code), "0123456789") != "" {
		return refuse("", specOffer, "tx_code", "must be digits only")
	}
	return nil
}

// Check holds the offer against the metadata of its issuer, which was fetched
// and parsed with the identifier of the offer: every configuration exists, and
// an authorization server is named only if the metadata lists several, and is
// one of them (Section 4.1.1). A wallet calls it before anything else is sent.
func (o CredentialOffer) Check(m CredentialIssuerMetadata) error {
	if m.CredentialIssuer != o.CredentialIssuer {
		return refuse("", specMetadata, "credential_issuer", "the metadata is of another issuer than the offer")
	}
	for i, id := range o.CredentialConfigurationIDs {
		if _, ok := m.CredentialConfigurationsSupported[id]; !ok {
			return refuse("", specOffer, fmt.Sprintf("credential_configuration_ids[%d]", i), "is none of credential_configurations_supported")
		}
	}
	if o.Grants == nil {
		return nil
	}
	var named []string
	if g := o.Grants.AuthorizationCode; g != nil {
		named = append(named, g.AuthorizationServer)
	}
	if g := o.Grants.PreAuthorizedCode; g != nil {
		named = append(named, g.AuthorizationServer)
	}
	for _, server := range named {
		switch {
		case server == "":
		case len(m.AuthorizationServers) < 2:
			return refuse("", specOffer, "authorization_server", "must not be used: the metadata does not list several servers")
		case !slices.Contains(m.AuthorizationServers, server):
			return refuse("", specOffer, "authorization_server", "is none of authorization_servers in the metadata")
		}
	}
	return nil
}

// AuthorizationServer is the identifier of the server to use for the
// pre-authorized code: the one the offer names, else the first one listed,
// else the issuer itself (Section 12.2.4). Check comes first.
func (o CredentialOffer) AuthorizationServer(m CredentialIssuerMetadata) string {
	if o.Grants != nil && o.Grants.PreAuthorizedCode != nil && o.Grants.PreAuthorizedCode.AuthorizationServer != "" {
		return o.Grants.PreAuthorizedCode.AuthorizationServer
	}
	if len(m.AuthorizationServers) > 0 {
		return m.AuthorizationServers[0]
	}
	return m.CredentialIssuer
}

// Schemes that a wallet is invoked with (Section 4.1; HAIP 1.0, Section 4.2).
const (
	OfferScheme = "openid-credential-offer"
	HAIPScheme  = "haip-vci"
)

const specByValue, specByReference = "OpenID4VCI 1.0, Section 4.1.2", "OpenID4VCI 1.0, Section 4.1.3"

// Link is the deep link that carries the offer by value.
func (o CredentialOffer) Link(opts ...Option) (string, error) {
	if err := o.Validate(opts...); err != nil {
		return "", err
	}
	b, err := jose.Marshal(o)
	if err != nil {
		return "", err
	}
	return OfferScheme + "://?credential_offer=" + escape(string(b)), nil
}

// LinkByReference is the deep link that carries the address of an offer. Give
// each offer an address of its own.
func LinkByReference(offerURI string, opts ...Option) (string, error) {
	if err := wire.CheckURL(offerURI, insecure(opts)); err != nil {
		return "", refuseURL("", specByReference, "credential_offer_uri", err)
	}
	return OfferScheme + "://?credential_offer_uri=" + escape(offerURI), nil
}

// escape writes a space as %20, which also those understand who do not read
// a link as a form.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// Invocation is what a wallet was called with: an offer, or the URI to GET it
// from as application/json, never a JWT.
type Invocation struct {
	Offer    *CredentialOffer
	OfferURI string
}

// ParseLink reads a deep link or an https link to a wallet's own credential
// offer endpoint. Other parameters are ignored.
func ParseLink(link string, opts ...Option) (Invocation, error) {
	if len(link) > MaxMessage {
		return Invocation{}, refuse("", specByValue, "link", "is longer than %d bytes", MaxMessage)
	}
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil {
		return Invocation{}, refuse("", specByValue, "link", "is no URL")
	}
	switch u.Scheme {
	case OfferScheme, HAIPScheme, "https":
	default:
		return Invocation{}, refuse("", specByValue, "link", "expected the scheme %s, %s or https, found %s", OfferScheme, HAIPScheme, wire.Clip(u.Scheme))
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Invocation{}, refuse("", specByValue, "link", "its query is malformed")
	}
	value, reference := q["credential_offer"], q["credential_offer_uri"]
	switch {
	case len(value)+len(reference) == 0:
		return Invocation{}, refuse("", specByValue, "link", "expected credential_offer or credential_offer_uri")
	case len(value)+len(reference) > 1:
		return Invocation{}, refuse("", "OpenID4VCI 1.0, Section 4.1", "link", "expected exactly one of credential_offer and credential_offer_uri, once")
	case len(reference) == 1:
		if err := wire.CheckURL(reference[0], insecure(opts)); err != nil {
			return Invocation{}, refuseURL("", specByReference, "credential_offer_uri", err)
		}
		return Invocation{OfferURI: reference[0]}, nil
	}
	o, err := ParseCredentialOffer([]byte(value[0]), opts...)
	if err != nil {
		return Invocation{}, err
	}
	return Invocation{Offer: &o}, nil
}
