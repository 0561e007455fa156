package holder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

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
	// OpenBefore is the month of the reminder.
	OpenBefore string `json:"open_before,omitzero"`
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

// untyped is what the states share; false for what is no vault any more.
func untyped(s any) (vault, bool) {
	switch v := s.(type) {
	case reserved:
		return v.vault, true
	case publishing:
		return v.vault, true
	case active:
		return v.vault, true
	case deactivating:
		return v.vault, true
	case deactivated:
		return v.vault, true
	case reactivating:
		return v.vault, true
	case deleting:
		return v.vault, true
	default:
		return vault{}, false
	}
}

// active is the vault if it may be used.
func (h *Holder) active(ctx context.Context, c Citizen) (active, error) {
	s, err := h.settled(ctx, c)
	if err != nil {
		return active{}, err
	}
	if v, ok := s.(active); ok {
		return v, nil
	}
	return active{}, refusal(s)
}

// readable is the vault if its citizen may read it: restriction stops every
// use but that.
func (h *Holder) readable(ctx context.Context, c Citizen) (vault, error) {
	s, err := h.settled(ctx, c)
	if err != nil {
		return vault{}, err
	}
	switch v := s.(type) {
	case active:
		return v.vault, nil
	case deactivated:
		return v.vault, nil
	}
	return vault{}, refusal(s)
}

// refusal says why a vault in this state is not what an operation needs.
func refusal(s any) error {
	switch s.(type) {
	case reserved, publishing:
		return ErrNotPublished
	case active:
		return ErrNotDeactivated
	case deactivating, deactivated, reactivating:
		return ErrDeactivated
	case deleting:
		return ErrDeleting
	default:
		return ErrNoVault
	}
}
