package routing

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"gorm.io/gorm"
)

// ErrPrepare is the answer to PrepareContext on the pool: a statement prepared
// there would serve whichever tenant asks for its text next.
var ErrPrepare = errors.New("a statement cannot be prepared for all tenants at once; prepare it inside a transaction, or set PrepareStmt in gorm.Config")

// ErrClosed is returned after Close.
var ErrClosed = errors.New("the pool was closed")

// Pool is the gorm.ConnPool of all tenants. It looks at the context of every call
// and uses the pool of that context's target. Safe for concurrent use.
type Pool struct {
	router Router
	base   gorm.ConnPool
	own    func() (*sql.DB, error) // of a pool that is fixed to a target; else nil
}

// New returns a pool that sends what has no pool of its own to base.
func New(base gorm.ConnPool, router Router) *Pool {
	return &Pool{router: router, base: base}
}

// Over returns the same pool with another base: a replica, a pinned connection.
func (p *Pool) Over(base gorm.ConnPool) *Pool {
	if base == p.base {
		return p
	}
	return New(base, p.router)
}

// Base returns the pool for what has none of its own.
func (p *Pool) Base() gorm.ConnPool { return p.base }

// PrepareContext always fails with ErrPrepare.
func (p *Pool) PrepareContext(context.Context, string) (*sql.Stmt, error) { return nil, ErrPrepare }

// ExecContext runs a text that GORM's callbacks have not seen.
func (p *Pool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	target, err := p.router.Statement(ctx)
	if err != nil {
		return nil, err
	}
	return p.exec(ctx, target, written, query, args)
}

// QueryContext runs a text that GORM's callbacks have not seen.
func (p *Pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	target, err := p.router.Statement(ctx)
	if err != nil {
		return nil, err
	}
	return p.query(ctx, target, written, query, args)
}

// QueryRowContext runs a text that GORM's callbacks have not seen. A failure
// is in the row that it returns.
func (p *Pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	target, err := p.router.Statement(ctx)
	if err != nil {
		return failedRow(err)
	}
	return p.queryRow(ctx, target, written, query, args)
}

// BeginTx begins a transaction that belongs to the owner in ctx.
func (p *Pool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	target, err := p.router.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return p.begin(ctx, target, opts)
}

// GetDBConn returns the base *sql.DB, whose limits are the application's to set. Of a
// pool that is fixed to a target it is the target's: MySQL's migrator drops tables on it.
func (p *Pool) GetDBConn() (*sql.DB, error) {
	if p.own != nil {
		return p.own()
	}
	return sqlDB(p.base)
}

// Ping pings the base pool.
func (p *Pool) Ping() error {
	if pinger, ok := p.base.(interface{ Ping() error }); ok {
		return pinger.Ping()
	}
	return nil
}

// acquire lends the pool that a target is sent to, unless nothing new is to be begun.
func (p *Pool) acquire(ctx context.Context, target *Target) (gorm.ConnPool, func(), error) {
	if p.router.Closed != nil {
		if err := p.router.Closed(target.Owner); err != nil {
			return nil, nil, err
		}
	}
	return target.acquire(ctx, p.base)
}

func (p *Pool) exec(ctx context.Context, target *Target, from origin, query string, args []any) (sql.Result, error) {
	query, err := target.inspect(query, from, args)
	if err != nil {
		return nil, err
	}
	pool, release, err := p.acquire(ctx, target)
	if err != nil {
		return nil, err
	}
	defer release()
	result, err := p.run(ctx, pool, target, from, query, args)
	return result, target.explain(err)
}

// run runs a statement, with the target's settings if it has any.
func (p *Pool) run(ctx context.Context, pool gorm.ConnPool, target *Target, from origin, query string, args []any) (sql.Result, error) {
	if len(target.Settings) == 0 {
		return pool.ExecContext(ctx, query, args...)
	}
	if pipeline := target.pipeline(pool, from); pipeline != nil {
		if result, err := execPipelined(ctx, pipeline, pool, target, query, args); !errors.Is(err, ErrNoPipeline) {
			return result, err
		}
	}
	return execSettled(ctx, pool, target, query, args)
}

// query lets the pool go as soon as the rows are there: they hold a connection of
// it until they are closed, and closing a pool leaves such a connection alone.
func (p *Pool) query(ctx context.Context, target *Target, from origin, query string, args []any) (*sql.Rows, error) {
	query, err := target.inspect(query, from, args)
	if err != nil {
		return nil, err
	}
	pool, release, err := p.acquire(ctx, target)
	if err != nil {
		return nil, err
	}
	defer release()
	if len(target.Settings) == 0 {
		rows, err := pool.QueryContext(ctx, query, args...)
		return rows, target.explain(err)
	}
	rows, err := p.stream(ctx, pool, target, from, query, args)
	if err != nil {
		return nil, target.explain(err)
	}
	return p.router.Streams.Rows(ctx, rows)
}

func (p *Pool) queryRow(ctx context.Context, target *Target, from origin, query string, args []any) *sql.Row {
	query, err := target.inspect(query, from, args)
	if err != nil {
		return failedRow(err)
	}
	pool, release, err := p.acquire(ctx, target)
	if err != nil {
		return failedRow(err)
	}
	defer release()
	if len(target.Settings) == 0 {
		return target.row(pool.QueryRowContext(ctx, query, args...))
	}
	rows, err := p.stream(ctx, pool, target, from, query, args)
	if err != nil {
		return failedRow(target.explain(err))
	}
	return p.router.Streams.Row(ctx, rows)
}

// stream returns the rows of a query with settings, which end when the rows are closed.
func (p *Pool) stream(ctx context.Context, pool gorm.ConnPool, target *Target, from origin, query string, args []any) (driver.Rows, error) {
	if pipeline := target.pipeline(pool, from); pipeline != nil {
		if rows, err := queryPipelined(ctx, pipeline, pool, target, query, args); !errors.Is(err, ErrNoPipeline) {
			return rows, err
		}
	}
	rows, finish, err := querySettled(ctx, pool, target, query, args) //nolint:rowserrcheck // the stream asks
	if err != nil {
		return nil, err
	}
	return &stream{inner: rows, finish: finish}, nil
}

func (p *Pool) begin(ctx context.Context, target *Target, opts *sql.TxOptions) (*Tx, error) {
	pool, release, err := p.acquire(ctx, target)
	if err != nil {
		return nil, err
	}
	tx := newTx(p, target)
	if tx.inner, tx.lazy, err = p.beginOn(ctx, pool, target, opts); err != nil {
		release()
		return nil, target.explain(err)
	}
	if target.Acquire != nil {
		tx.lends(ctx, release)
	}
	return tx, nil
}

// beginOn begins a transaction with its first statement where it can, which is lazy.
func (p *Pool) beginOn(ctx context.Context, pool gorm.ConnPool, target *Target, opts *sql.TxOptions) (tx transaction, lazy bool, err error) {
	if opts == nil || *opts == (sql.TxOptions{}) {
		if tx, err = p.router.Transactions.begin(ctx, pool, target); !errors.Is(err, ErrNoPipeline) {
			return tx, true, err
		}
	}
	tx, err = beginSettled(ctx, pool, target, opts)
	return tx, false, err
}

// begin begins a transaction on whatever kind of pool it is given.
func begin(ctx context.Context, pool gorm.ConnPool, opts *sql.TxOptions) (transaction, error) {
	switch beginner := pool.(type) {
	case gorm.TxBeginner:
		tx, err := beginner.BeginTx(ctx, opts)
		if err != nil {
			return nil, err
		}
		return tx, nil
	case gorm.ConnPoolBeginner:
		inner, err := beginner.BeginTx(ctx, opts)
		if err != nil {
			return nil, err
		}
		if tx, ok := inner.(transaction); ok {
			return tx, nil
		}
	}
	return nil, gorm.ErrInvalidTransaction
}

// sqlDB finds the *sql.DB at the bottom of a pool.
func sqlDB(pool gorm.ConnPool) (*sql.DB, error) {
	switch p := pool.(type) {
	case *sql.DB:
		return p, nil
	case gorm.GetDBConnector:
		return p.GetDBConn()
	default:
		return nil, gorm.ErrInvalidDB
	}
}
