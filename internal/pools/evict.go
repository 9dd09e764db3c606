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
	c.mu.Lock()
	e, ok := c.entries[key]
	if !ok {
		c.mu.Unlock()
		return nil
	}
	e.evicted = true
	c.order.Remove(key)
	c.mu.Unlock()

	select {
	case <-e.gone:
		return e.closeErr
	case <-ctx.Done():
		return ctx.Err()
	}
}
