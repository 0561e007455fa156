package jades

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

var b64 = base64.RawURLEncoding

// Prefix is a protected header of level B-B without its last member, iat,
// already in base64url, so that a signature encodes only what is its own. It
// does not change and may be used by many at once.
type Prefix struct {
	encoded string
	rest    string // at most two bytes that did not fill a group of three
}

// NewPrefix prepares the header of one typ: alg, typ, cty where the typ has
// one, x5t#S256, x5u, x5c. There is no sigT, crit, b64 or kid: exactly the
// members that TS 119 182-1 (B-B) and TS 119 472-1 (x5u, x5t#S256, x5c without
// the anchor) ask for together.
func NewPrefix(alg jose.Alg, typ, cty, x5u string, chain []*x509.Certificate) (Prefix, error) {
	head, err := jose.Marshal(struct {
		Alg     jose.Alg `json:"alg"`
		Typ     string   `json:"typ"`
		Cty     string   `json:"cty,omitempty"`
		X5TS256 string   `json:"x5t#S256"`
		X5U     string   `json:"x5u,omitempty"`
		X5C     []string `json:"x5c"`
	}{alg, typ, cty, jose.X5TS256(chain[0]), x5u, jose.EncodeX5C(chain)})
	if err != nil {
		return Prefix{}, fmt.Errorf("encoding JAdES header: %w", err)
	}
	text := string(head[:len(head)-1]) + `,"iat":`
	cut := len(text) / 3 * 3
	return Prefix{encoded: b64.EncodeToString([]byte(text[:cut])), rest: text[cut:]}, nil
}

// Append appends the signing input of payload at iat: header, dot, payload. It
// leaves room for the signature.
func (p Prefix) Append(dst []byte, iat time.Time, payload []byte) []byte {
	if need := len(p.encoded) + 40 + b64.EncodedLen(len(payload)) + 200; cap(dst)-len(dst) < need {
		dst = append(make([]byte, 0, len(dst)+need), dst...)
	}
	var tail [32]byte
	end := append(tail[:0], p.rest...)
	end = strconv.AppendInt(end, iat.Unix(), 10)
	end = append(end, '}')
	dst = append(dst, p.encoded...)
	dst = b64.AppendEncode(dst, end)
	dst = append(dst, '.')
	return b64.AppendEncode(dst, payload)
}
