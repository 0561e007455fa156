package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

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

const kindHandle store.Kind = "issuer-vault-handle"

// RedeemHandle checks a vault handle and uses it up, and returns the vault's
// pseudonym. Without a vault nothing is collected for a citizen.
func (i *Issuer) RedeemHandle(ctx context.Context, text string) (string, error) {
	h, err := vault.Verify(text, i.c.URL, func(platform string) ([]jose.JWK, error) {
		for _, v := range i.c.Vaults {
			if v.URL == platform {
				return v.Keys(ctx)
			}
		}
		return nil, errors.New("the vault platform is not known to this issuer")
	}, i.c.Now())
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrHandle, err)
	}
	sum := sha256.Sum256([]byte(h.Platform + " " + h.ID))
	_, err = i.c.Store.Create(ctx, store.Record{Kind: kindHandle, ID: jose.Encode(sum[:]), Expiry: h.Expires.Add(time.Minute)})
	if errors.Is(err, store.ErrExists) {
		return "", fmt.Errorf("%w: it was used before; fetch a new one from the vault platform", ErrHandle)
	}
	return h.Vault, err
}
