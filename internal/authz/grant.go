package authz

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// Granted is a redeemed code: the token response.
type Granted struct {
	// AccessToken prints nothing; Reveal it into the response.
	AccessToken AccessToken
	ExpiresIn   time.Duration
	// RefreshToken is empty when the grant cannot be renewed.
	RefreshToken AccessToken
	Grant        Grant
}

// AccessToken is the text of a token. It prints nothing.
type AccessToken struct{ text string }

// Reveal is the token as text.
func (t AccessToken) Reveal() string { return t.text }

// String hides the token.
func (AccessToken) String() string { return "[access token]" }

// GoString hides the token.
func (AccessToken) GoString() string { return "[access token]" }

// Grant is what an access token opens.
type Grant struct {
	// ID names the grant, also when it is renewed; it is no secret.
	ID      string
	Payload []byte
	Expires time.Time
	Tags    []string
	// To is who it was given to.
	To Party
}

// storedGrant is a grant, and the mark that its code was spent.
type storedGrant struct {
	Token   string         `json:"token"` // ID of the token's secret
	Expires time.Time      `json:"expires"`
	Sealed  []byte         `json:"sealed,omitempty"`
	To      Party          `json:"to,omitzero"`
	Refresh *storedRefresh `json:"refresh,omitempty"`
}

// keep is how much longer than the offer a spent mark lives, so that a code
// cannot come back to life between two clocks.
const keep = time.Hour

// grant makes the grant of a code whose record is given; store.ErrExists when
// the code was spent before.
func (s *Server) grant(ctx context.Context, id string, payload []byte, code store.Record, to Party) (Granted, error) {
	g := storedGrant{To: to}
	out, err := s.give(&g, id, payload)
	if err != nil {
		return Granted{}, err
	}
	if out.RefreshToken, err = s.refreshable(&g, id, payload); err != nil {
		return Granted{}, err
	}
	data, err := jose.Marshal(g)
	if err != nil {
		return Granted{}, err
	}
	end := g.Expires
	if code.Expiry.After(end) {
		end = code.Expiry
	}
	if g.Refresh != nil && g.Refresh.Expires.After(end) {
		end = g.Refresh.Expires
	}
	if _, err := s.Store.Create(ctx, store.Record{Kind: kindGrant, ID: id, Expiry: end.Add(keep), Tags: code.Tags, Data: data}); err != nil {
		return Granted{}, err
	}
	out.Grant.Tags = code.Tags
	return out, nil
}

// give puts a fresh access token in a grant.
func (s *Server) give(g *storedGrant, id string, payload []byte) (Granted, error) {
	secret, life := capsule.NewSecret(), s.life(g.To)
	var err error
	if g.Sealed, err = capsule.Seal(secret, purposeToken, payload, []byte(id)); err != nil {
		return Granted{}, err
	}
	g.Token, g.Expires = secret.ID(purposeToken), s.Now().Add(life)
	return Granted{
		AccessToken: AccessToken{id + "." + secret.Reveal()}, ExpiresIn: life,
		Grant: Grant{ID: id, Payload: payload, Expires: g.Expires, To: g.To},
	}, nil
}

func errToken() error {
	return refuse(CodeInvalidToken, "the access token is unknown or expired (RFC 6750, Section 3.1); use the refresh token, or ask again")
}

// Authorize opens the grant of an access token for who has the key or the
// certificate that it is bound to: a bound token without them is refused, and a
// bearer token with a DPoP proof too (RFC 9449, Section 7.2; RFC 8705, Section
// 3). Only JKT and X5T of by count.
func (s *Server) Authorize(ctx context.Context, token string, by Party) (Grant, error) {
	t, err := s.presented(ctx, token)
	if err != nil {
		return Grant{}, err
	}
	return t.open(by)
}

// presented is an access token that is in force, not opened yet.
type presented struct {
	rec    store.Record
	grant  storedGrant
	secret capsule.Secret
}

func (s *Server) presented(ctx context.Context, token string) (presented, error) {
	id, secret, ok := parts(token)
	if !ok {
		return presented{}, errToken()
	}
	rec, g, err := s.load(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return presented{}, errToken()
	}
	if err != nil {
		return presented{}, err
	}
	// The ID is a one-way image of a 256-bit secret, so that comparing it
	// tells a guesser nothing; opening the payload decides.
	if g.Token != secret.ID(purposeToken) || !s.Now().Before(g.Expires) {
		return presented{}, errToken()
	}
	return presented{rec, g, secret}, nil
}

func (t presented) open(by Party) (Grant, error) {
	if t.grant.To.JKT != by.JKT || t.grant.To.X5T != "" && t.grant.To.X5T != by.X5T {
		return Grant{}, refuse(CodeInvalidToken, "the access token is bound to another key or certificate, or to none (RFC 9449, Section 7.2; RFC 8705, Section 3)")
	}
	payload, err := capsule.Open(t.secret, purposeToken, t.grant.Sealed, []byte(t.rec.ID))
	if err != nil {
		return Grant{}, errToken()
	}
	return Grant{ID: t.rec.ID, Payload: payload, Expires: t.grant.Expires, Tags: t.rec.Tags, To: t.grant.To}, nil
}

// parts of the text of a token.
func parts(token string) (id string, secret capsule.Secret, ok bool) {
	id, text, _ := strings.Cut(token, ".")
	secret, err := capsule.ParseSecret(text)
	b, bad := jose.Decode(id)
	return id, secret, err == nil && bad == nil && len(b) == 32
}

func (s *Server) load(ctx context.Context, id string) (store.Record, storedGrant, error) {
	var g storedGrant
	rec, err := s.Store.Get(ctx, kindGrant, id)
	if err != nil {
		return rec, g, err
	}
	return rec, g, jose.Unmarshal(rec.Data, &g)
}

// Revoke ends the tokens of a grant and leaves the mark that its code was
// spent. It may be called again.
func (s *Server) Revoke(ctx context.Context, id string) error {
	return s.change(ctx, id, func(g *storedGrant) bool {
		changed := g.Sealed != nil || g.Refresh != nil
		g.Token, g.Sealed, g.Refresh = "", nil, nil
		return changed
	})
}

// change changes a grant, if there is one and f says that it changed it.
func (s *Server) change(ctx context.Context, id string, f func(*storedGrant) bool) error {
	const tries = 5
	for range tries {
		rec, g, err := s.load(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !f(&g) {
			return nil
		}
		if _, err = s.move(ctx, rec, g); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return store.ErrConflict
}

func (s *Server) move(ctx context.Context, rec store.Record, g storedGrant) (store.Record, error) {
	next := rec
	var err error
	if next.Data, err = jose.Marshal(g); err != nil {
		return rec, err
	}
	return s.Store.Replace(ctx, rec, next)
}

// Sweep takes the payload out of grants whose token is over and leaves the
// mark that the code was spent. It returns how many it emptied; call it now
// and then.
func (s *Server) Sweep(ctx context.Context) (int, error) {
	emptied, next := 0, ""
	for {
		recs, after, err := s.Store.Find(ctx, kindGrant, "", store.Page{Next: next})
		if err != nil {
			return emptied, err
		}
		for _, rec := range recs {
			var g storedGrant
			if err := jose.Unmarshal(rec.Data, &g); err != nil {
				return emptied, err
			}
			if g.Sealed == nil || s.Now().Before(g.Expires) {
				continue
			}
			g.Sealed = nil
			if _, err := s.move(ctx, rec, g); err == nil {
				emptied++
			} else if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
				return emptied, err
			}
		}
		if after == "" {
			return emptied, nil
		}
		next = after
	}
}
