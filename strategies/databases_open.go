package strategies

import (
	"context"
	"sync"
	"time"
)

// maxOpenings is how many goroutines open one DSN at once.
const maxOpenings = 4

// openings opens pools for callers that do not wait for ever. MySQL's dialect asks the server
// for its version without a context, so one that accepts and never answers keeps a goroutine
// until the connection breaks. An opening that everybody gave up keeps its place among
// maxOpenings for the timeout once more, so that they stay few, and a new one may find the
// server well again.
type openings struct {
	timeout time.Duration
	mu      sync.Mutex
	gates   map[string]*gate // by DSN
}

func newOpenings(timeout time.Duration) *openings {
	return &openings{timeout: timeout, gates: make(map[string]*gate)}
}

// gate is the places of one DSN.
type gate struct {
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
	g := o.enter(dsn)
	select {
	case g.taken <- struct{}{}:
	case <-ctx.Done():
		o.leave(dsn, g)
		return opened{}, ctx.Err()
	}
	release := sync.OnceFunc(func() {
		<-g.taken
		o.leave(dsn, g)
	})
	result := make(chan opening)
	go func() {
		made := called(fn)
		release()
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
		time.AfterFunc(o.timeout, release)
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

func (o *openings) enter(dsn string) *gate {
	o.mu.Lock()
	defer o.mu.Unlock()
	g, ok := o.gates[dsn]
	if !ok {
		g = &gate{taken: make(chan struct{}, maxOpenings)}
		o.gates[dsn] = g
	}
	g.users++
	return g
}

func (o *openings) leave(dsn string, g *gate) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if g.users--; g.users == 0 {
		delete(o.gates, dsn)
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
