package holder

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// Activate reserves a vault for the citizen, on request and not before. The
// vault is active when its link proof was published (PutLinkProof). A vault
// that is only reserved keeps its identifier and takes the new keys.
func (h *Holder) Activate(ctx context.Context, r Request, k Keys) (Info, error) {
	k, _, err := k.check()
	if err != nil {
		return Info{}, err
	}
	for {
		s, err := h.settled(ctx, r.Citizen)
		if errors.Is(err, ErrNoVault) {
			v, err := h.reserve(ctx, r.Citizen, k)
			if errors.Is(err, store.ErrExists) {
				// Another request was first; or the record of an earlier vault
				// is over, but not yet swept, which settled shows again.
				if _, err := h.load(ctx, r.Citizen); errors.Is(err, ErrNoVault) {
					return Info{}, fmt.Errorf("%w: try again in a minute", ErrConflict)
				}
				continue
			}
			if err != nil {
				return Info{}, err
			}
			return h.info(v)
		}
		if err != nil {
			return Info{}, err
		}
		var next reserved
		switch v := s.(type) {
		case reserved:
			next = v.keyed(k)
		case ended:
			id, err := h.newUUID()
			if err != nil {
				return Info{}, err
			}
			next = v.reserve(id, k)
		case deleting:
			return Info{}, ErrDeleting
		default:
			return Info{}, ErrVaultExists
		}
		err = h.save(ctx, &next.vault)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return Info{}, err
		}
		return h.info(next.vault)
	}
}

func (h *Holder) reserve(ctx context.Context, c Citizen, k Keys) (vault, error) {
	id, err := h.newUUID()
	if err != nil {
		return vault{}, err
	}
	v := vault{s: stored{State: Reserved, UUID: id, Keys: &k}}
	rec, err := h.record(v.s)
	if err != nil {
		return vault{}, err
	}
	rec.ID = c.key
	v.rec, err = h.store.Create(ctx, rec)
	return v, err
}

// newUUID draws a UUID of version 4 (RFC 9562, Section 5.4).
func (h *Holder) newUUID() (string, error) {
	var random io.Reader = rand.Reader
	if h.c.Random != nil {
		random = h.c.Random
	}
	id, err := uuid.NewRandomFromReader(random)
	if err != nil {
		return "", fmt.Errorf("drawing an identifier: %w", err)
	}
	return id.String(), nil
}

// check refuses keys that a vault cannot have, and drops what is no key.
func (k Keys) check() (Keys, did.Creation, error) {
	var out did.Creation
	var err error
	for _, m := range []struct {
		name string
		jwk  *jose.JWK
		key  *crypto.PublicKey
	}{{"did_key", &k.DID, &out.Key}, {"encryption_key", &k.Encryption, &out.Encryption}} {
		if *m.key, err = m.jwk.Key(); err != nil {
			return Keys{}, out, fmt.Errorf("%w: %s: %w", ErrInput, m.name, err)
		}
		*m.jwk = jose.JWK{Kty: m.jwk.Kty, Crv: m.jwk.Crv, X: m.jwk.X, Y: m.jwk.Y}
	}
	switch {
	case k.DID.Kty == "RSA" || k.DID.Crv == "P-521":
		return Keys{}, out, fmt.Errorf("%w: did_key: expected a key on P-256, P-384 or Ed25519", ErrInput)
	case k.Encryption.Crv != "P-256":
		return Keys{}, out, fmt.Errorf("%w: encryption_key: expected a key on P-256, which envelopes are encrypted to", ErrInput)
	case k.DID.Thumbprint() == k.Encryption.Thumbprint():
		return Keys{}, out, fmt.Errorf("%w: encryption_key: it must not be the did_key: a key is for one use", ErrInput)
	}
	return k, out, nil
}

// PutLinkProof publishes a reserved vault: its WebID and DID appear, its pod is
// made, it becomes active. What follows the acceptance of the proof is a
// stored state: it is taken up again if it was interrupted, here, at the next
// request or by Resume. For an active vault the proof replaces the one before.
func (h *Holder) PutLinkProof(ctx context.Context, r Request, proof string) error {
	s, err := h.settled(ctx, r.Citizen)
	if err != nil {
		return err
	}
	switch v := s.(type) {
	case reserved:
		return h.startPublishing(ctx, r, v, proof)
	case active:
		return h.change(ctx, r, v, audit.Event{Kind: audit.WebIDChange, Detail: "renewed"}, did.Renewed, func(p did.Profile) (did.Profile, error) {
			return p.Renew(proof, h.now())
		})
	default:
		return refusal(s)
	}
}

func (h *Holder) startPublishing(ctx context.Context, r Request, v reserved, proof string) error {
	if v.s.Keys == nil {
		return ErrBrokeOff
	}
	next := v.publish(proof, h.now())
	if _, err := h.profile(next); err != nil {
		return fmt.Errorf("%w: link_proof: %w", ErrInput, err)
	}
	done, err := h.turn(ctx, r.Citizen)
	if err != nil {
		return err
	}
	defer done()
	if err := h.use(ctx, r, v.vault, audit.Event{Kind: audit.VaultActivate}); err != nil {
		return err
	}
	if err := h.save(ctx, &next.vault); err != nil {
		h.failed(ctx, r, v.vault, audit.Event{Kind: audit.VaultActivate})
		return err
	}
	s, err := h.settle(ctx, r.Citizen)
	if err != nil {
		return err
	}
	if _, ok := s.(active); !ok {
		return refusal(s) // it was deactivated or deleted at once
	}
	return nil
}
