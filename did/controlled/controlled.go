// Package controlled gets the controlled identifier documents of others, which
// stand at the https URL that is their identifier (Controlled Identifiers 1.0,
// Section 3.3), and keeps them for a while: whoever verifies a signature that names
// its key asks for the same few documents again and again.
//
// It decides nothing about trust: a document is the word of whoever answers at its
// address. It is not for DIDs, which have methods of their own.
package controlled

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/zegel-id/zegel/did"
)

var (
	// ErrUnavailable is returned when a document could not be fetched.
	ErrUnavailable = errors.New("the controlled identifier document could not be fetched")
	// ErrIdentifier is returned for what is no https URL with a fragment.
	ErrIdentifier = errors.New("the verification method is not an https URL with a fragment")
)

// MediaType of controlled identifier documents (Controlled Identifiers 1.0,
// Section 6).
const MediaType = "application/cid"

// Accept is asked for, in the forms in which documents are published.
const Accept = MediaType + ", application/ld+json;q=0.9, application/json;q=0.8"

// Fetcher gets a document. maxAge is what HTTP caching allows, zero if it says
// nothing. An implementation for identifiers that come from outside must bear that;
// see did.Fetcher.
type Fetcher interface {
	Fetch(ctx context.Context, url, accept string) (body []byte, maxAge time.Duration, err error)
}

// Options of Documents. The zero value of each but Now is usable.
type Options struct {
	Now func() time.Time
	// MaxTTL bounds how long a document is kept, and so how late it is noticed that
	// a method was taken out; default 5 minutes.
	MaxTTL time.Duration
	// DefaultTTL is used when HTTP does not say; default 1 minute.
	DefaultTTL time.Duration
	// Again is how old a kept document must be to be fetched anew for a method that
	// it does not have; default 10 seconds.
	Again time.Duration
	// Timeout bounds one fetch, which may serve several callers; default 10 seconds.
	Timeout time.Duration
	// Max is how many documents are kept; default 256.
	Max int
	// InsecureLoopback lets http URLs of the host localhost through, for a
	// development profile only.
	InsecureLoopback bool
}

// Documents fetches and keeps. It may be used by many goroutines.
type Documents struct {
	fetcher Fetcher
	o       Options
	flights singleflight.Group

	mu   sync.Mutex
	kept map[string]kept
}

// kept is a document with when it was fetched and until when it is used.
type kept struct {
	document    *did.Document
	from, until time.Time
}

// New keeps nothing yet.
func New(f Fetcher, o Options) (*Documents, error) {
	if f == nil || o.Now == nil {
		return nil, errors.New("controlled: a Fetcher and Now are needed")
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.MaxTTL, 5*time.Minute)
	def(&o.DefaultTTL, time.Minute)
	def(&o.Again, 10*time.Second)
	def(&o.Timeout, 10*time.Second)
	if o.Max <= 0 {
		o.Max = 256
	}
	return &Documents{fetcher: f, o: o, kept: map[string]kept{}}, nil
}

// Of is the document in which a verification method is to be found: that whose id
// is the URL of the method without its fragment. A kept one that has no such method
// is fetched anew, for the method may be new. The document is shared: do not change
// it.
func (d *Documents) Of(ctx context.Context, method string) (*did.Document, error) {
	id, fragment, _ := strings.Cut(method, "#")
	if !d.fetchable(id) || fragment == "" {
		return nil, ErrIdentifier
	}
	if k, ok := d.recent(id, method); ok {
		return k.document, nil
	}
	flight := d.flights.DoChan(id, func() (any, error) {
		if k, ok := d.recent(id, method); ok { // by a flight that ended just now
			return k.document, nil
		}
		// The fetch is shared, so no single caller may cancel it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.o.Timeout)
		defer cancel()
		return d.fetch(ctx, id)
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	case r := <-flight:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*did.Document), nil
	}
}

// fetchable are https URLs, without a user, who would be shown to the host.
func (d *Documents) fetchable(id string) bool {
	u, err := url.Parse(id)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	return u.Scheme == "https" || d.o.InsecureLoopback && u.Scheme == "http" && u.Hostname() == "localhost"
}

func (d *Documents) fetch(ctx context.Context, id string) (*did.Document, error) {
	body, maxAge, err := d.fetcher.Fetch(ctx, id, Accept)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	document, err := did.ParseDocument(body)
	if err != nil {
		return nil, err
	}
	if document.ID != id {
		return nil, fmt.Errorf("%w: its id is not the URL that it was fetched from (Controlled Identifiers 1.0, Section 3.3)", did.ErrDocument)
	}
	now := d.o.Now()
	if maxAge <= 0 {
		maxAge = d.o.DefaultTTL
	}
	d.keep(id, kept{document, now, now.Add(min(maxAge, d.o.MaxTTL))})
	return document, nil
}

// recent is a document that is still good for a method.
func (d *Documents) recent(id, method string) (kept, bool) {
	d.mu.Lock()
	k, ok := d.kept[id]
	d.mu.Unlock()
	now := d.o.Now()
	if !ok || !now.Before(k.until) || now.Before(k.from) {
		return kept{}, false
	}
	_, err := k.document.Retrieve(method, did.AssertionMethod, now)
	return k, err == nil || now.Sub(k.from) < d.o.Again
}

// keep makes room for a document: what is over goes first, then whatever comes.
func (d *Documents) keep(id string, k kept) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.kept, id)
	if len(d.kept) >= d.o.Max {
		for other, old := range d.kept {
			if !k.from.Before(old.until) {
				delete(d.kept, other)
			}
		}
	}
	for other := range d.kept {
		if len(d.kept) < d.o.Max {
			break
		}
		delete(d.kept, other)
	}
	d.kept[id] = k
}
