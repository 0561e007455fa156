package status

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// cache keeps the lists of others while they are fresh, up to a number of bytes
// when inflated. Callers that miss at the same time share one fetch.
type cache struct {
	now     func() time.Time
	limit   int
	timeout time.Duration // of one fetch
	flights singleflight.Group

	mu    sync.Mutex // guards the fields below and the keys of entries
	lists map[string]*entry
	bytes int
}

// entry is one list.
type entry struct {
	list  any
	size  int
	until time.Time       // after which it is fetched anew
	keys  map[string]bool // thumbprints of keys its signature verified with
}

func newCache(o CheckerOptions) *cache {
	return &cache{now: o.Now, limit: o.CacheBytes, timeout: o.FetchTimeout, lists: map[string]*entry{}}
}

// get is the list with that name, loaded when there is none that is fresh.
func (c *cache) get(ctx context.Context, name string, load func(context.Context) (*entry, error)) (*entry, error) {
	if e := c.kept(name); e != nil {
		return e, nil
	}
	flight := c.flights.DoChan(name, func() (any, error) {
		if e := c.kept(name); e != nil { // by a flight that ended just now
			return e, nil
		}
		// The fetch is shared, so no single caller may cancel it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
		defer cancel()
		e, err := load(ctx)
		if err != nil {
			return nil, err
		}
		c.keep(name, e)
		return e, nil
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

// kept is the list with that name, nil when there is none that is fresh.
func (c *cache) kept(name string) *entry {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.lists[name]
	if e != nil && !now.Before(e.until) {
		c.dropLocked(name, e)
		return nil
	}
	return e
}

// once runs verify unless the entry was verified with the key before. An entry
// that nobody could verify is not kept for others. The empty name stands for a
// key that has none, and is always verified.
func (c *cache) once(name string, e *entry, key string, verify func() error) error {
	c.mu.Lock()
	done := key != "" && e.keys[key]
	c.mu.Unlock()
	if done {
		return nil
	}
	err := verify()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if len(e.keys) == 0 {
			c.dropLocked(name, e)
		}
		return err
	}
	if key != "" {
		e.keys[key] = true
	}
	return nil
}

// keep stores an entry and makes room for it: what is stale goes first, then
// whatever comes.
func (c *cache) keep(name string, e *entry) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.lists[name]; old != nil {
		c.dropLocked(name, old)
	}
	if c.bytes+e.size > c.limit {
		for n, old := range c.lists {
			if !now.Before(old.until) {
				c.dropLocked(n, old)
			}
		}
	}
	for n, old := range c.lists {
		if c.bytes+e.size <= c.limit {
			break
		}
		c.dropLocked(n, old)
	}
	if c.bytes+e.size <= c.limit {
		c.lists[name] = e
		c.bytes += e.size
	}
}

// dropLocked removes an entry, if it still is the one kept; c.mu is held.
func (c *cache) dropLocked(name string, e *entry) {
	if c.lists[name] == e {
		delete(c.lists, name)
		c.bytes -= e.size
	}
}
