package pools

import (
	"context"
	"fmt"
	"io"

	"github.com/gormtenancy/tenancy/internal/caught"
)

// Close refuses new leases, waits for the leases that are out (each pool closes
// as its last lease ends) until ctx is done, and returns the joined errors of
// closing. Callers still waiting in Acquire get ErrClosed, and the contexts of
// openings under way are cancelled.
//
// The errors are those of every pool the cache has closed, evicted and idle ones
// included; past the first 32 they are only counted. If ctx ends first, ctx.Err()
// is joined to them, and the pools left close in the background as their leases
// end.
//
// Close is idempotent and safe for concurrent use: a further call waits for what
// is left, and returns the same errors. Once Close has returned without the
// error of ctx, every pool has been closed exactly once and no goroutine stays.
func (c *Cache[P]) Close(ctx context.Context) error {
	c.beginClose()
	var cause error
	select {
	case <-c.done:
	default:
		select {
		case <-c.done:
		case <-ctx.Done():
			cause = ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.errs.join(cause)
}

func (c *Cache[P]) beginClose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	close(c.stop)
	if c.sweeper != nil {
		c.sweeper.Stop()
	}
	for _, e := range c.entries {
		if e.state == isOpening {
			e.cancel()
		}
	}
	c.order.Purge()
	c.checkDone()
}

// checkDone ends the wait of Close if nothing is left. The caller holds c.mu
// and has just closed the cache or removed an entry.
func (c *Cache[P]) checkDone() {
	if c.closed && len(c.entries) == 0 {
		close(c.done)
	}
}

// startClosing has the pool of e, which is open and has no leases, closed in the
// background. The caller holds c.mu.
func (c *Cache[P]) startClosing(e *entry[P]) {
	e.state = isClosing
	c.open--
	go func() {
		err := errGoexit // unless callClose returns
		defer func() { c.closedPool(e, err) }()
		err = callClose(e.pool)
	}()
}

// callClose closes pool and makes an error of its panic.
func callClose(pool io.Closer) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = caught.Panic(v)
		}
	}()
	return pool.Close()
}

// closedPool ends the closing of e.
func (c *Cache[P]) closedPool(e *entry[P], err error) {
	if err != nil {
		err = fmt.Errorf("pools: close %q: %w", e.key, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e.closeErr = err
	c.errs.add(err)
	c.forget(e)
}
