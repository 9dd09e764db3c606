package tenancy

import (
	"context"
	"database/sql"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// DBTX returns what db's statements run on, for code that speaks database/sql: it is
// the interface that sqlc's generated Queries ask for. Each call goes to the tenant in
// its context, with the same routing and settings as GORM's statements; if db is in a
// transaction, so are the calls. Texts are raw SQL: a strategy that refuses that
// refuses these with [ErrRawSQL]. On a handle without the plugin every call
// fails with [ErrNotInstalled].
//
// For a transaction give the generated New a DBTX of GORM's transaction, or what
// [BeginTx] returns: the generated WithTx takes a *sql.Tx alone.
//
// It may be used from several goroutines. Statements cannot be prepared on it outside a
// transaction, since a prepared statement would serve all tenants.
func DBTX(db *gorm.DB) gorm.ConnPool {
	in, err := Installed(db)
	if err != nil {
		return routing.Failed(err)
	}
	h, err := in.handleOf(db.Statement.ConnPool)
	switch {
	case err != nil:
		return routing.Failed(err)
	case h.tx != nil:
		return h.tx
	default:
		return h.pool
	}
}

// BeginTx begins a transaction of the tenant in ctx, for code that speaks database/sql.
// [WithTx] makes GORM use it as well. Statements with the context of anybody else are
// refused with [ErrTenantMismatch]. Without a tenant it begins one that only GORM's
// statements on shared models can use.
func BeginTx(ctx context.Context, db *gorm.DB, opts *sql.TxOptions) (gorm.Tx, error) {
	in, err := Installed(db)
	if err != nil {
		return nil, err
	}
	tx, err := in.pool.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return tx.(gorm.Tx), nil
}

// WithTx returns a session of db in a transaction from [BeginTx]. Whoever began it ends
// it. The session's statements use ctx, whose tenant must be the transaction's.
func WithTx(ctx context.Context, db *gorm.DB, tx gorm.Tx) *gorm.DB {
	session := db.Session(&gorm.Session{NewDB: true, Context: ctx})
	session.Statement.ConnPool = tx
	return session
}
