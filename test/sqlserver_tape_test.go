package test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"

	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
)

// tape is a database that writes down what it is sent, and answers from a list.
type tape struct {
	mu      sync.Mutex
	sent    []string
	answers []answer
}

// answer is what a query that matches returns.
type answer struct {
	match   *regexp.Regexp
	columns []string
	rows    [][]driver.Value
}

var savepoint = regexp.MustCompile(`\bsp\d+$`)

// record writes a statement down, with its arguments, and returns what it wrote.
func (t *tape) record(query string, args []driver.NamedValue) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	query = savepoint.ReplaceAllString(strings.TrimSpace(query), "sp")
	for _, arg := range args {
		if _, ok := arg.Value.(fmt.Stringer); ok { // a time
			query += fmt.Sprintf("\n  -- @p%d = now", arg.Ordinal)
			continue
		}
		query += fmt.Sprintf("\n  -- @p%d = %v", arg.Ordinal, arg.Value)
	}
	t.sent = append(t.sent, query)
	return query
}

// take returns what was sent since it was last asked.
func (t *tape) take() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	sent := t.sent
	t.sent = nil
	return sent
}

func (t *tape) Connect(context.Context) (driver.Conn, error) { return tapeConn{t}, nil }
func (t *tape) Driver() driver.Driver                        { return nil }

type tapeConn struct{ *tape }

func (c tapeConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (c tapeConn) Close() error                        { return nil }
func (c tapeConn) Begin() (driver.Tx, error)           { return tapeTx(c), nil }

func (c tapeConn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.record(query, args)
	return driver.RowsAffected(1), nil
}

func (c tapeConn) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	text := c.record(query, args)
	for _, a := range c.answers {
		if a.match.MatchString(text) {
			return &tapeRows{a, 0}, nil
		}
	}
	return &tapeRows{answer{columns: []string{"nothing"}}, 0}, nil
}

type tapeTx struct{ *tape }

func (t tapeTx) Commit() error   { t.record("COMMIT", nil); return nil }
func (t tapeTx) Rollback() error { t.record("ROLLBACK", nil); return nil }

type tapeRows struct {
	answer
	at int
}

func (r *tapeRows) Columns() []string { return r.columns }
func (r *tapeRows) Close() error      { return nil }
func (r *tapeRows) Next(dest []driver.Value) error {
	if r.at == len(r.rows) {
		return io.EOF
	}
	copy(dest, r.rows[r.at])
	r.at++
	return nil
}

// Models for SQL Server: with the tenant column and without, with every kind of relation.
type (
	msAuthor struct {
		ID     uint
		Name   string `gorm:"size:64;index"`
		PlanID *uint
		Plan   *msPlan
		Posts  []msPost  `gorm:"foreignKey:AuthorID"`
		Labels []msLabel `gorm:"many2many:author_labels;joinForeignKey:AuthorID;joinReferences:LabelCode"`
	}
	msPost struct {
		ID        uint
		TenantID  string `gorm:"size:64"`
		AuthorID  uint
		Author    *msAuthor
		Title     string `gorm:"size:64"`
		DeletedAt gorm.DeletedAt
	}
	msLabel struct {
		Code string `gorm:"primaryKey;size:64"`
		Name string `gorm:"size:64"`
	}
	msPlan struct {
		ID   uint
		Name string `gorm:"size:64"`
	}
)

func (msAuthor) TableName() string { return "authors" }
func (msPost) TableName() string   { return "posts" }
func (msLabel) TableName() string  { return "labels" }
func (msPlan) TableName() string   { return "plans" }

// openTape opens GORM with the plugin on a tape that answers as SQL Server would.
func openTape(t testing.TB, strategy tenancy.Strategy, answers ...answer) (*gorm.DB, *tape) {
	t.Helper()
	return openTapeWith(t, tenancy.Config{
		Strategy: strategy, Models: []any{&msAuthor{}, &msPost{}, &msLabel{}}, Shared: []any{&msPlan{}},
	}, answers...)
}

func openTapeWith(t testing.TB, config tenancy.Config, answers ...answer) (*gorm.DB, *tape) {
	t.Helper()
	rolls := &tape{answers: answers}
	pool := sql.OpenDB(rolls)
	t.Cleanup(func() { _ = pool.Close() })
	db, err := gorm.Open(sqlserver.New(sqlserver.Config{Conn: pool}), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	must(t, db.Use(tenancy.Plugin(config)))
	t.Cleanup(func() { must(t, tenancy.Close(db)) })
	rolls.take()
	return db, rolls
}

func rowOf(match string, columns string, values ...driver.Value) answer {
	return answer{regexp.MustCompile(match), strings.Fields(columns), [][]driver.Value{values}}
}

// msRows answers statements on the models' rows.
func msRows(tenant string) []answer {
	return []answer{
		rowOf(`(?i)^SELECT count`, "n", int64(1)),
		rowOf(`OUTPUT INSERTED`, "id", int64(7)),
		rowOf(`^SELECT "author_id" FROM`, "author_id", int64(1)),
		rowOf(`^SELECT "?id"? FROM`, "id", int64(1)),
		rowOf(`FROM "tenant_`+tenant+`"."authors"`, "id name plan_id", int64(1), "Ann", int64(1)),
		rowOf(`FROM "tenant_`+tenant+`"."posts"`, "id tenant_id author_id title", int64(1), tenant, int64(1), "First"),
		rowOf(`FROM "tenant_`+tenant+`"."author_labels"`, "author_id label_code", int64(1), "go"),
		rowOf(`FROM "tenant_`+tenant+`"."labels"`, "code name", "go", "Go"),
		rowOf(`FROM "dbo"."plans"`, "id name", int64(1), "free"),
	}
}
