package versioned

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"gorm.io/gorm"
)

// pinned makes a database of one transaction: whatever is done with it is done in that
// transaction, and its own transactions are savepoints.
func pinned(tx gorm.ConnPool) *sql.DB { return sql.OpenDB(&pin{tx: tx}) }

// pinnedSession makes a database of the one connection of a transaction, whose locks are the
// session's. Its own transactions end that transaction, and are whole ones: on MySQL, which
// commits whenever structures change, no savepoint would last.
func pinnedSession(tx gorm.ConnPool) *sql.DB { return sql.OpenDB(&pin{tx: tx, session: true}) }

type pin struct {
	tx      gorm.ConnPool
	session bool
	points  atomic.Int64
}

// Connect implements driver.Connector.
func (p *pin) Connect(context.Context) (driver.Conn, error) { return &pinnedConn{p}, nil }

// Driver implements driver.Connector.
func (p *pin) Driver() driver.Driver { return nil }

// pinnedConn is a connection of database/sql over the transaction.
type pinnedConn struct{ *pin }

func (c *pinnedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.tx.ExecContext(ctx, query, plainArgs(args)...)
}

func (c *pinnedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.tx.QueryContext(ctx, query, plainArgs(args)...)
	if err != nil {
		return nil, err
	}
	return newPinnedRows(rows)
}

// CheckNamedValue leaves values to the driver underneath.
func (*pinnedConn) CheckNamedValue(*driver.NamedValue) error { return nil }

func plainArgs(args []driver.NamedValue) []any {
	values := make([]any, len(args))
	for i, arg := range args {
		values[i] = arg.Value
		if arg.Name != "" {
			values[i] = sql.Named(arg.Name, arg.Value)
		}
	}
	return values
}

// BeginTx sets a savepoint, or begins a transaction of the session.
func (c *pinnedConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if c.session {
		tx := transaction{c, context.WithoutCancel(ctx)}
		return tx, tx.exec("START TRANSACTION")
	}
	s := savepoint{c, context.WithoutCancel(ctx), fmt.Sprintf("migration_%d", c.points.Add(1))}
	return s, s.exec("SAVEPOINT ")
}

// Begin implements driver.Conn.
func (c *pinnedConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// Prepare implements driver.Conn.
func (c *pinnedConn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *pinnedConn) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	return pinnedStmt{c, query}, nil
}

// Close leaves the transaction to whoever began it.
func (*pinnedConn) Close() error { return nil }

// savepoint is a transaction inside the transaction.
type savepoint struct {
	conn *pinnedConn
	ctx  context.Context //nolint:containedctx // driver.Tx has none
	name string
}

func (s savepoint) exec(verb string) error {
	_, err := s.conn.tx.ExecContext(s.ctx, verb+s.name)
	return err
}

func (s savepoint) Commit() error { return s.exec("RELEASE SAVEPOINT ") }

func (s savepoint) Rollback() error {
	return errors.Join(s.exec("ROLLBACK TO SAVEPOINT "), s.exec("RELEASE SAVEPOINT "))
}

// transaction is one of the session's own.
type transaction struct {
	conn *pinnedConn
	ctx  context.Context //nolint:containedctx // driver.Tx has none
}

func (t transaction) exec(verb string) error {
	_, err := t.conn.tx.ExecContext(t.ctx, verb)
	return err
}

func (t transaction) Commit() error { return t.exec("COMMIT") }

func (t transaction) Rollback() error { return t.exec("ROLLBACK") }

// pinnedStmt is a statement that is prepared each time.
type pinnedStmt struct {
	conn  *pinnedConn
	query string
}

func (pinnedStmt) Close() error  { return nil }
func (pinnedStmt) NumInput() int { return -1 }

func (s pinnedStmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), named(args))
}

func (s pinnedStmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), named(args))
}

func (s pinnedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

func (s pinnedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

func named(args []driver.Value) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return values
}

// pinnedRows are rows of the transaction.
type pinnedRows struct {
	rows    *sql.Rows
	columns []string
	into    []any
}

func newPinnedRows(rows *sql.Rows) (driver.Rows, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	r := &pinnedRows{rows: rows, columns: columns, into: make([]any, len(columns))}
	return r, nil
}

func (r *pinnedRows) Columns() []string { return r.columns }
func (r *pinnedRows) Close() error      { return r.rows.Close() }

func (r *pinnedRows) Next(dest []driver.Value) error {
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	for i := range dest {
		r.into[i] = (*any)(&dest[i])
	}
	return r.rows.Scan(r.into...)
}
