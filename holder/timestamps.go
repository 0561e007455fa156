package holder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/store"
)

var (
	// ErrNoStamps: the platform knows no time-stamp authority.
	ErrNoStamps = errors.New("holder: there is no time-stamp authority; the operator names one in holder.timestamps")
	// ErrStamps: none of the authorities gave a time-stamp.
	ErrStamps = errors.New("holder: no time-stamp authority gives a time-stamp now; try again later")
)

// DefaultStamps is how many time-stamps a vault may have in a day: many times what
// its credentials need.
const DefaultStamps = 200

// TooManyStamps: the vault had as many time-stamps today as it may have.
type TooManyStamps struct{ Wait time.Duration }

func (e *TooManyStamps) Error() string {
	return "holder: this vault had all time-stamps of today; ask again tomorrow"
}

// kindStamps records count the requests of a vault on one day. The id is a keyed hash
// of citizen and day, so that no two days can be told to be of one vault, and a new
// vault in place of one that was deleted has no new count.
const kindStamps store.Kind = "holder-stamps"

// countStamp counts a request before it is carried, whatever comes of it: authorities
// are asked for what fails, too. Days are those of UTC. Requests at the same time
// count one after another, in the store, whichever process they reach.
func (h *Holder) countStamp(ctx context.Context, c Citizen) error {
	most := h.c.StampsPerDay
	if most == 0 {
		most = DefaultStamps
	}
	now := h.now().UTC()
	tomorrow := now.Truncate(24 * time.Hour).Add(24 * time.Hour)
	id := h.keyed("stamps", c.key, now.Format(time.DateOnly))
	for {
		n, err := h.oneMoreStamp(ctx, id, most, tomorrow)
		switch {
		case errors.Is(err, store.ErrExists), errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
			if ctx.Err() != nil {
				return ctx.Err()
			}
			// Another request was counted meanwhile; this goes no further than the bound.
		case err != nil:
			return fmt.Errorf("counting time-stamps: %w", err)
		case n > most:
			return &TooManyStamps{Wait: tomorrow.Sub(now)}
		default:
			return nil
		}
	}
}

// oneMoreStamp adds one to a count that is below the bound, and tells what it would
// be. The record outlives the day by one, so that a clock that goes back finds it.
func (h *Holder) oneMoreStamp(ctx context.Context, id string, most int, end time.Time) (int, error) {
	var count struct {
		N int `json:"n"`
	}
	next := store.Record{Kind: kindStamps, ID: id, Expiry: end.Add(24 * time.Hour)}
	old, err := h.store.Get(ctx, kindStamps, id)
	fresh := errors.Is(err, store.ErrNotFound)
	if err != nil && !fresh {
		return 0, err
	}
	if !fresh {
		if err := jose.UnmarshalClosed(old.Data, &count); err != nil {
			return 0, err
		}
	}
	if count.N++; count.N > most {
		return count.N, nil
	}
	if next.Data, err = jose.Marshal(count); err != nil {
		return 0, err
	}
	if fresh {
		_, err = h.store.Create(ctx, next)
	} else {
		_, err = h.store.Replace(ctx, old, next)
	}
	return count.N, err
}

// Stamps carries requests to time-stamp authorities; a *tsp.Client does.
type Stamps interface {
	Relay(ctx context.Context, r tsp.Request) (reply []byte, err error)
}

// Stamp carries a wallet unit's request for a time-stamp (a TimeStampReq in DER,
// RFC 3161, Section 2.4.1) to an authority, and its answer back. What is stamped
// is a digest: the platform sees no credential, and neither does the authority,
// which does not learn whose it is either.
func (h *Holder) Stamp(ctx context.Context, r Request, query []byte) (reply []byte, err error) {
	if _, err := h.active(ctx, r.Citizen); err != nil {
		return nil, err
	}
	if h.c.Stamps == nil {
		return nil, ErrNoStamps
	}
	asked, err := tsp.ParseRequest(query)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInput, err)
	}
	if err := h.countStamp(ctx, r.Citizen); err != nil {
		return nil, err
	}
	reply, err = h.c.Stamps.Relay(ctx, asked)
	switch {
	case errors.Is(err, tsp.ErrRequest):
		return nil, fmt.Errorf("%w: %w", ErrInput, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrStamps, err)
	}
	return reply, nil
}
