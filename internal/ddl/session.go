package ddl

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"
)

// OwnDatabase is the key of the lock of a tenant in a database of its own.
const OwnDatabase = "tenant"

// Exclusive runs fn on one connection of db, in a transaction that nobody else can
// have for the same key at the same time, in this process or another. On SQLite there is
// one key for all. fn's error rolls back everything and comes back unchanged. It waits for
// the others as long as ctx lasts, or as [Patient] says. [Limited] bounds what fn does.
func Exclusive(ctx context.Context, db *sql.DB, dialect, key string, fn func(tx gorm.ConnPool) error) error {
	return onConn(ctx, db, func(conn *sql.Conn) error {
		switch dialect {
		case "sqlite":
			return exclusiveSQLite(ctx, conn, fn)
		case "postgres":
			return Opening{}.exclusive(ctx, conn, key, fn)
		case "mysql":
			return exclusiveMySQL(ctx, conn, key, fn)
		case "sqlserver":
			return inTransaction(ctx, conn, func(tx gorm.ConnPool) error {
				if err := LockSQLServer(ctx, tx, key); err != nil {
					return err
				}
				return fn(tx)
			})
		default:
			return inTransaction(ctx, conn, fn)
		}
	})
}

// onConn runs fn on one connection of db.
func onConn(ctx context.Context, db *sql.DB, fn func(conn *sql.Conn) error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := closing(conn); err == nil {
			err = closeErr
		}
	}()
	return fn(conn)
}

func closing(conn *sql.Conn) error {
	if err := conn.Close(); !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}

// inTransaction is for databases of which nothing better is known.
func inTransaction(ctx context.Context, conn *sql.Conn, fn func(tx gorm.ConnPool) error) error {
	return withOptions(ctx, conn, nil, fn)
}

func withOptions(ctx context.Context, conn *sql.Conn, options *sql.TxOptions, fn func(tx gorm.ConnPool) error) error {
	tx, err := conn.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// within makes a connection on which a transaction was begun by hand look like a
// transaction, so that GORM nests with savepoints in it. Its end is not GORM's to decide.
type within struct{ *sql.Conn }

func (within) Commit() error   { return gorm.ErrInvalidTransaction }
func (within) Rollback() error { return gorm.ErrInvalidTransaction }

func (within) StmtContext(_ context.Context, stmt *sql.Stmt) *sql.Stmt { return stmt }
