package webhooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// margin is how much longer events are kept than they are tried.
const margin = time.Hour

// queued is the data of an event record.
type queued struct {
	Event Event `json:"event"`
	// Next is when it may be tried. Moving it is how a sender claims the event,
	// so that one of several processes sends it.
	Next  time.Time `json:"next"`
	Tries int       `json:"tries"`
	// Happened: the step was seen, and need not be there to be seen again.
	Happened bool `json:"happened,omitempty"`
}

// Put keeps an event and gives the id under which it is sent, the webhook-id of
// every try; empty when the receiver is told nothing. Call it before the step
// and write the id into what marks the step.
func (o *Outbox) Put(ctx context.Context, e Event) (string, error) {
	if o == nil {
		return "", nil
	}
	endpoint, ok := o.c.Endpoints[e.Receiver]
	if !ok {
		return "", nil
	}
	if off, err := o.disabled(ctx, e.Receiver, endpoint); err != nil || off {
		return "", err
	}
	unique, err := uuid.NewV7() // in the order of time, which is the order of sending
	if err != nil {
		return "", err
	}
	id := "evt_" + unique.String()
	data, err := jose.Marshal(queued{Event: e, Next: e.Due})
	if err != nil {
		return "", err
	}
	_, err = o.store.Create(ctx, store.Record{Kind: kindEvent, ID: id, Tags: []string{e.Receiver}, Expiry: e.Until.Add(o.c.RetryFor + margin), Data: data})
	if err != nil {
		return "", fmt.Errorf("keeping an event: %w", err)
	}
	return id, nil
}

// Tell lets this process look into the outbox at once: the step was taken.
func (o *Outbox) Tell(receiver string) {
	if o == nil {
		return
	}
	select {
	case o.wake[receiver] <- struct{}{}:
	default: // it is looking already, or there is no endpoint
	}
}

func (o *Outbox) disabled(ctx context.Context, receiver string, e Endpoint) (bool, error) {
	_, err := o.store.Get(ctx, kindDisabled, e.id(receiver))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// claim takes the event, whose step was seen, for one try: it moves the time of
// the next one, which one of several senders can. What a sender that dies had
// claimed is tried again then.
func (o *Outbox) claim(ctx context.Context, rec store.Record, q queued) (store.Record, bool, error) {
	q.Next, q.Happened = o.now().Add(o.pause(q.Tries)), true
	q.Tries++
	data, err := jose.Marshal(q)
	if err != nil {
		return store.Record{}, false, err
	}
	next := rec
	next.Data = data
	next, err = o.store.Replace(ctx, rec, next)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		return store.Record{}, false, nil // another sender has it
	}
	return next, err == nil, err
}

// wait puts off an event whose step was not seen, without counting a try.
func (o *Outbox) wait(ctx context.Context, rec store.Record, q queued) error {
	q.Next = o.now().Add(2 * time.Second)
	data, err := jose.Marshal(q)
	if err != nil {
		return err
	}
	next := rec
	next.Data = data
	_, err = o.store.Replace(ctx, rec, next)
	return gone(err)
}

// forget deletes an event that was taken, given up or never happened.
func (o *Outbox) forget(ctx context.Context, rec store.Record) error {
	return gone(o.store.Delete(ctx, rec))
}

func gone(err error) error {
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// The first pause is longer than a try may take.
const (
	firstPause = 30 * time.Second
	longest    = time.Hour
)

// pause before the try after the given number of tries: twice as long each
// time, with up to a half on top.
func (o *Outbox) pause(tries int) time.Duration {
	d := longest
	if tries < 7 {
		d = firstPause << tries
	}
	return d + time.Duration(o.c.Jitter()*float64(d)/2)
}
