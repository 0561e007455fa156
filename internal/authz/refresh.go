package authz

import (
	"context"
	"errors"
	"time"

	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/store"
)

// storedRefresh is what waits under a refresh token.
type storedRefresh struct {
	Token   string    `json:"token"` // ID of the token's secret
	Expires time.Time `json:"expires"`
	Sealed  []byte    `json:"sealed"`
}

// refreshable adds a refresh token to a grant that can be renewed. Who is bound
// to no key gets none: it would be a bearer token for months (RFC 9449, Section
// 5; RFC 9700, Section 2.2.2).
func (s *Server) refreshable(g *storedGrant, id string, payload []byte) (AccessToken, error) {
	if s.RefreshLife <= 0 || s.Renewable == nil || !g.To.bound() && g.To.Instance == "" {
		return AccessToken{}, nil
	}
	kept, err := s.Renewable(payload)
	if err != nil || kept == nil {
		return AccessToken{}, err
	}
	secret := capsule.NewSecret()
	sealed, err := capsule.Seal(secret, purposeRefresh, kept, []byte(id))
	if err != nil {
		return AccessToken{}, err
	}
	g.Refresh = &storedRefresh{Token: secret.ID(purposeRefresh), Expires: s.Now().Add(s.RefreshLife), Sealed: sealed}
	return AccessToken{id + "." + secret.Reveal()}, nil
}

func errRefresh() error {
	return refuse(CodeInvalidGrant, "the refresh token is unknown, expired, revoked, or was given to another client, key or wallet instance (RFC 6749, Section 5.2)")
}

// Refresh renews a grant: the access token before it ends, the refresh token
// stays, since it is bound to the key (RFC 9700, Section 4.14.2). Of parallel
// requests the last one's access token works.
func (s *Server) Refresh(ctx context.Context, token string, by Party) (Granted, error) {
	id, secret, ok := parts(token)
	if !ok {
		return Granted{}, errRefresh()
	}
	const tries = 3
	for range tries {
		rec, g, err := s.load(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return Granted{}, errRefresh()
		}
		if err != nil {
			return Granted{}, err
		}
		if g.Refresh == nil || g.Refresh.Token != secret.ID(purposeRefresh) || !s.Now().Before(g.Refresh.Expires) || g.To != by {
			return Granted{}, errRefresh()
		}
		kept, err := capsule.Open(secret, purposeRefresh, g.Refresh.Sealed, []byte(id))
		if err != nil {
			return Granted{}, errRefresh()
		}
		payload, err := s.Renewed(kept)
		if err != nil {
			return Granted{}, err
		}
		out, err := s.give(&g, id, payload)
		if err != nil {
			return Granted{}, err
		}
		if _, err := s.move(ctx, rec, g); errors.Is(err, store.ErrConflict) {
			continue
		} else if err != nil {
			return Granted{}, err
		}
		out.Grant.Tags = rec.Tags
		return out, nil
	}
	return Granted{}, store.ErrConflict
}
