package issuer

import (
	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// Metadata is the credential issuer metadata (OpenID4VCI 1.0, Section 12.2.4).
// Only the key of encrypted requests changes with the time.
func (i *Issuer) Metadata() (oid4vci.CredentialIssuerMetadata, error) {
	m := i.metadata
	var err error
	m.CredentialRequestEncryption, m.CredentialResponseEncryption, err = i.encryption()
	return m, err
}

// Has reports whether there is a credential configuration of that identifier.
func (i *Issuer) Has(configuration string) bool { return i.types[configuration] != nil }

// describe makes the metadata. Every configuration carries credential_metadata
// and no empty member: some wallets read metadata without them as of an old
// draft, or refuse members they do not expect.
func (i *Issuer) describe() (oid4vci.CredentialIssuerMetadata, error) {
	m := oid4vci.CredentialIssuerMetadata{
		CredentialIssuer:                  i.c.URL,
		CredentialEndpoint:                i.c.URL + "/credential",
		NonceEndpoint:                     i.c.URL + "/nonce",
		DeferredCredentialEndpoint:        i.c.URL + "/deferred_credential",
		NotificationEndpoint:              i.c.URL + "/notification",
		BatchCredentialIssuance:           &oid4vci.BatchCredentialIssuance{BatchSize: i.c.BatchSize},
		CredentialConfigurationsSupported: map[string]oid4vci.CredentialConfiguration{},
	}
	for _, d := range i.c.Display {
		m.Display = append(m.Display, oid4vci.IssuerDisplay{Name: d.Name, Locale: d.Locale})
	}
	for id, p := range i.types {
		m.CredentialConfigurationsSupported[id] = p.configuration()
	}
	var err error
	m.CredentialRequestEncryption, m.CredentialResponseEncryption, err = i.encryption()
	return m, err
}

// Display is a name in one language.
type Display struct{ Name, Locale string }

func (p *prepared) configuration() oid4vci.CredentialConfiguration {
	c := oid4vci.CredentialConfiguration{
		Format:                               string(p.Format),
		Scope:                                p.Scope,
		VCT:                                  p.described.VCT,
		Doctype:                              p.described.Doctype,
		CredentialDefinition:                 p.described.Definition,
		CredentialSigningAlgValuesSupported:  p.described.Algs,
		CryptographicBindingMethodsSupported: p.Proofs.bindings(),
		ProofTypesSupported:                  p.Proofs.supported(),
		CredentialMetadata:                   &oid4vci.CredentialMetadata{},
	}
	for _, d := range p.kind.Metadata.Display {
		display := oid4vci.CredentialDisplay{Name: d.Name, Locale: d.Locale, Description: d.Description}
		if d.Rendering != nil && d.Rendering.Simple != nil {
			display.BackgroundColor, display.TextColor = d.Rendering.Simple.BackgroundColor, d.Rendering.Simple.TextColor
		}
		c.CredentialMetadata.Display = append(c.CredentialMetadata.Display, display)
	}
	for _, m := range p.kind.Metadata.Claims {
		path := p.described.Path(m.Path)
		if path == nil {
			continue
		}
		d := oid4vci.ClaimDescription{Path: path, Mandatory: m.Required()}
		for _, label := range m.Display {
			d.Display = append(d.Display, oid4vci.ClaimDisplay{Name: label.Label, Locale: label.Locale})
		}
		c.CredentialMetadata.Claims = append(c.CredentialMetadata.Claims, d)
	}
	return c
}

// ServerMetadata is the authorization server metadata (RFC 8414; OpenID4VCI
// 1.0, Section 12.3; RFC 9126, Section 5; RFC 9449, Section 5.1; RFC 9207,
// Section 3). The issuer is its own authorization server.
func (i *Issuer) ServerMetadata() oid4vci.AuthorizationServerMetadata {
	m := oid4vci.AuthorizationServerMetadata{
		Issuer: i.c.URL, TokenEndpoint: i.c.URL + "/token",
		GrantTypesSupported:                        []string{oid4vci.GrantPreAuthorizedCode},
		AuthorizationDetailsTypesSupported:         []string{oid4vci.TypeOpenIDCredential},
		PreAuthorizedGrantAnonymousAccessSupported: i.c.Wallets.Anonymous,
	}
	for _, a := range oauth.ProofAlgs() {
		m.DPoPSigningAlgValuesSupported = append(m.DPoPSigningAlgValuesSupported, string(a))
	}
	for _, method := range i.c.Wallets.Methods() {
		m.TokenEndpointAuthMethodsSupported = append(m.TokenEndpointAuthMethodsSupported, string(method))
		switch method {
		case authz.MethodPrivateKeyJWT:
			m.TokenEndpointAuthSigningAlgValuesSupported = m.DPoPSigningAlgValuesSupported
		case authz.MethodTLS, authz.MethodTLSName:
			m.TLSClientCertificateBoundAccessTokens = true
		case authz.MethodAttestation:
			m.TokenEndpointAuthMethodsSupported = append(m.TokenEndpointAuthMethodsSupported, oauth.MethodAttestationDPoP)
			m.ChallengeEndpoint = i.c.URL + "/challenge"
			m.ClientAttestationSigningAlgValuesSupported = m.DPoPSigningAlgValuesSupported
			m.ClientAttestationPoPSigningAlgValuesSupported = m.DPoPSigningAlgValuesSupported
		}
	}
	if i.c.SignIn {
		m.AuthorizationEndpoint = i.c.URL + "/authorize"
		m.PushedAuthorizationRequestEndpoint, m.RequirePushedAuthorizationRequests = i.c.URL+"/par", true
		m.ResponseTypesSupported, m.CodeChallengeMethodsSupported = []string{"code"}, []string{"S256"}
		m.AuthorizationResponseIssParameterSupported = true
		m.GrantTypesSupported = append(m.GrantTypesSupported, oid4vci.GrantAuthorizationCode)
	}
	if i.authz.RefreshLife > 0 {
		m.GrantTypesSupported = append(m.GrantTypesSupported, oid4vci.GrantRefreshToken)
	}
	for _, t := range i.c.Types {
		m.ScopesSupported = append(m.ScopesSupported, t.Scope)
	}
	return m
}

// OfferObject is the credential offer of an offer that was made (OpenID4VCI
// 1.0, Section 4.1.1).
func (i *Issuer) OfferObject(o Offered) ([]byte, error) {
	return jose.Marshal(i.offerOf(o))
}

// OfferLinks are the deep links of an offer, by value and by reference, and
// the offer's URI.
func (i *Issuer) OfferLinks(o Offered) (byValue, byReference, uri string, err error) {
	uri = i.c.URL + "/offers/" + o.Reference.Reveal()
	if byValue, err = i.offerOf(o).Link(i.words...); err != nil {
		return "", "", "", err
	}
	byReference, err = oid4vci.LinkByReference(uri, i.words...)
	return byValue, byReference, uri, err
}

func (i *Issuer) offerOf(o Offered) oid4vci.CredentialOffer {
	out := oid4vci.CredentialOffer{CredentialIssuer: i.c.URL, CredentialConfigurationIDs: []string{o.Configuration}}
	if o.SignIn {
		out.Grants = &oid4vci.Grants{AuthorizationCode: &oid4vci.AuthorizationCodeGrant{IssuerState: o.Code.Reveal()}}
		return out
	}
	out.Grants = &oid4vci.Grants{PreAuthorizedCode: &oid4vci.PreAuthorizedCodeGrant{
		Code: oid4vci.Secret(o.Code.Reveal()),
		TxCode: &oid4vci.TxCode{
			InputMode: oid4vci.Numeric, Length: txCodeLength,
			Description: "The code that was shown to you when you asked for your data.",
		},
	}}
	return out
}

// URL is the credential issuer identifier.
func (i *Issuer) URL() string { return i.c.URL }
