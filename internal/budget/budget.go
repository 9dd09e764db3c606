// Package budget bounds the connections that many pools have open together.
//
// A connection of a pool needs a slot. A pool gets its slots as its users need them, up to
// a bound of its own, and lends each user one. When all slots are taken, those of
// connections that nobody uses are taken back; when there are none either, the pools take
// turns: whoever waits for a pool waits until at most as many slots have come free as
// there are other pools that somebody waits for, however many wait for those.
package budget

import (
	"container/list"
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// ErrClosed is returned by Acquire after Close.
var ErrClosed = errors.New("budget: closed")

// ErrTimeout is returned by Acquire when no slot has come free in time.
var ErrTimeout = errors.New("budget: no connection has come free in time")

// Pool is what a Budget needs of a pool: a *sql.DB has it.
type Pool interface {
	SetMaxOpenConns(n int)
	SetMaxIdleConns(n int)
	Stats() sql.DBStats
}

// Config sets the bounds of a Budget.
type Config struct {
	// Total is how many connections all pools may have open together.
	Total int
	// Each is how many of them one pool may have open.
	Each int
	// Wait is how long Acquire waits.
	Wait time.Duration
}

// Budget hands out slots. It is safe for concurrent use. No goroutine runs for one that
// nobody waits for. End it with Close.
type Budget struct {
	each int
	wait time.Duration
	stop chan struct{} // closed by Close

	mu     sync.Mutex
	free   int               // slots that no share has
	moving int               // slots on their way from a share to free
	shares map[string]*share // those with a slot, or somebody who waits
	turns  *list.List        // the shares for which somebody waits, the next one first
	uses   uint64            // counts uses, and so tells which share has rested longest
	look   *time.Timer       // see lookLater
	closed bool
	work   sync.WaitGroup
}

// New returns a budget of which nothing is taken.
func New(cfg Config) *Budget {
	return &Budget{
		each:   cfg.Each,
		wait:   cfg.Wait,
		stop:   make(chan struct{}),
		free:   cfg.Total,
		shares: make(map[string]*share),
		turns:  list.New(),
	}
}

// Acquire waits until the pool of key may use one connection more. The use has to be
// released. It returns ctx.Err(), ErrTimeout after Config.Wait, or ErrClosed.
func (b *Budget) Acquire(ctx context.Context, key string) (*Use, error) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil, ErrClosed
	}
	s := b.share(key)
	if s.place == nil && s.spare() {
		use := b.admit(s)
		b.mu.Unlock()
		return use, nil
	}
	w := b.queue(s)
	b.dispatch()
	b.mu.Unlock()
	return b.await(ctx, w)
}

func (b *Budget) await(ctx context.Context, w *waiter) (*Use, error) {
	timeout := time.NewTimer(b.wait)
	defer timeout.Stop()
	var err error
	select {
	case <-w.admitted:
		return w.use, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timeout.C:
		err = ErrTimeout
	case <-b.stop:
		err = ErrClosed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.use != nil {
		return w.use, nil
	}
	b.leave(w)
	return nil, err
}

// Attach gives key its pool, whose limits are the budget's to set from now on. The caller
// has a use of key.
func (b *Budget) Attach(key string, pool Pool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.share(key)
	if s.pool != nil {
		s.closed = append(s.closed, s.pool)
	}
	s.pool = pool
	s.limit()
}

// Detach says that the pool of key was closed. Its last connections may still be in use.
func (b *Budget) Detach(key string, pool Pool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.share(key)
	if s.pool == pool {
		s.closed = append(s.closed, pool)
		s.pool = nil
	}
	b.settle(s)
	b.dispatch()
}

// Close ends the waiting of everybody. What is in use stays so.
func (b *Budget) Close() {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.stop)
		if b.look != nil {
			b.look.Stop()
		}
	}
	b.mu.Unlock()
	b.work.Wait()
}
