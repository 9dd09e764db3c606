package routing

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
)

// transaction is what GORM asks of one.
type transaction = gorm.Tx

// Tx is a transaction that knows whose it is. Like *sql.Tx it may be used from
// several goroutines, one statement at a time.
type Tx struct {
	pool  *Pool
	owner Owner
	own   bool // in the owner's own database, and not the base
	held  []Setting
	inner transaction
	lazy  bool        // one of Transactions
	begun atomic.Bool // a statement was sent

	statement TxStatement // of GORM, if it was begun for one

	release func() // gives the pool back, once; nil: it is nobody's
	unwatch func() bool
}

func newTx(pool *Pool, target *Target) *Tx {
	return &Tx{pool: pool, owner: target.Owner, own: target.Acquire != nil, held: target.Settings}
}

// lends makes the transaction give its pool back when it ends. A cancelled context rolls it
// back without anybody's help, so the pool goes back then, too.
func (tx *Tx) lends(ctx context.Context, release func()) {
	tx.release = sync.OnceFunc(release)
	tx.unwatch = context.AfterFunc(ctx, tx.release)
}

// begins returns the context of a statement, which says whether it may begin the
// transaction: one that names its tables with their place may.
func (tx *Tx) begins(ctx context.Context, target *Target, from origin) context.Context {
	if target.Pipeline == nil || !target.travels(from) || tx.begun.Swap(true) {
		return ctx
	}
	return withTogether(ctx)
}

// Owner says whose transaction it is.
func (tx *Tx) Owner() Owner { return tx.owner }

// Own reports whether it is in the owner's own database.
func (tx *Tx) Own() bool { return tx.own }

// Pool returns the pool that the transaction was begun on.
func (tx *Tx) Pool() *Pool { return tx.pool }

// PrepareContext prepares a statement in the transaction. It is refused where texts
// are rewritten for each tenant, as whoever keeps the statement keeps it by the
// text before.
func (tx *Tx) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	target, err := tx.target(ctx)
	if err != nil {
		return nil, err
	}
	text, err := target.inspect(query, written, nil)
	if err != nil {
		return nil, err
	}
	if text != query {
		return nil, ErrPrepare
	}
	stmt, err := tx.inner.PrepareContext(ctx, query)
	return stmt, target.explain(err)
}

// StmtContext returns the transaction's own form of a prepared statement.
func (tx *Tx) StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
	return tx.inner.StmtContext(ctx, stmt)
}

// ExecContext runs a text that GORM's callbacks have not seen.
func (tx *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	target, err := tx.target(ctx)
	if err != nil {
		return nil, err
	}
	return tx.exec(ctx, target, written, query, args)
}

// QueryContext runs a text that GORM's callbacks have not seen.
func (tx *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	target, err := tx.target(ctx)
	if err != nil {
		return nil, err
	}
	return tx.query(ctx, target, written, query, args)
}

// QueryRowContext runs a text that GORM's callbacks have not seen.
func (tx *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	target, err := tx.target(ctx)
	if err != nil {
		return failedRow(err)
	}
	return tx.queryRow(ctx, target, written, query, args)
}

// Commit commits, and gives the pool back.
func (tx *Tx) Commit() error {
	defer tx.finish()
	return tx.inner.Commit()
}

// Rollback rolls back, and gives the pool back.
func (tx *Tx) Rollback() error {
	defer tx.finish()
	return tx.inner.Rollback()
}

// GetDBConn returns the base *sql.DB.
func (tx *Tx) GetDBConn() (*sql.DB, error) { return tx.pool.GetDBConn() }

func (tx *Tx) finish() {
	if tx.release != nil {
		tx.unwatch()
		tx.release()
	}
}

// target finds the target of ctx and refuses one that is not the transaction's owner.
func (tx *Tx) target(ctx context.Context) (*Target, error) {
	target, err := tx.pool.router.Begin(ctx)
	if err != nil {
		return nil, err
	}
	if err := tx.check(target); err != nil {
		return nil, err
	}
	return target, nil
}

func (tx *Tx) check(target *Target) error {
	switch {
	case target.Owner != tx.owner, target.Acquire == nil && !tx.own && !slices.Equal(target.Settings, tx.held):
		return tx.pool.router.Mismatch(tx.owner, target.Owner)
	case (target.Acquire != nil) != tx.own:
		return tx.pool.router.Elsewhere(tx.owner)
	}
	return nil
}

func (tx *Tx) exec(ctx context.Context, target *Target, from origin, query string, args []any) (sql.Result, error) {
	query, err := target.inspect(query, from, args)
	if err != nil {
		return nil, err
	}
	result, err := tx.inner.ExecContext(tx.begins(ctx, target, from), query, args...)
	rethrow(err)
	return result, target.explain(err)
}

func (tx *Tx) query(ctx context.Context, target *Target, from origin, query string, args []any) (*sql.Rows, error) {
	query, err := target.inspect(query, from, args)
	if err != nil {
		return nil, err
	}
	tx.provoke(args)
	rows, err := tx.inner.QueryContext(tx.begins(ctx, target, from), query, args...)
	rethrow(err)
	return rows, target.explain(err)
}

func (tx *Tx) queryRow(ctx context.Context, target *Target, from origin, query string, args []any) *sql.Row {
	query, err := target.inspect(query, from, args)
	if err != nil {
		return failedRow(err)
	}
	tx.provoke(args)
	row := tx.inner.QueryRowContext(tx.begins(ctx, target, from), query, args...)
	rethrow(row.Err())
	return target.row(row)
}
