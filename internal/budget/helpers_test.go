package budget_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gormtenancy/tenancy/internal/budget"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server counts the connections of all pools to it.
type server struct {
	open, most atomic.Int64
	opened     atomic.Int64
}

func (s *server) Connect(context.Context) (driver.Conn, error) {
	s.opened.Add(1)
	n := s.open.Add(1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	return &conn{s}, nil
}

func (s *server) Driver() driver.Driver { return nil }

func (s *server) pool(t testing.TB) *sql.DB {
	db := sql.OpenDB(s)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

type conn struct{ server *server }

func (c *conn) Close() error                        { c.server.open.Add(-1); return nil }
func (c *conn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (c *conn) Begin() (driver.Tx, error)           { return nothing{}, nil }

func (c *conn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return nothing{}, nil
}

func (c *conn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}

// nothing is a transaction, and rows of which there are none.
type nothing struct{}

func (nothing) Commit() error             { return nil }
func (nothing) Rollback() error           { return nil }
func (nothing) Columns() []string         { return nil }
func (nothing) Close() error              { return nil }
func (nothing) Next([]driver.Value) error { return io.EOF }

func newBudget(t testing.TB, total, each int) *budget.Budget {
	t.Helper()
	b := budget.New(budget.Config{Total: total, Each: each, Wait: 10 * time.Second})
	t.Cleanup(b.Close)
	return b
}

func acquire(t testing.TB, b *budget.Budget, key string) *budget.Use {
	t.Helper()
	use, err := b.Acquire(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return use
}

// attached gives a key a pool.
func attached(t testing.TB, b *budget.Budget, s *server, key string) *sql.DB {
	t.Helper()
	db := s.pool(t)
	use := acquire(t, b, key)
	b.Attach(key, db)
	use.Release()
	return db
}
