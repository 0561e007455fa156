package holder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/did"
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

// stored is a vault as the store keeps it.
type stored struct {
	State State  `json:"state"`
	UUID  string `json:"uuid,omitempty"`
	// Keys wait until they are published.
	Keys *Keys `json:"keys,omitempty"`
	// LinkProof waits until it is published; it was found good at ProvenAt.
	LinkProof string    `json:"link_proof,omitempty"`
	ProvenAt  time.Time `json:"proven_at,omitzero"`
	// Pod is the sealed pod.Location.
	Pod []byte `json:"pod,omitempty"`
	// Keystore is sealed once more; KeystoreVersion counts its versions.
	Keystore        []byte `json:"keystore,omitempty"`
	KeystoreVersion uint64 `json:"keystore_version,omitzero"`
	// Revoke lists the issuers to be told of the deletion.
	Revoke []revocation `json:"revoke,omitempty"`
}

// vault is what the states share: the record as it was read, and what is to
// be stored in its place.
type vault struct {
	rec store.Record
	s   stored
}

func (v vault) citizen() Citizen { return Citizen{v.rec.ID} }

// One type per state; a step that a state does not have cannot be written.
// Each transition returns what to save.
type (
	reserved     struct{ vault }
	publishing   struct{ vault }
	active       struct{ vault }
	deactivating struct{ vault }
	deactivated  struct{ vault }
	reactivating struct{ vault }
	deleting     struct{ vault }
	// ended is kept for an hour so that the record's version goes on
	// counting: a request that read the deleted vault cannot hit its successor.
	// It tells nothing but that.
	ended struct{ vault }
)

func (v reserved) keyed(k Keys) reserved {
	v.s.Keys = &k
	return v
}

func (v reserved) publish(proof string, at time.Time) publishing {
	v.s.State, v.s.LinkProof, v.s.ProvenAt = Publishing, proof, at
	return publishing(v)
}

// abandon gives up an identifier that can be published no more.
func (v publishing) abandon(uuid string) reserved {
	v.s = stored{State: Reserved, UUID: uuid}
	return reserved(v)
}

func (v publishing) placed(sealed []byte) publishing {
	v.s.Pod = sealed
	return v
}

func (v publishing) activate() active {
	v.s.State, v.s.Keys, v.s.LinkProof, v.s.ProvenAt = Active, nil, "", time.Time{}
	return active(v)
}

func (v active) deactivate() deactivating {
	v.s.State = deactivatingState
	return deactivating(v)
}

func (v deactivating) done() deactivated {
	v.s.State = Deactivated
	return deactivated(v)
}

func (v deactivated) reactivate(proof string, at time.Time) reactivating {
	v.s.State, v.s.LinkProof, v.s.ProvenAt = reactivatingState, proof, at
	return reactivating(v)
}

func (v reactivating) done() active {
	v.s.State, v.s.LinkProof, v.s.ProvenAt = Active, "", time.Time{}
	return active(v)
}

// delete keeps what the deletion needs and nothing else: without the keystore
// every copy of the ciphertext is noise.
func (v vault) delete(revoke []revocation) deleting {
	v.s = stored{State: Deleting, UUID: v.s.UUID, Pod: v.s.Pod, Revoke: revoke}
	return deleting{v}
}

func (v deleting) podless() deleting {
	v.s.Pod = nil
	return v
}

func (v deleting) revoked(left []revocation) deleting {
	v.s.Revoke = left
	return v
}

func (v deleting) end() ended {
	v.s = stored{State: endedState}
	return ended(v)
}

func (v ended) reserve(uuid string, k Keys) reserved {
	v.s = stored{State: Reserved, UUID: uuid, Keys: &k}
	return reserved(v)
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

func typed(rec store.Record) (any, error) {
	v := vault{rec: rec}
	if err := jose.UnmarshalClosed(rec.Data, &v.s); err != nil {
		return nil, fmt.Errorf("reading a vault: %w", err)
	}
	switch v.s.State {
	case Reserved:
		return reserved{v}, nil
	case Publishing:
		return publishing{v}, nil
	case Active:
		return active{v}, nil
	case deactivatingState:
		return deactivating{v}, nil
	case Deactivated:
		return deactivated{v}, nil
	case reactivatingState:
		return reactivating{v}, nil
	case Deleting:
		return deleting{v}, nil
	case endedState:
		return ended{v}, nil
	default:
		return nil, errors.New("reading a vault: it has a state that this version does not know; use a newer one")
	}
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
	out := Info{Vault: string(h.subject(v)), State: v.s.State, WebID: webid, DID: id}
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
	for {
		s, err := h.load(ctx, c)
		if err != nil {
			return nil, err
		}
		switch v := s.(type) {
		case publishing:
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
