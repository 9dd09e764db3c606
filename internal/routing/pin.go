package routing

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"gorm.io/gorm"
)

// pinCheck is how often a pinned connection looks whether it is still wanted.
const pinCheck = 5 * time.Millisecond

// Pins gives owners with a pool of their own what gorm.DB.Connection gives others:
// one connection for a number of statements. GORM takes that connection from
// the base pool, and says nothing when it gives it back; so each pin is tied to the
// connection that GORM holds, and ends with it. The zero value is ready, and safe
// for concurrent use.
type Pins struct {
	mu     sync.Mutex
	held   map[pinKey]*pin
	closed bool
	wg     sync.WaitGroup
}

type pinKey struct {
	holder *sql.Conn
	owner  Owner
}

// pin is one connection, or the attempt to get it.
type pin struct {
	mu   sync.Mutex // held while the connection is got
	conn *sql.Conn
	end  chan struct{} // closed when the pins are
}

// Pin returns target as it is while holder is held: on one connection of its own pool.
func (p *Pins) Pin(holder *sql.Conn, target *Target) *Target {
	pinned := *target
	pinned.Acquire = func(ctx context.Context) (gorm.ConnPool, func(), error) {
		conn, err := p.conn(ctx, holder, target)
		return conn, func() {}, err
	}
	return &pinned
}

func (p *Pins) conn(ctx context.Context, holder *sql.Conn, target *Target) (*sql.Conn, error) {
	key := pinKey{holder, target.Owner}
	pinned, err := p.entry(key)
	if err != nil {
		return nil, err
	}
	pinned.mu.Lock()
	defer pinned.mu.Unlock()
	if pinned.conn != nil {
		return pinned.conn, nil
	}
	conn, back, err := leaseConn(ctx, target)
	if err != nil {
		p.forget(key)
		return nil, err
	}
	if !p.watch(key, pinned, back) {
		back()
		return nil, ErrClosed
	}
	pinned.conn = conn
	return conn, nil
}

// leaseConn gets a connection of the target's own pool, and what gives both back.
func leaseConn(ctx context.Context, target *Target) (*sql.Conn, func(), error) {
	pool, release, err := target.Acquire(ctx)
	if err != nil {
		return nil, nil, err
	}
	conn, err := connOf(ctx, pool)
	if err != nil {
		release()
		return nil, nil, err
	}
	return conn, func() { _ = conn.Close(); release() }, nil
}

func (p *Pins) forget(key pinKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.held, key)
}

func (p *Pins) entry(key pinKey) (*pin, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if p.held == nil {
		p.held = map[pinKey]*pin{}
	}
	pinned, ok := p.held[key]
	if !ok {
		pinned = &pin{end: make(chan struct{})}
		p.held[key] = pinned
	}
	return pinned, nil
}

// watch gives a pin back when its holder is, or the pins are closed.
func (p *Pins) watch(key pinKey, pinned *pin, back func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.wg.Go(func() {
		waitDone(key.holder, pinned.end)
		back()
		p.forget(key)
	})
	return true
}

func connOf(ctx context.Context, pool gorm.ConnPool) (*sql.Conn, error) {
	db, err := sqlDB(pool)
	if err != nil {
		return nil, err
	}
	return db.Conn(ctx)
}

// waitDone returns when conn was given back, or closed is closed.
func waitDone(conn *sql.Conn, closed <-chan struct{}) {
	ticker := time.NewTicker(pinCheck)
	defer ticker.Stop()
	for {
		select {
		case <-closed:
			return
		case <-ticker.C:
			if given(conn) {
				return
			}
		}
	}
}

// given reports whether conn was given back. database/sql may panic when it is asked at
// the very moment of giving back; then it was.
func given(conn *sql.Conn) (back bool) {
	defer func() {
		if recover() != nil {
			back = true
		}
	}()
	return errors.Is(conn.Raw(func(any) error { return nil }), sql.ErrConnDone)
}

// Close ends all pins.
func (p *Pins) Close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		for _, pinned := range p.held {
			close(pinned.end)
		}
	}
	p.mu.Unlock()
	p.wg.Wait()
}
