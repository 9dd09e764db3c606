package routing

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"gorm.io/gorm"
)

// failing is a driver whose every connection fails with one error. It exists to
// make a *sql.Row that carries an error, for which database/sql has no other way.
type failing struct{ err error }

func (f failing) Connect(context.Context) (driver.Conn, error) { return nil, f.err }
func (f failing) Driver() driver.Driver                        { return f }
func (f failing) Open(string) (driver.Conn, error)             { return nil, f.err }

// failedRow returns a row whose Scan and Err return err.
func failedRow(err error) *sql.Row {
	db := sql.OpenDB(failing{err})
	defer func() { _ = db.Close() }()
	return db.QueryRowContext(context.Background(), "")
}

// row lets the target explain the error of a row.
func (t *Target) row(row *sql.Row) *sql.Row {
	err := row.Err()
	if explained := t.explain(err); explained != err { //nolint:errorlint // the same error means: nothing to explain
		return failedRow(explained)
	}
	return row
}

// Failed returns a pool whose every call fails with err. GORM panics in the hands
// of the user where a callback leaves it without a row; this gives it one.
func Failed(err error) gorm.ConnPool { return failed{err} }

// IsFailed reports whether a pool is one of [Failed].
func IsFailed(pool gorm.ConnPool) bool {
	_, is := pool.(failed)
	return is
}

type failed struct{ err error }

func (f failed) PrepareContext(context.Context, string) (*sql.Stmt, error) { return nil, f.err }

func (f failed) ExecContext(context.Context, string, ...any) (sql.Result, error) { return nil, f.err }

func (f failed) QueryContext(context.Context, string, ...any) (*sql.Rows, error) { return nil, f.err }

func (f failed) QueryRowContext(context.Context, string, ...any) *sql.Row { return failedRow(f.err) }

// GetDBConn implements gorm.GetDBConnector: a migrator may ask for a connection.
func (f failed) GetDBConn() (*sql.DB, error) { return nil, f.err }
