package pools

import (
	"context"
	"fmt"

	"github.com/gormtenancy/tenancy/internal/caught"
)

// startOpening makes the entry of key and has its pool opened in the
// background. The caller holds c.mu.
func (c *Cache[P]) startOpening(ctx context.Context, key string, open func(context.Context) (P, error)) *entry[P] {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.openTimeout)
	e := newEntry[P](key, cancel)
	c.entries[key] = e
	go func() {
		var pool P
		err := fmt.Errorf("pools: open %q: %w", key, errGoexit) // unless callOpen returns
		defer func() {
			cancel()
			c.opened(e, pool, err)
		}()
		pool, err = callOpen(ctx, key, open)
	}()
	return e
}

// callOpen calls open and makes an error of its panic.
func callOpen[P any](ctx context.Context, key string, open func(context.Context) (P, error)) (pool P, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("pools: open %q: %w", key, caught.Panic(v))
		}
	}()
	return open(ctx)
}

// opened ends the opening of e, with a pool or with an error.
func (c *Cache[P]) opened(e *entry[P], pool P, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(e.ready)

	if c.closed {
		e.err = ErrClosed // also where the opening failed because Close ended it
	} else {
		e.err = err
	}
	if err != nil {
		c.forget(e)
		return
	}

	e.pool = pool
	e.cancel = nil // it would keep the values of the first caller's context alive
	e.state = isOpen
	c.open++
	unwanted := c.closed || e.evicted && e.leases.out == 0
	switch {
	case unwanted:
		c.startClosing(e)
	case e.evicted:
		// Those who waited get their leases; the last one's end closes it.
	default:
		c.list(e)
		if e.leases.out == 0 {
			c.rest(e)
		}
	}
}
