package status

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/zegel-id/zegel/internal/jose"
)

// Fetcher gets a document. maxAge is what HTTP caching allows, zero if it says
// nothing.
type Fetcher interface {
	Fetch(ctx context.Context, url, accept string) (body []byte, maxAge time.Duration, err error)
}

// Trust answers with the key that must have signed the list for the issuer of
// the credential in hand, or an error when the token's header names none that
// is trusted for that issuer's status (Section 11.3). It is asked on every
// check, because two issuers may point at one list and only one be right.
type Trust func(ctx context.Context, t *jose.Token) (crypto.PublicKey, error)

// CheckerOptions of a Checker. The zero value of each but Now is usable.
type CheckerOptions struct {
	Now func() time.Time
	// MaxTTL bounds how long a list is kept, whatever it says; default 1 hour.
	MaxTTL time.Duration
	// DefaultTTL is used when neither list nor HTTP says; default 5 minutes.
	DefaultTTL time.Duration
	// MaxAge bounds the age of a list without exp; default 24 hours.
	MaxAge time.Duration
	// Skew is how far clocks may differ; default 1 minute.
	Skew time.Duration
	// FetchTimeout bounds one fetch, which may serve several callers; default
	// 10 seconds.
	FetchTimeout time.Duration
	// CacheBytes bounds the inflated lists kept; default 64 MiB.
	CacheBytes int
	// InsecureLoopback lets http URLs on loopback through, for a development
	// profile only.
	InsecureLoopback bool
}

// Checker answers for the status of credentials of others. It may be used by
// many goroutines. It fails closed: with any error the credential is not to be
// relied on (Section 8.3).
type Checker struct {
	fetcher Fetcher
	o       CheckerOptions
	flights singleflight.Group

	mu    sync.Mutex // guards the fields below and what entries were verified by
	cache map[string]*entry
	bytes int
}

type entry struct {
	token *Token
	until time.Time       // after which it is fetched anew
	keys  map[string]bool // thumbprints of keys its signature verified with
}

// NewChecker makes a Checker with an empty cache.
func NewChecker(f Fetcher, o CheckerOptions) (*Checker, error) {
	if f == nil || o.Now == nil {
		return nil, errors.New("status: a checker needs a Fetcher and Now")
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.MaxTTL, time.Hour)
	def(&o.DefaultTTL, 5*time.Minute)
	def(&o.MaxAge, 24*time.Hour)
	def(&o.Skew, time.Minute)
	def(&o.FetchTimeout, 10*time.Second)
	if o.CacheBytes <= 0 {
		o.CacheBytes = 64 << 20
	}
	return &Checker{fetcher: f, o: o, cache: map[string]*entry{}}, nil
}

// Check answers with the status at ref (Section 8.3). Call it only after the
// credential itself was found good. With an error the value is Invalid.
func (c *Checker) Check(ctx context.Context, ref Ref, trust Trust) (Value, error) {
	if trust == nil {
		return Invalid, fmt.Errorf("%w: no rule says who may sign it", ErrUntrusted)
	}
	if err := checkURI(ref.URI, c.o.InsecureLoopback); err != nil {
		return Invalid, err
	}
	e, err := c.entry(ctx, ref.URI)
	if err != nil {
		return Invalid, err
	}
	if err := c.verify(ctx, ref.URI, e, trust); err != nil {
		return Invalid, err
	}
	v, err := e.token.List.At(ref.Index)
	if err != nil {
		return Invalid, err
	}
	if !v.known() {
		return Invalid, fmt.Errorf("%w: found %v (Section 7.1)", ErrValue, v)
	}
	return v, nil
}

// verify asks for the key and holds the signature against it, once per key.
func (c *Checker) verify(ctx context.Context, uri string, e *entry, trust Trust) error {
	key, err := trust(ctx, e.token.JWS)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	print := jose.Thumbprint(key)
	c.mu.Lock()
	done := print != "" && e.keys[print]
	c.mu.Unlock()
	if done {
		return nil
	}
	err = e.token.JWS.Verify(key)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if len(e.keys) == 0 {
			c.drop(uri, e) // nobody could verify it: do not keep it for others
		}
		return fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	if print != "" {
		e.keys[print] = true
	}
	return nil
}

// entry is the list at the URI, from the cache while it is fresh. Callers that
// miss at the same time share one fetch.
func (c *Checker) entry(ctx context.Context, uri string) (*entry, error) {
	now := c.o.Now()
	c.mu.Lock()
	e := c.cache[uri]
	if e != nil && !now.Before(e.until) {
		c.drop(uri, e)
		e = nil
	}
	c.mu.Unlock()
	if e != nil {
		return e, nil
	}
	flight := c.flights.DoChan(uri, func() (any, error) {
		// The fetch is shared, so no single caller may cancel it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.o.FetchTimeout)
		defer cancel()
		return c.fetch(ctx, uri)
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	case r := <-flight:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*entry), nil
	}
}

func (c *Checker) fetch(ctx context.Context, uri string) (*entry, error) {
	body, maxAge, err := c.fetcher.Fetch(ctx, uri, MediaType)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	t, err := ParseToken(string(body))
	if err != nil {
		return nil, err
	}
	// Compared as strings, without normalising (Section 8.3).
	if t.Subject != uri {
		return nil, fmt.Errorf("%w: sub is not the URI the list was fetched from (Section 8.3)", ErrUntrusted)
	}
	now := c.o.Now()
	until, err := c.fresh(t, now, maxAge)
	if err != nil {
		return nil, err
	}
	e := &entry{token: t, until: until, keys: map[string]bool{}}
	c.keep(uri, e, now)
	return e, nil
}

// fresh checks the times of a list and says until when to keep it. What the
// list says wins over HTTP (Section 8.2).
func (c *Checker) fresh(t *Token, now time.Time, maxAge time.Duration) (time.Time, error) {
	if t.IssuedAt.After(now.Add(c.o.Skew)) {
		return time.Time{}, fmt.Errorf("%w: iat lies in the future (Section 8.3)", ErrExpired)
	}
	expires := t.Expires
	if expires.IsZero() {
		expires = t.IssuedAt.Add(c.o.MaxAge)
	}
	if !now.Before(expires) {
		return time.Time{}, fmt.Errorf("%w: it expired at %s (Section 8.3)", ErrExpired, expires.Format(time.RFC3339))
	}
	keep := c.o.DefaultTTL
	switch {
	case t.TTL > 0:
		keep = t.TTL
	case !t.Expires.IsZero():
		keep = t.Expires.Sub(now)
	case maxAge > 0:
		keep = maxAge
	}
	until := now.Add(min(keep, c.o.MaxTTL))
	if until.After(expires) {
		until = expires
	}
	return until, nil
}

// keep stores an entry and makes room for it: what is stale goes first, then
// whatever comes.
func (c *Checker) keep(uri string, e *entry, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.cache[uri]; old != nil {
		c.drop(uri, old)
	}
	size := len(e.token.List.data)
	if c.bytes+size > c.o.CacheBytes {
		for u, old := range c.cache {
			if !now.Before(old.until) {
				c.drop(u, old)
			}
		}
	}
	for u, old := range c.cache {
		if c.bytes+size <= c.o.CacheBytes {
			break
		}
		c.drop(u, old)
	}
	if c.bytes+size <= c.o.CacheBytes {
		c.cache[uri] = e
		c.bytes += size
	}
}

// drop removes an entry, if it still is the one kept; c.mu is held.
func (c *Checker) drop(uri string, e *entry) {
	if c.cache[uri] == e {
		delete(c.cache, uri)
		c.bytes -= len(e.token.List.data)
	}
}
