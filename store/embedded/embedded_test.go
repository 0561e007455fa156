package embedded_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
	"github.com/zegel-id/zegel/store/storetest"
)

func TestContract(t *testing.T) {
	clock := storetest.NewClock()
	dirs := map[store.Store]string{}
	open := func(t *testing.T, dir string) store.Store {
		s, err := embedded.Open(dir, embedded.Options{Now: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		dirs[s] = dir
		return s
	}
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir()) }, storetest.Options{
		Clock:         clock,
		RacingReplace: true,
		Rounds:        1000,
		Reopen: func(t *testing.T, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, dirs[s])
		},
	})
}

// part is a tenant's part of a store that is the only one to use it.
type part struct {
	store.Store
	whole store.Store
}

func (p part) Close() error { return p.whole.Close() }

// A tenant's part keeps the whole contract, also while another tenant and the
// store itself hold records of the same kinds and ids.
func TestContractOfTenant(t *testing.T) {
	clock := storetest.NewClock()
	dirs := map[store.Store]string{}
	open := func(t *testing.T, dir string) store.Store {
		whole, err := embedded.Open(dir, embedded.Options{Now: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		mine, err := store.ForTenant(whole, "mine")
		if err != nil {
			t.Fatal(err)
		}
		other, err := store.ForTenant(whole, "other")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []store.Store{whole, other} {
			for _, kind := range []store.Kind{"offer", "kind", "a"} {
				for _, id := range []string{"a", "b", "1", "id"} {
					if _, err := s.Create(t.Context(), store.Record{Kind: kind, ID: id, Tags: []string{"t", "a"}, Data: []byte("another's")}); err != nil && err != store.ErrExists {
						t.Fatal(err)
					}
				}
			}
		}
		p := part{Store: mine, whole: whole}
		dirs[p] = dir
		return p
	}
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir()) }, storetest.Options{
		Clock: clock, RacingReplace: true, Rounds: 50,
		Reopen: func(t *testing.T, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, dirs[s])
		},
	})
}

func TestTenantsApart(t *testing.T) {
	whole, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	parts := []store.Store{whole}
	for _, name := range []string{"a", "ab", "b0"} {
		p, err := store.ForTenant(whole, name)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	ctx := t.Context()
	for n, p := range parts {
		if _, err := p.Create(ctx, store.Record{Kind: "k", ID: "same", Tags: []string{"tag"}, Data: []byte{byte(n)}}); err != nil {
			t.Fatalf("part %d: %v", n, err)
		}
	}
	for n, p := range parts {
		r, err := p.Get(ctx, "k", "same")
		if err != nil || r.Data[0] != byte(n) || r.Kind != "k" {
			t.Errorf("part %d: %v %v", n, r, err)
		}
		for _, tag := range []string{"", "tag"} {
			if found, _, err := p.Find(ctx, "k", tag, store.Page{}); err != nil || len(found) != 1 || found[0].Data[0] != byte(n) || found[0].Kind != "k" {
				t.Errorf("part %d: %v %v", n, found, err)
			}
		}
	}
	if err := parts[1].Delete(ctx, store.Record{Kind: "k", ID: "same"}); err != nil {
		t.Fatal(err)
	}
	for n, p := range parts {
		if _, err := p.Get(ctx, "k", "same"); (n == 1) != (err == store.ErrNotFound) {
			t.Errorf("part %d after part 1 deleted its own: %v", n, err)
		}
	}
	// Nothing reaches out of a part by its kind, and a name that could read as
	// another's kind is none.
	for _, kind := range []store.Kind{"t-ab-k", "t-", "t-a-", ""} {
		if _, err := parts[3].Get(ctx, kind, "same"); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("kind %q: %v", kind, err)
		}
	}
	for _, name := range []string{"", "a-b", "A", "a/b", "t.", strings.Repeat("a", store.MaxTenant+1), "\u00e9"} {
		if _, err := store.ForTenant(whole, name); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("name %q: %v", name, err)
		}
	}
}
