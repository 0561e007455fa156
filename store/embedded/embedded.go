// Package embedded keeps records in a directory of one machine, in Pebble, a
// log-structured merge tree. One process owns the directory; another one is
// refused at Open. It is no cache and no server, and it does not replicate:
// more than one machine means store/mongo.
//
// A write is synced to disk before it returns. Pebble has one committer for
// its log, which takes whatever writers have queued while the last sync ran
// (no timer), so the more writers, the more records a sync carries. A record's
// compare and swap is guarded by one of a fixed set of locks, held over the
// sync; readers of that record wait for it, so that nothing is ever read that
// a power cut could still take back. (A deletion is the exception in Find: it
// hides a record from when it is made, not from when it is synced.)
//
// Deleting and sweeping make a record unreachable at once, but its bytes stay
// in the files until the tree is compacted. What must be destroyed for good is
// stored encrypted, under a key that is kept elsewhere.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zegel-id/zegel/store"
)

// ErrInUse is returned by Open when the directory has an owner already.
var ErrInUse = errors.New("another process owns this store directory; stop it, or let it do the work through its local admin socket")

// ErrBroken is returned by every operation after a write to the log failed.
// What the disk holds is then unknown until the directory is opened anew.
var ErrBroken = errors.New("store/embedded: the disk refused a write; check its space and health, then restart the process")

// Options of Open. The zero value is ready for use.
type Options struct {
	// Now tells the time that expiry is measured against; time.Now if nil.
	Now func() time.Time
	// SweepEvery is the pause between two removals of expired records; one
	// minute if 0.
	SweepEvery time.Duration
	// Report is told of faults of the background work (sweeping, flushing,
	// compacting), which no caller's operation can return. It may be called
	// from many goroutines and must not call the store. Nil drops them.
	Report func(error)

	fs vfs.FS // a disk that fails, in tests
}

// Store implements store.Store.
type Store struct {
	db     *pebble.DB
	now    func() time.Time
	report func(error)

	// A record's reads and writes hold the stripe of its key: writers from the
	// comparison until the sync is done.
	stripes [1024]sync.RWMutex
	seed    maphash.Seed

	// Operations hold gate for reading, Close for writing.
	gate    sync.RWMutex
	closed  bool
	release []func() error

	broken atomic.Bool

	stopSweeping context.CancelFunc
	swept        chan struct{}
}

var _ store.Store = (*Store)(nil)

// Open opens the store in the directory dir, which is made if it is missing.
// The caller closes it.
func Open(dir string, o Options) (_ *Store, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SweepEvery <= 0 {
		o.SweepEvery = time.Minute
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	if o.fs == nil {
		o.fs = vfs.Default
		if dir, err = makeDir(dir); err != nil {
			return nil, fmt.Errorf("store/embedded: opening the directory: %w", err)
		}
	}

	s := &Store{
		now:    o.Now,
		report: o.Report,
		seed:   maphash.MakeSeed(),
		swept:  make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.releaseAll())
		}
	}()

	lock, err := pebble.LockDirectory(dir, o.fs)
	if err != nil {
		if lockHeld(err) {
			return nil, fmt.Errorf("store/embedded: opening %s: %w", dir, ErrInUse)
		}
		return nil, fmt.Errorf("store/embedded: locking %s: %w", dir, err)
	}
	s.release = append(s.release, lock.Close)

	cache := pebble.NewCache(cacheSize)
	s.release = append(s.release, func() error { cache.Unref(); return nil })

	s.db, err = pebble.Open(dir, s.engineOptions(o.fs, lock, cache))
	if err != nil {
		return nil, fmt.Errorf("store/embedded: opening %s: %w", dir, err)
	}
	s.release = append(s.release, s.db.Close)

	if err := s.checkFormat(); err != nil {
		return nil, fmt.Errorf("store/embedded: opening %s: %w", dir, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stopSweeping = cancel
	go s.keepSwept(ctx, o.SweepEvery)
	return s, nil
}

// Close waits for running operations, ends the sweeper and gives the directory
// free. Closing twice is no error.
func (s *Store) Close() error {
	s.stopSweeping()
	<-s.swept
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.broken.Load() {
		// Pebble cannot be closed with a commit stuck in its pipeline. The lock
		// stays too, for this process may still be writing.
		return ErrBroken
	}
	if err := s.releaseAll(); err != nil {
		return fmt.Errorf("store/embedded: closing: %w", err)
	}
	return nil
}

// enter begins an operation, which must call s.gate.RUnlock at its end if there
// was no error. An operation that has begun is not interrupted by ctx.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.gate.RLock()
	switch {
	case s.closed:
		s.gate.RUnlock()
		return store.ErrClosed
	case s.broken.Load():
		s.gate.RUnlock()
		return ErrBroken
	}
	return nil
}

func (s *Store) stripe(key []byte) *sync.RWMutex {
	return &s.stripes[maphash.Bytes(s.seed, key)%uint64(len(s.stripes))]
}

func (s *Store) releaseAll() error {
	var errs []error
	for i := len(s.release) - 1; i >= 0; i-- {
		errs = append(errs, s.release[i]())
	}
	s.release = nil
	return errors.Join(errs...)
}

// makeDir makes dir durable and returns its one true name: the lock tells two
// stores of this process apart by the name alone.
func makeDir(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("no directory was named")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
		// Parents that MkdirAll made above this one are not synced: a power cut
		// that loses them also loses the owner's configuration beside them.
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return "", err
		}
	}
	return filepath.EvalSymlinks(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
