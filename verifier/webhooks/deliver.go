package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// Run delivers until ctx ends, each endpoint by itself, so that a slow one
// holds up no other.
func (o *Outbox) Run(ctx context.Context) {
	if o == nil {
		return
	}
	var wg sync.WaitGroup
	for receiver := range o.c.Endpoints {
		wg.Go(func() { o.serve(ctx, receiver) })
	}
	wg.Wait()
}

func (o *Outbox) serve(ctx context.Context, receiver string) {
	ticker := time.NewTicker(o.c.Poll)
	defer ticker.Stop()
	for {
		if err := o.Deliver(ctx, receiver); err != nil && ctx.Err() == nil {
			o.c.Report(fmt.Errorf("webhooks of %s: %w", receiver, err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-o.wake[receiver]:
		}
	}
}

// Deliver tries each event of a receiver that is due, once. It stops at the
// first that fails: the endpoint would take the others no better.
func (o *Outbox) Deliver(ctx context.Context, receiver string) error {
	if o == nil {
		return nil
	}
	endpoint, ok := o.c.Endpoints[receiver]
	if !ok {
		return nil
	}
	off, err := o.disabled(ctx, receiver, endpoint)
	if err != nil {
		return err
	}
	next := ""
	for {
		recs, after, err := o.store.Find(ctx, kindEvent, receiver, store.Page{Next: next})
		if err != nil {
			return err
		}
		for _, rec := range recs {
			if off {
				err = o.forget(ctx, rec)
			} else {
				err = o.one(ctx, endpoint, rec)
			}
			if err != nil {
				return err
			}
		}
		if after == "" {
			return nil
		}
		next = after
	}
}

// one takes an event a step further, if it is due.
func (o *Outbox) one(ctx context.Context, endpoint Endpoint, rec store.Record) error {
	var q queued
	if err := jose.Unmarshal(rec.Data, &q); err != nil {
		return errors.Join(err, o.forget(ctx, rec))
	}
	now := o.now()
	if now.Before(q.Next) {
		return nil
	}
	verdict, err := Yes, error(nil)
	if !q.Happened {
		verdict, err = o.happened(ctx, rec.ID, q.Event)
	}
	switch {
	case err != nil:
		return err
	case verdict == No, verdict == NotYet && now.After(q.Event.Until):
		return o.forget(ctx, rec)
	case verdict == NotYet:
		return o.wait(ctx, rec, q)
	}
	if now.After(q.Event.Time.Add(o.c.RetryFor)) {
		return errors.Join(fmt.Errorf("gave up a webhook after %d tries", q.Tries), o.forget(ctx, rec))
	}
	claimed, mine, err := o.claim(ctx, rec, q)
	if err != nil || !mine {
		return err
	}
	status, err := o.send(ctx, endpoint, rec.ID, q.Event)
	switch {
	case err != nil:
		return fmt.Errorf("sending: %w", err)
	case status >= 200 && status <= 299:
		return o.forget(ctx, claimed)
	case status == http.StatusGone:
		return o.disable(ctx, q.Event.Receiver, endpoint, claimed)
	default:
		return fmt.Errorf("sending: the endpoint answered %d", status)
	}
}

// disable ends an endpoint that says that it is gone (Standard Webhooks,
// "Disabling of endpoints"), for every process, until its address or secrets are
// changed.
func (o *Outbox) disable(ctx context.Context, receiver string, e Endpoint, rec store.Record) error {
	_, err := o.store.Create(ctx, store.Record{Kind: kindDisabled, ID: e.id(receiver)})
	if err != nil && !errors.Is(err, store.ErrExists) {
		return fmt.Errorf("disabling an endpoint: %w", err)
	}
	return errors.Join(errors.New("the endpoint answered 410 and is disabled; change its url or secret to enable it"), o.forget(ctx, rec))
}

// body of a webhook: what happened, and nothing of what was presented.
type body struct {
	Type      Type      `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Transaction string `json:"transaction"`
		State       string `json:"state"`
	} `json:"data"`
}

func (o *Outbox) send(ctx context.Context, endpoint Endpoint, id string, e Event) (status int, err error) {
	b := body{Type: e.Type, Timestamp: e.Time.UTC()}
	b.Data.Transaction, b.Data.State = e.Transaction, e.State
	text, err := jose.Marshal(b)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.URL, bytes.NewReader(text))
	if err != nil {
		return 0, errors.New("the address is not a URL")
	}
	seconds := o.now().Unix()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(seconds, 10))
	req.Header.Set("webhook-signature", signature(endpoint.Secrets, id, seconds, text))
	res, err := o.c.Client.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}
