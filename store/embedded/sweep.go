package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/zegel-id/zegel/store"
)

// sweepStep bounds how long one iterator lives, for it keeps old files from
// being deleted.
const sweepStep = 1000

// Sweep removes the records that have expired and returns how many. The store
// does this by itself; tests and administrators may call it.
func (s *Store) Sweep(ctx context.Context) (removed int, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.RUnlock()
	from := []byte{expiryPrefix}
	until := expiryRange(s.now().Add(time.Millisecond))
	for {
		keys, err := s.expired(from, until)
		if err != nil || len(keys) == 0 {
			return removed, err
		}
		for _, key := range keys {
			if err := ctx.Err(); err != nil {
				return removed, err
			}
			ok, err := s.sweepOne(key)
			if err != nil {
				return removed, err
			}
			if ok {
				removed++
			}
		}
		from = append(keys[len(keys)-1], 0)
	}
}

// expired returns the first expiry keys of the range.
func (s *Store) expired(from, until []byte) (keys [][]byte, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: until})
	if err != nil {
		return nil, err
	}
	defer closeQuietly(it)
	for ok := it.First(); ok && len(keys) < sweepStep; ok = it.Next() {
		keys = append(keys, append([]byte(nil), it.Key()...))
	}
	return keys, it.Error()
}

// sweepOne removes the record of an expiry key, if it still expires then. The
// removal is not synced: after a power cut the next sweep repeats it, and a
// later Create of the id comes after it in the log.
func (s *Store) sweepOne(key []byte) (removed bool, err error) {
	expiry, kind, id, err := parseExpiryKey(key)
	if err != nil {
		return false, err
	}
	record := recordKey(kind, id)
	lock := s.stripe(record)
	lock.Lock()
	defer lock.Unlock()

	b := s.db.NewBatch()
	defer closeQuietly(b)
	r, err := s.read(kind, id, record)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && !r.Expiry.Equal(expiry):
		// Replaced or deleted since the key was listed: that took the key too.
		return false, nil
	case err != nil:
		return false, err
	}
	if err := errors.Join(unindex(b, r), b.Delete(record, nil)); err != nil {
		return false, err
	}
	return true, s.commit(b, pebble.NoSync)
}

// keepSwept sweeps until ctx ends. It belongs to the store: Close ends it.
func (s *Store) keepSwept(ctx context.Context, every time.Duration) {
	defer close(s.swept)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.report(fmt.Errorf("store/embedded: sweeping expired records: %w", err))
		}
	}
}
