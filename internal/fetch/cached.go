package fetch

import (
	"bytes"
	"container/list"
	"context"
	"sync"
	"time"
)

// CacheOptions of Cached. The zero value is usable.
type CacheOptions struct {
	// Entries and Bytes bound what is kept. Default 1,000 and 32 MiB.
	Entries int
	Bytes   int64
	// Default is used when the answer says nothing of its age. Default 0: not
	// kept.
	Default time.Duration
	// Most bounds every age. Default one hour.
	Most time.Duration
	// Now is time.Now if nil.
	Now func() time.Time
}

// Cached keeps documents for as long as their headers allow and lets only one
// caller at a time fetch the same thing. It keeps no failures and does not
// revalidate.
type Cached struct {
	next Fetcher
	o    CacheOptions

	mu      sync.Mutex // guards all below
	entries map[cacheKey]*list.Element
	order   *list.List // of *cacheEntry, most recently used first
	bytes   int64
	flights map[cacheKey]*flight
}

type cacheKey struct{ url, accept string }

type cacheEntry struct {
	key     cacheKey
	doc     Document
	expires time.Time
}

func (e *cacheEntry) size() int64 {
	return int64(len(e.doc.Body) + len(e.doc.ContentType) + len(e.doc.URL) + len(e.doc.ETag) + len(e.key.url) + len(e.key.accept))
}

// flight is one fetch under way; the rest is read after done is closed.
type flight struct {
	done   chan struct{}
	doc    Document
	err    error
	gaveUp bool // the caller's context ended, which says nothing of the resource
}

// NewCached puts a cache before a fetcher.
func NewCached(next Fetcher, o CacheOptions) *Cached {
	if o.Entries <= 0 {
		o.Entries = 1000
	}
	if o.Bytes <= 0 {
		o.Bytes = 32 << 20
	}
	if o.Most <= 0 {
		o.Most = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Cached{next: next, o: o, entries: map[cacheKey]*list.Element{}, order: list.New(), flights: map[cacheKey]*flight{}}
}

// Fetch returns a kept document or fetches it. MaxAge of a kept document is
// what is left of it.
func (c *Cached) Fetch(ctx context.Context, url, accept string) (Document, error) {
	key := cacheKey{url, accept}
	for {
		c.mu.Lock()
		if d, ok := c.kept(key); ok {
			c.mu.Unlock()
			return d, nil
		}
		f, waiting := c.flights[key]
		if !waiting {
			f = &flight{done: make(chan struct{})}
			c.flights[key] = f
		}
		c.mu.Unlock()
		if !waiting {
			c.fly(ctx, key, f)
			return clone(f.doc), f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return Document{}, classify("", ctx.Err())
		}
		if f.err != nil && f.gaveUp && ctx.Err() == nil {
			continue // the one who fetched gave up, we did not
		}
		return clone(f.doc), f.err
	}
}

// fly fetches in the caller's goroutine and tells those who wait.
func (c *Cached) fly(ctx context.Context, key cacheKey, f *flight) {
	f.err = &Error{Reason: ReasonCanceled, Detail: "the fetch did not return"} // stays only if next panics
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.flights, key)
		if f.err == nil {
			c.keep(key, f.doc)
		}
		close(f.done)
	}()
	f.doc, f.err = c.next.Fetch(ctx, key.url, key.accept)
	f.gaveUp = ctx.Err() != nil
}

func (c *Cached) kept(key cacheKey) (Document, bool) {
	el, ok := c.entries[key]
	if !ok {
		return Document{}, false
	}
	e := el.Value.(*cacheEntry)
	left := e.expires.Sub(c.o.Now())
	if left <= 0 {
		c.drop(el)
		return Document{}, false
	}
	c.order.MoveToFront(el)
	d := clone(e.doc)
	d.MaxAge, d.Expires = left, e.expires
	return d, true
}

func (c *Cached) keep(key cacheKey, d Document) {
	age := d.MaxAge
	if age == 0 {
		age = c.o.Default
	}
	age = min(age, c.o.Most)
	e := &cacheEntry{key: key, doc: clone(d), expires: c.o.Now().Add(age)}
	if d.NoStore || age <= 0 || e.size() > c.o.Bytes {
		return
	}
	if el, ok := c.entries[key]; ok {
		c.drop(el)
	}
	c.entries[key] = c.order.PushFront(e)
	c.bytes += e.size()
	for len(c.entries) > c.o.Entries || c.bytes > c.o.Bytes {
		c.drop(c.order.Back())
	}
}

func (c *Cached) drop(el *list.Element) {
	e := c.order.Remove(el).(*cacheEntry)
	delete(c.entries, e.key)
	c.bytes -= e.size()
}

func clone(d Document) Document {
	d.Body = bytes.Clone(d.Body)
	return d
}
