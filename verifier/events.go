package verifier

import (
	"context"
	"errors"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/verifier/webhooks"
)

// judging takes at most this long after a request's time is over, so that an
// answer under way is not told as none.
const slack = time.Minute

// told is what the mark of a step holds: the event that tells of it, and with a
// request object what was handed out, sealed.
type told struct {
	Event  string `json:"event,omitempty"`
	Object []byte `json:"object,omitempty"`
}

// event of a step of an exchange that is about to be taken.
func (v *Verifier) event(ctx context.Context, x exchange, t webhooks.Type, s State) (string, error) {
	e := webhooks.Event{Type: t, Receiver: x.Receiver, Transaction: x.Transaction, State: string(s), Time: v.c.Now().UTC(), Until: x.Expires.Add(margin)}
	if t == webhooks.Expired {
		e.Time, e.Due = x.Expires, x.Expires.Add(slack)
	}
	return v.hooks.Put(ctx, e)
}

// happened says whether the step of an event was taken, and by the one who put
// this event: of several who try, one takes the step.
func (v *Verifier) happened(ctx context.Context, id string, e webhooks.Event) (webhooks.Verdict, error) {
	kind := kindAnswer
	switch e.Type {
	case webhooks.Fetched:
		kind = kindFetched
	case webhooks.Answered, webhooks.Refused:
	case webhooks.Expired:
		answered, err := v.exists(ctx, kindAnswer, e.Transaction)
		if err != nil || answered {
			return webhooks.No, err
		}
		return webhooks.Yes, nil
	default:
		return webhooks.No, nil
	}
	rec, err := v.c.Store.Get(ctx, kind, e.Transaction)
	if errors.Is(err, store.ErrNotFound) {
		return webhooks.NotYet, nil
	}
	if err != nil {
		return webhooks.No, err
	}
	var by told
	if err := jose.Unmarshal(rec.Data, &by); err != nil || by.Event != id {
		return webhooks.No, err
	}
	return webhooks.Yes, nil
}

// Webhooks is the outbox of the receivers' events; nil when none of them has an
// endpoint. The caller runs it.
func (v *Verifier) Webhooks() *webhooks.Outbox { return v.hooks }
