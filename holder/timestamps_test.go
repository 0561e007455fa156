package holder_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/store"
)

// relay counts what reaches the authorities.
type relay struct {
	asked atomic.Int64
	down  atomic.Bool
}

func (r *relay) Relay(context.Context, tsp.Request) ([]byte, error) {
	r.asked.Add(1)
	if r.down.Load() {
		return nil, errors.New("nobody answers")
	}
	return []byte("reply"), nil
}

// A vault has a number of time-stamps in a day, exactly, however many ask at once and
// whatever process they reach; another vault has its own, and tomorrow has new ones.
func TestStampsPerDay(t *testing.T) {
	stamps := &relay{}
	w := newWorld(t, func(c *holder.Config) { c.Stamps, c.StampsPerDay = stamps, 5 })
	u, other := w.citizen("80610100139"), w.citizen("85652500134")
	for _, x := range []*unit{u, other} {
		x.activate()
	}
	sum := sha256.Sum256([]byte("x"))
	r, err := tsp.NewRequest(crypto.SHA256, sum[:], rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	query, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	full := func(err error) time.Duration {
		t.Helper()
		var many *holder.TooManyStamps
		if !errors.As(err, &many) {
			t.Fatalf("%v", err)
		}
		return many.Wait
	}
	// What is no request counts for nothing.
	if _, err := w.Stamp(t.Context(), u.r, []byte("no request")); !errors.Is(err, holder.ErrInput) {
		t.Fatal(err)
	}
	second, err := holder.New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var given, refused atomic.Int64
	for i := range 12 {
		h := []*holder.Holder{w.Holder, second}[i%2]
		all.Go(func() {
			_, err := h.Stamp(t.Context(), u.r, query)
			var many *holder.TooManyStamps
			switch {
			case err == nil:
				given.Add(1)
			case errors.As(err, &many):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if given.Load() != 5 || refused.Load() != 7 || stamps.asked.Load() != 5 {
		t.Errorf("%d given, %d refused, %d asked", given.Load(), refused.Load(), stamps.asked.Load())
	}
	_, err = w.Stamp(t.Context(), u.r, query)
	if wait := full(err); wait != 14*time.Hour { // it is ten o'clock
		t.Errorf("wait %s", wait)
	}
	w.restart()
	_, err = w.Stamp(t.Context(), u.r, query)
	full(err)
	// What fails counts.
	stamps.down.Store(true)
	for range 5 {
		if _, err := w.Stamp(t.Context(), other.r, query); !errors.Is(err, holder.ErrStamps) {
			t.Fatal(err)
		}
	}
	_, err = w.Stamp(t.Context(), other.r, query)
	full(err)
	stamps.down.Store(false)
	w.clock.add(14 * time.Hour)
	if _, err := w.Stamp(t.Context(), u.r, query); err != nil {
		t.Errorf("the next day: %v", err)
	}
	// Nothing names the citizen or the vault.
	found, _, err := w.store.Find(t.Context(), "holder-stamps", "", store.Page{})
	if err != nil || len(found) == 0 {
		t.Fatalf("%d records, %v", len(found), err)
	}
	for _, rec := range found {
		if len(rec.Tags) > 0 || rec.Expiry.IsZero() || len(rec.ID) != 43 || strings.Contains(string(rec.Data), "8061") {
			t.Errorf("%+v", rec)
		}
	}
	if strings.Contains(w.lines.String(), "80610100139") {
		t.Error("the log names a citizen")
	}
}
