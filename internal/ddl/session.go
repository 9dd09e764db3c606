package ddl

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"gorm.io/gorm"
)

// ErrLockTimeout: somebody else has the lock, and has kept it for longer than one waits.
var ErrLockTimeout = errors.New("lock timeout: another runner is at work on the same structures; try again when it is done, or raise the lock timeout")

// Exclusive runs fn on one connection of db, in a transaction that nobody else can
// have for the same key at the same time, in this process or another. On SQLite there is
// one key for all. fn's error rolls back everything and comes back unchanged.
func Exclusive(ctx context.Context, db *sql.DB, dialect, key string, fn func(tx gorm.ConnPool) error) error {
	return ExclusiveWithin(ctx, db, dialect, key, 0, fn)
}

// ExclusiveWithin is Exclusive that waits no longer than patience for the lock of
// PostgreSQL, or of MySQL in whole seconds, and then returns [ErrLockTimeout]. 0: for ever.
// For SQLite ctx says how long.
func ExclusiveWithin(ctx context.Context, db *sql.DB, dialect, key string, patience time.Duration, fn func(tx gorm.ConnPool) error) (err error) {
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
		return exclusivePostgres(ctx, conn, key, patience, fn)
	case "mysql":
		return exclusiveMySQL(ctx, conn, key, patience, fn)
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
func exclusivePostgres(ctx context.Context, conn *sql.Conn, key string, patience time.Duration, fn func(tx gorm.ConnPool) error) error {
	began := time.Now()
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
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
		if patience > 0 && time.Since(began) >= patience {
			return ErrLockTimeout
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
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
