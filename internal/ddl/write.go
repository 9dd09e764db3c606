package ddl

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"gorm.io/gorm"
)

// Write runs fn on one connection of db in a transaction, which on SQLite holds the write
// lock from its start and waits for it as long as ctx lasts, or as [Patient] says. Foreign keys
// hold in it as they do elsewhere. fn's error rolls back everything and comes back unchanged.
func Write(ctx context.Context, db *sql.DB, dialect string, fn func(tx gorm.ConnPool) error) error {
	return onConn(ctx, db, func(conn *sql.Conn) error {
		if dialect != "sqlite" {
			return inTransaction(ctx, conn, fn)
		}
		return inWriteTransaction(ctx, conn, fn)
	})
}

func inWriteTransaction(ctx context.Context, conn *sql.Conn, fn func(tx gorm.ConnPool) error) error {
	if err := beginImmediate(ctx, conn); err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			rollBack(context.WithoutCancel(ctx), conn)
		}
	}()
	if err := fn(within{conn}); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return err
	}
	committed = true
	return nil
}

// rollBack ends a transaction that was begun by hand. A connection that it is left open on goes
// to nobody else.
func rollBack(ctx context.Context, conn *sql.Conn) {
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}
