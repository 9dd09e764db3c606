package ddl

import (
	"context"
	"database/sql"

	"gorm.io/gorm"
)

// Write runs fn on one connection of db in a transaction, which on SQLite holds the write
// lock from its start and waits for it as long as ctx lasts. Foreign keys hold in it as they do
// elsewhere. fn's error rolls back everything and comes back unchanged.
func Write(ctx context.Context, db *sql.DB, dialect string, fn func(tx gorm.ConnPool) error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := closing(conn); err == nil {
			err = closeErr
		}
	}()
	if dialect != "sqlite" {
		return inTransaction(ctx, conn, fn)
	}
	return inWriteTransaction(ctx, conn, fn)
}

func inWriteTransaction(ctx context.Context, conn *sql.Conn, fn func(tx gorm.ConnPool) error) error {
	if err := beginImmediate(ctx, conn); err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
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
