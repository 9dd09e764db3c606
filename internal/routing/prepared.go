package routing

import (
	"context"
	"database/sql"

	lru "github.com/hashicorp/golang-lru/v2"
	"gorm.io/gorm"
)

// maxPrepared bounds the prepared statements of one pool.
const maxPrepared = 512

// Prepared is a *sql.DB that prepares each text once: what gorm.Config.PrepareStmt
// asks for, kept per database, so that no tenant meets a statement that was
// prepared in another's. Safe for concurrent use.
type Prepared struct {
	db    *sql.DB
	stmts *lru.Cache[string, *sql.Stmt]
}

// Prepare returns db with prepared statements.
func Prepare(db *sql.DB) *Prepared {
	stmts, _ := lru.NewWithEvict(maxPrepared, func(_ string, stmt *sql.Stmt) { _ = stmt.Close() })
	return &Prepared{db: db, stmts: stmts}
}

// stmt returns the prepared form of query, or nil where query has to do.
func (p *Prepared) stmt(ctx context.Context, query string) *sql.Stmt {
	if stmt, ok := p.stmts.Get(query); ok {
		return stmt
	}
	stmt, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil // the query itself will say why
	}
	if known, ok, _ := p.stmts.PeekOrAdd(query, stmt); ok {
		_ = stmt.Close()
		return known
	}
	return stmt
}

// outdated forgets a statement that was prepared for tables of another shape, and reports whether
// it is one: it would fail again each time, on every connection. Nothing was done with it.
func (p *Prepared) outdated(query string, stmt *sql.Stmt, err error) bool {
	if !stalePlan(err) {
		return false
	}
	if known, ok := p.stmts.Peek(query); ok && known == stmt {
		p.stmts.Remove(query)
	}
	return true
}

// evicted reports whether a statement was pushed out between stmt and its use.
func evicted(err error) bool { return err != nil && err.Error() == "sql: statement is closed" }

// PrepareContext implements gorm.ConnPool.
func (p *Prepared) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return p.db.PrepareContext(ctx, query)
}

// ExecContext implements gorm.ConnPool.
func (p *Prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	for range 2 {
		stmt := p.stmt(ctx, query)
		if stmt == nil {
			break
		}
		if result, err := stmt.ExecContext(ctx, args...); !evicted(err) && !p.outdated(query, stmt, err) {
			return result, err
		}
	}
	return p.db.ExecContext(ctx, query, args...)
}

// QueryContext implements gorm.ConnPool.
func (p *Prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	for range 2 {
		stmt := p.stmt(ctx, query)
		if stmt == nil {
			break
		}
		if rows, err := stmt.QueryContext(ctx, args...); !evicted(err) && !p.outdated(query, stmt, err) {
			return rows, err
		}
	}
	return p.db.QueryContext(ctx, query, args...)
}

// QueryRowContext implements gorm.ConnPool.
func (p *Prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	for range 2 {
		stmt := p.stmt(ctx, query)
		if stmt == nil {
			break
		}
		if row := stmt.QueryRowContext(ctx, args...); !evicted(row.Err()) && !p.outdated(query, stmt, row.Err()) {
			return row
		}
	}
	return p.db.QueryRowContext(ctx, query, args...)
}

// BeginTx implements gorm.ConnPoolBeginner.
func (p *Prepared) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	tx, err := p.db.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &preparedTx{Tx: tx, prepared: p}, nil
}

// GetDBConn implements gorm.GetDBConnector.
func (p *Prepared) GetDBConn() (*sql.DB, error) { return p.db, nil }

// Ping pings the database.
func (p *Prepared) Ping() error { return p.db.PingContext(context.Background()) }

// preparedTx uses what is prepared already. It prepares nothing itself: for that it
// would need a second connection while it holds one.
type preparedTx struct {
	*sql.Tx
	prepared *Prepared
}

func (tx *preparedTx) stmt(ctx context.Context, query string) *sql.Stmt {
	stmt, ok := tx.prepared.stmts.Get(query)
	if !ok {
		return nil
	}
	return tx.StmtContext(ctx, stmt)
}

// ended forgets an outdated statement. The transaction is over with its failure.
func (tx *preparedTx) ended(query string, err error) {
	if stmt, ok := tx.prepared.stmts.Peek(query); ok {
		tx.prepared.outdated(query, stmt, err)
	}
}

func (tx *preparedTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt := tx.stmt(ctx, query); stmt != nil {
		if result, err := stmt.ExecContext(ctx, args...); !evicted(err) {
			tx.ended(query, err)
			return result, err
		}
	}
	return tx.Tx.ExecContext(ctx, query, args...)
}

func (tx *preparedTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := tx.stmt(ctx, query); stmt != nil {
		if rows, err := stmt.QueryContext(ctx, args...); !evicted(err) {
			tx.ended(query, err)
			return rows, err
		}
	}
	return tx.Tx.QueryContext(ctx, query, args...)
}

func (tx *preparedTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := tx.stmt(ctx, query); stmt != nil {
		if row := stmt.QueryRowContext(ctx, args...); !evicted(row.Err()) {
			tx.ended(query, row.Err())
			return row
		}
	}
	return tx.Tx.QueryRowContext(ctx, query, args...)
}
