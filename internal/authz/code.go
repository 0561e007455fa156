package authz

import (
	"context"
	"errors"
	"time"

	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/store"
)

// Code is an authorization code to be: what it opens, and what must come with
// it (RFC 6749, Section 4.1.3; RFC 7636, Section 4.6; RFC 9449, Section 10).
type Code struct {
	Payload     []byte
	RedirectURI string
	Challenge   string
	// To is the client. If it has a JKT or an Instance, only they redeem the code.
	To   Party
	Life time.Duration
	Tags []string
	// Grant, if set, is the ID of the grant to be: of an offer that several codes
	// can be asked for and one redeemed. Empty takes one of the code's own.
	Grant string
}

type storedCode struct {
	RedirectURI string `json:"redirect_uri"`
	Challenge   string `json:"challenge"`
	To          Party  `json:"to"`
	Grant       string `json:"grant"`
	Sealed      []byte `json:"sealed"`
}

// NewCode keeps a code until it is over.
func (s *Server) NewCode(ctx context.Context, c Code) (code capsule.Secret, h Handle, err error) {
	code = capsule.NewSecret()
	id := code.ID(purposeCode)
	stored := storedCode{RedirectURI: c.RedirectURI, Challenge: c.Challenge, To: c.To, Grant: c.Grant}
	if stored.Grant == "" {
		stored.Grant = code.ID(purposeGrant)
	}
	if stored.Sealed, err = capsule.Seal(code, purposeCode, c.Payload, []byte(id)); err != nil {
		return code, h, err
	}
	data, err := jose.Marshal(stored)
	if err != nil {
		return code, h, err
	}
	_, err = s.Store.Create(ctx, store.Record{Kind: kindCode, ID: id, Expiry: s.Now().Add(c.Life), Tags: c.Tags, Data: data})
	return code, Handle{Code: id, Grant: stored.Grant}, err
}

// CodeRedemption is a token request of the authorization code grant.
type CodeRedemption struct {
	Code, RedirectURI, Verifier string
	By                          Party
	// Check, if set, is asked before the code is spent, with what it opens.
	Check func(payload []byte) error
}

func errAuthorizationCode() error {
	return refuse(CodeInvalidGrant, "the authorization code is unknown, expired or used, or was given to another client, key or redirect_uri, or code_verifier does not fit (RFC 6749, Section 5.2; RFC 7636, Section 4.6); begin again")
}

// RedeemCode exchanges a code for tokens, once. Parallel redemptions have one
// winner, and a second redemption ends what the first one got, because one of
// the two was not the client (RFC 6749, Section 4.1.2).
func (s *Server) RedeemCode(ctx context.Context, r CodeRedemption) (Granted, error) {
	code, err := capsule.ParseSecret(r.Code)
	if err != nil {
		return Granted{}, errAuthorizationCode()
	}
	id := code.ID(purposeCode)
	rec, err := s.Store.Get(ctx, kindCode, id)
	if errors.Is(err, store.ErrNotFound) {
		return Granted{}, errAuthorizationCode()
	}
	if err != nil {
		return Granted{}, err
	}
	var c storedCode
	if err := jose.Unmarshal(rec.Data, &c); err != nil {
		return Granted{}, err
	}
	// Step 1. The client, its redirect_uri, its verifier, its keys.
	if c.To.Client != r.By.Client || c.RedirectURI != r.RedirectURI || oauth.VerifyPKCE(r.Verifier, c.Challenge) != nil ||
		c.To.JKT != "" && c.To.JKT != r.By.JKT || c.To.Instance != r.By.Instance {
		return Granted{}, errAuthorizationCode()
	}
	payload, err := capsule.Open(code, purposeCode, c.Sealed, []byte(id))
	if err != nil {
		return Granted{}, errAuthorizationCode()
	}
	if r.Check != nil {
		if err := r.Check(payload); err != nil {
			return Granted{}, err
		}
	}
	// Step 2. Spend it. The record stays until it is over, so that a second
	// redemption is known as one.
	granted, err := s.grant(ctx, c.Grant, payload, rec, r.By)
	if errors.Is(err, store.ErrExists) {
		return Granted{}, errors.Join(errAuthorizationCode(), s.Revoke(ctx, c.Grant))
	}
	return granted, err
}

// Once marks a value as used until the given time; false when it was before. Of
// parallel uses exactly one is the first.
func (s *Server) Once(ctx context.Context, use, value string, until time.Time) (bool, error) {
	_, err := s.Store.Create(ctx, store.Record{Kind: kindOnce, ID: jose.Encode(digest(use, value)), Expiry: until.Add(time.Minute)})
	if errors.Is(err, store.ErrExists) {
		return false, nil
	}
	return err == nil, err
}
