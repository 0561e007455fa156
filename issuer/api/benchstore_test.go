package api_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/mongo"
)

// storeOf has a world keep its records in a kind of store.
func storeOf(b *testing.B, kind string, w *world) {
	switch kind {
	case "memory":
		w.wrap = func(s store.Store) store.Store { return &memory{Store: s, recs: map[string]store.Record{}} }
		w.log = silent{}
	case "mongodb":
		uri := os.Getenv("ZEGEL_TEST_MONGODB")
		if uri == "" {
			b.Skip("ZEGEL_TEST_MONGODB names no server")
		}
		s, err := mongo.Open(b.Context(), uri, "zegel_bench_"+strings.ReplaceAll(uuid.NewString(), "-", ""), mongo.Options{Now: w.clock.now})
		if err != nil {
			b.Fatal(err)
		}
		w.wrap = func(under store.Store) store.Store { return &remote{Store: s, under: under} }
	}
}

// remote is a store on a server; closing it takes away what was kept there.
type remote struct {
	store.Store
	under store.Store
}

func (r *remote) Close() error {
	var errs []error
	for _, kind := range kinds {
		for {
			recs, _, err := r.Find(context.Background(), kind, "", store.Page{Limit: store.MaxLimit})
			if err != nil || len(recs) == 0 {
				errs = append(errs, err)
				break
			}
			for _, rec := range recs {
				errs = append(errs, r.Delete(context.Background(), store.Record{Kind: kind, ID: rec.ID}))
			}
		}
	}
	return errors.Join(append(errs, r.Store.Close(), r.under.Close())...)
}

type silent struct{}

func (silent) Append(context.Context, audit.Event) error { return nil }

// memory is a store that costs as little as one can, to show what the rest
// costs. Closing closes the store under it.
type memory struct {
	store.Store
	mu   sync.Mutex
	recs map[string]store.Record
}

func place(kind store.Kind, id string) string { return string(kind) + " " + id }

func (m *memory) Create(_ context.Context, r store.Record) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.recs[place(r.Kind, r.ID)]; ok {
		return store.Record{}, store.ErrExists
	}
	m.recs[place(r.Kind, r.ID)] = r.Stored(1)
	return r.Stored(1), nil
}

func (m *memory) Get(_ context.Context, kind store.Kind, id string) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.recs[place(kind, id)]
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	return r.Stored(r.Version), nil
}

func (m *memory) Replace(_ context.Context, old, next store.Record) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next, err := store.CheckReplace(old, next)
	if err != nil || m.recs[place(old.Kind, old.ID)].Version != old.Version {
		return store.Record{}, store.ErrConflict
	}
	m.recs[place(old.Kind, old.ID)] = next.Stored(next.Version)
	return next, nil
}

func (m *memory) Delete(_ context.Context, old store.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.recs[place(old.Kind, old.ID)]; !ok {
		return store.ErrNotFound
	}
	delete(m.recs, place(old.Kind, old.ID))
	return nil
}

func (m *memory) Find(_ context.Context, kind store.Kind, tag string, _ store.Page) (found []store.Record, _ string, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.recs {
		if r.Kind == kind && (tag == "" || slices.Contains(r.Tags, tag)) {
			found = append(found, r)
		}
	}
	return found, "", nil
}
