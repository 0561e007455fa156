package pod

import (
	"fmt"
	"mime"
	"unicode/utf8"

	"github.com/zegel-id/zegel/internal/jose"
)

// The algorithms of an envelope (RFC 7518, Sections 4.6 and 5.3).
const (
	Alg = "ECDH-ES+A256KW"
	Enc = "A256GCM"
)

// Sizes that follow from the algorithms.
const (
	ivSize      = 12
	tagSize     = 16
	wrappedSize = 32 + 8 // a 256-bit content key under AES key wrap (RFC 3394)
	kidSize     = 32     // a key's thumbprint (RFC 7638)
)

// looksLikeText is a size from which a ciphertext is not UTF-8 by chance:
// fewer than one in 10^30 are.
const looksLikeText = 128

type envelope struct {
	JWE flattened `json:"jwe"`
}

// flattened is the JWE serialization of RFC 7516, Section 7.2.2, without the
// members an envelope does not need: the unprotected headers are room for
// plaintext.
type flattened struct {
	Protected    string `json:"protected"`
	EncryptedKey string `json:"encrypted_key"`
	AAD          string `json:"aad"`
	IV           string `json:"iv"`
	Ciphertext   string `json:"ciphertext"`
	Tag          string `json:"tag"`
}

// protected is the integrity-protected header. There is no cty: what a
// resource is stands in the encrypted index. There is no zip, because the
// length would tell about the content, and no crit.
type protected struct {
	Alg string   `json:"alg"`
	Enc string   `json:"enc"`
	Epk jose.JWK `json:"epk"`
	Kid *string  `json:"kid"`
}

// CheckEnvelope accepts what may be written to the resource of that name in
// the pod at that address, and refuses all else with ErrRefusedPlaintext:
//
//   - name is one that CheckName accepts and mediaType is MediaType;
//   - data is one JSON object {"jwe": …} with a JWE in flattened JSON
//     serialization (RFC 7516, Section 7.2.2) and no other member;
//   - its protected header has alg ECDH-ES+A256KW, enc A256GCM, an epk on
//     P-256 and at most a kid besides, which is a key's thumbprint;
//   - its aad is the base64url of the resource's URL, so that an envelope
//     moved elsewhere does not open;
//   - key, iv and tag have the sizes that follow from the algorithms;
//   - the ciphertext is not readable text.
//
// It checks the shape; it has no key to try.
func CheckEnvelope(podURL, name, mediaType string, data []byte) error {
	if err := CheckName(name); err != nil {
		return fmt.Errorf("%w: %w", ErrRefusedPlaintext, err)
	}
	if len(data) > MaxSize {
		return fmt.Errorf("%w: %w: expected at most %d bytes, found %d", ErrRefusedPlaintext, ErrTooLarge, MaxSize, len(data))
	}
	if t, params, err := mime.ParseMediaType(mediaType); err != nil || t != MediaType || len(params) != 0 {
		return refuse("media type", "expected "+MediaType+" without parameters")
	}
	var e envelope
	if jose.UnmarshalClosed(data, &e) != nil {
		return refuse("body", `expected {"jwe": …} with protected, encrypted_key, aad, iv, ciphertext and tag, each once and nothing else (RFC 7516, Section 7.2.2); encrypt to the vault key before writing`)
	}
	if err := checkHeader(e.JWE.Protected); err != nil {
		return err
	}
	if aad, err := jose.Decode(e.JWE.AAD); err != nil || string(aad) != podURL+name {
		return refuse("aad", "expected the base64url of the URL of the resource written to; encrypt it for that resource")
	}
	for _, m := range []struct {
		field, text string
		size        int
	}{
		{"encrypted_key", e.JWE.EncryptedKey, wrappedSize},
		{"iv", e.JWE.IV, ivSize},
		{"tag", e.JWE.Tag, tagSize},
	} {
		if !sized(m.text, m.size) {
			return refuse(m.field, fmt.Sprintf("expected base64url of %d bytes", m.size))
		}
	}
	ciphertext, err := jose.Decode(e.JWE.Ciphertext)
	if err != nil || len(ciphertext) == 0 {
		return refuse("ciphertext", "expected base64url of at least one byte (RFC 7516, Section 7.2.1)")
	}
	if len(ciphertext) >= looksLikeText && utf8.Valid(ciphertext) {
		return refuse("ciphertext", "it is readable text; encrypt to the vault key before writing")
	}
	return nil
}

// checkHeader checks the protected header (RFC 7516, Section 4; RFC 7518,
// Section 4.6.1).
func checkHeader(text string) error {
	raw, err := jose.Decode(text)
	if err != nil {
		return refuse("protected", "expected base64url of a JSON object (RFC 7516, Section 7.2.1)")
	}
	var h protected
	if jose.UnmarshalClosed(raw, &h) != nil {
		return refuse("protected", "expected a JSON object with alg, enc, epk and kid at most, each once")
	}
	if h.Alg != Alg {
		return refuse("protected.alg", "expected "+Alg+"; encrypt to the vault key")
	}
	if h.Enc != Enc {
		return refuse("protected.enc", "expected "+Enc)
	}
	if h.Kid != nil && !sized(*h.Kid, kidSize) {
		return refuse("protected.kid", "expected a key's thumbprint (RFC 7638)")
	}
	// The bare key: its kid, use or alg would be room for other things.
	if h.Epk.Kty != "EC" || h.Epk.Crv != "P-256" || h.Epk != (jose.JWK{Kty: "EC", Crv: "P-256", X: h.Epk.X, Y: h.Epk.Y}) {
		return refuse("protected.epk", "expected kty EC, crv P-256, x and y only (RFC 7518, Section 4.6.1.1)")
	}
	if _, err := h.Epk.Key(); err != nil {
		return refuse("protected.epk", err.Error())
	}
	return nil
}

func sized(text string, size int) bool {
	b, err := jose.Decode(text)
	return err == nil && len(b) == size
}

// refuse never repeats a value of the input: it may be plaintext.
func refuse(field, why string) error {
	return fmt.Errorf("%w: %s: %s", ErrRefusedPlaintext, field, why)
}
