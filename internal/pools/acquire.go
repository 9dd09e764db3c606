package pools

import "context"

// Acquire lends the pool of key, opening it with open if there is none.
//
// Exactly one goroutine opens; the others wait for it, each no longer than its
// own context. Where callers pass different open functions, the first one's is
// used. open runs in a goroutine of its own, with a context that keeps the
// values of the caller's but not its cancellation or deadline, is bounded by
// Config.OpenTimeout, and ends when open returns; so a caller that gives up
// does not fail the others. A failed opening is not remembered: the next
// Acquire tries again. All who waited for it get its error unchanged. A panic
// in open becomes an error that wraps a [*caught.PanicError].
//
// Acquire returns ctx.Err() if ctx ends first, or has ended already, and
// ErrClosed once Close has begun. While key is being evicted, or its pool is
// being closed, it waits for the end of that and then opens a new pool.
//
// The pool is usable until release is called. release must be called once;
// further calls do nothing. It never blocks on the pool, which is closed in the
// background if need be, and may be called from any goroutine. With an error,
// release does nothing but is not nil.
func (c *Cache[P]) Acquire(
	ctx context.Context, key string, open func(context.Context) (P, error),
) (pool P, release func(), err error) {
	if err := ctx.Err(); err != nil {
		return pool, noRelease, err
	}
	c.mu.Lock()
	e, ok := c.order.Get(key)
	if !ok {
		c.mu.Unlock()
		return c.acquireSlow(ctx, key, open)
	}
	t := e.leases.take()
	c.mu.Unlock()
	return e.pool, func() { c.release(e, t) }, nil
}

func noRelease() {}

// acquireSlow is Acquire for a pool that is not listed: not open, not open yet,
// draining, or closing.
func (c *Cache[P]) acquireSlow(
	ctx context.Context, key string, open func(context.Context) (P, error),
) (pool P, release func(), err error) {
	for {
		e, t, lent, err := c.enlist(ctx, key, open)
		if err != nil {
			return pool, noRelease, err
		}
		if lent {
			return c.await(ctx, e, t)
		}
		if err := c.wait(ctx, e.gone); err != nil {
			return pool, noRelease, err
		}
	}
}

// enlist finds or makes the entry of key and takes a lease of it, which is good
// once the entry is ready. If the entry is on its way out, lent is false.
func (c *Cache[P]) enlist(
	ctx context.Context, key string, open func(context.Context) (P, error),
) (e *entry[P], t ticket, lent bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ticket{}, false, ErrClosed
	}
	e, ok := c.entries[key]
	switch {
	case !ok:
		e = c.startOpening(ctx, key, open)
	case !e.lendable():
		return e, ticket{}, false, nil
	}
	t = e.leases.take()
	if e.state == isOpen {
		c.list(e) // revives a draining pool
	}
	return e, t, true, nil
}

// await waits until e is ready and turns the lease of t into Acquire's results.
func (c *Cache[P]) await(ctx context.Context, e *entry[P], t ticket) (pool P, release func(), err error) {
	if err := c.wait(ctx, e.ready); err != nil {
		c.release(e, t)
		return pool, noRelease, err
	}
	if e.err != nil {
		return pool, noRelease, e.err
	}
	return e.pool, func() { c.release(e, t) }, nil
}

// release ends the lease of t, unless it has ended before.
func (c *Cache[P]) release(e *entry[P], t ticket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !e.leases.end(t) || e.leases.out > 0 || e.state != isOpen {
		return
	}
	if e.listed {
		c.rest(e)
	} else {
		c.startClosing(e)
	}
}
