package routing

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"sync"
	"time"

	"gorm.io/gorm"
)

// Transactions makes transactions that begin with their first statement: begin, the
// settings and the statement travel together. They are those of database/sql, on a driver
// that has a connection of another pool underneath. The zero value is ready, and safe for
// concurrent use.
type Transactions struct {
	mu     sync.Mutex
	db     *sql.DB
	closed bool
}

// maxIdleTransactions bounds what is kept for the next transactions: a few words each.
const maxIdleTransactions = 64

// rollbackTimeout bounds the end of a transaction whose context has ended before it.
const rollbackTimeout = 5 * time.Second

// begin returns a transaction of target on a connection of pool, or ErrNoPipeline.
func (t *Transactions) begin(ctx context.Context, pool gorm.ConnPool, target *Target) (transaction, error) {
	if target.Pipeline == nil || len(target.Settings) == 0 || isTransaction(pool) {
		return nil, ErrNoPipeline
	}
	db, err := t.open()
	if err != nil {
		return nil, err
	}
	return db.BeginTx(&lazyRequest{ctx, pool, target}, nil) //nolint:contextcheck // it is ctx, with a request
}

func (t *Transactions) open() (*sql.DB, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	if t.db == nil {
		t.db = sql.OpenDB(lazyConnector{})
		t.db.SetMaxIdleConns(maxIdleTransactions)
	}
	return t.db, nil
}

// Close refuses new transactions. Those that are open go on.
func (t *Transactions) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.db == nil {
		return nil
	}
	return t.db.Close()
}

type lazyKey struct{}

// lazyRequest is a context that says where a transaction is wanted, and for whom.
type lazyRequest struct {
	context.Context //nolint:containedctx // it is one

	pool   gorm.ConnPool
	target *Target
}

// Value implements context.Context.
func (r *lazyRequest) Value(key any) any {
	if key == (lazyKey{}) {
		return r
	}
	return r.Context.Value(key)
}

// lazyConnector makes connections that have none underneath while they have no transaction.
type lazyConnector struct{}

func (c lazyConnector) Driver() driver.Driver                        { return c }
func (c lazyConnector) Open(string) (driver.Conn, error)             { return nil, driver.ErrSkip }
func (c lazyConnector) Connect(context.Context) (driver.Conn, error) { return &lazyConn{}, nil }

// lazyConn has one transaction at a time, on a connection of the pool that it was begun for.
type lazyConn struct {
	inner   *sql.Conn
	back    io.Closer
	target  *Target
	checker driver.NamedValueChecker // nil: database/sql knows what to do with arguments
	begun   bool                     // the server knows of the transaction
	ctx     context.Context          //nolint:containedctx // driver.Tx has no other way to be bounded
}

// raw calls fn with the connection underneath. One that broke before is gone from there, and
// so is one on which fn panics.
func (c *lazyConn) raw(fn func(conn any) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &thrown{v}
		}
	}()
	err = c.inner.Raw(fn)
	if errors.Is(err, sql.ErrConnDone) {
		return driver.ErrBadConn
	}
	return err
}

func (c *lazyConn) idle() bool {
	idle := false
	_ = c.raw(func(conn any) error {
		idle = c.target.Pipeline.Idle(conn)
		c.checker, _ = conn.(driver.NamedValueChecker)
		return nil
	})
	return idle
}

// BeginTx implements driver.ConnBeginTx. It sends nothing.
func (c *lazyConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	request := ctx.Value(lazyKey{}).(*lazyRequest)
	inner, back, err := oneConn(ctx, request.pool)
	if err != nil {
		return nil, err
	}
	*c = lazyConn{inner: inner, back: back, target: request.target, ctx: ctx}
	if !c.idle() {
		return nil, errors.Join(ErrNoPipeline, c.Close())
	}
	return c, nil
}

// Begin implements driver.Conn.
func (c *lazyConn) Begin() (driver.Tx, error) { return nil, driver.ErrSkip }

// Prepare implements driver.Conn.
func (c *lazyConn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// Close implements driver.Conn. It gives back the connection underneath, if there is one; a
// connection with a transaction that nobody ended does not go back to its pool.
func (c *lazyConn) Close() error {
	if c.inner == nil {
		return nil
	}
	if c.begun && !c.idle() {
		_ = c.raw(func(any) error { return driver.ErrBadConn })
	}
	err := c.back.Close()
	*c = lazyConn{}
	if errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// Commit implements driver.Tx.
func (c *lazyConn) Commit() error {
	if !c.begun {
		return c.Close()
	}
	err := c.raw(func(conn any) error { return c.target.Pipeline.Commit(c.ctx, conn) })
	return c.ended(err)
}

// Rollback implements driver.Tx.
func (c *lazyConn) Rollback() error {
	if !c.begun {
		return c.Close()
	}
	return c.ended(c.undo())
}

func (c *lazyConn) undo() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), rollbackTimeout)
	defer cancel()
	err := c.raw(func(conn any) error { return c.target.Pipeline.Rollback(ctx, conn) })
	c.begun = false
	return err
}

// ended gives back the connection of a transaction that ended with err.
func (c *lazyConn) ended(err error) error {
	closed := c.Close()
	if err == nil {
		err = closed
	}
	return err
}

// first runs the first statement of the transaction by send, with what goes before it in
// the same round trip. It reports whether the statement had its turn; otherwise the
// transaction is begun, and the statement is still to be sent.
func (c *lazyConn) first(ctx context.Context, send func(conn any, o Opening) error) (done bool, err error) {
	if c.begun {
		return false, nil
	}
	if together(ctx) {
		err = c.raw(func(conn any) error {
			opening := c.target.opening()
			opening.Begin = true
			sendErr := send(conn, opening)
			c.begun = sendErr == nil || !c.target.Pipeline.Idle(conn)
			return sendErr
		})
		if !errors.Is(err, ErrNoPipeline) {
			return true, err
		}
		if c.begun {
			if err := c.undo(); err != nil { //nolint:contextcheck // it has a context of its own, which outlives ctx
				return true, err
			}
		}
	}
	return false, c.begin(ctx)
}

func (c *lazyConn) begin(ctx context.Context) error {
	return c.raw(func(conn any) error {
		err := c.target.Pipeline.Begin(ctx, conn, c.target.Settings)
		c.begun = !c.target.Pipeline.Idle(conn)
		return err
	})
}

// ExecContext implements driver.ExecerContext.
func (c *lazyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	done, err := c.first(ctx, func(conn any, o Opening) error {
		result, err = c.target.Pipeline.Exec(ctx, conn, o, query, unnamed(args))
		return err
	})
	if done || err != nil {
		return result, err
	}
	err = c.raw(func(conn any) error {
		result, err = conn.(driver.ExecerContext).ExecContext(ctx, query, args)
		return err
	})
	return result, err
}

// QueryContext implements driver.QueryerContext.
func (c *lazyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	done, err := c.first(ctx, func(conn any, o Opening) error {
		rows, err = c.target.Pipeline.Query(ctx, conn, o, query, unnamed(args), kept{})
		return err
	})
	if done || err != nil {
		return rows, err
	}
	err = c.raw(func(conn any) error {
		rows, err = conn.(driver.QueryerContext).QueryContext(ctx, query, args)
		return err
	})
	return rows, err
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *lazyConn) PrepareContext(ctx context.Context, query string) (stmt driver.Stmt, err error) {
	if !c.begun {
		if err := c.begin(ctx); err != nil {
			return nil, err
		}
	}
	err = c.raw(func(conn any) error {
		stmt, err = conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
		return err
	})
	return stmt, err
}

// CheckNamedValue implements driver.NamedValueChecker: the connection underneath decides.
func (c *lazyConn) CheckNamedValue(value *driver.NamedValue) error {
	if c.checker == nil {
		return driver.ErrSkip
	}
	return c.checker.CheckNamedValue(value)
}

func unnamed(args []driver.NamedValue) []any {
	values := make([]any, len(args))
	for i := range args {
		values[i] = args[i].Value
	}
	return values
}

type togetherKey struct{}

// together reports whether a statement may be prepared before its settings are there.
func together(ctx context.Context) bool { return ctx.Value(togetherKey{}) != nil }

func withTogether(ctx context.Context) context.Context {
	return context.WithValue(ctx, togetherKey{}, true)
}
