// Package pools holds a bounded number of open pools and lends them out.
//
// A pool is anything with a Close method, such as a *sql.DB, and belongs to a
// key, such as a tenant. It is opened on first use, by one goroutine however
// many ask for it, and kept in least-recently-acquired order. A pool pushed out
// of that order closes as soon as nobody holds a lease of it. At no time are
// two pools of one key open.
package pools

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// ErrClosed is returned by Acquire after Close.
var ErrClosed = errors.New("pools: the cache is closed")

// Cache holds open pools by key and lends them out. It is safe for concurrent
// use. Make one with New and end it with Close.
//
// No goroutine runs for a cache at rest: one is started for each opening and
// each closing, and ends with it.
type Cache[P io.Closer] struct {
	openTimeout time.Duration
	idleTimeout time.Duration
	epoch       time.Time // what entry.restedAt counts from

	stop chan struct{} // closed when Close begins
	done chan struct{} // closed when Close has nothing left to wait for

	mu      sync.Mutex // guards what follows and the entries' mutable fields
	entries map[string]*entry[P]
	order   *simplelru.LRU[string, *entry[P]] // the open pools that are kept
	open    int                               // entries in state isOpen
	sweeper *time.Timer                       // nil until first armed
	armed   bool                              // sweeper is due to fire
	closed  bool
	errs    closeErrors
}

// New returns an empty cache. It opens nothing and starts nothing.
func New[P io.Closer](cfg Config) *Cache[P] {
	cfg = cfg.withDefaults()
	c := &Cache[P]{
		openTimeout: cfg.OpenTimeout,
		idleTimeout: cfg.IdleTimeout,
		epoch:       time.Now(),
		stop:        make(chan struct{}),
		done:        make(chan struct{}),
		entries:     make(map[string]*entry[P]),
	}
	// The only error is for a size below one, which withDefaults rules out.
	c.order, _ = simplelru.NewLRU(cfg.Size, func(_ string, e *entry[P]) { c.unlisted(e) })
	return c
}

// Len counts the pools that are open: leased or not, draining ones included. A
// pool that is still being opened does not count yet, and one whose closing has
// begun does not count any more.
func (c *Cache[P]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// list makes e the most recently used of the kept pools, which may push the
// least recently used one out. The caller holds c.mu.
func (c *Cache[P]) list(e *entry[P]) {
	e.listed = true
	c.order.Add(e.key, e)
}

// unlisted is called by c.order, under c.mu, for each entry that leaves it. A
// leased pool drains; the release of its last lease closes it.
func (c *Cache[P]) unlisted(e *entry[P]) {
	e.listed = false
	if e.leases.out == 0 {
		c.startClosing(e)
	}
}

// forget drops e, whose pool is closed or was never opened, and so lets its key
// be opened again. The caller holds c.mu.
func (c *Cache[P]) forget(e *entry[P]) {
	delete(c.entries, e.key)
	close(e.gone)
	c.checkDone()
}

// wait waits for ch, for the end of ctx or for the beginning of Close.
func (c *Cache[P]) wait(ctx context.Context, ch <-chan struct{}) error {
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.stop:
		return ErrClosed
	}
}
