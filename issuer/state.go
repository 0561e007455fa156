package issuer

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// OfferState is what the issuance API says of an offer.
type OfferState struct {
	ID            string
	Configuration string
	// State is offered, redeemed, issued, expired or cancelled. An offer of
	// several credentials is issued from the first one on.
	State       string
	Created     time.Time
	Expires     time.Time
	Accepted    []string
	Pending     []string // as of the time of the offer
	Refused     []Refusal
	Credentials []CredentialState
}

// State of an offer, for the client that made it. Others' offers are
// ErrNotFound.
func (i *Issuer) State(ctx context.Context, client, id string) (OfferState, error) {
	_, o, err := i.find(ctx, client, id)
	if err != nil {
		return OfferState{}, err
	}
	records, err := i.openRecords(id, o)
	if err != nil {
		return OfferState{}, err
	}
	st := OfferState{ID: id, Configuration: o.Configuration, Created: o.Created, Expires: o.Expires, Accepted: records.Accepted, Pending: records.Pending, Refused: records.Refused}
	if st.Credentials, err = i.credentials(ctx, offerTag(id)); err != nil {
		return OfferState{}, err
	}
	where, err := i.authz.State(ctx, o.Handle)
	if err != nil {
		return OfferState{}, err
	}
	switch {
	case len(st.Credentials) > 0:
		st.State = "issued"
	case o.Withdrawn:
		st.State = "cancelled"
	case where == authz.StateRedeemed:
		st.State = "redeemed"
	case where == authz.StateOffered:
		st.State = "offered"
	default:
		st.State = "expired"
	}
	return st, nil
}

// ErrRedeemed is returned for cancelling an offer that a wallet has redeemed.
var ErrRedeemed = errors.New("issuer: the offer was redeemed already")

// Cancel withdraws an offer that nobody redeemed yet, and what of a redeemed
// one still waits for its supplier; again changes nothing. ErrRedeemed when a
// wallet was faster: then credentials can be revoked.
func (i *Issuer) Cancel(ctx context.Context, client, id string) error {
	_, o, err := i.find(ctx, client, id)
	if err != nil {
		return err
	}
	if !o.Withdrawn {
		where, err := i.authz.State(ctx, o.Handle)
		if err != nil {
			return err
		}
		if where == authz.StateRedeemed {
			waiting, _, err := i.c.Store.Find(ctx, kindDeferred, offerTag(id), store.Page{Limit: 1})
			if err != nil {
				return err
			}
			if len(waiting) == 0 {
				return ErrRedeemed
			}
		}
	}
	if err := i.withdraw(ctx, id); err != nil {
		return err
	}
	issued, _, err := i.c.Store.Find(ctx, kindCredential, offerTag(id), store.Page{Limit: 1})
	if err == nil && len(issued) > 0 {
		return ErrRedeemed
	}
	return err
}

// withdraw makes sure that nothing more is issued from an offer. The mark goes
// first and Credential looks at it after it made its own, so that of the two
// at the same time at least one sees the other.
func (i *Issuer) withdraw(ctx context.Context, id string) error {
	const tries = 5
	for range tries {
		rec, err := i.c.Store.Get(ctx, kindOffer, id)
		if err != nil {
			return err
		}
		var o storedOffer
		if err := jose.Unmarshal(rec.Data, &o); err != nil {
			return err
		}
		if !o.Withdrawn {
			o.Withdrawn = true
			next := rec
			if next.Data, err = jose.Marshal(o); err != nil {
				return err
			}
			if _, err := i.c.Store.Replace(ctx, rec, next); errors.Is(err, store.ErrConflict) {
				continue
			} else if err != nil {
				return err
			}
		}
		return errors.Join(i.authz.Cancel(ctx, o.Handle), i.dropReference(ctx, o.Reference), i.dropDeferred(ctx, id))
	}
	return store.ErrConflict
}

// withdrawn says whether an offer was withdrawn. One that nothing is known of
// counts as withdrawn.
func (i *Issuer) withdrawn(ctx context.Context, id string) (bool, error) {
	rec, err := i.c.Store.Get(ctx, kindOffer, id)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return true, err
	}
	var o storedOffer
	err = jose.Unmarshal(rec.Data, &o)
	return o.Withdrawn, err
}

func (i *Issuer) find(ctx context.Context, client, id string) (store.Record, storedOffer, error) {
	var o storedOffer
	if u, err := uuid.Parse(id); err != nil || u.String() != id {
		return store.Record{}, o, ErrNotFound
	}
	rec, err := i.c.Store.Get(ctx, kindOffer, id)
	if errors.Is(err, store.ErrNotFound) {
		return rec, o, ErrNotFound
	}
	if err != nil {
		return rec, o, err
	}
	if err := jose.Unmarshal(rec.Data, &o); err != nil {
		return rec, o, err
	}
	if o.Client != client || client == "" {
		return rec, o, ErrNotFound
	}
	return rec, o, nil
}

func offerTag(id string) string { return "offer:" + id }
