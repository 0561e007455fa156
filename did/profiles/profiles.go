// Package profiles keeps the profiles of package did in the store: each with
// its history, each UUID used once, for ever.
//
// It serves nothing and decides nothing about who may ask; that is the role
// that hosts the WebIDs. What it adds to the store is exactness on every
// driver: a UUID is taken, and a version is written, by unique insert.
package profiles

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// What callers branch on, besides the errors of package did.
var (
	// ErrNotFound is returned for a UUID that never was.
	ErrNotFound = errors.New("profiles: no such profile")
	// ErrDeleted is returned for a UUID that was and never will be again: 410.
	ErrDeleted = errors.New("profiles: profile is deleted")
	// ErrTaken is returned by Create for a UUID that is or was in use, or whose
	// creation broke off. Make another UUID.
	ErrTaken = errors.New("profiles: uuid is taken")
	// ErrConflict is returned by Update when another change came first. Load
	// and try again.
	ErrConflict = errors.New("profiles: profile was changed by another writer")
)

// The kinds of records. Their ids start with did.HashUUID, so that what is
// left after deletion does not hold the UUID.
const (
	// kindMark says that a UUID is taken; it is never removed and after
	// deletion holds the tombstone.
	kindMark store.Kind = "profile-mark"
	// kindHead holds the newest version of a live profile.
	kindHead store.Kind = "profile"
	// kindVersion holds each version, at hash/number; the last one of a deleted
	// profile is empty and stays, so that a late writer loses.
	kindVersion store.Kind = "profile-version"
)

// Profiles keeps profiles in a store.
type Profiles struct {
	Store store.Store
	// Options are those the WebIDs were made with.
	Options []did.Option
}

// Loaded is a profile as it was read, to base a change on.
type Loaded struct {
	did.Version
	head store.Record
}

// Create stores a new profile as version 1.
func (s *Profiles) Create(ctx context.Context, p did.Profile) (Loaded, error) {
	hash, err := s.hash(p)
	if err != nil {
		return Loaded{}, err
	}
	v := did.FirstVersion(p)
	data, err := jose.Marshal(v)
	if err != nil {
		return Loaded{}, err
	}
	if _, err := s.Store.Create(ctx, store.Record{Kind: kindMark, ID: hash, Data: []byte("{}")}); err != nil {
		if errors.Is(err, store.ErrExists) {
			return Loaded{}, ErrTaken
		}
		return Loaded{}, fmt.Errorf("taking a profile uuid: %w", err)
	}
	if _, err := s.Store.Create(ctx, version(hash, 1, data)); err != nil {
		return Loaded{}, fmt.Errorf("writing the first version of a profile: %w", err)
	}
	head, err := s.Store.Create(ctx, store.Record{Kind: kindHead, ID: hash, Data: data})
	if err != nil {
		return Loaded{}, fmt.Errorf("writing a profile: %w", err)
	}
	return Loaded{Version: v, head: head}, nil
}

// Load reads the newest version of a profile.
func (s *Profiles) Load(ctx context.Context, uuid string) (Loaded, error) {
	return s.load(ctx, did.HashUUID(uuid))
}

func (s *Profiles) load(ctx context.Context, hash string) (Loaded, error) {
	head, err := s.Store.Get(ctx, kindHead, hash)
	if errors.Is(err, store.ErrNotFound) {
		return Loaded{}, s.missing(ctx, hash)
	}
	if err != nil {
		return Loaded{}, fmt.Errorf("reading a profile: %w", err)
	}
	if len(head.Data) == 0 {
		return Loaded{}, ErrDeleted // deletion is under way, or broke off
	}
	l := Loaded{head: head}
	if err := jose.UnmarshalClosed(head.Data, &l.Version); err != nil {
		return Loaded{}, fmt.Errorf("reading a profile: %w", err)
	}
	return l, nil
}

// missing tells a deleted profile from one that never was.
func (s *Profiles) missing(ctx context.Context, hash string) error {
	t, err := s.tombstone(ctx, hash)
	switch {
	case err != nil:
		return err
	case t.DeletedAt.IsZero():
		return ErrNotFound // its creation broke off; the uuid stays taken
	default:
		return ErrDeleted
	}
}

// Tombstone is what is left of a deleted profile; ErrNotFound if it is not
// deleted.
func (s *Profiles) Tombstone(ctx context.Context, uuid string) (did.Tombstone, error) {
	t, err := s.tombstone(ctx, did.HashUUID(uuid))
	if err == nil && t.DeletedAt.IsZero() {
		err = ErrNotFound
	}
	return t, err
}

func (s *Profiles) tombstone(ctx context.Context, hash string) (did.Tombstone, error) {
	mark, err := s.Store.Get(ctx, kindMark, hash)
	if errors.Is(err, store.ErrNotFound) {
		return did.Tombstone{}, ErrNotFound
	}
	if err != nil {
		return did.Tombstone{}, fmt.Errorf("reading a profile mark: %w", err)
	}
	var t did.Tombstone
	if err := jose.UnmarshalClosed(mark.Data, &t); err != nil {
		return did.Tombstone{}, fmt.Errorf("reading a profile mark: %w", err)
	}
	return t, nil
}

// Update stores the profile that follows from the one loaded. The new version
// is inserted first and wins or loses by its number; the head follows it.
func (s *Profiles) Update(ctx context.Context, from Loaded, next did.Profile, change did.Change) (Loaded, error) {
	if next.WebID != from.Profile.WebID || next.DID != from.Profile.DID {
		return Loaded{}, fmt.Errorf("%w: an update must not change the identifiers", did.ErrProfile)
	}
	v, err := from.Next(next, change)
	if err != nil {
		return Loaded{}, err
	}
	data, err := jose.Marshal(v)
	if err != nil {
		return Loaded{}, err
	}
	hash := from.head.ID
	if _, err := s.Store.Create(ctx, version(hash, v.Number, data)); err != nil {
		if errors.Is(err, store.ErrExists) {
			return Loaded{}, s.lost(ctx, hash)
		}
		return Loaded{}, fmt.Errorf("writing a version of a profile: %w", err)
	}
	head, err := s.Store.Replace(ctx, from.head, store.Record{Kind: kindHead, ID: hash, Data: data})
	switch {
	case err == nil:
		return Loaded{Version: v, head: head}, nil
	case errors.Is(err, store.ErrNotFound):
		// Deleted, and the deletion had read the versions before this one.
		if err := s.Store.Delete(ctx, store.Record{Kind: kindVersion, ID: versionID(hash, v.Number)}); err != nil && !errors.Is(err, store.ErrNotFound) {
			return Loaded{}, fmt.Errorf("taking back a version of a deleted profile: %w", err)
		}
		return Loaded{}, ErrDeleted
	case errors.Is(err, store.ErrConflict):
		// Another writer lost to this version and brought the head forward.
		l, err := s.load(ctx, hash)
		if err != nil {
			return Loaded{}, err
		}
		if l.Number >= v.Number {
			return Loaded{Version: v, head: l.head}, nil
		}
		return Loaded{}, ErrConflict
	default:
		return Loaded{}, fmt.Errorf("writing a profile: %w", err)
	}
}

// lost is the answer to a writer whose version number is taken. If the winner
// broke off before the head followed, the head is brought forward here.
func (s *Profiles) lost(ctx context.Context, hash string) error {
	l, err := s.load(ctx, hash)
	if err != nil {
		return err
	}
	next, err := s.Store.Get(ctx, kindVersion, versionID(hash, l.Number+1))
	if errors.Is(err, store.ErrNotFound) {
		return ErrConflict
	}
	if err != nil {
		return fmt.Errorf("reading a version of a profile: %w", err)
	}
	_, err = s.Store.Replace(ctx, l.head, store.Record{Kind: kindHead, ID: hash, Data: next.Data})
	if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("writing a profile: %w", err)
	}
	if len(next.Data) == 0 {
		return ErrDeleted
	}
	return ErrConflict
}

// Delete removes a profile and its history and leaves the tombstone. From the
// first step on, Load answers ErrDeleted. A deletion that broke off is
// finished by calling it again; deleting twice is no error.
func (s *Profiles) Delete(ctx context.Context, uuid string, now time.Time) (did.Tombstone, error) {
	hash := did.HashUUID(uuid)
	var tomb did.Tombstone
	for {
		l, err := s.load(ctx, hash)
		if errors.Is(err, ErrDeleted) {
			if tomb, err = s.tombstone(ctx, hash); err != nil {
				return did.Tombstone{}, err
			}
			if tomb.DeletedAt.IsZero() {
				tomb = did.Tombstone{Hash: hash, DeletedAt: now.UTC().Truncate(time.Second)}
			}
			break
		}
		if err != nil {
			return did.Tombstone{}, err
		}
		_, err = s.Store.Create(ctx, version(hash, l.Number+1, nil))
		if errors.Is(err, store.ErrExists) {
			if err := s.lost(ctx, hash); !errors.Is(err, ErrConflict) && !errors.Is(err, ErrDeleted) {
				return did.Tombstone{}, err
			}
			continue // judge anew from the version that won
		}
		if err != nil {
			return did.Tombstone{}, fmt.Errorf("deleting a profile: %w", err)
		}
		tomb = l.Profile.Delete(now)
		_, err = s.Store.Replace(ctx, l.head, store.Record{Kind: kindHead, ID: hash})
		if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
			return did.Tombstone{}, fmt.Errorf("deleting a profile: %w", err)
		}
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		break
	}
	return tomb, s.bury(ctx, hash, tomb)
}

// bury writes the tombstone, then removes what the profile was: the versions
// before the empty one, and at last the head, whose presence says that there
// may be something left to remove.
func (s *Profiles) bury(ctx context.Context, hash string, tomb did.Tombstone) error {
	mark, err := s.Store.Get(ctx, kindMark, hash)
	if err != nil {
		return fmt.Errorf("reading a profile mark: %w", err)
	}
	data, err := jose.Marshal(tomb)
	if err != nil {
		return err
	}
	if string(mark.Data) == "{}" {
		_, err := s.Store.Replace(ctx, mark, store.Record{Kind: kindMark, ID: hash, Data: data})
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("writing a tombstone: %w", err)
		}
	}
	for page := (store.Page{}); ; {
		versions, next, err := s.Store.Find(ctx, kindVersion, hash, page)
		if err != nil {
			return fmt.Errorf("reading the versions of a deleted profile: %w", err)
		}
		for _, v := range versions {
			if len(v.Data) == 0 {
				continue
			}
			if err := s.Store.Delete(ctx, store.Record{Kind: kindVersion, ID: v.ID}); err != nil && !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("deleting a version of a profile: %w", err)
			}
		}
		if next == "" {
			break
		}
		page.Next = next
	}
	if err := s.Store.Delete(ctx, store.Record{Kind: kindHead, ID: hash}); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("deleting a profile: %w", err)
	}
	return nil
}

// History returns all versions of a live profile, oldest first, after checking
// that they hold together (did.VerifyHistory). did.ErrHistory means that the
// store was changed behind this package.
func (s *Profiles) History(ctx context.Context, uuid string) ([]did.Version, error) {
	hash := did.HashUUID(uuid)
	l, err := s.load(ctx, hash)
	if err != nil {
		return nil, err
	}
	versions := make([]did.Version, 0, l.Number)
	for n := uint64(1); n <= l.Number; n++ {
		r, err := s.Store.Get(ctx, kindVersion, versionID(hash, n))
		if errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("%w: version %d is gone", did.ErrHistory, n)
		}
		if err != nil {
			return nil, fmt.Errorf("reading a version of a profile: %w", err)
		}
		var v did.Version
		if err := jose.UnmarshalClosed(r.Data, &v); err != nil {
			return nil, fmt.Errorf("%w: version %d: %w", did.ErrHistory, n, err)
		}
		versions = append(versions, v)
	}
	head, err := l.Hash()
	if err != nil {
		return nil, err
	}
	return versions, did.VerifyHistory(versions, head)
}

func (s *Profiles) hash(p did.Profile) (string, error) {
	uuid, err := did.UUIDOf(p.WebID, s.Options...)
	if err != nil {
		return "", err
	}
	return did.HashUUID(uuid), nil
}

func version(hash string, n uint64, data []byte) store.Record {
	return store.Record{Kind: kindVersion, ID: versionID(hash, n), Tags: []string{hash}, Data: data}
}

func versionID(hash string, n uint64) string { return fmt.Sprintf("%s/%d", hash, n) }
