package store

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The limits of a record. Both drivers refuse the same input with the same
// error, because both ask the functions of this file.
const (
	MaxKind  = 32      // bytes of a kind, without a tenant's prefix
	MaxID    = 256     // bytes of an id
	MaxTags  = 16      // tags of a record
	MaxTag   = 256     // bytes of a tag
	MaxData  = 4 << 20 // bytes of a record's data
	MaxLimit = 1000    // records of a page
	MaxPage  = 16 << 20

	defaultLimit = 100
)

// The end of what BSON dates, RFC 3339 and the embedded key order all hold.
var lastExpiry = time.Date(9999, 12, 31, 23, 59, 59, int(999*time.Millisecond), time.UTC)

// Check refuses a record that breaks a limit. It does not look at Version.
// Its errors never repeat an id, a tag or data: they may name a citizen.
func Check(r Record) error {
	if err := CheckKey(r.Kind, r.ID); err != nil {
		return err
	}
	if n := len(r.Tags); n > MaxTags {
		return fmt.Errorf("%w: %d tags, at most %d are kept", ErrInvalid, n, MaxTags)
	}
	for i, tag := range r.Tags {
		if err := checkText(fmt.Sprintf("tag %d", i+1), tag, MaxTag); err != nil {
			return err
		}
		if slices.Contains(r.Tags[:i], tag) {
			return fmt.Errorf("%w: tag %d stands there twice; give each tag once", ErrInvalid, i+1)
		}
	}
	if n := len(r.Data); n > MaxData {
		return fmt.Errorf("%w: data has %d bytes, at most %d are kept", ErrInvalid, n, MaxData)
	}
	if !r.Expiry.IsZero() && (r.Expiry.UnixMilli() < 1 || r.Expiry.After(lastExpiry)) {
		return fmt.Errorf("%w: expiry lies outside the years 1970 to 9999; use the zero time for never", ErrInvalid)
	}
	return nil
}

// CheckKey refuses a kind or an id that breaks its rule.
func CheckKey(kind Kind, id string) error {
	if err := checkKind(kind); err != nil {
		return err
	}
	return checkText("id", id, MaxID)
}

// CheckReplace returns the record to store for Replace(old, next): next with
// the key of old and the version after old's.
func CheckReplace(old, next Record) (Record, error) {
	if err := CheckKey(old.Kind, old.ID); err != nil {
		return Record{}, err
	}
	if old.Version == 0 {
		return Record{}, fmt.Errorf("%w: version of the record to replace is 0; read it first", ErrInvalid)
	}
	if next.Kind != "" && next.Kind != old.Kind {
		return Record{}, fmt.Errorf("%w: kind of the new record is %q, of the old one %q; a record keeps its kind", ErrInvalid, next.Kind, old.Kind)
	}
	if next.ID != "" && next.ID != old.ID {
		return Record{}, fmt.Errorf("%w: the new record has another id; a record keeps its id", ErrInvalid)
	}
	next.Kind, next.ID, next.Version = old.Kind, old.ID, old.Version+1
	return next, Check(next)
}

// CheckFind refuses bad arguments of Find and returns the page with its limit
// filled in. A position is the id of the last record of the page before.
func CheckFind(kind Kind, tag string, page Page) (Page, error) {
	if err := checkKind(kind); err != nil {
		return Page{}, err
	}
	if tag != "" {
		if err := checkText("tag", tag, MaxTag); err != nil {
			return Page{}, err
		}
	}
	if page.Next != "" {
		if err := checkText("position", page.Next, MaxID); err != nil {
			return Page{}, err
		}
	}
	if page.Limit < 0 || page.Limit > MaxLimit {
		return Page{}, fmt.Errorf("%w: limit is %d, expected 0 (means %d) to %d", ErrInvalid, page.Limit, defaultLimit, MaxLimit)
	}
	if page.Limit == 0 {
		page.Limit = defaultLimit
	}
	return page, nil
}

// Stored returns a copy of the record as a store keeps it: with this version,
// and the expiry in whole milliseconds of UTC. It shares no memory with r.
func (r Record) Stored(version uint64) Record {
	r.Version = version
	r.Tags = slices.Clone(r.Tags)
	r.Data = slices.Clone(r.Data)
	if !r.Expiry.IsZero() {
		r.Expiry = time.UnixMilli(r.Expiry.UnixMilli()).UTC()
	}
	return r
}

// checkKind refuses what is no kind. One that belongs to a tenant begins with
// "t-<name>-" and may be longer by as much.
func checkKind(kind Kind) error {
	limit := MaxKind
	if rest, ok := strings.CutPrefix(string(kind), tenantKind); ok {
		if name, _, ok := strings.Cut(rest, "-"); ok && len(name) <= MaxTenant {
			limit += len(tenantKind) + len(name) + 1
		}
	}
	if len(kind) < 1 || len(kind) > limit {
		return fmt.Errorf("%w: kind has %d bytes, expected 1 to %d", ErrInvalid, len(kind), limit)
	}
	for i := range len(kind) {
		c := kind[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return fmt.Errorf("%w: kind %q has another byte than a-z, 0-9 and hyphen", ErrInvalid, kind)
		}
	}
	return nil
}

// checkOwnKind refuses what is no kind that a role names.
func checkOwnKind(kind Kind) error {
	if strings.HasPrefix(string(kind), tenantKind) {
		return fmt.Errorf("%w: kind %q begins with %q, which is for parts of a store", ErrInvalid, kind, tenantKind)
	}
	return checkKind(kind)
}

func checkText(field, s string, limit int) error {
	if len(s) < 1 || len(s) > limit {
		return fmt.Errorf("%w: %s has %d bytes, expected 1 to %d", ErrInvalid, field, len(s), limit)
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return fmt.Errorf("%w: %s has a byte outside printable ASCII at position %d", ErrInvalid, field, i)
		}
	}
	return nil
}
