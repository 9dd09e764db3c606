package routing

import (
	"context"
	"database/sql"

	"gorm.io/gorm"
)

// Statement is the pool of one statement of GORM: it knows the target that the
// callbacks chose, and tells the statement's own text from any other that
// somebody sends through the same handle, from a hook for instance.
type Statement struct {
	pool   *Pool
	tx     *Tx // nil outside a transaction
	target *Target
	stmt   *gorm.Statement
	raw    bool // the user wrote the text
	// Note is what whoever made the statement knows of it.
	Note Note
}

// Statement makes s, which was not used before, the pool of stmt outside a transaction.
func (p *Pool) Statement(s *PoolStatement, stmt *gorm.Statement, target *Target, raw bool, note Note) {
	s.Statement = Statement{pool: p, target: target, stmt: stmt, raw: raw, Note: note}
}

// Note is what the maker of a Statement knows of it.
type Note interface {
	// Plain reports whether nothing of the user's is in the text but values. It is
	// asked when the text is sent.
	Plain() bool
	// Named reports whether the text names no table but with its place.
	Named(query string) bool
}

// Statement returns the pool of stmt inside the transaction. It fails when the
// transaction is not the target's.
func (tx *Tx) Statement(stmt *gorm.Statement, target *Target, raw bool, note Note) (*TxStatement, error) {
	if err := tx.check(target); err != nil {
		return nil, err
	}
	return &TxStatement{Statement{pool: tx.pool, tx: tx, target: target, stmt: stmt, raw: raw, Note: note}}, nil
}

// Of returns the statement that stmt runs as, or nil.
func Of(stmt *gorm.Statement) *Statement {
	var s *Statement
	switch p := stmt.ConnPool.(type) {
	case *PoolStatement:
		s = &p.Statement
	case *TxStatement:
		s = &p.Statement
	default:
		return nil
	}
	if s.stmt != stmt {
		return nil
	}
	return s
}

// own reports whether query is the text of the statement itself.
func (s *Statement) own(query string) bool { return query == s.stmt.SQL.String() }

// choose returns the target for a text, and where the text comes from.
func (s *Statement) choose(ctx context.Context, query string) (target *Target, from origin, err error) {
	if s.own(query) {
		switch {
		case s.raw:
			return s.target, written, nil
		case s.Note != nil && s.Note.Plain():
			return s.target, plain, nil
		case s.Note != nil && s.Note.Named(query):
			return s.target, named, nil
		default:
			return s.target, built, nil
		}
	}
	if s.tx != nil {
		target, err = s.tx.target(ctx)
	} else {
		target, err = s.pool.router.Statement(ctx)
	}
	return target, written, err
}

// ExecContext implements gorm.ConnPool.
func (s *Statement) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	target, from, err := s.choose(ctx, query)
	if err != nil {
		return nil, err
	}
	if s.tx != nil {
		return s.tx.exec(ctx, target, from, query, args)
	}
	return s.pool.exec(ctx, target, from, query, args)
}

// QueryContext implements gorm.ConnPool.
func (s *Statement) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	target, from, err := s.choose(ctx, query)
	if err != nil {
		return nil, err
	}
	if s.tx != nil {
		return s.tx.query(ctx, target, from, query, args)
	}
	return s.pool.query(ctx, target, from, query, args)
}

// QueryRowContext implements gorm.ConnPool.
func (s *Statement) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	target, from, err := s.choose(ctx, query)
	if err != nil {
		return failedRow(err)
	}
	if s.tx != nil {
		return s.tx.queryRow(ctx, target, from, query, args)
	}
	return s.pool.queryRow(ctx, target, from, query, args)
}

// GetDBConn implements gorm.GetDBConnector.
func (s *Statement) GetDBConn() (*sql.DB, error) { return s.pool.GetDBConn() }

// PoolStatement is a Statement outside a transaction.
type PoolStatement struct{ Statement }

// PrepareContext implements gorm.ConnPool; see Pool.PrepareContext.
func (s *PoolStatement) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return s.pool.PrepareContext(ctx, query)
}

// BeginTx implements gorm.ConnPoolBeginner. A transaction of the statement's owner runs
// the same statement, where that runs; a hook may begin one for somebody else.
func (s *PoolStatement) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	target, err := s.pool.router.Begin(ctx)
	if err != nil {
		return nil, err
	}
	if target.Owner != s.target.Owner {
		return s.pool.begin(ctx, target, opts)
	}
	tx, err := s.pool.begin(ctx, s.target, opts)
	if err != nil {
		return nil, err
	}
	tx.statement = TxStatement{s.Statement}
	tx.statement.tx = tx
	return &tx.statement, nil
}

// Pool returns the pool underneath.
func (s *PoolStatement) Pool() *Pool { return s.pool }

// TxStatement is a Statement inside a transaction.
type TxStatement struct{ Statement }

// PrepareContext implements gorm.ConnPool; see Tx.PrepareContext.
func (s *TxStatement) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return s.tx.PrepareContext(ctx, query)
}

// StmtContext implements gorm.Tx.
func (s *TxStatement) StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
	return s.tx.StmtContext(ctx, stmt)
}

// Commit implements gorm.TxCommitter.
func (s *TxStatement) Commit() error { return s.tx.Commit() }

// Rollback implements gorm.TxCommitter.
func (s *TxStatement) Rollback() error { return s.tx.Rollback() }

// Tx returns the transaction underneath.
func (s *TxStatement) Tx() *Tx { return s.tx }

// Fixed returns a pool whose every call goes to target, whatever its context says.
func (p *Pool) Fixed(target *Target) gorm.ConnPool {
	own := func() (*sql.DB, error) {
		pool, release, err := target.acquire(context.Background(), p.base)
		if err != nil {
			return nil, err
		}
		defer release()
		return sqlDB(pool)
	}
	return &Pool{router: fixed(p.router, target), base: p.base, own: own}
}

// Fixed returns the transaction with every call on target, whatever its context says.
func (tx *Tx) Fixed(target *Target) gorm.ConnPool {
	pool := New(tx.pool.base, fixed(tx.pool.router, target))
	return &Tx{pool: pool, owner: tx.owner, own: tx.own, held: tx.held, inner: tx.inner, lazy: tx.lazy}
}

func fixed(r Router, target *Target) Router {
	always := func(context.Context) (*Target, error) { return target, nil }
	return Router{Statement: always, Begin: always, Streams: r.Streams, Transactions: r.Transactions, Mismatch: r.Mismatch, Elsewhere: r.Elsewhere, Closed: r.Closed}
}
