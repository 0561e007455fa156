package embedded

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/zegel-id/zegel/store"
)

// memoryDisk returns a disk in memory that knows what was synced, with an empty
// directory "store".
func memoryDisk(t *testing.T) *vfs.MemFS {
	t.Helper()
	disk := vfs.NewCrashableMem()
	root, err := disk.OpenDir("/")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(disk.MkdirAll("store", 0o700), root.Sync(), root.Close()); err != nil {
		t.Fatal(err)
	}
	return disk
}

// TestBroken checks that after a write that the disk refused, every operation
// is refused too, and nothing that only memory holds is shown.
func TestBroken(t *testing.T) {
	for _, kind := range []errorfs.OpKind{errorfs.OpFileSyncData, errorfs.OpFileWrite} {
		t.Run(fmt.Sprint("operation ", kind), func(t *testing.T) {
			var failing atomic.Bool
			mem := memoryDisk(t)
			disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if failing.Load() && op.Kind == kind && strings.HasSuffix(op.Path, ".log") {
					return errors.New("input/output error")
				}
				return nil
			}))
			var reported atomic.Int32
			s, err := Open("store", Options{fs: disk, Report: func(error) { reported.Add(1) }})
			if err != nil {
				t.Fatal(err)
			}
			good, err := s.Create(t.Context(), store.Record{Kind: "offer", ID: "a", Tags: []string{"x"}})
			if err != nil {
				t.Fatal(err)
			}

			failing.Store(true)
			var writers sync.WaitGroup
			for i := range 8 {
				writers.Go(func() {
					_, err := s.Create(t.Context(), store.Record{Kind: "offer", ID: fmt.Sprint("lost-", i), Tags: []string{"x"}})
					if !errors.Is(err, ErrBroken) {
						t.Errorf("writer %d: %v, want ErrBroken", i, err)
					}
				})
			}
			writers.Wait()
			failing.Store(false) // a disk that recovers does not mend the log

			if _, err := s.Get(t.Context(), "offer", "lost-0"); !errors.Is(err, ErrBroken) {
				t.Errorf("Get: %v, want ErrBroken", err)
			}
			if _, err := s.Create(t.Context(), store.Record{Kind: "offer", ID: "b"}); !errors.Is(err, ErrBroken) {
				t.Errorf("Create: %v, want ErrBroken", err)
			}
			if _, _, err := s.Find(t.Context(), "offer", "x", store.Page{}); !errors.Is(err, ErrBroken) {
				t.Errorf("Find: %v, want ErrBroken", err)
			}
			if err := s.Delete(t.Context(), good); !errors.Is(err, ErrBroken) {
				t.Errorf("Delete: %v, want ErrBroken", err)
			}
			if err := s.Close(); !errors.Is(err, ErrBroken) {
				t.Errorf("Close: %v, want ErrBroken", err)
			}
			if reported.Load() == 0 {
				t.Error("nothing was reported")
			}

			again := mustOpen(t, "store", Options{fs: mem.CrashClone(vfs.CrashCloneCfg{})})
			if _, err := again.Get(t.Context(), "offer", "a"); err != nil {
				t.Errorf("after a restart: %v", err)
			}
			checkIndexes(t, again)
		})
	}
}

// TestPowerCut cuts the power of a disk in memory that forgets what was not
// synced, and some of the rest, while writers and readers work: what a writer
// was told is kept, and what a reader saw is there, is there.
func TestPowerCut(t *testing.T) {
	const writers, cuts = 8, 20
	disk := memoryDisk(t)
	s := mustOpen(t, "store", Options{fs: disk})

	var mu sync.Mutex
	known := map[string]uint64{}
	know := func(r store.Record) {
		mu.Lock()
		defer mu.Unlock()
		known[r.ID] = max(known[r.ID], r.Version)
	}
	var stop atomic.Bool
	var work sync.WaitGroup
	defer work.Wait()
	defer stop.Store(true)
	for i := range writers {
		work.Go(func() {
			for n := 0; !stop.Load(); n++ {
				r, err := s.Create(t.Context(), store.Record{Kind: "cut", ID: fmt.Sprintf("%d-%d", i, n%1000), Tags: []string{"x"}})
				if err == store.ErrExists {
					r, err = s.Get(t.Context(), "cut", fmt.Sprintf("%d-%d", i, n%1000))
				}
				if err == nil {
					know(r)
					r, err = s.Replace(t.Context(), r, store.Record{Tags: []string{"y"}})
				}
				if err != nil {
					t.Error(err)
					return
				}
				know(r)
			}
		})
		work.Go(func() {
			for n := 0; !stop.Load(); n++ {
				r, err := s.Get(t.Context(), "cut", fmt.Sprintf("%d-%d", i, n%1000))
				switch {
				case err == nil:
					know(r)
				case err == store.ErrNotFound:
					time.Sleep(time.Microsecond) // wait for the writer, not for luck
					n--
				default:
					t.Error(err)
					return
				}
			}
		})
	}

	for cut := range cuts {
		time.Sleep(10 * time.Millisecond)
		mu.Lock()
		want := make(map[string]uint64, len(known))
		for id, version := range known {
			want[id] = version
		}
		mu.Unlock()
		after := disk.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: []int{0, 50}[cut%2],
			RNG:                 rand.New(rand.NewPCG(uint64(cut), 1)),
		})
		again, err := Open("store", Options{fs: after})
		if err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		for id, version := range want {
			r, err := again.Get(t.Context(), "cut", id)
			if err != nil || r.Version < version {
				t.Fatalf("cut %d: %s has version %d (%v), but %d was known", cut, id, r.Version, err, version)
			}
		}
		checkIndexes(t, again)
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		if cut == cuts-1 && len(want) < 100 {
			t.Errorf("only %d records were known at the last cut: the test shows little", len(want))
		}
	}
}

// checkIndexes compares all keys to those that the records should have.
func checkIndexes(t *testing.T, s *Store) {
	t.Helper()
	it, err := s.db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	found, want := map[string]bool{}, map[string]bool{}
	for ok := it.First(); ok; ok = it.Next() {
		key := string(it.Key())
		switch key[0] {
		case formatKey[0]:
		case recordPrefix:
			kind, id, _ := strings.Cut(key[1:], "\x00")
			r, err := decodeValue(store.Kind(kind), id, it.Value())
			if err != nil {
				t.Fatal(err)
			}
			for _, tag := range r.Tags {
				want[string(tagKey(r.Kind, tag, id))] = true
			}
			if !r.Expiry.IsZero() {
				want[string(expiryKey(r.Expiry, r.Kind, id))] = true
			}
		default:
			found[key] = true
		}
	}
	for key := range want {
		if !found[key] {
			t.Errorf("index key %q is missing", key)
		}
	}
	for key := range found {
		if !want[key] {
			t.Errorf("index key %q has no record", key)
		}
	}
}
