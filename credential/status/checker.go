package status

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/internal/cose"
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

// TrustCWT is Trust for a list in CWT format.
type TrustCWT func(ctx context.Context, m *cose.Sign1) (crypto.PublicKey, error)

// CheckerOptions of a Checker or a BitstringChecker. The zero value of each but Now is usable.
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
	cache   *cache
}

// NewChecker makes a Checker with an empty cache.
func NewChecker(f Fetcher, o CheckerOptions) (*Checker, error) {
	o, err := o.withDefaults(f)
	if err != nil {
		return nil, err
	}
	return &Checker{fetcher: f, o: o, cache: newCache(o)}, nil
}

func (o CheckerOptions) withDefaults(f Fetcher) (CheckerOptions, error) {
	if f == nil || o.Now == nil {
		return o, errors.New("status: a checker needs a Fetcher and Now")
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
	return o, nil
}

// Check answers with the status at ref (Section 8.3) from a list in JWT format.
// Call it only after the credential itself was found good. With an error the
// value is Invalid.
func (c *Checker) Check(ctx context.Context, ref Ref, trust Trust) (Value, error) {
	if trust == nil {
		return Invalid, fmt.Errorf("%w: no rule says who may sign it", ErrUntrusted)
	}
	e, err := c.entry(ctx, ref.URI, MediaType, func(body []byte) (any, *Claims, error) {
		t, err := ParseToken(string(body))
		if err != nil {
			return nil, nil, err
		}
		return t, &t.Claims, nil
	})
	if err != nil {
		return Invalid, err
	}
	t := e.list.(*Token)
	key, err := trust(ctx, t.JWS)
	if err == nil {
		err = c.cache.once(MediaType+" "+ref.URI, e, jose.Thumbprint(key), func() error { return t.JWS.Verify(key) })
	}
	return read(t.List, ref.Index, err)
}

// CheckCWT is Check for a list in CWT format, which is what a mobile document
// refers to.
func (c *Checker) CheckCWT(ctx context.Context, ref Ref, trust TrustCWT) (Value, error) {
	if trust == nil {
		return Invalid, fmt.Errorf("%w: no rule says who may sign it", ErrUntrusted)
	}
	e, err := c.entry(ctx, ref.URI, MediaTypeCWT, func(body []byte) (any, *Claims, error) {
		t, err := ParseCWT(body)
		if err != nil {
			return nil, nil, err
		}
		return t, &t.Claims, nil
	})
	if err != nil {
		return Invalid, err
	}
	t := e.list.(*CWT)
	key, err := trust(ctx, t.Sign1)
	if err == nil {
		err = c.cache.once(MediaTypeCWT+" "+ref.URI, e, jose.Thumbprint(key), func() error { return t.Sign1.Verify(key, nil) })
	}
	return read(t.List, ref.Index, err)
}

// read is the last step: untrusted says why the list is not to be believed.
func read(l *List, index uint64, untrusted error) (Value, error) {
	if untrusted != nil {
		return Invalid, fmt.Errorf("%w: %w", ErrUntrusted, untrusted)
	}
	v, err := l.At(index)
	if err != nil {
		return Invalid, err
	}
	if !v.known() {
		return Invalid, fmt.Errorf("%w: found %v (Section 7.1)", ErrValue, v)
	}
	return v, nil
}

// entry is the list at the URI in one format, from the cache while it is fresh.
func (c *Checker) entry(ctx context.Context, uri, kind string, parse func([]byte) (any, *Claims, error)) (*entry, error) {
	if err := checkURI(uri, c.o.InsecureLoopback); err != nil {
		return nil, err
	}
	return c.cache.get(ctx, kind+" "+uri, func(ctx context.Context) (*entry, error) {
		body, maxAge, err := c.fetcher.Fetch(ctx, uri, kind)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		t, claims, err := parse(body)
		if err != nil {
			return nil, err
		}
		// Compared as strings, without normalising (Section 8.3).
		if claims.Subject != uri {
			return nil, fmt.Errorf("%w: sub is not the URI the list was fetched from (Section 8.3)", ErrUntrusted)
		}
		until, err := c.fresh(claims, c.o.Now(), maxAge)
		if err != nil {
			return nil, err
		}
		return &entry{list: t, size: len(claims.List.data), until: until, keys: map[string]bool{}}, nil
	})
}

// fresh checks the times of a list and says until when to keep it. What the
// list says wins over HTTP (Section 8.2).
func (c *Checker) fresh(t *Claims, now time.Time, maxAge time.Duration) (time.Time, error) {
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
