// Package store is the contract between the product and the place where its
// records live: create once, read, replace what was read, delete, find by tag.
//
// Every operation touches one record and is atomic and durable when it
// returns. There are no transactions over several records: what must happen at
// most once is redeemed by Create of a record that marks it as spent, which is
// exact on every driver. Records that live on move by Replace, a
// compare-and-swap on the version that was read.
//
// The package knows no driver. The contract is a test in store/storetest and
// every driver runs it.
package store

import (
	"context"
	"errors"
	"time"
)

// The outcomes that callers branch on.
var (
	// ErrExists is returned by Create when a live or expired-but-unswept
	// record of that kind and id is there: an id is never used twice.
	ErrExists = errors.New("store: record exists already")
	// ErrNotFound is returned when no live record has that kind and id.
	ErrNotFound = errors.New("store: no such record")
	// ErrConflict is returned by Replace and Delete when the record changed
	// after it was read.
	ErrConflict = errors.New("store: record was changed by another writer")
	// ErrInvalid is returned, wrapped with the field and the rule, when an
	// argument breaks a limit of this file. Nothing was read or written.
	ErrInvalid = errors.New("store: invalid argument")
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("store: closed")
)

// Kind names a family of records, such as "offer". Lower-case letters, digits
// and hyphens, 1 to 32 bytes.
type Kind string

// Record is one stored value.
type Record struct {
	Kind Kind
	// ID is unique within the kind, 1 to 256 bytes of printable ASCII.
	ID string
	// Version is set by the store: 1 after Create, one more after each Replace.
	// A record that is deleted and created anew starts at 1 again, so an id
	// that others may still hold must not be used twice.
	Version uint64
	// Expiry is when the record stops being found; the zero time means never.
	// Whole milliseconds are kept, in UTC, of the years 1970 to 9999. The
	// record of a spent one-time value must outlive that value: once swept, its
	// id is free again.
	Expiry time.Time
	// Tags are what Find looks for, at most 16 different ones of 1 to 256
	// bytes of printable ASCII.
	Tags []string
	// Data is opaque to the store, at most 4 MiB.
	Data []byte
}

// Live reports whether the record is to be found at the time now.
func (r Record) Live(now time.Time) bool {
	return r.Expiry.IsZero() || now.Before(r.Expiry)
}

// Page asks for at most Limit records after the position Next of an earlier
// answer (empty: from the start). A Limit of 0 means 100; at most 1,000. An
// answer also ends, with a position to go on from, before its Data would pass
// MaxPage bytes.
type Page struct {
	Next  string
	Limit int
}

// Store is implemented by store/embedded and store/mongo. All methods may be
// called from many goroutines. Neither arguments nor results are shared with
// the store afterwards. Any other error than the sentinels above means that a
// write may or may not have happened: read before trying again.
type Store interface {
	// Create stores a new record and returns it with its version. ErrExists if
	// the id is taken.
	Create(ctx context.Context, r Record) (Record, error)
	// Get returns the live record, or ErrNotFound.
	Get(ctx context.Context, kind Kind, id string) (Record, error)
	// Replace stores next in place of old, if the stored version still is
	// old.Version. Kind and ID of next are those of old, or empty. ErrConflict
	// if another writer was first, ErrNotFound if the record is gone.
	Replace(ctx context.Context, old, next Record) (Record, error)
	// Delete removes the record, if the stored version still is old.Version. A
	// Version of 0 removes whatever is there. ErrNotFound if nothing is.
	Delete(ctx context.Context, old Record) error
	// Find returns the live records of a kind that carry the tag (an empty tag
	// means every record of the kind), in the order of their ids, and the
	// position to go on from, empty at the end.
	Find(ctx context.Context, kind Kind, tag string, page Page) (found []Record, next string, err error)
	// Close waits for running operations and releases the store.
	Close() error
}
