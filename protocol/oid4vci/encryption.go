package oid4vci

import (
	"crypto/ecdsa"
	"errors"
	"slices"

	"github.com/zegel-id/zegel/internal/jose"
)

// MediaTypeJWT is the media type of encrypted requests and responses
// (Section 10).
const MediaTypeJWT = "application/jwt"

// AlgECDHES is the one key agreement of the product (RFC 7518, Section 4.6).
const AlgECDHES = "ECDH-ES"

const specEncryption = "OpenID4VCI 1.0, Section 10"

// ContentEncryption are the enc values of the product, the stronger first.
func ContentEncryption() []string { return []string{jose.A256GCM, jose.A128GCM} }

// DecryptionKey opens requests that were encrypted to it.
type DecryptionKey struct {
	// Kid as it stands in the metadata.
	Kid string
	Key *ecdsa.PrivateKey
}

// Public is the key as it stands in credential_request_encryption.
func (k DecryptionKey) Public() (jose.JWK, error) {
	jwk, err := jose.PublicJWK(k.Key.Public())
	jwk.Kid, jwk.Use, jwk.Alg = k.Kid, "enc", AlgECDHES
	return jwk, err
}

// Decrypt opens an encrypted credential request or deferred credential request
// (Section 10). The kid chooses among the keys; a request without one, or with
// one that is too old, is refused with the remedy. Its error tells nothing of
// why a message cannot be opened.
func Decrypt(compact []byte, keys []DecryptionKey, encs []string) ([]byte, error) {
	const field = "credential request"
	bad := func(format string, args ...any) error {
		return refuse(InvalidEncryptionParameters, specEncryption, field, format, args...)
	}
	if len(compact) > 2*MaxDocument {
		return nil, bad("is longer than %d bytes", 2*MaxDocument)
	}
	h, err := jose.ParseJWEHeader(string(compact))
	if err != nil {
		return nil, bad("is no compact JWE")
	}
	if h.Kid == "" {
		return nil, bad("has no kid: name the key of credential_request_encryption")
	}
	i := slices.IndexFunc(keys, func(k DecryptionKey) bool { return k.Kid == h.Kid })
	if i < 0 {
		return nil, bad("is encrypted to a key that is not in use: fetch the metadata again")
	}
	plain, _, err := jose.DecryptCompact(string(compact), keys[i].Key, encs...)
	if err != nil {
		return nil, &Error{Code: InvalidEncryptionParameters, Field: field, Description: err.Error(), Spec: specEncryption, Err: err}
	}
	return plain, nil
}

// Encrypt makes the encrypted form of a response, for the parameters of the
// request it answers: alg is that of the JWK and kid is echoed (Section 10).
// Error responses are never encrypted (Section 8.3.1.2).
func (e ResponseEncryption) Encrypt(response any) (string, error) {
	if e.Zip != "" {
		return "", errors.New("oid4vci: compression is not offered, so it cannot have been agreed")
	}
	b, err := jose.Marshal(response)
	if err != nil {
		return "", err
	}
	return jose.EncryptCompact(b, e.JWK, e.Enc)
}

// RequestKey chooses the key and the enc for a request, for a wallet. False
// when the metadata offers none that is usable here; when encryption is
// required, the issuer cannot be used then.
func (e CredentialRequestEncryption) RequestKey() (key jose.JWK, enc string, ok bool) {
	for _, enc := range ContentEncryption() {
		if !slices.Contains(e.EncValuesSupported, enc) {
			continue
		}
		for _, k := range e.JWKS.Keys {
			if k.Alg == AlgECDHES && k.Crv == "P-256" && k.Kid != "" && k.Use != "sig" {
				return k, enc, true
			}
		}
	}
	return jose.JWK{}, "", false
}

// EncryptRequest makes the encrypted form of a request, for a wallet: send it
// as application/jwt.
func (m CredentialIssuerMetadata) EncryptRequest(request any) (string, error) {
	e := m.CredentialRequestEncryption
	if e == nil {
		return "", refuse("", specEncryption, "credential_request_encryption", "this issuer does not take encrypted requests")
	}
	key, enc, ok := e.RequestKey()
	if !ok {
		return "", refuse("", specEncryption, "credential_request_encryption", "offers no ECDH-ES key on P-256 with A128GCM or A256GCM")
	}
	b, err := jose.Marshal(request)
	if err != nil {
		return "", err
	}
	return jose.EncryptCompact(b, key, enc)
}

// Usable reports whether a response can be encrypted in a way that is known
// here, for a wallet.
func (e CredentialResponseEncryption) Usable() bool {
	return slices.Contains(e.AlgValuesSupported, AlgECDHES) &&
		slices.ContainsFunc(ContentEncryption(), func(enc string) bool { return slices.Contains(e.EncValuesSupported, enc) })
}

// NewResponseEncryption asks for a response encrypted to a fresh key of the
// wallet, for a wallet. Put it into encrypted requests only (Section 8.2).
func (m CredentialIssuerMetadata) NewResponseEncryption(key *ecdsa.PublicKey, kid string) (*ResponseEncryption, error) {
	e := m.CredentialResponseEncryption
	if e == nil || !slices.Contains(e.AlgValuesSupported, AlgECDHES) {
		return nil, refuse("", specEncryption, "credential_response_encryption", "this issuer does not offer ECDH-ES")
	}
	jwk, err := jose.PublicJWK(key)
	if err != nil {
		return nil, err
	}
	jwk.Kid, jwk.Use, jwk.Alg = kid, "enc", AlgECDHES
	for _, enc := range ContentEncryption() {
		if slices.Contains(e.EncValuesSupported, enc) {
			return &ResponseEncryption{JWK: jwk, Enc: enc}, nil
		}
	}
	return nil, refuse("", specEncryption, "credential_response_encryption", "offers neither A128GCM nor A256GCM")
}

// OpenResponse opens an encrypted response, for a wallet that asked for it; a
// plain one is not to be taken then. kid is the one of the request.
func OpenResponse(compact []byte, key *ecdsa.PrivateKey, asked ResponseEncryption) ([]byte, error) {
	plain, h, err := jose.DecryptCompact(string(compact), key, asked.Enc)
	if err != nil {
		return nil, &Error{Field: "credential response", Description: err.Error(), Spec: specEncryption, Err: err}
	}
	if h.Kid != asked.JWK.Kid {
		return nil, refuse("", specEncryption, "kid", "is not the one of the key in the request")
	}
	return plain, nil
}
