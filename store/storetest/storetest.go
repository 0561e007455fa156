// Package storetest is the contract of package store as a test that every
// driver runs, and a benchmark that compares a driver to a bare log on the same
// disk. It is for tests only.
package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/store"
)

// Options says what the driver under test can do.
type Options struct {
	// Clock is the one that the stores which open returns tell the time by.
	Clock *Clock
	// RacingReplace runs the tests that need Replace and Delete to be atomic
	// under concurrent writers of one record. FerretDB's are not.
	RacingReplace bool
	// Reopen closes the store and opens it again on the same records. Nil skips
	// the durability test.
	Reopen func(*testing.T, store.Store) store.Store
	// Rounds of each race; 200 if 0, fewer with -short.
	Rounds int
}

// Run tests the contract. Each call of open returns a new, empty store; Run
// closes it.
func Run(t *testing.T, open func(*testing.T) store.Store, o Options) {
	if o.Clock == nil {
		t.Fatal("storetest: Options.Clock is missing")
	}
	if o.Rounds == 0 {
		o.Rounds = 200
	}
	if testing.Short() {
		o.Rounds = min(o.Rounds, 20)
	}
	for _, test := range []struct {
		name string
		run  func(suite)
	}{
		{"create", suite.create},
		{"replace", suite.replace},
		{"delete", suite.delete},
		{"find", suite.find},
		{"pages", suite.pages},
		{"large pages", suite.largePages},
		{"expiry", suite.expiry},
		{"sweep", suite.sweep},
		{"limits", suite.limits},
		{"bad input", suite.badInput},
		{"ownership", suite.ownership},
		{"context", suite.context},
		{"close", suite.close},
		{"reopen", suite.reopen},
		{"racing create", suite.racingCreate},
		{"racing replace", suite.racingReplace},
		{"racing delete", suite.racingDelete},
		{"mix", suite.mix},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() { _ = s.Close() })
			test.run(suite{T: t, Store: s, o: o})
		})
	}
}

// Clock is a clock that stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at a whole second near the present:
// servers that expire by their own clock must not find its records old.
func NewClock() *Clock { return &Clock{now: time.Now().UTC().Truncate(time.Second)} }

// Now is the time the clock stands at.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Move moves the clock.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// suite is one test with its store.
type suite struct {
	*testing.T
	store.Store
	o Options
}

// mustCreate stores a record and fails the test if that does not work.
func (s suite) mustCreate(r store.Record) store.Record {
	s.Helper()
	created, err := s.Create(s.Context(), r)
	if err != nil {
		s.Fatalf("Create of %s: %v", describe(r), err)
	}
	return created
}

// mustGet checks that the store holds exactly want.
func (s suite) mustGet(want store.Record) {
	s.Helper()
	got, err := s.Get(s.Context(), want.Kind, want.ID)
	if err != nil {
		s.Fatalf("Get of %s: %v", describe(want), err)
	}
	s.mustEqual(got, want)
}

func (s suite) mustEqual(got, want store.Record) {
	s.Helper()
	slices.Sort(got.Tags)
	tags := slices.Sorted(slices.Values(want.Tags))
	if got.Kind != want.Kind || got.ID != want.ID || got.Version != want.Version ||
		got.Expiry != want.Expiry || !slices.Equal(got.Tags, tags) || string(got.Data) != string(want.Data) {
		s.Fatalf("got %s, want %s", describe(got), describe(want))
	}
}

// mustFind checks the ids of the first page.
func (s suite) mustFind(kind store.Kind, tag string, want ...string) {
	s.Helper()
	found, next, err := s.Find(s.Context(), kind, tag, store.Page{})
	if err != nil || next != "" {
		s.Fatalf("Find(%q, %q): next %q, %v", kind, tag, next, err)
	}
	if got := ids(found); !slices.Equal(got, want) {
		s.Fatalf("Find(%q, %q) found %q, want %q", kind, tag, got, want)
	}
}

func ids(records []store.Record) (ids []string) {
	for _, r := range records {
		ids = append(ids, r.ID)
	}
	return ids
}

func describe(r store.Record) string {
	data := fmt.Sprintf("%q", r.Data)
	if len(data) > 80 {
		data = fmt.Sprintf("%d bytes", len(r.Data))
	}
	return fmt.Sprintf("%s/%s v%d until %v tags %q data %s", r.Kind, r.ID, r.Version, r.Expiry, r.Tags, data)
}
