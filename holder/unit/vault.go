package unit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// Setup is what creating or opening a vault needs.
type Setup struct {
	Platform *Platform
	Random   io.Reader
	Now      func() time.Time
	// DID options, such as did.InsecureLoopback in a development profile.
	DID []did.Option
}

// Create activates a vault for the signed-in citizen: it draws the keys, asks
// the platform for an identifier, signs the link between WebID and DID, and
// leaves the wrapped keys with the platform. The recovery code is the only
// thing that opens the vault; show it to the citizen once.
//
// It may be called again when it was interrupted: the platform keeps the
// identifier, and keys that were not published yet are drawn anew.
func Create(ctx context.Context, s Setup) (*Vault, RecoveryCode, error) {
	code, err := NewRecoveryCode(s.Random)
	if err != nil {
		return nil, code, err
	}
	keys, err := NewKeys(s.Random)
	if err != nil {
		return nil, code, err
	}
	didKey, err := jose.PublicJWK(keys.DID.Public())
	if err != nil {
		return nil, code, err
	}
	info, err := s.Platform.Activate(ctx, didKey, keys.VaultJWK())
	if err != nil {
		return nil, code, fmt.Errorf("activating the vault: %w", err)
	}
	// The keystore goes first: a published vault that nobody can open would
	// be worse than an unpublished one.
	ks, err := keys.Lock(s.Random, code)
	if err != nil {
		return nil, code, err
	}
	if err := s.Platform.PutKeystore(ctx, ks); err != nil {
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

// Reactivate opens a deactivated vault again, with a link proof made now.
func (s Setup) Reactivate(ctx context.Context, v *Vault) error {
	n, err := s.keyNumber(ctx, v)
	if err != nil {
		return err
	}
	proof, err := s.linkProof(v.Keys, n, v.Info.WebID)
	if err != nil {
		return err
	}
	return s.Platform.Reactivate(ctx, proof)
}

// Rotate replaces the DID key: the old key signs that the new one follows, the
// new one signs the link. The keystore holds the new key before it is
// published; a rotation that was interrupted is finished by calling it again.
func (s Setup) Rotate(ctx context.Context, v *Vault) error {
	n, err := s.keyNumber(ctx, v)
	if err != nil {
		return err
	}
	keys := *v.Keys
	if keys.Next == nil {
		if keys.Next, err = ecdsa.GenerateKey(elliptic.P256(), s.Random); err != nil {
			return err
		}
		if err := s.keep(ctx, &keys); err != nil {
			return err
		}
	}
	continuity, err := did.NewRotationProof(keys.DID, n, v.Info.WebID, keys.Next.Public(), s.Now(), s.DID...)
	if err != nil {
		return err
	}
	jwk, err := jose.PublicJWK(keys.Next.Public())
	if err != nil {
		return err
	}
	keys.DID, keys.Next = keys.Next, nil
	proof, err := s.linkProof(&keys, n+1, v.Info.WebID)
	if err != nil {
		return err
	}
	if err := s.Platform.Rotate(ctx, jwk, continuity, proof); err != nil {
		return err
	}
	v.Keys = &keys
	return s.keep(ctx, &keys)
}

// keep stores the keystore with the keys as they are now.
func (s Setup) keep(ctx context.Context, k *Keys) error {
	ks, err := s.Platform.Keystore(ctx)
	if err != nil {
		return err
	}
	if ks, err = k.Reseal(s.Random, ks); err != nil {
		return err
	}
	return s.Platform.PutKeystore(ctx, ks)
}

// keyNumber finds the number of the present DID key in the published
// document. When it is the next key of a rotation that was interrupted after
// it was published, that key is taken into use.
func (s Setup) keyNumber(ctx context.Context, v *Vault) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, did.DIDDocumentURL(v.Info.WebID), nil)
	if err != nil {
		return 0, err
	}
	b, _, err := send(s.Platform.HTTP, req)
	if err != nil {
		return 0, err
	}
	doc, err := did.ParseDocument(b)
	if err != nil {
		return 0, err
	}
	last, newest := 0, ""
	for _, m := range doc.VerificationMethod {
		_, fragment, _ := strings.Cut(m.ID, "#key-")
		if n, err := strconv.Atoi(fragment); err == nil && n > last {
			last, newest = n, m.PublicKeyMultibase
		}
	}
	is := func(k *ecdsa.PrivateKey) bool {
		multikey, err := did.EncodeMultikey(k.Public())
		return err == nil && multikey == newest
	}
	switch {
	case last > 0 && is(v.Keys.DID):
		return last, nil
	case last > 0 && v.Keys.Next != nil && is(v.Keys.Next):
		keys := *v.Keys
		keys.DID, keys.Next = keys.Next, nil
		v.Keys = &keys
		return last, s.keep(ctx, &keys)
	default:
		return 0, errors.New("the published DID document does not hold this vault's key")
	}
}
