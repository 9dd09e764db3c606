package ddl

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"gorm.io/gorm"
)

// OwnDatabase is the key of the lock of a tenant in a database of its own.
const OwnDatabase = "tenant"

// Exclusive runs fn on one connection of db, in a transaction that nobody else can
// have for the same key at the same time, in this process or another. On SQLite there is
// one key for all. fn's error rolls back everything and comes back unchanged. It waits for
// the others as long as ctx lasts, or as [Patient] says.
func Exclusive(ctx context.Context, db *sql.DB, dialect, key string, fn func(tx gorm.ConnPool) error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := closing(conn); err == nil {
			err = closeErr
		}
	}()
	switch dialect {
	case "sqlite":
		return exclusiveSQLite(ctx, conn, fn)
	case "postgres":
		return exclusivePostgres(ctx, conn, key, fn)
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
}

// Lock waits for a lock of PostgreSQL that is released with the transaction tx: nothing
// is left on a connection of a pooler.
func Lock(ctx context.Context, tx gorm.ConnPool, key string) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", key, lockSeed)
	return err
}

// exclusivePostgres waits by asking again, each time in a new transaction: one that waits
// for the lock would hold a snapshot, and whoever has the lock may wait for the end of
// all older snapshots (CREATE INDEX CONCURRENTLY).
func exclusivePostgres(ctx context.Context, conn *sql.Conn, key string, fn func(tx gorm.ConnPool) error) error {
	w := beginWait(ctx)
	for moment := time.Millisecond; ; moment = min(2*moment, 50*time.Millisecond) {
		locked := false
		err := inTransaction(ctx, conn, func(tx gorm.ConnPool) error {
			err := tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock(hashtextextended($1, $2))", key, lockSeed).Scan(&locked)
			if err != nil || !locked {
				return err
			}
			return fn(tx)
		})
		if err != nil || locked {
			return err
		}
		if over, err := w.pause(ctx, moment); over {
			return w.held(holderPostgres(ctx, conn, key))
		} else if err != nil {
			return err
		}
	}
}

// holderPostgres says who has an advisory lock. The role and the name of the application
// are what every role may see of another's session.
func holderPostgres(ctx context.Context, conn *sql.Conn, key string) string {
	var holder string
	err := conn.QueryRowContext(ctx, `
		SELECT format('process %s of the server, role %s, application %s', a.pid, a.usename, quote_literal(a.application_name))
		FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid JOIN pg_database d ON d.oid = l.database
		WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()
		  AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended($1, $2)`, key, lockSeed).Scan(&holder)
	if err != nil { // gone by now, or hidden
		return "a session that cannot be told"
	}
	return holder
}

// lockSeed keeps this module's advisory locks apart from the application's.
const lockSeed int64 = 0x74656e616e6379

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
