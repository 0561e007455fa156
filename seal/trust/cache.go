package trust

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// cache remembers what was verified, least recently used out first. Failures are
// not kept: they cost the sender, and an attacker could fill the cache.
type cache[T any] struct {
	mu    sync.Mutex
	most  int
	order list.List // of *cached[T], most recently used in front
	byKey map[cacheKey]*list.Element
}

type cacheKey [sha256.Size]byte

type cached[T any] struct {
	key   cacheKey
	value *T
}

func newCache[T any](most int) *cache[T] {
	return &cache[T]{most: most, byKey: map[cacheKey]*list.Element{}}
}

func (c *cache[T]) find(k cacheKey) *T {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[k]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached[T]).value
}

func (c *cache[T]) put(k cacheKey, v *T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[k]; e != nil {
		e.Value.(*cached[T]).value = v
		c.order.MoveToFront(e)
		return
	}
	c.byKey[k] = c.order.PushFront(&cached[T]{key: k, value: v})
	if c.order.Len() > c.most {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.byKey, last.Value.(*cached[T]).key)
	}
}
