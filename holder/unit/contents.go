package unit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/zegel-id/zegel/internal/jose"
)

// Vault is an opened vault.
type Vault struct {
	Info     VaultInfo
	Keys     *Keys
	Platform *Platform
	Random   io.Reader
}

// tries is how often a change of the index is tried when another device was first.
// Whoever loses does so to a change that was made, so that no more are needed than
// the others make meanwhile; a device that makes this many is not waited for.
const tries = 64

// Entries lists what is in the vault.
func (v *Vault) Entries(ctx context.Context) ([]Entry, error) {
	x, _, err := v.index(ctx)
	return x.Entries, err
}

// Add seals an item, stores it and enters it in the index.
func (v *Vault) Add(ctx context.Context, it Item) error {
	return v.add(ctx, it, it.entry())
}

// AddReceipt seals and stores a receipt.
func (v *Vault) AddReceipt(ctx context.Context, name string, r Receipt) error {
	return v.add(ctx, r, Entry{Name: name, Title: r.Organisation, Added: r.At, Kind: KindReceipt})
}

// add stores a new resource and enters it. With an error it is neither listed
// nor, as far as the platform can be reached, stored.
func (v *Vault) add(ctx context.Context, value any, e Entry) error {
	if !isName(e.Name) {
		return fmt.Errorf("%w: the name of a resource must be a UUID; draw one with NewName", ErrItem)
	}
	data, err := v.seal(e.Name, value)
	if err != nil {
		return err
	}
	if err := v.Platform.PutItem(ctx, e.Name, "", data); err != nil {
		if !errors.Is(err, ErrPrecondition) {
			v.drop(ctx, e.Name) // it may have arrived all the same
		}
		return err
	}
	unsure, err := v.change(ctx, func(x *index) {
		if !x.holds(e.Name) {
			x.Entries = append(x.Entries, e)
		}
	})
	if err == nil {
		return nil
	}
	if unsure {
		x, _, errIndex := v.index(context.WithoutCancel(ctx))
		if errIndex != nil {
			return err
		}
		if x.holds(e.Name) {
			return nil // only the answer was lost
		}
	}
	v.drop(ctx, e.Name)
	return err
}

// drop removes what is not listed. It is noise to all but this vault, so that
// it does no harm when it stays.
func (v *Vault) drop(ctx context.Context, name string) {
	_ = v.Platform.DeleteItem(context.WithoutCancel(ctx), name)
}

// Item opens a credential; the ETag is for Update.
func (v *Vault) Item(ctx context.Context, name string) (Item, string, error) {
	b, etag, err := v.read(ctx, name)
	if err != nil {
		return Item{}, "", err
	}
	it, err := decodeItem(b, name)
	return it, etag, err
}

// Receipt opens a receipt.
func (v *Vault) Receipt(ctx context.Context, name string) (Receipt, error) {
	b, _, err := v.read(ctx, name)
	if err != nil {
		return Receipt{}, err
	}
	return decodeReceipt(b)
}

// Update stores an item in place of the version that was read.
func (v *Vault) Update(ctx context.Context, it Item, etag string) error {
	return v.update(ctx, it.Name, it, etag)
}

func (v *Vault) update(ctx context.Context, name string, value any, etag string) error {
	if etag == "" || !isName(name) {
		return fmt.Errorf("%w: an update needs the name and the version that was read", ErrPrecondition)
	}
	data, err := v.seal(name, value)
	if err != nil {
		return err
	}
	return v.Platform.PutItem(ctx, name, etag, data)
}

// Remove deletes an item and the evidence of it: from the index first, so that what is listed is
// there. When it was interrupted, calling it again removes the rest.
func (v *Vault) Remove(ctx context.Context, name string) error {
	if !isName(name) {
		return ErrNotFound // above all, the index is no item
	}
	found, names := false, []string{name}
	_, err := v.change(ctx, func(x *index) {
		n := len(x.Entries)
		names = withEvidence(x.Entries, name)
		x.Entries = slices.DeleteFunc(x.Entries, func(e Entry) bool { return slices.Contains(names, e.Name) })
		found = found || len(x.Entries) < n
	})
	if err != nil {
		return err
	}
	// What is not listed is noise; but nothing should be left of it.
	for _, evidence := range names[1:] {
		if err := v.Platform.DeleteItem(ctx, evidence); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	err = v.Platform.DeleteItem(ctx, name)
	if errors.Is(err, ErrNotFound) && found {
		return nil
	}
	return err
}

func (v *Vault) seal(name string, value any) ([]byte, error) {
	plain, err := jose.Marshal(value)
	if err != nil {
		return nil, err
	}
	return SealEnvelope(v.Random, v.Keys.Vault.PublicKey(), v.Info.Storage+name, plain)
}

func (v *Vault) read(ctx context.Context, name string) (plain []byte, etag string, err error) {
	if name != indexName && !isName(name) {
		return nil, "", ErrNotFound
	}
	data, etag, err := v.Platform.Item(ctx, name)
	if err != nil {
		return nil, "", err
	}
	plain, err = OpenEnvelope(v.Keys.Vault, v.Info.Storage+name, data)
	return plain, etag, err
}

func (v *Vault) index(ctx context.Context) (index, string, error) {
	b, etag, err := v.read(ctx, indexName)
	if errors.Is(err, ErrNotFound) {
		return index{Version: 1}, "", nil
	}
	if err != nil {
		return index{}, "", err
	}
	x, err := decodeIndex(b)
	return x, etag, err
}

// change edits the index by compare-and-swap. With an error it says whether
// the change may have been made all the same.
func (v *Vault) change(ctx context.Context, edit func(*index)) (unsure bool, err error) {
	for range tries {
		x, etag, err := v.index(ctx)
		if err != nil {
			return false, err
		}
		edit(&x)
		data, err := v.seal(indexName, x)
		if err != nil {
			return false, err
		}
		err = v.Platform.PutItem(ctx, indexName, etag, data)
		if !errors.Is(err, ErrPrecondition) {
			return err != nil, err
		}
	}
	return false, fmt.Errorf("changing the vault's index: %w", ErrPrecondition)
}

// NewName draws a name for a resource: a UUID of version 4 (RFC 9562).
func NewName(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// isName reports whether name is one that NewName draws.
func isName(name string) bool {
	if len(name) != 36 {
		return false
	}
	for i, c := range []byte(name) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}
