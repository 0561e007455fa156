package oid4vp

import (
	"crypto/ecdsa"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

const specRequestURI = "OpenID4VP 1.0, Section 5.10"

// RequestURIPost is what a wallet posts to the request URI. The verifier puts
// the nonce into the request object, which proves that the object is not an
// older one.
type RequestURIPost struct {
	WalletNonce    Secret
	WalletMetadata *WalletMetadata
}

// WalletMetadata is what a wallet says of itself (Section 10), as far as it
// changes the request object.
type WalletMetadata struct {
	Issuer                                 string                    `json:"issuer,omitzero"`
	VPFormatsSupported                     map[string]jsontext.Value `json:"vp_formats_supported,omitempty"`
	RequestObjectSigningAlgValuesSupported []string                  `json:"request_object_signing_alg_values_supported,omitempty"`
	RequestObjectEncryptionEncValues       []string                  `json:"request_object_encryption_enc_values_supported,omitempty"`
	ClientIDPrefixesSupported              []string                  `json:"client_id_prefixes_supported,omitempty"`
	AuthorizationEncryptionAlgValues       []string                  `json:"authorization_encryption_alg_values_supported,omitempty"`
	AuthorizationEncryptionEncValues       []string                  `json:"authorization_encryption_enc_values_supported,omitempty"`
	// JWKS, when it is there, asks for an encrypted request object.
	JWKS *JWKS `json:"jwks,omitzero"`
}

// ParseRequestURIPost reads the form. Unknown parameters are ignored.
func ParseRequestURIPost(form url.Values) (RequestURIPost, error) {
	if err := wire.Single(form); err != nil {
		return RequestURIPost{}, refuseCause(InvalidRequest, specRequestURI, "form", "repeats a parameter", err)
	}
	p := RequestURIPost{WalletNonce: Secret(form.Get("wallet_nonce"))}
	if len(p.WalletNonce) > MaxText {
		return RequestURIPost{}, refuse(InvalidRequest, specRequestURI, "wallet_nonce", "is longer than %d bytes", MaxText)
	}
	if !form.Has("wallet_metadata") {
		return p, nil
	}
	text := form.Get("wallet_metadata")
	if len(text) > MaxMessage {
		return RequestURIPost{}, refuse(InvalidRequest, specRequestURI, "wallet_metadata", "is longer than %d bytes", MaxMessage)
	}
	var m WalletMetadata
	if err := jose.Unmarshal([]byte(text), &m); err != nil {
		return RequestURIPost{}, refuseCause(InvalidRequest, specRequestURI, "wallet_metadata", "cannot be read", err)
	}
	if m.JWKS != nil {
		if err := m.JWKS.Check(); err != nil {
			return RequestURIPost{}, refuseCause(InvalidRequest, specRequestURI, "wallet_metadata.jwks", "cannot be used", err)
		}
	}
	p.WalletMetadata = &m
	return p, nil
}

// Form is the body that the wallet posts.
func (p RequestURIPost) Form() (url.Values, error) {
	form := url.Values{}
	if p.WalletNonce != "" {
		form.Set("wallet_nonce", string(p.WalletNonce))
	}
	if p.WalletMetadata != nil {
		b, err := jose.Marshal(p.WalletMetadata)
		if err != nil {
			return nil, err
		}
		form.Set("wallet_metadata", string(b))
	}
	return form, nil
}

// Encrypt wraps a signed request object for a wallet that asks for it with its
// keys; without keys the object stays as it is.
func (m *WalletMetadata) Encrypt(object string) (string, error) {
	if m == nil || m.JWKS == nil {
		return object, nil
	}
	key, ok := m.JWKS.Encryption()
	if !ok {
		return "", refuse(InvalidRequest, specRequestURI, "wallet_metadata.jwks", "holds no EC key with alg ECDH-ES")
	}
	enc, ok := (&ClientMetadata{EncValuesSupported: m.RequestObjectEncryptionEncValues}).Enc()
	if !ok {
		return "", refuse(InvalidRequest, specRequestURI, "wallet_metadata.request_object_encryption_enc_values_supported", "has neither A256GCM nor A128GCM")
	}
	return jose.EncryptCompact([]byte(object), key, enc)
}

// NewWalletMetadata says what a wallet can do that holds credentials of some
// formats, for the client whose request object is asked for. prefixes nil are
// the strict ones.
// Signing algorithms are left out for a client that cannot sign (Section 5.10).
func NewWalletMetadata(formats map[credential.Format]Supported, prefixes []Prefix, clientID string) *WalletMetadata {
	m := &WalletMetadata{
		VPFormatsSupported:               map[string]jsontext.Value{},
		AuthorizationEncryptionAlgValues: []string{"ECDH-ES"},
		AuthorizationEncryptionEncValues: []string{jose.A256GCM, jose.A128GCM},
	}
	for f, s := range formats {
		m.VPFormatsSupported[string(f)] = s.Entry(f)
	}
	for _, p := range (Verification{Prefixes: prefixes}).prefixes() {
		if p == PrefixNone {
			m.ClientIDPrefixesSupported = append(m.ClientIDPrefixesSupported, "pre-registered")
			continue
		}
		m.ClientIDPrefixesSupported = append(m.ClientIDPrefixesSupported, string(p))
	}
	if p, _ := Split(clientID); p != PrefixRedirectURI {
		for _, alg := range requestAlgs {
			m.RequestObjectSigningAlgValuesSupported = append(m.RequestObjectSigningAlgValuesSupported, string(alg))
		}
	}
	return m
}

// OpenObject takes a request object out of its encryption, if it has one, with
// the key whose kid the wallet sent for it (Section 5.10.1). Within it must be a
// signed object: encryption says nothing about who made it.
func OpenObject(object string, key *ecdsa.PrivateKey, kid string, encs ...string) (string, error) {
	if strings.Count(object, ".") != 4 {
		return object, nil
	}
	b, h, err := jose.DecryptCompact(object, key, encs...)
	if err != nil {
		return "", refuseCause(InvalidRequest, specRequestURI+".1", "request object", "cannot be decrypted with the key that was sent for it", err)
	}
	if h.Kid != kid {
		return "", refuse(InvalidRequest, specRequestURI+".1", "request object", "names another key in kid than was sent for it")
	}
	return string(b), nil
}
