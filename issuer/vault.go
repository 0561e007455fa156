package issuer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/vault"
	"github.com/zegel-id/zegel/store"
)

// VaultPlatform is a vault platform whose citizens may collect here.
type VaultPlatform struct {
	URL string
	// Keys fetches the platform's public keys.
	Keys func(ctx context.Context) ([]jose.JWK, error)
}

// VaultHandle is what a vault handle proved: that there is a vault.
type VaultHandle struct {
	// Pseudonym is the vault platform's, for this issuer only.
	Pseudonym string `json:"pseudonym"`
	// Since is no later than when the vault was there.
	Since time.Time `json:"since"`
}

const (
	kindHandle store.Kind = "issuer-vault-handle"
	kindGone   store.Kind = "issuer-vault-gone"

	// goneMemory outlives a handle and the sign-in that was started with it.
	goneMemory = time.Hour
)

// RedeemHandle checks a vault handle and uses it up. Without a vault nothing
// is collected for a citizen. ErrPlatform when the keys of the platform cannot
// be had now.
func (i *Issuer) RedeemHandle(ctx context.Context, text string) (VaultHandle, error) {
	var unavailable error
	h, err := vault.Verify(text, i.c.URL, func(platform string) ([]jose.JWK, error) {
		for _, v := range i.c.Vaults {
			if v.URL == platform {
				keys, err := v.Keys(ctx)
				unavailable = err
				return keys, err
			}
		}
		return nil, errors.New("the vault platform is not known to this issuer")
	}, i.c.Now())
	if unavailable != nil {
		return VaultHandle{}, fmt.Errorf("%w: %w", ErrPlatform, unavailable)
	}
	if err != nil {
		return VaultHandle{}, fmt.Errorf("%w: %w", ErrHandle, err)
	}
	sum := sha256.Sum256([]byte(h.Platform + " " + h.ID))
	_, err = i.c.Store.Create(ctx, store.Record{Kind: kindHandle, ID: jose.Encode(sum[:]), Expiry: h.Expires.Add(time.Minute)})
	if errors.Is(err, store.ErrExists) {
		return VaultHandle{}, fmt.Errorf("%w: it was used before; fetch a new one from the vault platform", ErrHandle)
	}
	return VaultHandle{Pseudonym: h.Vault, Since: h.Expires.Add(-vault.HandleLife)}, err
}

type storedGone struct {
	At time.Time `json:"at"`
}

// VaultDeleted revokes everything that was issued to a vault, withdraws what
// waits for it, and returns how many status entries are revoked. pseudonym is
// the vault platform's. It may be called again, after a failure too.
func (i *Issuer) VaultDeleted(ctx context.Context, client, pseudonym, requestID string) (int, error) {
	if pseudonym == "" {
		return 0, ErrNotFound
	}
	tag := i.vaultTag(pseudonym)
	// Step 1. Sign-ins that are under way for the vault end in nothing.
	if err := i.markGone(ctx, tag); err != nil {
		return 0, err
	}
	// Step 2. Offers that wait, and tokens that were given for them.
	if err := i.withdrawAll(ctx, tag); err != nil {
		return 0, err
	}
	// Step 3. What was issued.
	refs, err := i.c.Statuses.Find(ctx, tag)
	if err != nil {
		return 0, err
	}
	for _, ref := range refs {
		if err := i.c.Statuses.Set(ctx, ref, status.Invalid); err != nil {
			return 0, err
		}
	}
	return len(refs), i.log(ctx, audit.Event{
		Kind: audit.Revoke, Actor: audit.Actor{Kind: audit.Organisation, ID: client}, Outcome: audit.OK,
		RequestID: requestID, Detail: "vault deleted copies " + strconv.Itoa(len(refs)),
	})
}

func (i *Issuer) markGone(ctx context.Context, tag string) error {
	data, err := jose.Marshal(storedGone{At: i.c.Now()})
	if err != nil {
		return err
	}
	mark := store.Record{Kind: kindGone, ID: tag, Expiry: i.c.Now().Add(goneMemory), Data: data}
	if _, err = i.c.Store.Create(ctx, mark); !errors.Is(err, store.ErrExists) {
		return err
	}
	old, err := i.c.Store.Get(ctx, kindGone, tag)
	if errors.Is(err, store.ErrNotFound) {
		return nil // it ran out just now, and with it all that it was for
	}
	if err != nil {
		return err
	}
	if _, err = i.c.Store.Replace(ctx, old, mark); errors.Is(err, store.ErrConflict) {
		return nil // another marked it as late as this
	}
	return err
}

func (i *Issuer) withdrawAll(ctx context.Context, tag string) error {
	for next := ""; ; {
		recs, after, err := i.c.Store.Find(ctx, kindOffer, tag, store.Page{Next: next})
		if err != nil {
			return err
		}
		for _, rec := range recs {
			if err := i.withdraw(ctx, rec.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		if after == "" {
			return nil
		}
		next = after
	}
}

// tie makes an offer end with a vault, which its citizen brings along only when
// they sign in for it.
func (i *Issuer) tie(ctx context.Context, offer, tag string) error {
	const tries = 5
	for range tries {
		rec, err := i.c.Store.Get(ctx, kindOffer, offer)
		if err != nil || slices.Contains(rec.Tags, tag) {
			return err
		}
		next := rec
		next.Tags = append(slices.Clone(rec.Tags), tag)
		if _, err := i.c.Store.Replace(ctx, rec, next); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return store.ErrConflict
}

// stillThere withdraws a new offer whose vault was deleted after it was shown
// here.
func (i *Issuer) stillThere(ctx context.Context, v VaultHandle, offer string) error {
	rec, err := i.c.Store.Get(ctx, kindGone, i.vaultTag(v.Pseudonym))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var gone storedGone
	if err := jose.Unmarshal(rec.Data, &gone); err != nil {
		return err
	}
	if gone.At.Before(v.Since) {
		return nil
	}
	return errors.Join(fmt.Errorf("%w: the vault was deleted in the meantime", ErrHandle), i.withdraw(ctx, offer))
}

// vaultTag is the pseudonym of a vault as it stands in tags: keyed once more,
// so that the store alone does not link it to the vault platform.
func (i *Issuer) vaultTag(pseudonym string) string {
	if pseudonym == "" {
		return ""
	}
	m := hmac.New(sha256.New, i.tagKey)
	m.Write([]byte(pseudonym))
	return "vault:" + jose.Encode(m.Sum(nil))
}
