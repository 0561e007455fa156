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

// Granted is a redeemed offer: the token response.
type Granted struct {
	// AccessToken prints nothing; Reveal it into the response.
	AccessToken AccessToken
	ExpiresIn   time.Duration
	Grant       Grant
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
	// ID names the grant; it is no secret.
	ID      string
	Payload []byte
	Expires time.Time
	Tags    []string
}

type storedGrant struct {
	Token   string    `json:"token"` // ID of the token's secret
	Expires time.Time `json:"expires"`
	Sealed  []byte    `json:"sealed,omitempty"`
}

// keep is how much longer than the offer a spent mark lives, so that a code
// cannot come back to life between two clocks.
const keep = time.Hour

func (s *Server) grant(ctx context.Context, id string, payload []byte, offer store.Record) (Granted, error) {
	secret := capsule.NewSecret()
	now := s.Now()
	g := Grant{ID: id, Payload: payload, Expires: now.Add(s.tokenLife()), Tags: offer.Tags}
	sealed, err := capsule.Seal(secret, purposeToken, payload, []byte(id))
	if err != nil {
		return Granted{}, err
	}
	data, err := jose.Marshal(storedGrant{Token: secret.ID(purposeToken), Expires: g.Expires, Sealed: sealed})
	if err != nil {
		return Granted{}, err
	}
	end := g.Expires
	if offer.Expiry.After(end) {
		end = offer.Expiry
	}
	if _, err := s.Store.Create(ctx, store.Record{Kind: kindGrant, ID: id, Expiry: end.Add(keep), Tags: offer.Tags, Data: data}); err != nil {
		return Granted{}, err
	}
	return Granted{AccessToken: AccessToken{id + "." + secret.Reveal()}, ExpiresIn: s.tokenLife(), Grant: g}, nil
}

func errToken() error {
	return refuse(CodeInvalidToken, "the access token is unknown or expired (RFC 6750, Section 3.1); redeem a new offer")
}

// Authorize opens the grant of an access token.
func (s *Server) Authorize(ctx context.Context, token string) (Grant, error) {
	id, text, _ := strings.Cut(token, ".")
	secret, err := capsule.ParseSecret(text)
	if b, bad := jose.Decode(id); err != nil || bad != nil || len(b) != 32 {
		return Grant{}, errToken()
	}
	rec, err := s.Store.Get(ctx, kindGrant, id)
	if errors.Is(err, store.ErrNotFound) {
		return Grant{}, errToken()
	}
	if err != nil {
		return Grant{}, err
	}
	var g storedGrant
	if err := jose.Unmarshal(rec.Data, &g); err != nil {
		return Grant{}, err
	}
	// The ID is a one-way image of a 256-bit secret, so that comparing it
	// tells a guesser nothing; opening the payload decides.
	if g.Token != secret.ID(purposeToken) || !s.Now().Before(g.Expires) {
		return Grant{}, errToken()
	}
	payload, err := capsule.Open(secret, purposeToken, g.Sealed, []byte(id))
	if err != nil {
		return Grant{}, errToken()
	}
	return Grant{ID: id, Payload: payload, Expires: g.Expires, Tags: rec.Tags}, nil
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
			empty := rec
			if empty.Data, err = jose.Marshal(g); err != nil {
				return emptied, err
			}
			if _, err := s.Store.Replace(ctx, rec, empty); err == nil {
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
