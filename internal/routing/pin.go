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
	held   map[pinKey]*sql.Conn
	closed chan struct{}
	wg     sync.WaitGroup
}

type pinKey struct {
	holder *sql.Conn
	owner  string
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
	p.mu.Lock()
	defer p.mu.Unlock()
	key := pinKey{holder, target.Owner}
	if conn, ok := p.held[key]; ok {
		return conn, nil
	}
	pool, release, err := target.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := connOf(ctx, pool)
	if err != nil {
		release()
		return nil, err
	}
	if p.held == nil {
		p.held, p.closed = map[pinKey]*sql.Conn{}, make(chan struct{})
	}
	p.held[key] = conn
	closed := p.closed
	p.wg.Go(func() {
		waitDone(holder, closed)
		p.mu.Lock()
		delete(p.held, key)
		p.mu.Unlock()
		_ = conn.Close()
		release()
	})
	return conn, nil
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
			if errors.Is(conn.Raw(func(any) error { return nil }), sql.ErrConnDone) {
				return
			}
		}
	}
}

// Close ends all pins.
func (p *Pins) Close() {
	p.mu.Lock()
	if p.closed != nil {
		select {
		case <-p.closed:
		default:
			close(p.closed)
		}
	}
	p.mu.Unlock()
	p.wg.Wait()
}
