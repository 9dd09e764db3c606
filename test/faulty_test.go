package test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/mattn/go-sqlite3"
)

// faulty is a driver with which something goes wrong at a chosen statement. Opening a
// connection, beginning a transaction and committing it count as statements.
type faulty struct {
	driver.Driver

	mu     sync.Mutex
	left   int // statements until then; negative: nothing goes wrong
	fault  fault
	struck bool
	dead   bool
	life   int // counts deaths
}

// fault is what goes wrong. The zero value: the connection breaks before the statement is sent.
type fault struct {
	// lostAck: it breaks when the statement is done, and nobody is told.
	lostAck bool
	// killed: no connection works any more, as in a process that is killed.
	killed bool
	// instead is called, and the statement is sent.
	instead func()
}

var errKilled = errors.New("killed")

const (
	faultySQLite = "faulty sqlite3"
	faultyPgx    = "faulty pgx"
	faultyMySQL  = "faulty mysql"
)

// The drivers under their names: database/sql knows no other way in for a dialect.
var faults = map[string]*faulty{
	faultySQLite: registered(faultySQLite, &sqlite3.SQLiteDriver{}),
	faultyPgx:    registered(faultyPgx, stdlib.GetDefaultDriver()),
	faultyMySQL:  registered(faultyMySQL, mysql.MySQLDriver{}),
}

func registered(name string, inner driver.Driver) *faulty {
	f := &faulty{Driver: inner, left: -1}
	sql.Register(name, f)
	return f
}

// killAt ends everything at the n-th statement from now. lostAck: it is a statement that
// is done, and of which nobody is told.
func (f *faulty) killAt(n int, lostAck bool) { f.strike(n, fault{killed: true, lostAck: lostAck}) }

// strike lets something go wrong at the n-th statement from now.
func (f *faulty) strike(n int, what fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.fault, f.struck = n, what, false
}

// revive lets new connections work, and reports whether anything went wrong.
func (f *faulty) revive() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		f.life++
	}
	f.left, f.dead = -1, false
	return f.struck
}

// Open implements driver.Driver.
func (f *faulty) Open(name string) (driver.Conn, error) {
	f.mu.Lock()
	c := &faultyConn{f: f, life: f.life}
	f.mu.Unlock()
	if _, err := c.step(); err != nil {
		return nil, err
	}
	var err error
	c.Conn, err = f.Driver.Open(name)
	return c, err
}

// step counts a statement. send: it is to be sent; err: what is answered whatever it does.
func (c *faultyConn) step() (send bool, err error) {
	f := c.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if !c.works() {
		return false, errKilled
	}
	if f.left < 0 {
		return true, nil
	}
	if f.left--; f.left != 0 {
		return true, nil
	}
	f.struck, f.left = true, -1
	if f.fault.instead != nil {
		f.fault.instead()
		return true, nil
	}
	f.dead, c.broken = f.fault.killed, true
	return f.fault.lostAck, errKilled
}

type faultyConn struct {
	driver.Conn

	f      *faulty
	life   int
	broken bool
}

// works reports whether the connection is one that works. The caller holds c.f.mu.
func (c *faultyConn) works() bool { return !c.f.dead && c.f.life == c.life && !c.broken }

func (c *faultyConn) IsValid() bool {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	return c.works()
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
	if err != nil {
		return nil, errors.Join(sent, err)
	}
	return result, sent
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	send, err := c.step()
	if !send {
		return nil, err
	}
	rows, sent := c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
	if err != nil && sent == nil {
		sent = rows.Close() // which waits for the end of it
	}
	if err != nil {
		return nil, errors.Join(sent, err)
	}
	return rows, sent
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
