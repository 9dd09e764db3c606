package strategies

import (
	"context"
	"sync"
)

// maxOpenings is how many goroutines open one DSN at once, those that nobody waits for
// any more among them.
const maxOpenings = 4

// openings opens pools for callers that do not wait for ever. MySQL's dialect asks the server
// for its version without a context, so one that accepts and never answers keeps a goroutine
// until the connection breaks; there are no more of them than maxOpenings for a DSN.
type openings struct {
	mu    sync.Mutex
	slots map[string]*slot // by DSN
}

// slot is the places of one DSN.
type slot struct {
	taken chan struct{}
	users int // who has a place or waits for one
}

// opening is what came of one. panicked is what it panicked with.
type opening struct {
	pool     opened
	err      error
	panicked any
}

// open calls fn, and gives up when ctx ends: what fn opens later is closed again.
func (o *openings) open(ctx context.Context, dsn string, fn func() (opened, error)) (opened, error) {
	s := o.enter(dsn)
	select {
	case s.taken <- struct{}{}:
	case <-ctx.Done():
		o.leave(dsn, s)
		return opened{}, ctx.Err()
	}
	result := make(chan opening)
	go func() {
		made := called(fn)
		<-s.taken
		o.leave(dsn, s)
		select {
		case result <- made:
		case <-ctx.Done():
			if made.err == nil && made.panicked == nil {
				_ = made.pool.Close() // nobody is there to be told
			}
		}
	}()
	select {
	case made := <-result:
		if made.panicked != nil {
			panic(made.panicked)
		}
		return made.pool, made.err
	case <-ctx.Done():
		return opened{}, ctx.Err()
	}
}

// called calls fn, whose panic is the caller's of open, and not that of a goroutine.
func called(fn func() (opened, error)) (made opening) {
	defer func() {
		if v := recover(); v != nil {
			made.panicked = v
		}
	}()
	made.pool, made.err = fn()
	return made
}

func (o *openings) enter(dsn string) *slot {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, ok := o.slots[dsn]
	if !ok {
		s = &slot{taken: make(chan struct{}, maxOpenings)}
		if o.slots == nil {
			o.slots = make(map[string]*slot)
		}
		o.slots[dsn] = s
	}
	s.users++
	return s
}

func (o *openings) leave(dsn string, s *slot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(o.slots, dsn)
	}
}

// connect opens a pool and its first connection, within OpenTimeout and for as long as ctx
// lasts.
func (d *databases) connect(ctx context.Context, dsn string) (opened, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.OpenTimeout)
	defer cancel()
	pool, err := d.openings.open(ctx, dsn, func() (opened, error) { return d.cfg.open(d.in, dsn) })
	if err != nil {
		return opened{}, err
	}
	conn, err := pool.db.Conn(ctx)
	if err == nil {
		err = conn.Close()
	}
	if err != nil {
		return opened{}, joined(err, pool.Close())
	}
	return pool, nil
}
