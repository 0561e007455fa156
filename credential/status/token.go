package status

import (
	"fmt"
	"time"

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

type payload struct {
	Subject  string           `json:"sub"`
	IssuedAt jose.NumericDate `json:"iat"`
	Expires  jose.NumericDate `json:"exp,omitzero"`
	TTL      int64            `json:"ttl,omitzero"`
	List     *List            `json:"status_list"`
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
