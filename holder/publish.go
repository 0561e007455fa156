package holder

import (
	"context"
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/profiles"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
)

// profile is the profile as it is published first, without storage. The proof
// is judged at the time at which it was accepted.
func (h *Holder) profile(v publishing) (did.Profile, error) {
	_, creation, err := v.s.Keys.check()
	if err != nil {
		return did.Profile{}, err
	}
	if creation.WebID, err = h.webID(v.vault); err != nil {
		return did.Profile{}, err
	}
	creation.OIDCIssuer, creation.LinkProof = h.c.OIDCIssuer, v.s.LinkProof
	return did.Create(creation, v.s.ProvenAt, h.options...)
}

// publish does what is left to do of an activation.
func (h *Holder) publish(ctx context.Context, v publishing) (any, error) {
	// 1. The documents: a Solid server asks for them when the pod is made.
	at, err := h.c.Profiles.Load(ctx, v.s.UUID)
	if errors.Is(err, profiles.ErrNotFound) {
		at, err = h.createProfile(ctx, v)
	}
	switch {
	case errors.Is(err, profiles.ErrTaken), errors.Is(err, profiles.ErrDeleted):
		return h.abandon(ctx, v)
	case err != nil:
		return v, err
	}
	// 2. The pod.
	if v.s.Pod == nil {
		if v, err = h.place(ctx, v, at.Profile.WebID); err != nil {
			return v, err
		}
	}
	// 3. The documents name the pod.
	where, err := h.location(v.vault)
	if err != nil {
		return v, err
	}
	if err := h.move(ctx, v.s.UUID, func(p did.Profile) (did.Profile, error) {
		return p.Move(h.c.OIDCIssuer, where.URL, "", h.now())
	}); err != nil {
		return v, err
	}
	// 4. Open.
	next := v.activate()
	return next, h.save(ctx, &next.vault)
}

// createProfile takes the UUID. ErrTaken from here means that an earlier try
// broke off half-way: the UUID is lost.
func (h *Holder) createProfile(ctx context.Context, v publishing) (profiles.Loaded, error) {
	p, err := h.profile(v)
	if err != nil {
		return profiles.Loaded{}, fmt.Errorf("publishing a vault: %w", err)
	}
	at, err := h.c.Profiles.Create(ctx, p)
	if errors.Is(err, profiles.ErrTaken) {
		// Or another instance was first.
		if at, err := h.c.Profiles.Load(ctx, v.s.UUID); err == nil {
			return at, nil
		}
	}
	return at, err
}

func (h *Holder) abandon(ctx context.Context, v publishing) (any, error) {
	id, err := h.newUUID()
	if err != nil {
		return v, err
	}
	if err := h.system(ctx, v.vault, audit.Event{Kind: audit.VaultActivate, Outcome: audit.Failed, Detail: "broke off"}); err != nil {
		return v, err
	}
	next := v.abandon(id)
	if err := h.save(ctx, &next.vault); err != nil {
		return v, err
	}
	return next, ErrBrokeOff
}

// place makes the pod. A pod that cannot be kept is removed at once.
func (h *Holder) place(ctx context.Context, v publishing, webID string) (publishing, error) {
	at, err := h.c.Pods.Create(ctx, webID)
	if err != nil {
		return v, fmt.Errorf("making a pod: %w", err)
	}
	plain, err := jose.Marshal(at)
	if err != nil {
		return v, err
	}
	sealed, err := h.seal("pod", v.s.UUID, plain)
	if err != nil {
		return v, err
	}
	next := v.placed(sealed)
	if err := h.save(ctx, &next.vault); err != nil {
		if p, openErr := h.c.Pods.Open(ctx, at); openErr == nil {
			if err := p.DeleteAll(ctx); err != nil {
				h.c.Logger.WarnContext(ctx, "removing a pod that is not needed", "error", err)
			}
		}
		return v, err
	}
	return next, nil
}

// PublishRegistration puts a registration token of a Solid server into a WebID
// document, or, if it is empty, takes it out again. It is what solid.Config
// calls Publish.
func (h *Holder) PublishRegistration(ctx context.Context, webID, issuer, token string) error {
	id, err := did.UUIDOf(webID, h.options...)
	if err != nil {
		return err
	}
	if issuer != h.c.OIDCIssuer {
		return errors.New("holder: the Solid server is not the OpenID provider that WebIDs name; set OIDCIssuer to the server's issuer")
	}
	return h.move(ctx, id, func(p did.Profile) (did.Profile, error) {
		return p.Move(issuer, p.Storage, token, h.now())
	})
}

// move changes the place that a profile names, if it is not there already.
func (h *Holder) move(ctx context.Context, id string, change func(did.Profile) (did.Profile, error)) error {
	return h.update(ctx, id, did.Moved, func(p did.Profile) (did.Profile, bool, error) {
		q, err := change(p)
		return q, q.OIDCIssuer != p.OIDCIssuer || q.Storage != p.Storage || q.RegistrationToken != p.RegistrationToken, err
	})
}

// update changes a profile, again if another writer was first. A change that
// is none is not written.
func (h *Holder) update(ctx context.Context, id string, kind did.Change, change func(did.Profile) (next did.Profile, changed bool, err error)) error {
	for {
		at, err := h.c.Profiles.Load(ctx, id)
		if err != nil {
			return err
		}
		next, changed, err := change(at.Profile)
		if err != nil || !changed {
			return err
		}
		_, err = h.c.Profiles.Update(ctx, at, next, kind)
		if !errors.Is(err, profiles.ErrConflict) {
			return err
		}
	}
}

// Profile is the profile behind a WebID as it is to be shown:
// profiles.ErrNotFound, or profiles.ErrDeleted for one that is gone for ever.
func (h *Holder) Profile(ctx context.Context, id string) (did.Profile, error) {
	if _, err := did.WebIDOf(h.c.URL, id, h.options...); err != nil {
		return did.Profile{}, profiles.ErrNotFound
	}
	at, err := h.c.Profiles.Load(ctx, id)
	if err != nil {
		return did.Profile{}, err
	}
	p := at.Profile
	if p.Status == did.Deactivated && h.c.PodsNeedIssuer {
		p.OIDCIssuer = h.c.OIDCIssuer
	}
	return p, nil
}
