package unit

import (
	"context"
	"errors"
	"reflect"

	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// place puts what came where it belongs: a new item, or in place of the one
// that it renews.
type place struct {
	vault    *Vault
	renewing bool
	// alone: one credential of this configuration comes, so that it is the
	// successor of the only one there is also when its claims changed.
	alone map[string]bool
	// taken are items that were replaced already.
	taken map[string]bool
}

func newPlace(v *Vault, renewing bool, configurations []string) *place {
	p := &place{vault: v, renewing: renewing, alone: map[string]bool{}, taken: map[string]bool{}}
	for _, c := range configurations {
		_, seen := p.alone[c]
		p.alone[c] = !seen
	}
	return p
}

// put stores an item and returns the notification_id of what it replaced. An
// item that is replaced keeps its name, and changes in one step: at no time is
// there none, and what went before is gone once the new one is stored.
func (p *place) put(ctx context.Context, it *Item) (former oid4vci.Secret, err error) {
	if !p.renewing {
		return "", p.vault.Add(ctx, *it)
	}
	old, found, err := p.former(ctx, *it)
	if err != nil {
		return "", err
	}
	if !found {
		return "", p.vault.Add(ctx, *it)
	}
	it.Name = old.Name
	p.taken[old.Name] = true
	if err := p.vault.replace(ctx, *it); err != nil {
		return "", err
	}
	if old.Source.Grant != it.Source.Grant {
		err = p.vault.release(ctx, old.Source.Grant)
	}
	return old.Source.Notification, err
}

// former is the item that a new one renews: of the same issuer and
// configuration, with the same claims, or the only one.
func (p *place) former(ctx context.Context, it Item) (Item, bool, error) {
	entries, err := p.vault.Entries(ctx)
	if err != nil {
		return Item{}, false, err
	}
	var candidates []Item
	for _, e := range entries {
		if e.Kind != KindCredential || e.Type != it.Type || p.taken[e.Name] {
			continue
		}
		old, _, err := p.vault.Item(ctx, e.Name)
		if err != nil {
			return Item{}, false, err
		}
		if s := old.Source; s == nil || s.Issuer != it.Source.Issuer || s.Configuration != it.Source.Configuration {
			continue
		}
		if sameClaims(old, it) {
			return old, true, nil
		}
		candidates = append(candidates, old)
	}
	if len(candidates) == 1 && p.alone[it.Source.Configuration] {
		return candidates[0], true, nil
	}
	return Item{}, false, nil
}

// sameClaims reports whether two items say the same.
func sameClaims(a, b Item) bool {
	x, y := claimsOf(a), claimsOf(b)
	return x != nil && reflect.DeepEqual(x, y)
}

func claimsOf(it Item) map[string]any {
	held, err := it.Open(0)
	if err != nil {
		return nil
	}
	claims, err := held.Data()
	if err != nil {
		return nil
	}
	return claims
}

// replace stores an item in place of the one with its name, and its entry.
func (v *Vault) replace(ctx context.Context, it Item) error {
	var err error
	for range tries {
		var etag string
		if _, etag, err = v.Item(ctx, it.Name); err != nil {
			return err
		}
		if err = v.Update(ctx, it, etag); !errors.Is(err, ErrPrecondition) {
			break
		}
	}
	if err != nil {
		return err
	}
	_, err = v.change(ctx, func(x *index) {
		for i := range x.Entries {
			if x.Entries[i].Name == it.Name {
				x.Entries[i] = it.entry()
			}
		}
	})
	return err
}
