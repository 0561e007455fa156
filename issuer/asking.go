package issuer

import (
	"context"
	"errors"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/store"
)

const (
	// askTimeout leaves time to answer the wallet.
	askTimeout = 20 * time.Second

	// A supplier is asked at most once in an interval.
	minInterval     = 5 * time.Second
	defaultInterval = 5 * time.Minute
	maxInterval     = 24 * time.Hour
)

// interval is how long to wait when a supplier says d.
func interval(d time.Duration) time.Duration {
	if d <= 0 {
		d = defaultInterval
	}
	return min(max(d.Truncate(time.Second), minInterval), maxInterval)
}

// claim moves the time of the next question, before the question: then it is
// this request that asks.
func (i *Issuer) claim(ctx context.Context, t *transaction) (bool, error) {
	if i.c.Now().Before(t.data.Ask.Next) {
		return false, nil
	}
	t.data.Ask.Next = i.c.Now().Add(time.Duration(t.data.Ask.Interval) * time.Second)
	err := i.move(ctx, t)
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	if errors.Is(err, store.ErrNotFound) {
		return false, errTransaction()
	}
	return err == nil, err
}

func (i *Issuer) move(ctx context.Context, t *transaction) error {
	next := t.rec
	var err error
	if next.Data, err = jose.Marshal(t.data); err != nil {
		return err
	}
	moved, err := i.c.Store.Replace(ctx, t.rec, next)
	if err == nil {
		t.rec = moved
	}
	return err
}

// later is the answer that there is nothing yet (OpenID4VCI 1.0, Section 9.2).
func (i *Issuer) later(t transaction) oid4vci.CredentialResponse {
	wait := t.data.Ask.Next.Sub(i.c.Now())
	return oid4vci.CredentialResponse{TransactionID: t.id, Interval: max(1, int64((wait+time.Second-1)/time.Second))}
}

// deniedError is a supplier's no.
type deniedError struct{ why string }

func (e *deniedError) Error() string {
	return "issuer: the supplier will not give the record: " + e.why
}

// ask asks the supplier for one record: its claims, nil when there is nothing
// yet, a *deniedError when there never will be. A supplier that does not
// answer now is asked again later.
func (i *Issuer) ask(ctx context.Context, t *transaction, requestID string) ([]byte, error) {
	subject, err := identifier.ParseINSZ(t.Question.Subject)
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	got, err := i.c.Source.Collect(asking, t.Question.Supplier, subject, requestID)
	late := asking.Err() != nil && ctx.Err() == nil
	by := i.asker(Collect{Subject: subject, Client: t.Delivery.Client})
	if err := i.logFetch(ctx, by, got, err, requestID); err != nil {
		return nil, err
	}
	if err != nil && (late || isAway(err)) {
		if i.c.Logger != nil {
			i.c.Logger.WarnContext(ctx, "a deferred record could not be fetched; it is tried again", "supplier", t.Question.Supplier, "request_id", requestID, "error", err)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, p := range got.Pending {
		if p.Record == t.Delivery.Record {
			return nil, i.wait(ctx, t, p.Again)
		}
	}
	for _, d := range got.Datasets {
		if d.Record != t.Delivery.Record {
			continue
		}
		if err := i.types[t.Delivery.Configuration].check(i, d.Claims); err != nil {
			return nil, &deniedError{err.Error()}
		}
		return d.Claims, nil
	}
	return nil, &deniedError{"it was refused, or is not there any more"}
}

// isAway reports whether a supplier could not be asked, or not now: it does not
// answer, talks nonsense, or its operator took it out for a while.
func isAway(err error) bool {
	for _, away := range []error{
		provider.ErrUnavailable, provider.ErrAnswer, provider.ErrNotRegistered, provider.ErrNoConnector, provider.ErrNotSupplied, ErrSupplier,
	} {
		if errors.Is(err, away) {
			return true
		}
	}
	return false
}

// wait goes by what the supplier says now of when to ask again.
func (i *Issuer) wait(ctx context.Context, t *transaction, again time.Duration) error {
	seconds := int64(interval(again) / time.Second)
	if t.data.Ask.Interval == seconds {
		return nil
	}
	t.data.Ask = askedWhen{Next: i.c.Now().Add(time.Duration(seconds) * time.Second), Interval: seconds}
	err := i.move(ctx, t)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		return nil // another goes on with it; it was withdrawn: the next request sees that
	}
	return err
}
