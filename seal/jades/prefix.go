package jades

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"hash"
	"strconv"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// Prefix is a protected header of level B-B without its last member, iat,
// already in base64url and hashed, so that a signature encodes and hashes only
// what is its own: the certificates are half of a token. It does not change
// and may be used by many at once.
type Prefix struct {
	alg     jose.Alg
	encoded string
	rest    string      // at most two bytes that did not fill a group of three
	state   hash.Cloner // after encoded; nil where the algorithm signs no digest
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
	p := Prefix{alg: alg, encoded: jose.Encode([]byte(text[:cut])), rest: text[cut:]}
	if h := alg.Hash(); h.Available() {
		d := h.New()
		d.Write([]byte(p.encoded))
		p.state, _ = d.(hash.Cloner)
	}
	return p, nil
}

// Sign appends the compact signature of payload at iat with the key of the
// chain. With an error nothing is returned.
func (p Prefix) Sign(dst []byte, key crypto.Signer, iat time.Time, payload []byte) ([]byte, error) {
	from := len(dst)
	dst = p.Append(dst, iat, payload)
	sig, err := p.signature(key, dst[from:])
	if err != nil {
		return nil, err
	}
	return jose.AppendEncode(append(dst, '.'), sig), nil
}

func (p Prefix) signature(key crypto.Signer, input []byte) ([]byte, error) {
	if p.state == nil {
		return jose.Sign(key, p.alg, input)
	}
	d, err := p.state.Clone()
	if err != nil {
		return nil, fmt.Errorf("hashing: %w", err)
	}
	d.Write(input[len(p.encoded):])
	return jose.SignDigest(key, p.alg, d.Sum(nil))
}

// Append appends the signing input of payload at iat: header, dot, payload. It
// leaves room for the signature.
func (p Prefix) Append(dst []byte, iat time.Time, payload []byte) []byte {
	if need := len(p.encoded) + 40 + jose.EncodedLen(len(payload)) + 200; cap(dst)-len(dst) < need {
		dst = append(make([]byte, 0, len(dst)+need), dst...)
	}
	var tail [32]byte
	end := append(tail[:0], p.rest...)
	end = strconv.AppendInt(end, iat.Unix(), 10)
	end = append(end, '}')
	dst = append(dst, p.encoded...)
	dst = jose.AppendEncode(dst, end)
	dst = append(dst, '.')
	return jose.AppendEncode(dst, payload)
}
