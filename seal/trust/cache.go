package trust

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// cache remembers verified paths, least recently used out first. Failures are
// not kept: they cost the sender, and an attacker could fill the cache.
type cache struct {
	mu    sync.Mutex
	most  int
	order list.List // of *cached, most recently used in front
	byKey map[cacheKey]*list.Element
}

type cacheKey [sha256.Size]byte

type cached struct {
	key  cacheKey
	path *Path
}

func newCache(most int) *cache {
	return &cache{most: most, byKey: map[cacheKey]*list.Element{}}
}

func (c *cache) find(k cacheKey) *Path {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[k]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).path
}

func (c *cache) put(k cacheKey, p *Path) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[k]; e != nil {
		e.Value.(*cached).path = p
		c.order.MoveToFront(e)
		return
	}
	c.byKey[k] = c.order.PushFront(&cached{key: k, path: p})
	if c.order.Len() > c.most {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.byKey, last.Value.(*cached).key)
	}
}
