package ddl

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
)

// exclusiveSQLite follows SQLite's own procedure for changing a table that others
// refer to: foreign keys off, which only works outside a transaction, one
// transaction that holds the write lock from its start, foreign keys checked and on
// again (https://www.sqlite.org/lang_altertable.html, section 7). With foreign keys
// on, replacing a table would delete the rows that refer to it.
func exclusiveSQLite(ctx context.Context, conn *sql.Conn, fn func(tx gorm.ConnPool) error) (err error) {
	var enforced bool
	if err := conn.QueryRowContext(ctx, "PRAGMA foreign_keys").Scan(&enforced); err != nil {
		return err
	}
	if enforced {
		if _, err := conn.ExecContext(ctx, "PRAGMA foreign_keys = OFF"); err != nil {
			return err
		}
		defer restoreForeignKeys(ctx, conn)
	}
	return inWriteTransaction(ctx, conn, func(tx gorm.ConnPool) error {
		if err := fn(tx); err != nil || !enforced {
			return err
		}
		return checkForeignKeys(ctx, conn)
	})
}

// beginImmediate waits for the write lock as long as ctx lasts, or as [Patient] says.
func beginImmediate(ctx context.Context, conn *sql.Conn) error {
	w := beginWait(ctx)
	if w.limit > 0 {
		restore, err := impatient(ctx, conn)
		if err != nil {
			return err
		}
		defer restore()
	}
	for moment := time.Millisecond; ; moment = min(2*moment, 100*time.Millisecond) {
		_, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		if err == nil || !Busy(err) {
			return err
		}
		if over, pauseErr := w.pause(ctx, moment); over {
			return w.held("another connection writes to the database")
		} else if pauseErr != nil {
			return fmt.Errorf("%w while waiting for the database's write lock: %w", pauseErr, err)
		}
	}
}

// impatient makes a connection wait for no lock by itself: how long it does is a matter of
// the DSN, and no context interrupts it.
func impatient(ctx context.Context, conn *sql.Conn) (restore func(), err error) {
	var own int
	if err := conn.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&own); err != nil {
		return nil, err
	}
	set := func(ctx context.Context, milliseconds int) error {
		_, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", milliseconds))
		return err
	}
	return func() {
		if err := set(context.WithoutCancel(ctx), own); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}, set(ctx, 0)
}

// Busy recognises that another connection has the lock of a database or a table of SQLite.
func Busy(err error) bool {
	return strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked")
}

// restoreForeignKeys gives the connection back as it was, or not at all.
func restoreForeignKeys(ctx context.Context, conn *sql.Conn) {
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA foreign_keys = ON"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// checkForeignKeys refuses a change that would leave rows referring to nothing.
func checkForeignKeys(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, `SELECT "table", "parent" FROM pragma_foreign_key_check LIMIT 1`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		var table, parent string
		if err := rows.Scan(&table, &parent); err != nil {
			return err
		}
		return errors.Join(fmt.Errorf("rows of %q refer to rows of %q that do not exist; mend the data first", table, parent), rows.Close())
	}
	return rows.Err()
}
