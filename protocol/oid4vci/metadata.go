package oid4vci

import (
	"crypto"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// CredentialIssuerMetadata of OpenID4VCI, Section 12.2.4.
type CredentialIssuerMetadata struct {
	CredentialIssuer                  string                             `json:"credential_issuer"`
	AuthorizationServers              []string                           `json:"authorization_servers,omitempty"`
	CredentialEndpoint                string                             `json:"credential_endpoint"`
	NonceEndpoint                     string                             `json:"nonce_endpoint,omitzero"`
	DeferredCredentialEndpoint        string                             `json:"deferred_credential_endpoint,omitzero"`
	NotificationEndpoint              string                             `json:"notification_endpoint,omitzero"`
	CredentialRequestEncryption       *CredentialRequestEncryption       `json:"credential_request_encryption,omitzero"`
	CredentialResponseEncryption      *CredentialResponseEncryption      `json:"credential_response_encryption,omitzero"`
	BatchCredentialIssuance           *BatchCredentialIssuance           `json:"batch_credential_issuance,omitzero"`
	Display                           []IssuerDisplay                    `json:"display,omitempty"`
	CredentialConfigurationsSupported map[string]CredentialConfiguration `json:"credential_configurations_supported"`
}

// CredentialRequestEncryption says how a request may or must be encrypted.
type CredentialRequestEncryption struct {
	JWKS               JWKS     `json:"jwks"`
	EncValuesSupported []string `json:"enc_values_supported"`
	ZipValuesSupported []string `json:"zip_values_supported,omitempty"`
	EncryptionRequired bool     `json:"encryption_required"`
}

// CredentialResponseEncryption says how a response may or must be encrypted.
type CredentialResponseEncryption struct {
	AlgValuesSupported []string `json:"alg_values_supported"`
	EncValuesSupported []string `json:"enc_values_supported"`
	ZipValuesSupported []string `json:"zip_values_supported,omitempty"`
	EncryptionRequired bool     `json:"encryption_required"`
}

// BatchCredentialIssuance says how many proofs a request may hold.
type BatchCredentialIssuance struct {
	BatchSize int `json:"batch_size"`
}

// IssuerDisplay shows the issuer in one language.
type IssuerDisplay struct {
	Name   string `json:"name,omitzero"`
	Locale string `json:"locale,omitzero"`
	Logo   *Image `json:"logo,omitzero"`
}

// Image is a logo or background. The URI may be https or data; it comes from
// outside and is not fetched by reading it.
type Image struct {
	URI     string `json:"uri"`
	AltText string `json:"alt_text,omitzero"`
}

const (
	specMetadata       = "OpenID4VCI 1.0, Section 12.2.4"
	specSignedMetadata = "OpenID4VCI 1.0, Section 12.2.3"
)

// MetadataURL is where the metadata of an issuer stands: the well-known path
// goes between host and path (Section 12.2.2).
func MetadataURL(identifier string, opts ...Option) (string, error) {
	return wire.WellKnown(identifier, "openid-credential-issuer", insecure(opts))
}

// ParseCredentialIssuerMetadata reads metadata that was fetched from the
// MetadataURL of identifier. Metadata that names another issuer must not be
// used; the comparison is of strings, byte for byte.
func ParseCredentialIssuerMetadata(b []byte, identifier string, opts ...Option) (CredentialIssuerMetadata, error) {
	var m CredentialIssuerMetadata
	if err := decode(b, &m, MaxDocument, "", "metadata", specMetadata); err != nil {
		return CredentialIssuerMetadata{}, err
	}
	// encryption_required has no default, so its absence must be seen.
	var required struct {
		Request *struct {
			Required *bool `json:"encryption_required"`
		} `json:"credential_request_encryption"`
		Response *struct {
			Required *bool `json:"encryption_required"`
		} `json:"credential_response_encryption"`
	}
	if err := jose.Unmarshal(b, &required); err != nil {
		return CredentialIssuerMetadata{}, refuse("", specMetadata, "metadata", "%v", err)
	}
	if r := required.Request; r != nil && r.Required == nil {
		return CredentialIssuerMetadata{}, refuse("", specMetadata, "credential_request_encryption.encryption_required", "is missing")
	}
	if r := required.Response; r != nil && r.Required == nil {
		return CredentialIssuerMetadata{}, refuse("", specMetadata, "credential_response_encryption.encryption_required", "is missing")
	}
	if m.CredentialIssuer != identifier {
		return CredentialIssuerMetadata{}, refuse("", specMetadata, "credential_issuer", "differs from the identifier that the metadata was looked up with")
	}
	if err := m.Validate(opts...); err != nil {
		return CredentialIssuerMetadata{}, err
	}
	return m, nil
}

// Validate holds the metadata against Section 12.2.4.
func (m CredentialIssuerMetadata) Validate(opts ...Option) error {
	if err := wire.CheckIdentifier(m.CredentialIssuer, insecure(opts)); err != nil {
		return refuseURL("", specMetadata, "credential_issuer", err)
	}
	if s := m.AuthorizationServers; s != nil && (len(s) == 0 || len(s) > MaxList) {
		return refuse("", specMetadata, "authorization_servers", "expected 1 to %d servers, or leave it out", MaxList)
	}
	for i, s := range m.AuthorizationServers {
		field := fmt.Sprintf("authorization_servers[%d]", i)
		if err := wire.CheckIdentifier(s, insecure(opts)); err != nil {
			return refuseURL("", specMetadata, field, err)
		}
		if slices.Contains(m.AuthorizationServers[:i], s) {
			return refuse("", specMetadata, field, "stands there twice")
		}
	}
	for _, e := range []struct {
		field, url string
		optional   bool
	}{
		{"credential_endpoint", m.CredentialEndpoint, false},
		{"nonce_endpoint", m.NonceEndpoint, true},
		{"deferred_credential_endpoint", m.DeferredCredentialEndpoint, true},
		{"notification_endpoint", m.NotificationEndpoint, true},
	} {
		if e.optional && e.url == "" {
			continue
		}
		if err := wire.CheckURL(e.url, insecure(opts)); err != nil {
			return refuseURL("", specMetadata, e.field, err)
		}
	}
	if b := m.BatchCredentialIssuance; b != nil && b.BatchSize < 2 {
		return refuse("", specMetadata, "batch_credential_issuance.batch_size", "must be 2 or more, found %d", b.BatchSize)
	}
	if err := m.validateEncryption(); err != nil {
		return err
	}
	if err := checkDisplay("display", m.Display, func(d IssuerDisplay) (string, *Image) { return d.Locale, d.Logo }); err != nil {
		return err
	}
	if n := len(m.CredentialConfigurationsSupported); n == 0 || n > 4*MaxList {
		return refuse("", specMetadata, "credential_configurations_supported", "expected 1 to %d configurations, found %d", 4*MaxList, n)
	}
	for id, c := range m.CredentialConfigurationsSupported {
		if err := c.validate("credential_configurations_supported[" + wire.Clip(id) + "]"); err != nil {
			return err
		}
	}
	return nil
}

func (m CredentialIssuerMetadata) validateEncryption() error {
	if e := m.CredentialRequestEncryption; e != nil {
		if err := e.JWKS.Check(); err != nil {
			return refuse("", specMetadata, "credential_request_encryption.jwks", "%v", err)
		}
		for i, k := range e.JWKS.Keys {
			if k.Alg == "" {
				return refuse("", "OpenID4VCI 1.0, Section 10", fmt.Sprintf("credential_request_encryption.jwks.keys[%d].alg", i), "is missing")
			}
		}
		if err := checkNames("credential_request_encryption.enc_values_supported", e.EncValuesSupported, e.ZipValuesSupported); err != nil {
			return err
		}
	}
	if e := m.CredentialResponseEncryption; e != nil {
		if err := checkNames("credential_response_encryption.alg_values_supported", e.AlgValuesSupported, nil); err != nil {
			return err
		}
		return checkNames("credential_response_encryption.enc_values_supported", e.EncValuesSupported, e.ZipValuesSupported)
	}
	return nil
}

// checkNames bounds a list that must be there, and one beside it that may be.
func checkNames(field string, list, optional []string) error {
	if n := len(list); n == 0 || n > MaxList {
		return refuse("", specMetadata, field, "expected 1 to %d values, found %d", MaxList, n)
	}
	if n := len(optional); optional != nil && (n == 0 || n > MaxList) {
		return refuse("", specMetadata, strings.Replace(field, "enc_", "zip_", 1), "expected 1 to %d values, or leave it out", MaxList)
	}
	return nil
}

// BatchSize is how many proofs a request may hold; 1 without batches.
func (m CredentialIssuerMetadata) BatchSize() int {
	if m.BatchCredentialIssuance == nil {
		return 1
	}
	return m.BatchCredentialIssuance.BatchSize
}

// checkDisplay allows one entry per language and images with a URI.
func checkDisplay[T any](field string, list []T, parts func(T) (string, *Image)) error {
	if list != nil && (len(list) == 0 || len(list) > MaxList) {
		return refuse("", specMetadata, field, "expected 1 to %d entries, or leave it out", MaxList)
	}
	seen := map[string]bool{}
	for i, d := range list {
		locale, image := parts(d)
		if seen[locale] {
			return refuse("", specMetadata, fmt.Sprintf("%s[%d].locale", field, i), "another entry has it too")
		}
		seen[locale] = true
		if image != nil && image.URI == "" {
			return refuse("", specMetadata, fmt.Sprintf("%s[%d].logo.uri", field, i), "is missing")
		}
	}
	return nil
}

// TypSignedMetadata is the typ of signed metadata (Section 12.2.3).
const TypSignedMetadata = "openidvci-issuer-metadata+jwt"

// Signer signs a document of the issuer; *seal.Sealer is one.
type Signer interface {
	SignCompact(typ string, iat time.Time, payload []byte) (string, error)
}

// Sign makes signed metadata: all members as top-level claims, with sub and
// iat (Section 12.2.3). A zero expires leaves exp out.
func (m CredentialIssuerMetadata) Sign(s Signer, iat, expires time.Time) (string, error) {
	b, err := jose.Marshal(m)
	if err != nil {
		return "", err
	}
	claims := map[string]jsontext.Value{}
	if err := jose.Unmarshal(b, &claims); err != nil {
		return "", err
	}
	sub, err := jose.Marshal(m.CredentialIssuer)
	if err != nil {
		return "", err
	}
	claims["sub"] = sub
	claims["iat"] = fmt.Append(nil, iat.Unix())
	if !expires.IsZero() {
		claims["exp"] = fmt.Append(nil, expires.Unix())
	}
	payload, err := jose.Marshal(claims)
	if err != nil {
		return "", err
	}
	return s.SignCompact(TypSignedMetadata, iat, payload)
}

// algs that signatures of other parties may use here.
var algs = []jose.Alg{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.PS256}

// ParseSignedMetadata reads signed metadata. key must establish trust in the
// signer for this issuer, else the metadata must be rejected: a header that
// merely carries a key proves nothing (Section 12.2.3).
func ParseSignedMetadata(jwt, identifier string, now time.Time, key func(*jose.Token) (crypto.PublicKey, error), opts ...Option) (CredentialIssuerMetadata, error) {
	t, err := jose.Parse(jwt)
	if err == nil {
		err = jose.Use{Typ: TypSignedMetadata, Algs: algs}.Check(t)
	}
	if err != nil {
		return CredentialIssuerMetadata{}, &Error{Field: "signed metadata", Description: err.Error(), Spec: specSignedMetadata, Err: err}
	}
	pub, err := key(t)
	if err == nil {
		err = t.Verify(pub)
	}
	if err != nil {
		return CredentialIssuerMetadata{}, &Error{Field: "signed metadata", Description: "its signer is not trusted: " + err.Error(), Spec: specSignedMetadata, Err: err}
	}
	var c struct {
		Subject  string            `json:"sub"`
		IssuedAt *jose.NumericDate `json:"iat"`
		Expires  *jose.NumericDate `json:"exp"`
	}
	if err := jose.Unmarshal(t.Payload, &c); err != nil {
		return CredentialIssuerMetadata{}, refuse("", specSignedMetadata, "signed metadata", "%v", err)
	}
	switch {
	case c.Subject != identifier:
		return CredentialIssuerMetadata{}, refuse("", specSignedMetadata, "sub", "differs from the identifier that the metadata was looked up with")
	case c.IssuedAt == nil:
		return CredentialIssuerMetadata{}, refuse("", specSignedMetadata, "iat", "is missing")
	case c.IssuedAt.Time().After(now.Add(time.Minute)):
		return CredentialIssuerMetadata{}, refuse("", specSignedMetadata, "iat", "lies in the future")
	case c.Expires != nil && !now.Before(c.Expires.Time()):
		return CredentialIssuerMetadata{}, refuse("", specSignedMetadata, "exp", "is past")
	}
	return ParseCredentialIssuerMetadata(t.Payload, identifier, opts...)
}
