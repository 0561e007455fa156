package unit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// Setup is what creating or opening a vault needs.
type Setup struct {
	Platform *Platform
	Random   io.Reader
	Now      func() time.Time
	// Code is the recovery code that Create is to use: the one that it returned
	// with an error when it was interrupted. The zero code draws a new one.
	Code RecoveryCode
	// DID options, such as did.InsecureLoopback in a development profile.
	DID []did.Option
}

// Create activates a vault for the signed-in citizen: it draws the keys, asks
// the platform for an identifier, signs the link between WebID and DID, and
// leaves the wrapped keys with the platform. The recovery code is the only
// thing that opens the vault; show it to the citizen once.
//
// It returns the code also with an error: keep it and call Create again with
// it as Setup.Code. The platform keeps the identifier, keys that were not
// published yet are drawn anew, and a vault that had become active without the
// answer arriving is opened.
func Create(ctx context.Context, s Setup) (*Vault, RecoveryCode, error) {
	code, again := s.Code, s.Code != RecoveryCode{}
	if !again {
		var err error
		if code, err = NewRecoveryCode(s.Random); err != nil {
			return nil, code, err
		}
	}
	keys, err := NewKeys(s.Random)
	if err != nil {
		return nil, code, err
	}
	didKey, err := jose.PublicJWK(keys.DID.Public())
	if err != nil {
		return nil, code, err
	}
	// Of two devices that activate at once, the keystore of one must not end
	// up with the published keys of the other.
	_, before, err := s.Platform.keystore(ctx)
	if errors.Is(err, ErrNotFound) {
		before, err = absent, nil
	}
	if err != nil {
		return nil, code, err
	}
	info, err := s.Platform.Activate(ctx, didKey, keys.VaultJWK())
	if r := (*Refusal)(nil); again && errors.As(err, &r) && r.Status == http.StatusConflict {
		v, errOpen := Open(ctx, s, code)
		if errOpen == nil {
			return v, code, nil
		}
		return nil, code, fmt.Errorf("activating the vault: %w; opening the one that is there: %w", err, errOpen)
	}
	if err != nil {
		return nil, code, fmt.Errorf("activating the vault: %w", err)
	}
	// The keystore goes first: a published vault that nobody can open would
	// be worse than an unpublished one.
	ks, err := keys.Lock(s.Random, code)
	if err != nil {
		return nil, code, err
	}
	if err := s.Platform.replaceKeystore(ctx, before, ks); err != nil {
		return nil, code, fmt.Errorf("keeping the keystore: %w", err)
	}
	proof, err := s.linkProof(keys, 1, info.WebID)
	if err != nil {
		return nil, code, err
	}
	if err := s.Platform.PutLinkProof(ctx, proof); err != nil {
		return nil, code, fmt.Errorf("publishing WebID and DID: %w", err)
	}
	if info, err = s.Platform.Vault(ctx); err != nil {
		return nil, code, err
	}
	if info.State != "active" || info.Storage == "" {
		return nil, code, errors.New("the vault platform did not activate the vault")
	}
	return &Vault{Info: info, Keys: keys, Platform: s.Platform, Random: s.Random}, code, nil
}

// Open opens the signed-in citizen's vault with the recovery code.
func Open(ctx context.Context, s Setup, code RecoveryCode) (*Vault, error) {
	info, err := s.Platform.Vault(ctx)
	if err != nil {
		return nil, err
	}
	if info.Storage == "" {
		return nil, errors.New("the vault was not activated to the end; activate it again")
	}
	ks, err := s.Platform.Keystore(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := ks.Unlock(code)
	if err != nil {
		return nil, err
	}
	return &Vault{Info: info, Keys: keys, Platform: s.Platform, Random: s.Random}, nil
}

// linkProof signs the link of WebID and DID with key number n; it names the
// vault key, so that the platform cannot put another in its place.
func (s Setup) linkProof(k *Keys, n int, webID string) (string, error) {
	return did.NewLinkProof(k.DID, n, webID, k.Vault.PublicKey(), s.Now(), did.MaxLinkProof, s.DID...)
}
