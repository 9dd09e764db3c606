package pools

import "context"

// Evict closes key's pool when its last lease has ended, and waits for that, or
// for ctx. An Acquire meanwhile opens a new pool only after the old one is
// closed. Evict is for use before a tenant's database is dropped; keeping later
// calls of Acquire from opening it again is up to the caller.
//
// It returns nil if key has no pool, the error of closing the pool, or
// ctx.Err(). In the last case the eviction stands: the pool is not lent again
// and still closes when its last lease has ended. A pool that is being opened is
// evicted too: those who wait for it get their leases first.
//
// Whoever holds a lease of key must not wait for Evict before releasing it.
func (c *Cache[P]) Evict(ctx context.Context, key string) error {
	return c.EvictAll(ctx, func(other string) bool { return other == key })
}

// EvictAll is Evict for all keys that match, at once. It returns the errors of closing
// their pools together. match must not call the cache.
func (c *Cache[P]) EvictAll(ctx context.Context, match func(key string) bool) error {
	var evicted []*entry[P]
	c.mu.Lock()
	for key, e := range c.entries {
		if match(key) {
			e.evicted = true
			c.order.Remove(key)
			evicted = append(evicted, e)
		}
	}
	c.mu.Unlock()

	var failed closeErrors
	for _, e := range evicted {
		select {
		case <-e.gone:
			failed.add(e.closeErr)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return failed.join(nil)
}
