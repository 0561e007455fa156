package holder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/profiles"
	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// State of a vault as its citizen sees it.
type State string

// The states. A vault that is deleted is not there any more.
const (
	Reserved    State = "reserved"
	Publishing  State = "publishing"
	Active      State = "active"
	Deactivated State = "deactivated"
	Deleting    State = "deleting"

	// On the way to Deactivated and back. Both are restricted like it.
	deactivatingState State = "deactivating"
	reactivatingState State = "reactivating"
	// What is left of a deleted vault for an hour; see ended.
	endedState State = "ended"
)

// kindVault records have the citizen's key as their id, so that a second vault
// loses by unique insert.
const kindVault store.Kind = "holder-vault"

// unsettled is the tag of vaults that are on their way to another state.
const unsettled = "unsettled"

const (
	// reservedLife is how long a reserved vault waits for its link proof.
	reservedLife = 24 * time.Hour
	// endedLife is longer than any request takes.
	endedLife = time.Hour
)

// Keys are the public keys a vault is activated with.
type Keys struct {
	DID        jose.JWK `json:"did_key"`
	Encryption jose.JWK `json:"encryption_key"`
}

// load reads the citizen's vault: one of the state types, or ErrNoVault.
func (h *Holder) load(ctx context.Context, c Citizen) (any, error) {
	rec, err := h.store.Get(ctx, kindVault, c.key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNoVault
	}
	if err != nil {
		return nil, fmt.Errorf("reading a vault: %w", err)
	}
	return typed(rec)
}

// record is how a vault is stored: found by tag while it is unsettled.
func (h *Holder) record(s stored) (store.Record, error) {
	data, err := jose.Marshal(s)
	if err != nil {
		return store.Record{}, err
	}
	r := store.Record{Kind: kindVault, Data: data}
	switch s.State {
	case Reserved:
		r.Expiry = h.now().Add(reservedLife)
	case Publishing, deactivatingState, reactivatingState, Deleting:
		r.Tags = []string{unsettled}
	case Active, Deactivated:
		if s.OpenBefore != "" {
			r.Tags = []string{reminder(s.OpenBefore)}
		}
	case endedState:
		r.Expiry = h.now().Add(endedLife)
	default:
		return store.Record{}, errors.New("writing a vault: unknown state")
	}
	return r, nil
}

// save writes the vault in place of the version that was read, or returns
// ErrConflict.
func (h *Holder) save(ctx context.Context, v *vault) error {
	next, err := h.record(v.s)
	if err != nil {
		return err
	}
	rec, err := h.store.Replace(ctx, v.rec, next)
	switch {
	case err == nil:
		v.rec = rec
		return nil
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		return ErrConflict
	default:
		return fmt.Errorf("writing a vault: %w", err)
	}
}

// Info is what the platform says of a vault to its citizen.
type Info struct {
	// Vault is the pseudonym by which the use log knows the vault.
	Vault string
	State State
	WebID string
	DID   string
	// Storage is the address of the pod, with a slash at its end, empty until
	// the vault is active.
	Storage string
	// OpenBefore is the month before which the vault should be opened.
	OpenBefore string
}

// Vault is the citizen's vault.
func (h *Holder) Vault(ctx context.Context, r Request) (Info, error) {
	s, err := h.settled(ctx, r.Citizen)
	if err != nil {
		return Info{}, err
	}
	switch v := s.(type) {
	case reserved:
		return h.info(v.vault)
	case publishing:
		return h.info(v.vault)
	case active:
		return h.info(v.vault)
	case deactivating:
		return h.info(v.vault)
	case deactivated:
		return h.info(v.vault)
	case reactivating:
		return h.info(v.vault)
	case deleting:
		return h.info(v.vault)
	default:
		return Info{}, ErrNoVault
	}
}

func (h *Holder) info(v vault) (Info, error) {
	webid, err := h.webID(v)
	if err != nil {
		return Info{}, err
	}
	id, err := did.DIDOf(webid, h.options...)
	if err != nil {
		return Info{}, err
	}
	out := Info{Vault: string(h.subject(v)), State: v.s.State, WebID: webid, DID: id, OpenBefore: v.s.OpenBefore}
	switch v.s.State {
	case deactivatingState, reactivatingState:
		out.State = Deactivated
	case Publishing, Deleting:
		return out, nil
	}
	if v.s.Pod != nil {
		at, err := h.location(v)
		if err != nil {
			return Info{}, err
		}
		out.Storage = at.URL
	}
	return out, nil
}

func (h *Holder) webID(v vault) (string, error) {
	return did.WebIDOf(h.c.URL, v.s.UUID, h.options...)
}

// subject is the vault's pseudonym in the use log. It is made of the UUID, not
// of the citizen: when the UUID is forgotten it leads to nobody.
func (h *Holder) subject(v vault) audit.Pseudonym {
	return h.c.Names.Of("vault", v.s.UUID, nil)
}

func (h *Holder) location(v vault) (pod.Location, error) {
	var at pod.Location
	plain, err := h.unseal("pod", v.s.UUID, v.s.Pod)
	if err != nil {
		return at, fmt.Errorf("opening a pod's location: %w", err)
	}
	return at, jose.Unmarshal(plain, &at)
}

// settled loads the vault and takes up what an interrupted request left. A
// deletion is left to Resume.
func (h *Holder) settled(ctx context.Context, c Citizen) (any, error) {
	s, err := h.load(ctx, c)
	if err != nil {
		return nil, err
	}
	switch s.(type) {
	case publishing, deactivating, reactivating:
	default:
		return s, nil
	}
	done, err := h.turn(ctx, c)
	if err != nil {
		return nil, err
	}
	defer done()
	return h.settle(ctx, c)
}

// settle moves a vault that is on its way to a state into that state. The
// caller has the turn.
func (h *Holder) settle(ctx context.Context, c Citizen) (any, error) {
	ctx, cancel := steps(ctx)
	defer cancel()
	published := "" // the identifier that this call published
	for {
		s, err := h.load(ctx, c)
		if v, ok := untyped(s); published != "" && (!ok || v.s.UUID != published) {
			return s, h.takeBack(ctx, published)
		}
		if err != nil {
			return nil, err
		}
		switch v := s.(type) {
		case publishing:
			published = v.s.UUID
			s, err = h.publish(ctx, v)
		case deactivating:
			s, err = h.closeProfile(ctx, v)
		case reactivating:
			s, err = h.reopenProfile(ctx, v)
		}
		if !errors.Is(err, ErrConflict) {
			return s, err
		}
	}
}

// takeBack removes the documents of an identifier that another instance gave
// up while they were published here.
func (h *Holder) takeBack(ctx context.Context, uuid string) error {
	if _, err := h.c.Profiles.Delete(ctx, uuid, h.now()); err != nil && !errors.Is(err, profiles.ErrNotFound) {
		return fmt.Errorf("taking back a WebID: %w", err)
	}
	return ErrBrokeOff
}
