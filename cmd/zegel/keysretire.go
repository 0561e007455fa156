package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/seal/keyring"
)

// errHalfRetired: what follows a withdrawal could not be done.
var errHalfRetired = errors.New("the service is withdrawn, and its private key may still be there")

// Retire ends a key that is not in use, named by its ID or the fingerprint of its
// certificate. The list of providers says so before the private key is removed.
// kept is how long others may keep a status list of a tenant.
func (t *localTrust) Retire(ctx context.Context, name string, kept func(tenant string) time.Duration) (keyInfo, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key, err := t.named(name)
	if err != nil {
		return key, err
	}
	if key.Use != useSeal && key.Use != useStatus {
		return key, fmt.Errorf("%w: keys of %s are replaced, not retired; see docs/runbooks/keys.md", keyring.ErrState, key.Use)
	}
	switch key.State {
	case keyring.Active:
		return key, fmt.Errorf("%w: it is in use; take another into use first with `zegel keys rotate --use %s`", keyring.ErrState, key.Use)
	case keyring.Retired:
		// It may have been cut off: what the list says may not be in use yet, and the
		// private key may be there.
		if err := t.install(); err != nil {
			return key, err
		}
		if key.inRing && t.ring(key.Tenant).Has(key.ID) {
			return key, t.retireInRing(key)
		}
		return key, fmt.Errorf("%w: it was retired already", keyring.ErrState)
	}
	if key.Use == useStatus && key.State == keyring.Former {
		if until := key.Since.Add(kept(key.Tenant)); t.now().Before(until) {
			return key, fmt.Errorf("%w: others may keep status lists that it signed until %s; retire it then", keyring.ErrState, until.UTC().Format(time.RFC3339))
		}
	}
	if key.listed || key.unused {
		if err := t.announce(ctx, history.Use(key.Use), key.Tenant, key.chain[0], history.Retired); err != nil {
			return key, err
		}
		err := t.keep(t.hierarchy.Snapshot(), func() error {
			if key.unused {
				if err := t.hierarchy.DropSeal(key.Tenant); err != nil {
					return err
				}
			}
			return t.hierarchy.Retire(key.Tenant, key.chain[0], t.now())
		})
		if err != nil {
			return key, err
		}
		if err := t.install(); err != nil {
			return key, fmt.Errorf("%w: %w", errHalfRetired, err)
		}
	}
	if key.inRing {
		if err := t.retireInRing(key); err != nil {
			return key, err
		}
	}
	key.State, key.Since = keyring.Retired, t.now().UTC().Truncate(time.Second)
	return key, nil
}

func (t *localTrust) retireInRing(key keyInfo) error {
	ring, now := t.ring(key.Tenant), t.now().UTC().Truncate(time.Second)
	if t.elsewhere[key.Tenant] { // it would seal if no key were elsewhere
		if active, ok, err := ring.Active(); err != nil || ok && active.ID == key.ID {
			if err := ring.Leave(now); err != nil {
				return fmt.Errorf("%w: %w", errHalfRetired, err)
			}
		}
	}
	if err := ring.Retire(key.ID, now); err != nil {
		return fmt.Errorf("%w: %w", errHalfRetired, err)
	}
	return nil
}

// named is the one key that an ID or a fingerprint names; with mu.
func (t *localTrust) named(name string) (keyInfo, error) {
	all, err := t.inventory()
	if err != nil {
		return keyInfo{}, err
	}
	var found []keyInfo
	for _, k := range all {
		if name != "" && (k.ID == name || k.Fingerprint == name) {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 0:
		return keyInfo{}, fmt.Errorf("%w: %q", keyring.ErrNoKey, name)
	case 1:
		return found[0], nil
	default:
		return keyInfo{}, fmt.Errorf("%w: several certificates are of the key %s; name one by its fingerprint", keyring.ErrState, name)
	}
}

// listsKept is how long a status list of a tenant may be taken from memory: here
// until changes are looked for, in a cache and at who asks that cache.
func (a *app) listsKept(tenant string) time.Duration {
	if a.c.Issuer == nil {
		return 0
	}
	for _, c := range a.c.Issuer.all() {
		if c.Tenant == tenant {
			return publicationInterval(c.statusTTL) + 2*c.statusTTL
		}
	}
	return 0
}
