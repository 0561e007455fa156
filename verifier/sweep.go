package verifier

import (
	"context"
	"errors"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// Sweep destroys results whose time is over: those that were delivered, after
// the grace, and those that nobody fetched. The marks stay, so that nothing is
// answered twice. It returns how many it emptied; call it now and then.
func (v *Verifier) Sweep(ctx context.Context) (int, error) {
	emptied, next := 0, ""
	for {
		recs, after, err := v.c.Store.Find(ctx, kindAnswer, "", store.Page{Next: next})
		if err != nil {
			return emptied, err
		}
		for _, rec := range recs {
			a := answered{record: rec}
			if err := jose.Unmarshal(rec.Data, &a.stored); err != nil {
				return emptied, err
			}
			if a.stored.Sealed == nil || !a.done(v) && !v.late(rec) {
				continue
			}
			err := a.replace(ctx, v, answer{Delivered: a.stored.Delivered, told: a.stored.told})
			if err != nil && !errors.Is(err, ErrSpent) {
				return emptied, err
			}
			if err == nil {
				emptied++
			}
		}
		if after == "" {
			return emptied, nil
		}
		next = after
	}
}

// late says whether the receiver has let the result lie too long.
func (v *Verifier) late(rec store.Record) bool {
	return v.over(rec.Expiry.Add(-margin - v.hooks.RetryFor()))
}
