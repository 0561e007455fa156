package embedded

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	cacheSize    = 32 << 20
	memTableSize = 16 << 20

	// formatVersion is that of our keys and values, see keys.go.
	formatVersion = "zegel store 1"
)

func (s *Store) engineOptions(disk vfs.FS, lock *pebble.Lock, cache *pebble.Cache) *pebble.Options {
	o := &pebble.Options{
		FS:           disk,
		Lock:         lock,
		Cache:        cache,
		MemTableSize: memTableSize,
		// Named, not "newest": an update of Pebble must not by itself make a
		// directory unreadable for the version before.
		FormatMajorVersion: pebble.FormatValueSeparation,
		Logger:             engineLog{s},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) {
				s.report(fmt.Errorf("store/embedded: background work: %w", err))
			},
		},
	}
	// Create asks for keys that are not there; the filter answers without a
	// look at the disk.
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

// checkFormat refuses a directory that is not ours or is of a later format.
func (s *Store) checkFormat() error {
	found, closer, err := s.db.Get(formatKey)
	if err == nil {
		defer closer.Close()
		if string(found) != formatVersion {
			return fmt.Errorf("the directory has the format %q, this program knows %q; use the program that wrote it", found, formatVersion)
		}
		return nil
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	it, err := s.db.NewIter(nil)
	if err != nil {
		return err
	}
	foreign := it.First()
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return err
	}
	if foreign {
		return errors.New("the directory holds a Pebble database of another program; name an empty directory")
	}
	return s.db.Set(formatKey, []byte(formatVersion), pebble.Sync)
}

// commit applies the batch and returns when it is synced.
//
// Pebble reports a failed log write by a call to Fatalf that must not return.
// Ours panics; here, on the goroutine of the operation, that becomes an error
// which all later operations share: nothing after the failed write can be
// trusted to be what the disk holds.
func (s *Store) commit(b *pebble.Batch, o *pebble.WriteOptions) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case engineFault:
			err = fmt.Errorf("%w (%s)", ErrBroken, string(r))
		default:
			panic(r)
		}
	}()
	return s.db.Apply(b, o)
}

// engineLog keeps Pebble quiet: what matters of its errors arrives as errors of
// operations or as background errors.
type engineLog struct{ s *Store }

type engineFault string

func (engineLog) Infof(string, ...any)  {}
func (engineLog) Errorf(string, ...any) {}

// Fatalf ends the process, by a panic, unless commit catches it.
func (l engineLog) Fatalf(format string, args ...any) {
	l.s.broken.Store(true)
	fault := engineFault(fmt.Sprintf(format, args...))
	l.s.report(fmt.Errorf("%w (%s)", ErrBroken, string(fault)))
	panic(fault)
}

// lockHeld tells a held lock from a directory that cannot be locked. Pebble has
// no sentinel for the first. The system's bare answer to F_SETLK is EAGAIN or
// EACCES (fcntl(2)), while a lock file that may not be opened comes as a
// PathError; an owner in this same process is known by its text only.
func lockHeld(err error) bool {
	var path *fs.PathError
	if errors.As(err, &path) {
		return false
	}
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) ||
		strings.Contains(err.Error(), "lock held by current process")
}

func closeQuietly(c io.Closer) { _ = c.Close() }
