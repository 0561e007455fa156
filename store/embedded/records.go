package embedded

import (
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/zegel-id/zegel/store"
)

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, r store.Record) (store.Record, error) {
	if err := store.Check(r); err != nil {
		return store.Record{}, err
	}
	if err := s.enter(ctx); err != nil {
		return store.Record{}, err
	}
	defer s.gate.RUnlock()
	r = r.Stored(1)
	key := recordKey(r.Kind, r.ID)

	lock := s.stripe(key)
	lock.Lock()
	defer lock.Unlock()
	switch _, err := s.read(r.Kind, r.ID, key); {
	case err == nil:
		return store.Record{}, store.ErrExists
	case !errors.Is(err, store.ErrNotFound):
		return store.Record{}, err
	}
	if err := s.swap(key, store.Record{}, r); err != nil {
		return store.Record{}, err
	}
	return r, nil
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
	if err := store.CheckKey(kind, id); err != nil {
		return store.Record{}, err
	}
	if err := s.enter(ctx); err != nil {
		return store.Record{}, err
	}
	defer s.gate.RUnlock()
	return s.readSynced(kind, id)
}

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, old, next store.Record) (store.Record, error) {
	next, err := store.CheckReplace(old, next)
	if err != nil {
		return store.Record{}, err
	}
	if err := s.enter(ctx); err != nil {
		return store.Record{}, err
	}
	defer s.gate.RUnlock()
	next = next.Stored(next.Version)
	key := recordKey(next.Kind, next.ID)

	lock := s.stripe(key)
	lock.Lock()
	defer lock.Unlock()
	current, err := s.readVersion(old, key)
	if err != nil {
		return store.Record{}, err
	}
	if err := s.swap(key, current, next); err != nil {
		return store.Record{}, err
	}
	return next, nil
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, old store.Record) error {
	if err := store.CheckKey(old.Kind, old.ID); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.RUnlock()
	key := recordKey(old.Kind, old.ID)

	lock := s.stripe(key)
	lock.Lock()
	defer lock.Unlock()
	current, err := s.readVersion(old, key)
	if err != nil {
		return err
	}
	return s.swap(key, current, store.Record{})
}

// readVersion returns the live record of that key, if its version is old's or
// old names none. The caller holds the stripe.
func (s *Store) readVersion(old store.Record, key []byte) (store.Record, error) {
	current, err := s.read(old.Kind, old.ID, key)
	switch {
	case err != nil:
		return store.Record{}, err
	case !current.Live(s.now()):
		return store.Record{}, store.ErrNotFound
	case old.Version != 0 && old.Version != current.Version:
		return store.Record{}, store.ErrConflict
	}
	return current, nil
}

// readSynced returns the live record of that key, once it is on disk.
func (s *Store) readSynced(kind store.Kind, id string) (store.Record, error) {
	key := recordKey(kind, id)
	lock := s.stripe(key)
	lock.RLock()
	defer lock.RUnlock()
	return s.readVersion(store.Record{Kind: kind, ID: id}, key)
}

// read returns the record of that key, live or not. The caller holds the
// stripe: what a failed sync left in memory must not be read either.
func (s *Store) read(kind store.Kind, id string, key []byte) (store.Record, error) {
	if s.broken.Load() {
		return store.Record{}, ErrBroken
	}
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return store.Record{}, store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, err
	}
	defer closeQuietly(closer)
	return decodeValue(kind, id, value)
}

// swap stores next in place of current, either of which may be the zero record,
// with all their index keys, and returns when that is on disk. The caller holds
// the stripe.
func (s *Store) swap(key []byte, current, next store.Record) error {
	b := s.db.NewBatch()
	defer closeQuietly(b)
	if err := errors.Join(unindex(b, current), index(b, next)); err != nil {
		return err
	}
	var err error
	if next.Version == 0 {
		err = b.Delete(key, nil)
	} else {
		err = b.Set(key, encodeValue(next), nil)
	}
	if err != nil {
		return err
	}
	return s.commit(b, pebble.Sync)
}

func index(b *pebble.Batch, r store.Record) error {
	for _, tag := range r.Tags {
		if err := b.Set(tagKey(r.Kind, tag, r.ID), nil, nil); err != nil {
			return err
		}
	}
	if !r.Expiry.IsZero() {
		return b.Set(expiryKey(r.Expiry, r.Kind, r.ID), nil, nil)
	}
	return nil
}

func unindex(b *pebble.Batch, r store.Record) error {
	for _, tag := range r.Tags {
		if err := b.Delete(tagKey(r.Kind, tag, r.ID), nil); err != nil {
			return err
		}
	}
	if !r.Expiry.IsZero() {
		return b.Delete(expiryKey(r.Expiry, r.Kind, r.ID), nil)
	}
	return nil
}
