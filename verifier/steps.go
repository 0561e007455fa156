package verifier

import (
	"context"
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/verifier/webhooks"
)

// requested opens a request by its secret. It refuses one that was fetched.
func (v *Verifier) requested(ctx context.Context, text string) (requested, error) {
	var r requested
	if _, err := v.open(ctx, kindRequest, text, purposeRequest, &r); err != nil {
		return requested{}, err
	}
	if v.over(r.Expires) {
		return requested{}, expired()
	}
	done, err := v.exists(ctx, kindFetched, r.fetchMark())
	if err == nil && done {
		err = &Error{Err: ErrSpent, Detail: "the request object was fetched before", Spec: "OpenID4VP 1.0, Section 5.10", Remedy: "Ask the receiver for a new link."}
	}
	return r, err
}

// fetch hands the request out. One of those who try at once wins.
func (r requested) fetch(ctx context.Context, v *Verifier, object string) error {
	sealed, err := r.keepObject(object)
	if err != nil {
		return err
	}
	if r.Way == "" {
		return r.exchange.seen(ctx, v, sealed)
	}
	data, err := jose.Marshal(told{Object: sealed})
	if err != nil {
		return err
	}
	if err := v.mark(ctx, kindFetched, r.fetchMark(), data, v.markEnd(r.Expires)); err != nil {
		return err
	}
	if err := r.exchange.seen(ctx, v, nil); !errors.Is(err, ErrSpent) {
		return err
	}
	return nil // another way was told already
}

// seen marks that a wallet has a request of the transaction, and tells so.
func (r exchange) seen(ctx context.Context, v *Verifier, object []byte) error {
	event, err := v.event(ctx, r, webhooks.Fetched, StateFetched)
	if err != nil {
		return err
	}
	data, err := jose.Marshal(told{Event: event, Object: object})
	if err != nil {
		return err
	}
	if err := v.mark(ctx, kindFetched, r.Transaction, data, v.markEnd(r.Expires)); err != nil {
		return err
	}
	v.hooks.Tell(r.Receiver)
	return nil
}

// fetched opens a response address. It refuses one whose request nobody has
// fetched, and one that was answered (OpenID4VP 1.0, Section 14.4.2).
func (v *Verifier) fetched(ctx context.Context, text string) (fetched, error) {
	var f fetched
	var err error
	if f.secret, err = v.open(ctx, kindResponse, text, purposeResponse, &f); err != nil {
		return fetched{}, err
	}
	if f.Origin == "" {
		f.responseURI = v.at("/response/" + text)
	}
	if !f.InClear {
		public := f.Key.Public()
		f.encryption = &public
	}
	f.gather(v.c.Now())
	if v.over(f.Expires) {
		return fetched{}, expired()
	}
	switch asked, err := v.exists(ctx, kindFetched, f.fetchMark()); {
	case err != nil:
		return fetched{}, err
	case !asked:
		return fetched{}, notFound()
	}
	done, err := v.exists(ctx, kindAnswer, f.Transaction)
	if err == nil && done {
		err = spentResponse()
	}
	return f, err
}

func spentResponse() error {
	return &Error{Err: ErrSpent, Detail: "the request was answered before", Spec: "OpenID4VP 1.0, Section 14.4.2", Remedy: "Ask the receiver for a new link."}
}

func expired() error {
	return &Error{Err: ErrExpired, Detail: "its time is over", Remedy: "Start a new transaction."}
}

// answer takes the one answer: it is kept so that only the bearer of the
// transaction id opens it. One of those who answer at once wins.
func (f fetched) answer(ctx context.Context, v *Verifier, r sealedResult, code capsule.Secret) error {
	plain, err := jose.Marshal(r)
	if err != nil {
		return err
	}
	sealed, err := capsule.SealTo(f.Box, plain, []byte(f.Transaction))
	if err != nil {
		return err
	}
	note, err := f.note(r, code)
	if err != nil {
		return err
	}
	kind := webhooks.Answered
	if r.State == StateRefused {
		kind = webhooks.Refused
	}
	event, err := v.event(ctx, f.exchange, kind, r.State)
	if err != nil {
		return err
	}
	data, err := jose.Marshal(answer{Sealed: sealed, Note: note, told: told{Event: event}})
	if err != nil {
		return err
	}
	err = v.mark(ctx, kindAnswer, f.Transaction, data, v.markEnd(f.Expires))
	if errors.Is(err, ErrSpent) {
		return spentResponse()
	}
	if err == nil {
		v.hooks.Tell(f.Receiver)
	}
	return err
}

// transaction opens a transaction for the receiver whose it is.
func (v *Verifier) transaction(ctx context.Context, text, receiver string) (capsule.Secret, transaction, error) {
	var t transaction
	s, err := v.open(ctx, kindTransaction, text, purposeTransaction, &t)
	if err != nil {
		return s, transaction{}, err
	}
	if t.Receiver != receiver {
		return s, transaction{}, notFound()
	}
	t.id = s.ID(purposeTransaction)
	return s, t, nil
}

// answered reads the answer of a transaction; ErrPending before there is one.
func (t transaction) answered(ctx context.Context, v *Verifier) (answered, error) {
	rec, err := v.c.Store.Get(ctx, kindAnswer, t.id)
	if errors.Is(err, store.ErrNotFound) {
		if v.over(t.Expires) {
			return answered{}, expired()
		}
		return answered{}, &Error{Err: ErrPending, Detail: "the citizen has not answered", Remedy: "Ask again a little later."}
	}
	if err != nil {
		return answered{}, fmt.Errorf("reading an answer: %w", err)
	}
	a := answered{transaction: t, record: rec}
	return a, jose.Unmarshal(rec.Data, &a.stored)
}

// done says whether the result was delivered and its grace is over.
func (a answered) done(v *Verifier) bool {
	return a.stored.Sealed == nil || !a.stored.Delivered.IsZero() && v.over(a.stored.Delivered.Add(v.c.ResultGrace))
}

// deliver marks the result as delivered, and destroys it when no grace is
// given: then one of those who fetch at once wins.
func (a answered) deliver(ctx context.Context, v *Verifier) error {
	if !a.stored.Delivered.IsZero() {
		return nil // within the grace
	}
	next := answer{Delivered: v.c.Now(), told: a.stored.told}
	if v.c.ResultGrace > 0 {
		next.Sealed = a.stored.Sealed
	}
	err := a.replace(ctx, v, next)
	if v.c.ResultGrace > 0 && errors.Is(err, ErrSpent) {
		return nil // another fetch marked it a moment ago
	}
	return err
}

func (a answered) replace(ctx context.Context, v *Verifier, next answer) error {
	data, err := jose.Marshal(next)
	if err != nil {
		return err
	}
	rec := a.record
	rec.Data = data
	_, err = v.c.Store.Replace(ctx, a.record, rec)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		return &Error{Err: ErrSpent, Detail: "the result was fetched at the same time", Remedy: "Fetch it once."}
	}
	return err
}
