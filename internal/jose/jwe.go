package jose

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
)

// ErrJWE is returned for a JWE that cannot be opened with the key and the
// algorithms allowed. It does not say why, so that it is no oracle.
var ErrJWE = errors.New("JWE cannot be opened")

// Content encryption algorithms of the product (RFC 7518, Section 5.3).
const (
	A128GCM = "A128GCM"
	A256GCM = "A256GCM"
)

// JWEHeader is the protected header of a compact JWE.
type JWEHeader struct {
	Alg  string   `json:"alg"`
	Enc  string   `json:"enc"`
	Kid  string   `json:"kid,omitempty"`
	Typ  string   `json:"typ,omitempty"`
	Cty  string   `json:"cty,omitempty"`
	Zip  string   `json:"zip,omitempty"`
	Apu  string   `json:"apu,omitempty"`
	Apv  string   `json:"apv,omitempty"`
	Crit []string `json:"crit,omitempty"`
}

// ParseJWEHeader reads the protected header of a compact JWE, so that the
// caller can choose the key by kid.
func ParseJWEHeader(compact string) (JWEHeader, error) {
	var h JWEHeader
	head, rest, ok := strings.Cut(compact, ".")
	if !ok || strings.Count(rest, ".") != 3 || len(compact) > MaxToken {
		return h, fmt.Errorf("%w: it must be a compact JWE of five parts (RFC 7516, Section 3.1)", ErrJWE)
	}
	b, err := Decode(head)
	if err != nil {
		return h, fmt.Errorf("%w: header: %w", ErrJWE, err)
	}
	if err := Unmarshal(b, &h); err != nil {
		return h, fmt.Errorf("%w: header: %w", ErrJWE, err)
	}
	return h, nil
}

// EncryptCompact encrypts to an EC public key with ECDH-ES in direct key
// agreement mode (RFC 7518, Section 4.6). The key must carry alg ECDH-ES; its
// kid is echoed in the header, as OpenID4VP 1.0, Section 8.3 asks.
func EncryptCompact(payload []byte, to JWK, enc string) (string, error) {
	if to.Alg != "ECDH-ES" {
		return "", fmt.Errorf("%w: the recipient key's alg is %q, expected ECDH-ES", ErrJWE, clip(to.Alg))
	}
	if enc != A128GCM && enc != A256GCM {
		return "", fmt.Errorf("%w: enc %q is not A128GCM or A256GCM", ErrJWE, clip(enc))
	}
	pub, err := to.Key()
	if err != nil {
		return "", err
	}
	ec, ok := pub.(*ecdsa.PublicKey)
	if !ok {
		return "", fmt.Errorf("%w: the recipient key is not an EC key", ErrJWE)
	}
	h := jwe.NewHeaders()
	if to.Kid != "" {
		if err := h.Set(jwe.KeyIDKey, to.Kid); err != nil {
			return "", err
		}
	}
	out, err := jwe.Encrypt(payload,
		jwe.WithKey(jwa.ECDH_ES, ec),
		jwe.WithContentEncryption(jwa.ContentEncryptionAlgorithm(enc)),
		jwe.WithProtectedHeaders(h))
	if err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	return string(out), nil
}

// DecryptCompact opens a compact ECDH-ES JWE. Compression and critical
// headers are refused before any key is used, so that a small message cannot
// become a large one.
func DecryptCompact(compact string, key *ecdsa.PrivateKey, encs ...string) ([]byte, JWEHeader, error) {
	h, err := ParseJWEHeader(compact)
	if err != nil {
		return nil, h, err
	}
	switch {
	case h.Alg != "ECDH-ES":
		return nil, h, fmt.Errorf("%w: alg is %q, expected ECDH-ES", ErrJWE, clip(h.Alg))
	case !slices.Contains(encs, h.Enc):
		return nil, h, fmt.Errorf("%w: enc is %q, allowed %v", ErrJWE, clip(h.Enc), encs)
	case h.Zip != "":
		return nil, h, fmt.Errorf("%w: compression was not agreed", ErrJWE)
	case h.Crit != nil:
		return nil, h, fmt.Errorf("%w: critical headers are not understood", ErrJWE)
	}
	out, err := jwe.Decrypt([]byte(compact), jwe.WithKey(jwa.ECDH_ES, key))
	if err != nil {
		return nil, h, ErrJWE
	}
	return out, h, nil
}
