package holder_test

import (
	"errors"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder"
)

// A month counts to its last day, and the one before to where clocks and time zones
// may differ; also on the days that the month before does not have.
func TestOpenBeforeAtTheEndOfMonths(t *testing.T) {
	w := newWorld(t)
	u := w.citizen("80610100139")
	u.activate()
	for _, day := range []time.Time{
		time.Date(2026, 12, 31, 10, 0, 0, 0, time.UTC),
		time.Date(2027, 3, 30, 10, 0, 0, 0, time.UTC),
		time.Date(2027, 5, 31, 23, 0, 0, 0, time.UTC),
	} {
		w.clock.add(day.Sub(w.clock.Now()))
		if err := w.OpenBefore(t.Context(), u.r, day.Format("2006-01")); err != nil {
			t.Errorf("%s: %v", day, err)
		}
		if err := w.OpenBefore(t.Context(), u.r, day.AddDate(0, 0, -62).Format("2006-01")); !errors.Is(err, holder.ErrInput) {
			t.Errorf("%s, a month that is over: %v", day, err)
		}
	}
}
