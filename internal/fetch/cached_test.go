package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type fetchFunc func(ctx context.Context, url, accept string) (Document, error)

func (f fetchFunc) Fetch(ctx context.Context, url, accept string) (Document, error) {
	return f(ctx, url, accept)
}

func TestCachedHonoursAge(t *testing.T) {
	now := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	calls, doc := 0, Document{}
	c := NewCached(fetchFunc(func(context.Context, string, string) (Document, error) {
		calls++
		return doc, nil
	}), CacheOptions{Now: func() time.Time { return now }, Default: time.Minute, Most: time.Hour})
	ask := func(url string) Document {
		t.Helper()
		d, err := c.Fetch(t.Context(), url, "")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, tt := range []struct {
		name  string
		doc   Document
		after time.Duration
		calls int
	}{
		{"fresh", Document{Body: []byte("a"), MaxAge: 10 * time.Second}, 9 * time.Second, 1},
		{"stale", Document{MaxAge: 10 * time.Second}, 10 * time.Second, 2},
		{"no-store", Document{MaxAge: 10 * time.Second, NoStore: true}, 0, 2},
		{"says nothing", Document{}, 59 * time.Second, 1},
		{"bounded", Document{MaxAge: 1000 * time.Hour}, time.Hour, 2},
	} {
		calls, doc = 0, tt.doc
		ask(tt.name)
		now = now.Add(tt.after)
		ask(tt.name)
		if calls != tt.calls {
			t.Errorf("%s: fetched %d times, want %d", tt.name, calls, tt.calls)
		}
	}
	doc = Document{Body: []byte("abc"), MaxAge: time.Minute}
	ask("mine").Body[0] = 'X'
	if d := ask("mine"); string(d.Body) != "abc" || d.MaxAge != time.Minute {
		t.Errorf("the kept document changed: %+v", d)
	}
}

func TestCachedBounds(t *testing.T) {
	calls := map[string]int{}
	c := NewCached(fetchFunc(func(_ context.Context, url, _ string) (Document, error) {
		calls[url]++
		return Document{Body: make([]byte, 100), MaxAge: time.Minute}, nil
	}), CacheOptions{Entries: 3, Bytes: 350})
	for i := range 10 {
		c.Fetch(t.Context(), fmt.Sprint(i), "")
	}
	if len(c.entries) > 3 || c.bytes > 350 || c.order.Len() != len(c.entries) {
		t.Errorf("%d entries, %d bytes", len(c.entries), c.bytes)
	}
	c.Fetch(t.Context(), "9", "")
	c.Fetch(t.Context(), "0", "")
	if calls["9"] != 1 || calls["0"] != 2 {
		t.Errorf("calls %v: the least recently used should have gone", calls)
	}
	big := NewCached(fetchFunc(func(context.Context, string, string) (Document, error) {
		return Document{Body: make([]byte, 1000), MaxAge: time.Minute}, nil
	}), CacheOptions{Bytes: 100})
	big.Fetch(t.Context(), "x", "")
	if big.bytes != 0 {
		t.Error("a document larger than the cache was kept")
	}
}

func TestCachedFailuresAreNotKept(t *testing.T) {
	calls := 0
	c := NewCached(fetchFunc(func(context.Context, string, string) (Document, error) {
		calls++
		return Document{}, &Error{Reason: ReasonStatus}
	}), CacheOptions{Default: time.Hour})
	for range 2 {
		if _, err := c.Fetch(t.Context(), "x", ""); !Is(err, ReasonStatus) {
			t.Fatal(err)
		}
	}
	if calls != 2 {
		t.Errorf("fetched %d times", calls)
	}
}

func TestCachedSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		c := NewCached(fetchFunc(func(ctx context.Context, _, _ string) (Document, error) {
			calls.Add(1)
			select {
			case <-time.After(time.Second):
				return Document{Body: []byte("x"), MaxAge: time.Minute}, nil
			case <-ctx.Done():
				return Document{}, ctx.Err()
			}
		}), CacheOptions{})
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Fetch(first, "x", ""); !errors.Is(err, context.Canceled) {
				t.Errorf("the first caller: %v", err)
			}
		})
		synctest.Wait()
		for range 16 {
			wg.Go(func() {
				if d, err := c.Fetch(t.Context(), "x", ""); err != nil || string(d.Body) != "x" {
					t.Errorf("%v, %v", d, err)
				}
			})
		}
		impatient, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer stop()
		wg.Go(func() {
			if _, err := c.Fetch(impatient, "x", ""); !Is(err, ReasonTimeout) {
				t.Errorf("the impatient caller: %v", err)
			}
		})
		synctest.Wait()
		time.Sleep(500 * time.Millisecond)
		cancel() // the others must not suffer from it
		wg.Wait()
		if calls.Load() != 2 {
			t.Errorf("fetched %d times, want 2: once given up, once for all others", calls.Load())
		}
	})
}

func TestFreshness(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, tt := range []struct {
		headers string
		age     time.Duration
		noStore bool
	}{
		{"", 0, false},
		{"Cache-Control: max-age=60", time.Minute, false},
		{"Cache-Control: public, Max-Age=60, s-maxage=30", 30 * time.Second, false},
		{"Cache-Control: max-age=60|Age: 20", 40 * time.Second, false},
		{"Cache-Control: max-age=60|Age: 70", 0, true},
		{"Cache-Control: max-age=0", 0, true},
		{"Cache-Control: max-age=never", 0, true},
		{"Cache-Control: max-age=-5", 0, true},
		{"Cache-Control: max-age=99999999999999", maxFreshness, false},
		{"Cache-Control: no-store, max-age=60", time.Minute, true},
		{"Cache-Control: private, max-age=60", time.Minute, true},
		{"Cache-Control: no-cache", 0, true},
		{"Expires: " + date(time.Hour), time.Hour, false},
		{"Expires: " + date(time.Hour) + "|Date: " + date(30*time.Minute), 30 * time.Minute, false},
		{"Expires: 0", 0, true},
		{"Cache-Control: max-age=60|Expires: 0", time.Minute, false},
		{"Cache-Control: max-age=60|Vary: Accept, Accept-Encoding", time.Minute, false},
		{"Cache-Control: max-age=60|Vary: Cookie", time.Minute, true},
		{"Cache-Control: max-age=60|Vary: *", time.Minute, true},
	} {
		h := http.Header{}
		for line := range strings.SplitSeq(tt.headers, "|") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				h.Add(name, value)
			}
		}
		if age, noStore := freshness(h, now); age != tt.age || noStore != tt.noStore {
			t.Errorf("%q: %v, %v; want %v, %v", tt.headers, age, noStore, tt.age, tt.noStore)
		}
	}
}
