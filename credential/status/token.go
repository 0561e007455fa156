package status

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// algs may sign a Status List Token.
var algs = []jose.Alg{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.PS256}

// Claims of a Status List Token, in either format (Sections 5.1 and 5.2).
type Claims struct {
	Subject  string // its own URI
	IssuedAt time.Time
	Expires  time.Time     // zero: none
	TTL      time.Duration // zero: none
	List     *List
}

// Token is a Status List Token (Section 5.1) that was read. Its signature is
// not verified by reading: JWS does that with a key the caller trusts.
type Token struct {
	JWS *jose.Token
	Claims
}

// marshalJSON is the JWT Claims Set (Section 5.1). It is written by hand: a list
// may have megabytes, which a general writer would copy and look through.
func (c Claims) marshalJSON() ([]byte, error) {
	packed, err := zlibPack(c.List.data)
	if err != nil {
		return nil, err
	}
	dst := make([]byte, 0, jose.EncodedLen(len(packed))+len(c.Subject)+256)
	if dst, err = jsontext.AppendQuote(append(dst, `{"sub":`...), c.Subject); err != nil {
		return nil, err
	}
	dst = strconv.AppendInt(append(dst, `,"iat":`...), c.IssuedAt.Unix(), 10)
	dst = strconv.AppendInt(append(dst, `,"exp":`...), c.Expires.Unix(), 10)
	if c.TTL > 0 {
		dst = strconv.AppendInt(append(dst, `,"ttl":`...), int64(c.TTL/time.Second), 10)
	}
	return append(c.List.appendJSON(append(dst, `,"status_list":`...), packed), '}'), nil
}

// maxTTL keeps arithmetic on outside seconds far from overflow.
const maxTTL = 10 * 365 * 24 * time.Hour

// ParseToken reads a Status List Token and checks everything in it that needs
// neither a key, a clock nor the URI it was fetched from.
func ParseToken(compact string) (*Token, error) {
	t, err := jose.Parse(compact)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := (jose.Use{Typ: Typ, Algs: algs}).Check(t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var p struct {
		Subject  *string           `json:"sub"`
		IssuedAt *jose.NumericDate `json:"iat"`
		Expires  *jose.NumericDate `json:"exp"`
		TTL      *int64            `json:"ttl"`
		List     *wireList         `json:"status_list"`
	}
	if err := jose.Unmarshal(t.Payload, &p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if p.Subject == nil || p.IssuedAt == nil || p.List == nil {
		return nil, fmt.Errorf("%w: sub, iat and status_list are required (Section 5.1)", ErrMalformed)
	}
	out := &Token{JWS: t, Claims: Claims{Subject: *p.Subject, IssuedAt: p.IssuedAt.Time()}}
	if p.Expires != nil {
		out.Expires = p.Expires.Time()
	}
	if p.TTL != nil {
		if *p.TTL <= 0 || *p.TTL > int64(maxTTL/time.Second) {
			return nil, fmt.Errorf("%w: ttl must be a positive number of seconds (Section 5.1)", ErrMalformed)
		}
		out.TTL = time.Duration(*p.TTL) * time.Second
	}
	if out.List, err = p.List.list(); err != nil {
		return nil, err
	}
	return out, nil
}
