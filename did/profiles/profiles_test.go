package profiles

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
)

var (
	ctx = context.Background()
	now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

const base = "https://id.vault.example"

func open(t testing.TB) *Profiles {
	t.Helper()
	s, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &Profiles{Store: s}
}

func key(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func profile(t testing.TB, id string, k crypto.Signer) did.Profile {
	t.Helper()
	webid, err := did.WebIDOf(base, id)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := did.NewLinkProof(k, 1, webid, nil, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p, err := did.Create(did.Creation{WebID: webid, Key: k.Public(), OIDCIssuer: "https://op.vault.example/", LinkProof: proof}, now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func move(t testing.TB, l Loaded, storage string) did.Profile {
	t.Helper()
	p, err := l.Profile.Move("https://op.vault.example/", storage, "", now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLife(t *testing.T) {
	s, id := open(t), uuid.NewString()
	if _, err := s.Load(ctx, id); !errors.Is(err, ErrNotFound) {
		t.Fatalf("before: %v", err)
	}
	p := profile(t, id, key(t))
	first, err := s.Create(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(ctx, p); !errors.Is(err, ErrTaken) {
		t.Errorf("created twice: %v", err)
	}
	second, err := s.Update(ctx, first, move(t, first, "https://pod.vault.example/a/"), did.Moved)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(ctx, first, move(t, first, "https://pod.vault.example/b/"), did.Moved); !errors.Is(err, ErrConflict) {
		t.Errorf("updated from an old version: %v", err)
	}
	loaded, err := s.Load(ctx, id)
	if err != nil || loaded.Number != 2 || loaded.Profile.Storage != "https://pod.vault.example/a/" {
		t.Fatalf("loaded %+v, %v", loaded.Version, err)
	}
	if _, err := s.Update(ctx, loaded, profile(t, uuid.NewString(), key(t)), did.Moved); !errors.Is(err, did.ErrProfile) {
		t.Errorf("another profile in its place: %v", err)
	}
	off, err := second.Profile.Deactivate(now)
	if err != nil {
		t.Fatal(err)
	}
	third, err := s.Update(ctx, loaded, off, did.WasDeactivated)
	if err != nil {
		t.Fatal(err)
	}
	history, err := s.History(ctx, id)
	if err != nil || len(history) != 3 || history[0].Change != did.Created || history[2].Profile.Status != did.Deactivated {
		t.Errorf("history %v, %v", history, err)
	}
	if _, err := s.Tombstone(ctx, id); !errors.Is(err, ErrNotFound) {
		t.Errorf("a tombstone of the living: %v", err)
	}

	tomb, err := s.Delete(ctx, id, now.Add(time.Hour))
	if err != nil || tomb.Hash != did.HashUUID(id) {
		t.Fatalf("deleting: %+v, %v", tomb, err)
	}
	again, err := s.Delete(ctx, id, now.Add(2*time.Hour))
	if err != nil || again != tomb {
		t.Errorf("deleted again: %+v, %v", again, err)
	}
	if kept, err := s.Tombstone(ctx, id); err != nil || kept != tomb {
		t.Errorf("kept %+v, %v", kept, err)
	}
	for name, err := range map[string]error{
		"load":    second2(s.Load(ctx, id)),
		"history": second2(s.History(ctx, id)),
		"update":  second2(s.Update(ctx, third, off, did.Moved)),
		"late":    second2(s.Update(ctx, first, move(t, first, ""), did.Moved)),
	} {
		if !errors.Is(err, ErrDeleted) {
			t.Errorf("%s after deletion: %v", name, err)
		}
	}
	if _, err := s.Create(ctx, p); !errors.Is(err, ErrTaken) {
		t.Errorf("a deleted uuid is given out again: %v", err)
	}
}

func second2[T any](_ T, err error) error { return err }

func TestNothingOfADeletedProfileIsLeft(t *testing.T) {
	s, id := open(t), uuid.NewString()
	l, err := s.Create(ctx, profile(t, id, key(t)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(ctx, l, move(t, l, "https://pod.vault.example/a/"), did.Moved); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Delete(ctx, id, now); err != nil {
		t.Fatal(err)
	}
	for kind, most := range map[store.Kind]int{kindMark: 1, kindHead: 0, kindVersion: 1} {
		found, _, err := s.Store.Find(ctx, kind, "", store.Page{})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > most {
			t.Errorf("%d records of kind %s, expected at most %d", len(found), kind, most)
		}
		for _, r := range found {
			if bytes.Contains(r.Data, []byte(id)) || bytes.Contains([]byte(r.ID), []byte(id)) || len(r.Data) > 200 {
				t.Errorf("a record of kind %s holds %s", kind, r.Data)
			}
		}
	}
}

func TestOneOfManyWritersWins(t *testing.T) {
	s, id := open(t), uuid.NewString()
	p := profile(t, id, key(t))
	const writers = 8
	race := func(write func(i int) error, lost error) {
		t.Helper()
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				switch err := write(i); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, lost):
					t.Errorf("writer %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d writers won, expected 1", won.Load())
		}
	}
	race(func(int) error { return second2(s.Create(ctx, p)) }, ErrTaken)
	from, err := s.Load(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	race(func(i int) error {
		return second2(s.Update(ctx, from, move(t, from, fmt.Sprintf("https://pod.vault.example/%d/", i)), did.Moved))
	}, ErrConflict)
	if history, err := s.History(ctx, id); err != nil || len(history) != 2 {
		t.Errorf("history of %d, %v", len(history), err)
	}
}

// broken is a store that fails at the n-th write from now on, before or after
// doing it, as a crash would.
type broken struct {
	store.Store
	left  int
	after bool
}

var errCrash = errors.New("crash")

func (b *broken) write(do func() error) error {
	b.left--
	if b.left < 0 || b.left == 0 && !b.after {
		b.left = -1
		return errCrash
	}
	err := do()
	if b.left == 0 && err == nil {
		b.left = -1
		return errCrash
	}
	return err
}

func (b *broken) Create(ctx context.Context, r store.Record) (out store.Record, err error) {
	err = b.write(func() error { out, err = b.Store.Create(ctx, r); return err })
	return out, err
}

func (b *broken) Replace(ctx context.Context, old, next store.Record) (out store.Record, err error) {
	err = b.write(func() error { out, err = b.Store.Replace(ctx, old, next); return err })
	return out, err
}

func (b *broken) Delete(ctx context.Context, old store.Record) error {
	return b.write(func() error { return b.Store.Delete(ctx, old) })
}

func TestCrashAtEveryWrite(t *testing.T) {
	whole := open(t)
	for _, after := range []bool{false, true} {
		for n := 1; n <= 3; n++ {
			id := uuid.NewString()
			p := profile(t, id, key(t))
			s := &Profiles{Store: &broken{Store: whole.Store, left: n, after: after}}
			if _, err := s.Create(ctx, p); !errors.Is(err, errCrash) {
				t.Fatalf("create, write %d: %v", n, err)
			}
			// Either it is there, or its uuid is burnt, or nothing happened.
			if _, err := whole.Load(ctx, id); err != nil && !errors.Is(err, ErrNotFound) {
				t.Errorf("create, write %d: %v", n, err)
			}
		}
		for n := 1; n <= 2; n++ {
			id := uuid.NewString()
			l, err := whole.Create(ctx, profile(t, id, key(t)))
			if err != nil {
				t.Fatal(err)
			}
			s := &Profiles{Store: &broken{Store: whole.Store, left: n, after: after}}
			if _, err := s.Update(ctx, l, move(t, l, "https://pod.vault.example/a/"), did.Moved); !errors.Is(err, errCrash) {
				t.Fatalf("update, write %d: %v", n, err)
			}
			// The next writers get through, after at most one refusal.
			for try := 0; ; try++ {
				l, err := whole.Load(ctx, id)
				if err != nil {
					t.Fatal(err)
				}
				_, err = whole.Update(ctx, l, move(t, l, "https://pod.vault.example/b/"), did.Moved)
				if err == nil {
					break
				}
				if !errors.Is(err, ErrConflict) || try > 0 {
					t.Fatalf("update, write %d, try %d: %v", n, try, err)
				}
			}
			if _, err := whole.History(ctx, id); err != nil {
				t.Errorf("update, write %d: %v", n, err)
			}
		}
		for n := 1; n <= 6; n++ {
			id := uuid.NewString()
			l, err := whole.Create(ctx, profile(t, id, key(t)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := whole.Update(ctx, l, move(t, l, "https://pod.vault.example/a/"), did.Moved); err != nil {
				t.Fatal(err)
			}
			s := &Profiles{Store: &broken{Store: whole.Store, left: n, after: after}}
			if _, err := s.Delete(ctx, id, now); !errors.Is(err, errCrash) {
				t.Fatalf("delete, write %d: %v", n, err)
			}
			if _, err := whole.Delete(ctx, id, now); err != nil {
				t.Errorf("delete again after write %d: %v", n, err)
			}
			if _, err := whole.Load(ctx, id); !errors.Is(err, ErrDeleted) {
				t.Errorf("delete, write %d: %v", n, err)
			}
			if left, _, err := whole.Store.Find(ctx, kindVersion, did.HashUUID(id), store.Page{}); err != nil || len(left) != 1 || len(left[0].Data) != 0 {
				t.Errorf("delete, write %d: left %v, %v", n, left, err)
			}
		}
	}
}

func TestUpdateAndDeleteRace(t *testing.T) {
	s := open(t)
	for range 10 {
		id := uuid.NewString()
		l, err := s.Create(ctx, profile(t, id, key(t)))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				_, err := s.Update(ctx, l, move(t, l, fmt.Sprintf("https://pod.vault.example/%d/", i)), did.Moved)
				if err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrDeleted) {
					t.Errorf("update: %v", err)
				}
			})
			wg.Go(func() {
				if _, err := s.Delete(ctx, id, now); err != nil {
					t.Errorf("delete: %v", err)
				}
			})
		}
		wg.Wait()
		if _, err := s.Load(ctx, id); !errors.Is(err, ErrDeleted) {
			t.Errorf("after all: %v", err)
		}
		left, _, err := s.Store.Find(ctx, kindVersion, did.HashUUID(id), store.Page{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range left {
			if len(r.Data) != 0 {
				t.Error("a version outlived the deletion")
			}
		}
	}
}

func TestHistoryFindsAChange(t *testing.T) {
	s, id := open(t), uuid.NewString()
	l, err := s.Create(ctx, profile(t, id, key(t)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(ctx, l, move(t, l, "https://pod.vault.example/a/"), did.Moved); err != nil {
		t.Fatal(err)
	}
	r, err := s.Store.Get(ctx, kindVersion, versionID(did.HashUUID(id), 1))
	if err != nil {
		t.Fatal(err)
	}
	changed := r
	changed.Data = bytes.Replace(r.Data, []byte("op.vault.example"), []byte("op.other.example"), 1)
	if r, err = s.Store.Replace(ctx, r, changed); err != nil {
		t.Fatal(err)
	}
	if _, err := s.History(ctx, id); !errors.Is(err, did.ErrHistory) {
		t.Errorf("changed version: %v", err)
	}
	if err := s.Store.Delete(ctx, r); err != nil {
		t.Fatal(err)
	}
	if _, err := s.History(ctx, id); !errors.Is(err, did.ErrHistory) {
		t.Errorf("missing version: %v", err)
	}
}
