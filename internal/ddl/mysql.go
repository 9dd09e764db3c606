package ddl

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"gorm.io/gorm"
)

// releaseTimeout bounds the release of a lock. A connection that does not answer is closed,
// and its lock goes with it.
const releaseTimeout = 10 * time.Second

// exclusiveMySQL runs fn under a named lock of the session, since MySQL commits whenever
// structures change and a lock of the transaction would be gone
// (https://dev.mysql.com/doc/refman/8.4/en/locking-functions.html). Such names are the
// server's, so the name of the database is in them.
func exclusiveMySQL(ctx context.Context, conn *sql.Conn, key string, fn func(tx gorm.ConnPool) error) error {
	const name = `CONCAT('tenancy:', SHA1(CONCAT_WS(CHAR(0), DATABASE(), ?)))`
	for held := false; !held; {
		var got sql.NullBool
		// A short wait each time: a context that ends takes the connection with it.
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+name+", 5)", key).Scan(&got); err != nil {
			return err
		}
		if !got.Valid {
			return errors.New("the lock for provisioning was not granted")
		}
		held = got.Bool
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		defer cancel()
		if _, err := conn.ExecContext(ctx, "DO RELEASE_LOCK("+name+")", key); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	return inTransaction(ctx, conn, fn)
}
