package holder

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/profiles"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
)

// Deactivate restricts the vault: the data stay, and nothing is done with them
// but that their citizen reads them, until the vault is reactivated.
func (h *Holder) Deactivate(ctx context.Context, r Request) error {
	v, err := h.active(ctx, r.Citizen)
	if err != nil {
		return err
	}
	done, err := h.turn(ctx, r.Citizen)
	if err != nil {
		return err
	}
	defer done()
	e := audit.Event{Kind: audit.VaultDeactivate}
	if err := h.use(ctx, r, v.vault, e); err != nil {
		return err
	}
	next := v.deactivate()
	if err := h.save(ctx, &next.vault); err != nil {
		h.failed(ctx, r, v.vault, e)
		return err
	}
	_, err = h.settle(ctx, r.Citizen)
	return err
}

// closeProfile ends what Deactivate began.
func (h *Holder) closeProfile(ctx context.Context, v deactivating) (any, error) {
	err := h.update(ctx, v.s.UUID, did.WasDeactivated, func(p did.Profile) (did.Profile, bool, error) {
		if p.Status == did.Deactivated {
			return p, false, nil
		}
		q, err := p.Deactivate(h.now())
		return q, true, err
	})
	if err != nil {
		return v, fmt.Errorf("deactivating a WebID: %w", err)
	}
	next := v.done()
	return next, h.save(ctx, &next.vault)
}

// Reactivate ends the restriction. The link proof shows that it is the citizen
// who wants it: it must be made after the deactivation.
func (h *Holder) Reactivate(ctx context.Context, r Request, proof string) error {
	s, err := h.settled(ctx, r.Citizen)
	if err != nil {
		return err
	}
	v, ok := s.(deactivated)
	if !ok {
		return refusal(s)
	}
	next := v.reactivate(proof, h.now())
	at, err := h.c.Profiles.Load(ctx, v.s.UUID)
	if err != nil {
		return err
	}
	if _, err := h.reopened(at.Profile, next); err != nil {
		return fmt.Errorf("%w: link_proof: %w", ErrInput, err)
	}
	done, err := h.turn(ctx, r.Citizen)
	if err != nil {
		return err
	}
	defer done()
	e := audit.Event{Kind: audit.VaultReactivate}
	if err := h.use(ctx, r, v.vault, e); err != nil {
		return err
	}
	if err := h.save(ctx, &next.vault); err != nil {
		h.failed(ctx, r, v.vault, e)
		return err
	}
	_, err = h.settle(ctx, r.Citizen)
	return err
}

func (h *Holder) reopened(p did.Profile, v reactivating) (did.Profile, error) {
	at, err := h.location(v.vault)
	if err != nil {
		return did.Profile{}, err
	}
	return p.Reactivate(h.c.OIDCIssuer, at.URL, v.s.LinkProof, v.s.ProvenAt)
}

// reopenProfile ends what Reactivate began.
func (h *Holder) reopenProfile(ctx context.Context, v reactivating) (any, error) {
	err := h.update(ctx, v.s.UUID, did.WasReactivated, func(p did.Profile) (did.Profile, bool, error) {
		if p.Status == did.Active {
			return p, false, nil
		}
		q, err := h.reopened(p, v)
		return q, true, err
	})
	if err != nil {
		return v, fmt.Errorf("reactivating a WebID: %w", err)
	}
	next := v.done()
	return next, h.save(ctx, &next.vault)
}

// Rotation replaces the key of the DID.
type Rotation struct {
	Key jose.JWK
	// Continuity is signed by the old key and names the new one.
	Continuity string
	// LinkProof is signed by the new key.
	LinkProof string
}

// Rotate replaces the key of the DID. Only who holds the old one can.
func (h *Holder) Rotate(ctx context.Context, r Request, rot Rotation) error {
	key, err := rot.Key.Key()
	if err != nil {
		return fmt.Errorf("%w: did_key: %w", ErrInput, err)
	}
	v, err := h.active(ctx, r.Citizen)
	if err != nil {
		return err
	}
	e := audit.Event{Kind: audit.WebIDChange, Detail: "rotated"}
	return h.change(ctx, r, v, e, did.Rotated, func(p did.Profile) (did.Profile, error) {
		return p.Rotate(did.Rotation{Key: crypto.PublicKey(key), RotationProof: rot.Continuity, LinkProof: rot.LinkProof}, h.now())
	})
}

// change makes a change of the profile that the citizen's key signed: checked
// first, then logged, then made.
func (h *Holder) change(ctx context.Context, r Request, v active, e audit.Event, kind did.Change, change func(did.Profile) (did.Profile, error)) error {
	at, err := h.c.Profiles.Load(ctx, v.s.UUID)
	if err != nil {
		return err
	}
	next, err := change(at.Profile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInput, err)
	}
	if err := h.use(ctx, r, v.vault, e); err != nil {
		return err
	}
	_, err = h.c.Profiles.Update(ctx, at, next, kind)
	if err == nil {
		return nil
	}
	h.failed(ctx, r, v.vault, e)
	if errors.Is(err, profiles.ErrConflict) {
		return ErrConflict
	}
	return err
}
