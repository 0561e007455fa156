package unit_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
)

// A platform that wants fewer requests gets them later, and each once; what it
// wants for too long, or without a number, is told.
func TestSlower(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		after   string
		refuse  int
		waited  []time.Duration
		refused bool
	}{
		"once":            {"2", 1, []time.Duration{2 * s}, false},
		"five times":      {"1", 5, []time.Duration{s, s, s, s, s}, false},
		"again and again": {"1", 99, []time.Duration{s, s, s, s, s}, true},
		"for an hour":     {"3600", 1, nil, true},
		"until a date":    {"Wed, 25 Nov 2026 10:00:00 GMT", 1, nil, true},
		"for no time":     {"0", 1, nil, true},
		"without a word":  {"", 1, nil, true},
	} {
		n := newNetwork()
		v, p := newVault(t, n)
		asked, proofs := 0, map[string]bool{}
		n.hosts["vault.example"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked++; proofs[r.Header.Get("DPoP")] {
				t.Errorf("%s: a proof was used twice", name)
			}
			proofs[r.Header.Get("DPoP")] = true
			if asked <= c.refuse {
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			p.ServeHTTP(w, r)
		})
		var waited []time.Duration
		v.Platform.Wait = func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil }
		err := v.Platform.Log(t.Context(), unit.Event{Kind: unit.EventRefuse, Organisation: "x"})
		r := (*unit.Refusal)(nil)
		if refused := errors.As(err, &r) && r.Status == http.StatusTooManyRequests; refused != c.refused || !refused && err != nil || !slices.Equal(waited, c.waited) || len(p.events()) > 1 {
			t.Errorf("%s: %v, waited %v, %d events", name, err, waited, len(p.events()))
		}
	}
	// Who goes away does not wait.
	n := newNetwork()
	v, _ := newVault(t, n)
	v.Platform.Wait = func(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return ctx.Err() }
	ctx, stop := context.WithCancel(t.Context())
	n.hosts["vault.example"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stop()
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	if err := v.Platform.Log(ctx, unit.Event{Kind: unit.EventRefuse, Organisation: "x"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
