package test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/mattn/go-sqlite3"
)

// faulty is a driver that ends as a process does which is killed: from a chosen statement on
// nothing works, and the connections of before are gone.
type faulty struct {
	driver.Driver

	mu      sync.Mutex
	left    int // statements until the end; negative: no end
	dead    bool
	life    int // counts revivals
	lostAck bool
}

var errKilled = errors.New("killed")

const (
	faultySQLite = "faulty sqlite3"
	faultyPgx    = "faulty pgx"
)

// The drivers under their names: database/sql knows no other way in for a dialect.
var faults = map[string]*faulty{
	faultySQLite: registered(faultySQLite, &sqlite3.SQLiteDriver{}),
	faultyPgx:    registered(faultyPgx, stdlib.GetDefaultDriver()),
}

func registered(name string, inner driver.Driver) *faulty {
	f := &faulty{Driver: inner, left: -1}
	sql.Register(name, f)
	return f
}

// killAt ends everything at the n-th statement from now. lostAck: it is a statement that
// is done, and of which nobody is told.
func (f *faulty) killAt(n int, lostAck bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.lostAck = n, lostAck
}

// revive lets new connections work, and reports whether there was an end.
func (f *faulty) revive() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	died := f.dead
	f.left, f.dead = -1, false
	if died {
		f.life++
	}
	return died
}

// Open implements driver.Driver.
func (f *faulty) Open(name string) (driver.Conn, error) {
	f.mu.Lock()
	dead, life := f.dead, f.life
	f.mu.Unlock()
	if dead {
		return nil, errKilled
	}
	conn, err := f.Driver.Open(name)
	return &faultyConn{Conn: conn, f: f, life: life}, err
}

// step counts a statement. done: it is to be sent; err: what is answered whatever it does.
func (c *faultyConn) step() (send bool, err error) {
	f := c.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead || f.life != c.life {
		return false, errKilled
	}
	if f.left < 0 {
		return true, nil
	}
	if f.left--; f.left > 0 {
		return true, nil
	}
	f.dead = true
	return f.lostAck, errKilled
}

type faultyConn struct {
	driver.Conn

	f    *faulty
	life int
}

func (c *faultyConn) IsValid() bool {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	return !c.f.dead && c.f.life == c.life
}

func (c *faultyConn) ResetSession(ctx context.Context) error {
	if !c.IsValid() {
		return driver.ErrBadConn
	}
	if inner, ok := c.Conn.(driver.SessionResetter); ok {
		return inner.ResetSession(ctx)
	}
	return nil
}

func (c *faultyConn) CheckNamedValue(v *driver.NamedValue) error {
	if inner, ok := c.Conn.(driver.NamedValueChecker); ok {
		return inner.CheckNamedValue(v)
	}
	var err error
	v.Value, err = driver.DefaultParameterConverter.ConvertValue(v.Value)
	return err
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	send, err := c.step()
	if !send {
		return nil, err
	}
	result, sent := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	return result, errors.Join(sent, err)
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	send, err := c.step()
	if !send || err != nil {
		return nil, err
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if _, err := c.step(); err != nil {
		return nil, err
	}
	return c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}

func (c *faultyConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if _, err := c.step(); err != nil {
		return nil, err
	}
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	return faultyTx{tx, c}, err
}

type faultyTx struct {
	driver.Tx

	conn *faultyConn
}

func (t faultyTx) Commit() error {
	send, err := t.conn.step()
	if !send {
		return errors.Join(err, t.Tx.Rollback())
	}
	return errors.Join(t.Tx.Commit(), err)
}
