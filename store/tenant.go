package store

import (
	"context"
	"fmt"
	"strings"
)

// MaxTenant is how long a tenant's name may be, in bytes.
const MaxTenant = 24

// tenantKind is what the kinds of tenants' records begin with. A name holds no
// hyphen, so that no kind of one tenant reads as a kind of another.
const tenantKind = "t-"

// CheckTenant refuses a name that cannot stand for a tenant: lower-case
// letters and digits, 1 to MaxTenant bytes.
func CheckTenant(name string) error {
	if len(name) < 1 || len(name) > MaxTenant {
		return fmt.Errorf("%w: the tenant's name has %d bytes, expected 1 to %d", ErrInvalid, len(name), MaxTenant)
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return fmt.Errorf("%w: tenant %q has another byte than a-z and 0-9", ErrInvalid, name)
		}
	}
	return nil
}

// ForTenant is the part of a store that belongs to one tenant. What is stored
// through it is found through it alone: neither the store itself nor another
// tenant's part sees it, whatever kinds, ids and tags they ask for, because
// the store itself must then not be used with kinds that begin with "t-".
// Close does nothing: the store belongs to who opened it.
func ForTenant(s Store, name string) (Store, error) {
	if err := CheckTenant(name); err != nil {
		return nil, err
	}
	return tenant{store: s, prefix: Kind(tenantKind + name + "-")}, nil
}

type tenant struct {
	store  Store
	prefix Kind
}

func (t tenant) in(r Record) (Record, error) {
	if r.Kind == "" { // of a Replace: that of the old record
		return r, nil
	}
	if err := checkOwnKind(r.Kind); err != nil {
		return Record{}, err
	}
	r.Kind = t.prefix + r.Kind
	return r, nil
}

func (t tenant) out(r Record) Record {
	r.Kind = Kind(strings.TrimPrefix(string(r.Kind), string(t.prefix)))
	return r
}

// Create implements Store.
func (t tenant) Create(ctx context.Context, r Record) (Record, error) {
	if err := checkOwnKind(r.Kind); err != nil {
		return Record{}, err
	}
	in, err := t.in(r)
	if err != nil {
		return Record{}, err
	}
	made, err := t.store.Create(ctx, in)
	return t.out(made), err
}

// Get implements Store.
func (t tenant) Get(ctx context.Context, kind Kind, id string) (Record, error) {
	if err := checkOwnKind(kind); err != nil {
		return Record{}, err
	}
	r, err := t.store.Get(ctx, t.prefix+kind, id)
	return t.out(r), err
}

// Replace implements Store.
func (t tenant) Replace(ctx context.Context, old, next Record) (Record, error) {
	if err := checkOwnKind(old.Kind); err != nil {
		return Record{}, err
	}
	old, err := t.in(old)
	if err != nil {
		return Record{}, err
	}
	if next, err = t.in(next); err != nil {
		return Record{}, err
	}
	r, err := t.store.Replace(ctx, old, next)
	return t.out(r), err
}

// Delete implements Store.
func (t tenant) Delete(ctx context.Context, old Record) error {
	if err := checkOwnKind(old.Kind); err != nil {
		return err
	}
	old, err := t.in(old)
	if err != nil {
		return err
	}
	return t.store.Delete(ctx, old)
}

// Find implements Store.
func (t tenant) Find(ctx context.Context, kind Kind, tag string, page Page) ([]Record, string, error) {
	if err := checkOwnKind(kind); err != nil {
		return nil, "", err
	}
	found, next, err := t.store.Find(ctx, t.prefix+kind, tag, page)
	for i := range found {
		found[i] = t.out(found[i])
	}
	return found, next, err
}

// Close implements Store.
func (t tenant) Close() error { return nil }
