package issuer

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/store"
)

const (
	kindDeferred    store.Kind = "issuer-deferred"
	purposeDeferred string     = "issuer deferred"

	// deferredLife is how long a supplier may keep a wallet waiting.
	deferredLife = 30 * 24 * time.Hour
)

// storedDeferred is a deferred transaction as it waits. Its record has the
// identifier of the credential to be. It moves by Replace: asked again, begun
// anew, denied; and goes when the credential is delivered or its offer is
// withdrawn.
type storedDeferred struct {
	Grant string `json:"grant"`
	// Secret is the image of the secret in the transaction_id, under which
	// Sealed, a deferral, is.
	Secret string    `json:"secret"`
	Ask    askedWhen `json:"ask"`
	Sealed []byte    `json:"sealed,omitempty"`
	// Refs are the status indexes that were taken for it, where it waits to be
	// sealed.
	Refs []status.Ref `json:"refs,omitempty"`
	// Denied: the supplier said no for good, and nothing is sealed any more.
	Denied bool `json:"denied,omitempty"`
}

// deferral is what is needed to ask and to deliver.
type deferral struct {
	Question question `json:"question"`
	Delivery delivery `json:"delivery"`
	// Claims, if the supplier gave them already: it is not asked, only sealed.
	Claims []byte `json:"claims,omitempty"`
}

// transaction is a deferral that its transaction_id opened.
type transaction struct {
	deferral
	id   oid4vci.Secret
	rec  store.Record
	data storedDeferred
}

// putOff begins a deferred transaction (OpenID4VCI 1.0, Section 8.3). The
// supplier is asked at once when it is time to.
//
// A wallet whose answer was lost may begin anew: only the last transaction_id
// counts then, and the supplier is not asked sooner.
func (i *Issuer) putOff(ctx context.Context, d deferral, when askedWhen, requestID string) (oid4vci.CredentialResponse, error) {
	t := transaction{deferral: d}
	if err := i.keepDeferred(ctx, &t, when); err != nil {
		return oid4vci.CredentialResponse{}, err
	}
	return i.goOn(ctx, t, requestID)
}

// keepDeferred stores the transaction under a fresh secret, in place of one
// that was begun before.
func (i *Issuer) keepDeferred(ctx context.Context, t *transaction, when askedWhen) error {
	const tries = 3
	for range tries {
		secret, id := capsule.NewSecret(), t.Delivery.ID
		t.id = oid4vci.Secret(id + "." + secret.Reveal())
		t.data = storedDeferred{Grant: t.Delivery.Grant, Secret: secret.ID(purposeDeferred), Ask: when, Refs: t.Delivery.refs}
		old, err := i.c.Store.Get(ctx, kindDeferred, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		default:
			var before storedDeferred
			if err := jose.Unmarshal(old.Data, &before); err != nil {
				return err
			}
			if before.Denied {
				return errDenied()
			}
			t.data.Ask = before.Ask
			if t.Delivery.refs == nil {
				t.Delivery.refs, t.data.Refs = before.Refs, before.Refs
			}
		}
		plain, err := jose.Marshal(t.deferral)
		if err != nil {
			return err
		}
		if t.data.Sealed, err = capsule.Seal(secret, purposeDeferred, plain, []byte(id)); err != nil {
			return err
		}
		tags := []string{offerTag(t.Delivery.Offer)}
		next := store.Record{Kind: kindDeferred, ID: id, Expiry: i.c.Now().Add(deferredLife), Tags: tags}
		if next.Data, err = jose.Marshal(t.data); err != nil {
			return err
		}
		if old.Version == 0 {
			t.rec, err = i.c.Store.Create(ctx, next)
		} else {
			t.rec, err = i.c.Store.Replace(ctx, old, next)
		}
		if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			continue
		}
		return err
	}
	return store.ErrConflict
}

// Deferred answers a deferred credential request (OpenID4VCI 1.0, Section 9):
// the credentials, or the same transaction once more.
func (i *Issuer) Deferred(ctx context.Context, by authz.Protected, req oid4vci.DeferredCredentialRequest, requestID string) (oid4vci.CredentialResponse, error) {
	// Step 1. The access token, and the encryption that this request wants.
	grant, _, err := i.authorize(ctx, by)
	if err != nil {
		return oid4vci.CredentialResponse{}, err
	}
	if err := req.Check(i.metadata); err != nil {
		return oid4vci.CredentialResponse{}, err
	}
	// Step 2. A transaction of this token, not only one that exists.
	t, err := i.openDeferred(ctx, req.TransactionID, grant.ID)
	if err != nil {
		return oid4vci.CredentialResponse{}, err
	}
	out, err := i.goOn(ctx, t, requestID)
	if errors.Is(err, errTwice) {
		return oid4vci.CredentialResponse{}, errTransaction()
	}
	return out, err
}

// openDeferred finds a transaction of a grant. What does not exist, is over or
// is another's is the same to who asks.
func (i *Issuer) openDeferred(ctx context.Context, text oid4vci.Secret, grant string) (transaction, error) {
	t := transaction{id: text}
	id, rest, _ := strings.Cut(string(text), ".")
	secret, err := capsule.ParseSecret(rest)
	if err != nil || !isCredentialID(id) {
		return t, errTransaction()
	}
	if t.rec, err = i.c.Store.Get(ctx, kindDeferred, id); errors.Is(err, store.ErrNotFound) {
		return t, errTransaction()
	} else if err != nil {
		return t, err
	}
	if err := jose.Unmarshal(t.rec.Data, &t.data); err != nil {
		return t, err
	}
	// The image of a 256-bit secret tells a guesser nothing; opening decides.
	if t.data.Grant != grant || t.data.Secret != secret.ID(purposeDeferred) {
		return t, errTransaction()
	}
	if t.data.Denied {
		return t, errDenied()
	}
	plain, err := capsule.Open(secret, purposeDeferred, t.data.Sealed, []byte(id))
	if err != nil {
		return t, errTransaction()
	}
	if err := jose.Unmarshal(plain, &t.deferral); err != nil {
		return t, err
	}
	t.Delivery.ID, t.Delivery.Grant, t.Delivery.refs = id, grant, t.data.Refs
	return t, nil
}

// goOn asks the supplier if it is time to, and delivers what it has.
func (i *Issuer) goOn(ctx context.Context, t transaction, requestID string) (oid4vci.CredentialResponse, error) {
	// Step 1. An identifier is over with the delivery, also where its record
	// could not be taken away then (Section 8.3). A withdrawn offer ends here:
	// the look comes after the record was made, as withdraw takes records away
	// after it made its mark.
	if issued, err := i.issued(ctx, t.Delivery.ID); err != nil {
		return oid4vci.CredentialResponse{}, err
	} else if issued {
		return oid4vci.CredentialResponse{}, errors.Join(errTwice, i.drop(ctx, kindDeferred, t.Delivery.ID))
	}
	if gone, err := i.withdrawn(ctx, t.Delivery.Offer); err != nil {
		return oid4vci.CredentialResponse{}, err
	} else if gone {
		return oid4vci.CredentialResponse{}, errors.Join(errWithdrawn(), i.drop(ctx, kindDeferred, t.Delivery.ID))
	}
	if i.types[t.Delivery.Configuration] == nil { // not offered any more
		return oid4vci.CredentialResponse{}, errors.Join(errDenied(), i.deny(ctx, t))
	}
	// Step 2. Of parallel requests, in all processes, one asks.
	if mine, err := i.claim(ctx, &t); err != nil {
		return oid4vci.CredentialResponse{}, err
	} else if !mine {
		return i.later(t), nil
	}
	// Step 3. Ask, if the claims are not here already.
	claims, err := t.Claims, error(nil)
	if claims == nil {
		claims, err = i.ask(ctx, &t, requestID)
	}
	var denied *deniedError
	switch {
	case errors.As(err, &denied):
		return oid4vci.CredentialResponse{}, errors.Join(errDenied(), i.deny(ctx, t))
	case err != nil:
		return oid4vci.CredentialResponse{}, err
	case claims == nil:
		return i.later(t), nil
	}
	// Step 4. Deliver.
	out, err := i.deliver(ctx, &t.Delivery, claims, requestID)
	if canWait(err) && ctx.Err() == nil {
		return i.stillLater(ctx, t, err, requestID)
	}
	if err != nil {
		return oid4vci.CredentialResponse{}, err
	}
	// What stays if this fails opens nothing any more: see step 1.
	_ = i.drop(ctx, kindDeferred, t.Delivery.ID)
	return out, nil
}

// deny empties a transaction and leaves the mark that it is over.
func (i *Issuer) deny(ctx context.Context, t transaction) error {
	t.data.Denied, t.data.Sealed = true, nil
	err := i.move(ctx, &t)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// dropDeferred takes away what waits for suppliers of an offer.
func (i *Issuer) dropDeferred(ctx context.Context, offer string) error {
	for {
		recs, _, err := i.c.Store.Find(ctx, kindDeferred, offerTag(offer), store.Page{})
		if err != nil || len(recs) == 0 {
			return err
		}
		for _, rec := range recs {
			if err := i.drop(ctx, kindDeferred, rec.ID); err != nil {
				return err
			}
		}
	}
}

// drop takes a record away, whoever changed it; none is fine.
func (i *Issuer) drop(ctx context.Context, kind store.Kind, id string) error {
	if id == "" {
		return nil
	}
	err := i.c.Store.Delete(ctx, store.Record{Kind: kind, ID: id})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func errTransaction() error {
	return refuse(oid4vci.InvalidTransactionID, "OpenID4VCI 1.0, Section 9.3", "transaction_id", "is unknown for this access token, or its credentials were delivered")
}

func errDenied() error {
	return refuse(oid4vci.CredentialRequestDenied, "OpenID4VCI 1.0, Section 9.3", "transaction_id", "the supplier will not give the record; do not ask again")
}
