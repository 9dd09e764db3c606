package pools

import "time"

// rest notes that e, which is listed, has no lease left, and sees to it that
// the sweeper comes by when it has been idle for too long. The caller holds
// c.mu.
func (c *Cache[P]) rest(e *entry[P]) {
	if c.idleTimeout < 0 {
		return
	}
	e.restedAt = time.Since(c.epoch)
	if !c.armed {
		c.armSweeper(c.idleTimeout)
	}
}

// armSweeper has sweep called after d. The caller holds c.mu.
func (c *Cache[P]) armSweeper(d time.Duration) {
	c.armed = true
	if c.sweeper == nil {
		c.sweeper = time.AfterFunc(d, c.sweep)
		return
	}
	c.sweeper.Reset(d)
}

// sweep closes the pools that have been idle for too long, and arms the sweeper
// for the next one that will be. If every pool is leased, or there is none, it
// stays unarmed until the next rest.
func (c *Cache[P]) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = false
	if c.closed {
		return
	}
	now := time.Since(c.epoch)
	var next time.Duration // 0: nothing to come back for
	for _, e := range c.order.Values() {
		if e.leases.out > 0 {
			continue
		}
		left := e.restedAt + c.idleTimeout - now
		switch {
		case left <= 0:
			c.order.Remove(e.key)
		case next == 0 || left < next:
			next = left
		}
	}
	if next > 0 {
		c.armSweeper(next)
	}
}
