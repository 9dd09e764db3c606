package ddl

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// Opening is what a transaction on PostgreSQL begins with.
type Opening struct {
	// Settings last as long as the transaction.
	Settings []routing.Setting
	// Pipeline sends them, and what begins the transaction, in one round trip with the first
	// statement. nil, and where it cannot: each takes one.
	Pipeline routing.Pipeline
}

// Exclusive is [Exclusive] on PostgreSQL.
func (o Opening) Exclusive(ctx context.Context, db *sql.DB, key string, fn func(tx gorm.ConnPool) error) error {
	return onConn(ctx, db, func(conn *sql.Conn) error { return o.exclusive(ctx, conn, key, fn) })
}

// exclusive waits by asking again, each time in a new transaction: one that waits
// for the lock would hold a snapshot, and whoever has the lock may wait for the end of
// all older snapshots (CREATE INDEX CONCURRENTLY).
func (o Opening) exclusive(ctx context.Context, conn *sql.Conn, key string, fn func(tx gorm.ConnPool) error) error {
	o.Settings = slices.Concat(o.Settings, limitsOf(ctx).settings())
	w := beginWait(ctx)
	for moment := time.Millisecond; ; moment = min(2*moment, 50*time.Millisecond) {
		locked, err := o.attempt(ctx, conn, key, fn)
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

const tryLock = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, $2))"

// attempt runs fn in a transaction that has the lock, if it is free.
func (o Opening) attempt(ctx context.Context, conn *sql.Conn, key string, fn func(tx gorm.ConnPool) error) (locked bool, err error) {
	if o.travels(conn) {
		locked, err = o.tryLock(ctx, conn, key)
		if locked {
			return true, o.run(ctx, conn, fn)
		}
		o.undo(ctx, conn)
		if !errors.Is(err, routing.ErrNoPipeline) {
			return false, err
		}
	}
	err = inTransaction(ctx, conn, func(tx gorm.ConnPool) error {
		if err := routing.Settle(ctx, tx, o.Settings); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, tryLock, key, lockSeed).Scan(&locked)
		if err != nil || !locked {
			return err
		}
		return fn(tx)
	})
	return locked, err
}

// travels reports whether the pipeline knows the connection.
func (o Opening) travels(conn *sql.Conn) (known bool) {
	_ = conn.Raw(func(c any) error {
		known = o.Pipeline != nil && o.Pipeline.Idle(c)
		return nil
	})
	return known
}

// run runs fn in a transaction that the pipeline has begun.
func (o Opening) run(ctx context.Context, conn *sql.Conn, fn func(tx gorm.ConnPool) error) error {
	ended := false
	defer func() {
		if !ended {
			o.undo(ctx, conn)
		}
	}()
	if err := fn(within{conn}); err != nil {
		return err
	}
	ended = true
	return conn.Raw(func(c any) error { return o.Pipeline.Commit(ctx, c) })
}

// tryLock begins a transaction, and asks for the lock.
func (o Opening) tryLock(ctx context.Context, conn *sql.Conn, key string) (locked bool, err error) {
	opening := routing.Opening{Begin: true, Settings: o.Settings}
	err = conn.Raw(func(c any) error {
		rows, err := o.Pipeline.Query(ctx, c, opening, tryLock, []any{key, lockSeed}, io.NopCloser(nil))
		if err != nil {
			return err
		}
		cells := make([]driver.Value, 1)
		err = errors.Join(rows.Next(cells), rows.Close())
		locked = err == nil && cells[0] == true
		return err
	})
	return locked, err
}

// undo ends a transaction that the pipeline has begun. A connection that it is left open on
// goes to nobody else.
func (o Opening) undo(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	_ = conn.Raw(func(c any) error {
		if o.Pipeline.Idle(c) {
			return nil
		}
		if err := o.Pipeline.Rollback(ctx, c); err != nil {
			return driver.ErrBadConn
		}
		return nil
	})
}

// Lock waits for a lock of PostgreSQL that is released with the transaction tx: nothing
// is left on a connection of a pooler.
func Lock(ctx context.Context, tx gorm.ConnPool, key string) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", key, lockSeed)
	return err
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
