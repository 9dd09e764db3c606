package conformance

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// Dump is all rows in the database: by tenant, then by logical table. It is read
// without the plugin.
type Dump map[string]map[string][]row

type row struct {
	columns []string
	values  []any
}

func (r row) String() string { return fmt.Sprint(r.values) }

// tenant returns what the row's tenant column holds.
func (r row) tenant(column string) (string, bool) {
	at := slices.Index(r.columns, column)
	if at < 0 {
		return "", false
	}
	return fmt.Sprint(r.values[at]), true
}

// Dump reads all rows of both tenants. A row that belongs to neither, or is where
// the other tenant's rows are, fails the test.
func (w *World) Dump(t testing.TB) Dump {
	t.Helper()
	dump := Dump{w.Acme.ID: {}, w.Globex.ID: {}}
	for _, place := range w.places() {
		for _, table := range w.kit.tables {
			for _, r := range w.rows(t, place[0], table) {
				id, ok := r.tenant(w.installation.Column())
				if !ok && len(place) == 1 {
					id = place[0].ID
				}
				if !slices.ContainsFunc(place, func(s *Side) bool { return s.ID == id }) {
					t.Fatalf("a row of %s where the rows of %s are belongs to %q: %v", table, place[0].ID, id, r)
				}
				dump[id][table] = append(dump[id][table], r)
			}
		}
	}
	return dump
}

// places lists the sets of tables that there are: by the tenants whose rows are in each.
func (w *World) places() [][]*Side {
	if w.sameTables() {
		return [][]*Side{{w.Acme, w.Globex}}
	}
	return [][]*Side{{w.Acme}, {w.Globex}}
}

// store lends the database that the tenant's rows are in.
func (w *World) store(t testing.TB, side *Side) (gorm.ConnPool, func()) {
	t.Helper()
	b, err := w.installation.Bind(side.Tenant)
	must(t, err)
	if b.Pool != nil {
		pool, release, err := b.Pool.Acquire(context.Background())
		must(t, err)
		return pool, release
	}
	if w.Subject.Admin != nil {
		return w.Subject.Admin(t, w.DB), func() {}
	}
	base, err := w.installation.Base()
	must(t, err)
	return base, func() {}
}

// physical returns the table's name in the database, quoted.
func (w *World) physical(t testing.TB, side *Side, table string) string {
	t.Helper()
	name, err := tenancy.Table(side.DB, table)
	must(t, err)
	return w.DB.Statement.Quote(name)
}

// rows reads a table of a tenant, the whole of it.
func (w *World) rows(t testing.TB, side *Side, table string) []row {
	t.Helper()
	pool, release := w.store(t, side)
	defer release()
	rows, err := pool.QueryContext(context.Background(), "SELECT * FROM "+w.physical(t, side, table))
	must(t, err)
	defer func() { _ = rows.Close() }()
	read, err := readRows(rows)
	must(t, err)
	return read
}

func readRows(rows *sql.Rows) ([]row, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var read []row
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i, value := range values {
			if text, ok := value.([]byte); ok {
				values[i] = string(text)
			}
		}
		read = append(read, row{columns, values})
	}
	return read, rows.Err()
}

// Column reads a column of a tenant's table without the plugin, sorted.
func (w *World) Column(t testing.TB, side *Side, table, column string) []string {
	t.Helper()
	var values []string
	for _, r := range w.Dump(t)[side.ID][table] {
		at := slices.Index(r.columns, column)
		if at < 0 {
			t.Fatalf("%s has no column %s", table, column)
		}
		values = append(values, fmt.Sprint(r.values[at]))
	}
	slices.Sort(values)
	return values
}

// reset puts the rows back that the world began with.
func (w *World) reset(t testing.TB) {
	t.Helper()
	for _, place := range w.places() {
		side := place[0]
		pool, release := w.store(t, side)
		if slices.Contains(w.kit.tables, "users") {
			w.exec(t, pool, "UPDATE "+w.physical(t, side, "users")+" SET manager_id = NULL")
		}
		if slices.Contains(w.kit.tables, "books") {
			w.exec(t, pool, "UPDATE "+w.physical(t, side, "books")+" SET prequel_id = NULL")
		}
		for _, table := range slices.Backward(w.kit.tables) {
			w.exec(t, pool, "DELETE FROM "+w.physical(t, side, table))
		}
		release()
	}
	for _, side := range w.Sides() {
		pool, release := w.store(t, side)
		for _, table := range w.kit.tables {
			w.insert(t, pool, side, table)
		}
		release()
	}
}

func (w *World) exec(t testing.TB, pool gorm.ConnPool, query string, args ...any) {
	t.Helper()
	if _, err := pool.ExecContext(context.Background(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// insert writes the rows that a tenant's table began with, in one statement.
func (w *World) insert(t testing.TB, pool gorm.ConnPool, side *Side, table string) {
	t.Helper()
	rows := w.seeded[side.ID][table]
	if len(rows) == 0 {
		return
	}
	stmt := gorm.Statement{DB: w.DB}
	columns := make([]string, len(rows[0].columns))
	for i, column := range rows[0].columns {
		columns[i] = w.DB.Statement.Quote(column)
	}
	var text strings.Builder
	var args []any
	for i, r := range rows {
		if i > 0 {
			text.WriteString(", ")
		}
		stmt.SQL.Reset()
		stmt.Vars = args
		stmt.AddVar(&stmt, r.values)
		text.WriteString(stmt.SQL.String())
		args = stmt.Vars
	}
	w.exec(t, pool, "INSERT INTO "+w.physical(t, side, table)+" ("+strings.Join(columns, ", ")+") VALUES "+text.String(), args...)
}

// sameRows fails the test when two dumps of a tenant differ.
func sameRows(t testing.TB, what string, want, got map[string][]row) {
	t.Helper()
	for _, table := range slices.Sorted(maps.Keys(want)) {
		if before, after := lines(want[table]), lines(got[table]); !slices.Equal(before, after) {
			t.Errorf("%s changed in %s:\nbefore %s\nafter  %s", what, table, strings.Join(before, " "), strings.Join(after, " "))
		}
	}
}

func lines(rows []row) []string {
	all := make([]string, len(rows))
	for i, r := range rows {
		all[i] = r.String()
	}
	slices.Sort(all)
	return all
}
