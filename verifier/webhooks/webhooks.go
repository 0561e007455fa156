// Package webhooks tells receivers that a transaction of theirs went on, in the
// conventions of Standard Webhooks: an HTTP POST with an id, a time and a
// signature, tried again until it is taken or its time is over.
//
// An event holds what happened to which transaction and nothing of what a
// citizen presented; the transaction is named by its reference, which fetches
// nothing. The outbox lives in the store. An event is put there before the step
// that it tells of, and is sent only once the step is seen to have happened: a
// crash between the two neither loses an event nor makes one up.
//
// Delivery is at least once: a receiver recognises a repetition by webhook-id.
// The package opens no connection of its own; its client is handed in.
package webhooks

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// Type of an event.
type Type string

const (
	Fetched  Type = "transaction.fetched"
	Answered Type = "transaction.answered"
	Refused  Type = "transaction.refused"
	Expired  Type = "transaction.expired"
)

// Event is what is told.
type Event struct {
	Type Type `json:"type"`
	// Receiver whose endpoint is told.
	Receiver string `json:"receiver"`
	// Transaction is the reference, not the secret that fetches the result.
	Transaction string `json:"transaction"`
	State       string `json:"state"`
	// Time of the step.
	Time time.Time `json:"time"`
	// Due is when to look whether it happened; zero is at once.
	Due time.Time `json:"due,omitzero"`
	// Until is when the step can no longer happen.
	Until time.Time `json:"until"`
}

// Verdict says whether the step that an event tells of happened.
type Verdict int

const (
	// NotYet: look again later.
	NotYet Verdict = iota
	// Yes: tell it.
	Yes
	// No: forget it.
	No
)

// Client sends one request; *fetch.Client of the Operator class is one. It must
// bound time and size and follow no redirects.
type Client interface {
	Do(*http.Request) (*http.Response, error)
}

// Endpoint of one receiver.
type Endpoint struct {
	// URL is posted to.
	URL string
	// Secrets sign each webhook, all of them: two while they are exchanged.
	Secrets []Secret
}

// Config of an outbox.
type Config struct {
	// Endpoints by receiver. The others are told nothing.
	Endpoints map[string]Endpoint
	Client    Client
	// RetryFor is how long after the step delivery is tried; default 24 hours.
	RetryFor time.Duration
	// Poll is the pause between two looks into the outbox; default 2 seconds.
	// What this process puts there is looked at once.
	Poll time.Duration
	// Jitter draws from 0 to 1, so that what failed at once is not tried again
	// at once.
	Jitter func() float64
	// Report is told of what is given up and of endpoints that are disabled. It
	// gets no secret and no address beyond the host.
	Report func(error)
	// InsecureLoopback lets endpoints be http on loopback, for the development
	// profile only.
	InsecureLoopback bool
}

// Outbox keeps events until they are delivered. A nil Outbox takes and sends
// none.
type Outbox struct {
	c        Config
	store    store.Store
	now      func() time.Time
	happened func(context.Context, string, Event) (Verdict, error)
	wake     map[string]chan struct{}
}

// Records of the outbox.
const (
	kindEvent    store.Kind = "vp-event"     // tagged with its receiver
	kindDisabled store.Kind = "vp-event-off" // an endpoint that answered 410
)

// New makes an outbox in a store. happened says whether the step of an event
// was taken; it is given the id under which the event was put.
func New(c Config, s store.Store, now func() time.Time, happened func(ctx context.Context, id string, e Event) (Verdict, error)) (*Outbox, error) {
	if len(c.Endpoints) == 0 {
		return nil, nil
	}
	if c.RetryFor == 0 {
		c.RetryFor = 24 * time.Hour
	}
	if c.Poll == 0 {
		c.Poll = 2 * time.Second
	}
	if c.Report == nil {
		c.Report = func(error) {}
	}
	var faults []error
	if c.Client == nil || c.Jitter == nil || s == nil || now == nil || happened == nil {
		faults = append(faults, errors.New("webhooks: Client, Jitter, store and clock are required"))
	}
	if c.RetryFor < time.Minute || c.RetryFor > 14*24*time.Hour || c.Poll < 10*time.Millisecond {
		faults = append(faults, errors.New("webhooks: RetryFor must be a minute to 14 days"))
	}
	o := &Outbox{c: c, store: s, now: now, happened: happened, wake: map[string]chan struct{}{}}
	for receiver, e := range c.Endpoints {
		if err := e.check(c.InsecureLoopback); err != nil {
			faults = append(faults, fmt.Errorf("webhooks: endpoint of %s: %w", receiver, err))
		}
		o.wake[receiver] = make(chan struct{}, 1)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return o, nil
}

// RetryFor is how long after a step its event may still be told, and so how
// long what marks the step must be kept.
func (o *Outbox) RetryFor() time.Duration {
	if o == nil {
		return 0
	}
	return o.c.RetryFor
}

func (e Endpoint) check(insecureLoopback bool) error {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && !(insecureLoopback && u.Scheme == "http") {
		return errors.New("url must be an https address without user and fragment")
	}
	if len(e.Secrets) == 0 || len(e.Secrets) > 4 {
		return errors.New("secrets: give one, or two while they are exchanged")
	}
	for _, s := range e.Secrets {
		if s.shared == nil && s.key == nil {
			return ErrSecret
		}
	}
	return nil
}

// id names an endpoint with its secrets, so that a changed address or secret
// enables a disabled one again. It tells nothing of either.
func (e Endpoint) id(receiver string) string {
	sum := sha256.Sum256([]byte(receiver + "\n" + e.URL + "\n" + signature(e.Secrets, "endpoint", 0, nil)))
	return jose.Encode(sum[:])
}
