package pools

import (
	"context"
	"io"
	"time"
)

// state is how far an entry has come. It only ever grows.
type state int

const (
	isOpening state = iota
	isOpen
	isClosing
)

// entry is one pool from the start of its opening to the end of its closing.
// For all of that time it is the one entry of its key, so that a key never has
// two pools. A later opening of the key makes a new entry.
//
// An open entry is either listed in the cache's order, or it drains: it has
// leases out and closes when the last of them ends.
type entry[P io.Closer] struct {
	key string

	// Guarded by the cache's mutex.
	cancel   context.CancelFunc // ends the opening early; nil after it
	state    state
	leases   leases        // while isOpening: the callers waiting for the pool
	listed   bool          // in the cache's order
	evicted  bool          // Evict has asked for it: never to be lent again
	restedAt time.Duration // since the cache's epoch: when it was last without a lease

	ready chan struct{} // closed when the opening has ended
	pool  P             // set before ready is closed
	err   error         // set before ready is closed: why there is no pool

	gone     chan struct{} // closed when the key may be opened again
	closeErr error         // set before gone is closed
}

func newEntry[P io.Closer](key string, cancel context.CancelFunc) *entry[P] {
	return &entry[P]{
		key:    key,
		cancel: cancel,
		ready:  make(chan struct{}),
		gone:   make(chan struct{}),
	}
}

// lendable reports whether a new lease, or a new wait for one, may be had.
func (e *entry[P]) lendable() bool {
	return !e.evicted && e.state != isClosing
}
