package embedded

import (
	"errors"
	"fmt"
	"maps"
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
	const workers, cuts = 8, 20
	disk := memoryDisk(t)
	s := mustOpen(t, "store", Options{fs: disk})
	known := knowledge{versions: map[string]uint64{}}

	// write creates or reads the record and replaces it.
	write := func(id string) error {
		r, err := s.Create(t.Context(), store.Record{Kind: "cut", ID: id, Tags: []string{"x"}})
		if err == store.ErrExists {
			r, err = s.Get(t.Context(), "cut", id)
		}
		if err != nil {
			return err
		}
		known.add(r)
		if r, err = s.Replace(t.Context(), r, store.Record{Tags: []string{"y"}}); err == nil {
			known.add(r)
		}
		return err
	}
	read := func(id string) error {
		r, err := s.Get(t.Context(), "cut", id)
		if err == nil {
			known.add(r)
		}
		return err
	}

	var stop atomic.Bool
	var pause sync.RWMutex // held while the outcome of a cut is looked at
	var work sync.WaitGroup
	defer work.Wait()
	defer stop.Store(true)
	start := func(step func(id string) error, worker int) {
		work.Go(func() {
			for n := 0; !stop.Load(); n++ {
				pause.RLock()
				err := step(fmt.Sprintf("%d-%d", worker, n%1000))
				pause.RUnlock()
				if err == store.ErrNotFound { // the reader is ahead of the writer
					n--
				} else if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range workers {
		start(write, i)
		start(read, i)
	}
	for cut := range cuts {
		time.Sleep(10 * time.Millisecond)
		want := known.copy() // before the cut: none of it may be lost
		after := disk.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: []int{0, 50}[cut%2],
			RNG:                 rand.New(rand.NewPCG(uint64(cut), 1)),
		})
		pause.Lock()
		ok := t.Run(fmt.Sprint("cut ", cut), func(t *testing.T) { checkCut(t, after, want) })
		pause.Unlock()
		if !ok {
			return
		}
	}
	if n := len(known.copy()); n < 100 {
		t.Errorf("only %d records were known at the last cut: the test shows little", n)
	}
}

// knowledge is the latest version of each record that somebody was told of.
type knowledge struct {
	mu       sync.Mutex
	versions map[string]uint64
}

func (k *knowledge) add(r store.Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.versions[r.ID] = max(k.versions[r.ID], r.Version)
}

func (k *knowledge) copy() map[string]uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.versions)
}

func checkCut(t *testing.T, disk vfs.FS, want map[string]uint64) {
	s := mustOpen(t, "store", Options{fs: disk})
	for id, version := range want {
		r, err := s.Get(t.Context(), "cut", id)
		if err != nil || r.Version < version {
			t.Fatalf("%s has version %d (%v), but %d was known", id, r.Version, err, version)
		}
	}
	checkIndexes(t, s)
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
