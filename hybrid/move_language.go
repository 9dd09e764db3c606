package hybrid

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/freeze"
)

// language is what a move says differently in each dialect. Values travel as they are stored,
// so that none is changed on its way: on SQLite in their storage class, which a column's
// declared type would hide from the driver, and on PostgreSQL as the text that its own dump
// and restore rely on.
type language struct {
	quoted     string         // what stands around identifiers
	parameters int            // the most in one statement
	reading    *sql.TxOptions // nil: reading needs no transaction
	settings   []tenancy.Setting

	value      func(column, columnType string) string // selects a quoted column as it is stored
	parameter  func(at int, columnType string) string // the parameter at, counted from 1
	bytes      func(columnType string) bool           // whether what the driver calls bytes is; nil: it knows
	text       string                                 // the type to which CAST makes a text
	overriding string                                 // follows the columns of an INSERT
	size       int                                    // the most bytes in one INSERT; 0: as many as there are
	streams    bool                                   // rows without a key are read at once: no order is sure to be one
	leads      bool                                   // a comparison of rows uses no index, that of their first column does

	// How transactions are run on a side. nil: as everywhere. loosely is how what is not to
	// be kept is written, without a look at foreign keys; nil: with that look.
	reads, writes, loosely func(ctx context.Context, db *sql.DB, fn func(tx gorm.ConnPool) error) error

	columns func(ctx context.Context, pool gorm.ConnPool, s *side, logical string) ([]column, error)
	tables  func(ctx context.Context, pool gorm.ConnPool, s *side) ([]string, error)
	freeze  func(ctx context.Context, s *side, logical string) error
	thaw    func(ctx context.Context, s *side, logical string) error
	clear   func(ctx context.Context, s *side, owned []*table) error // removes rows from frozen tables, then the freeze
	empty   func(ctx context.Context, s *side, tables []*table) error
	follow  func(ctx context.Context, m *mover, t *table, c moved, last any) error // nil: there is nothing to do
}

var languages = map[string]language{
	"sqlite": {
		quoted:     "`",
		parameters: 30_000, // of 32,766
		value:      func(column, _ string) string { return "+" + column },
		text:       "text",
		parameter:  func(int, string) string { return "?" },
		columns:    sqliteColumns,
		tables:     sqliteTables,
		freeze:     sqliteFreeze,
		thaw:       sqliteThaw,
		clear:      sqliteClear,
		empty:      emptyAtOnce,
	},
	"postgres": {
		quoted:     `"`,
		parameters: 60_000, // of 65,535
		reading:    &sql.TxOptions{ReadOnly: true},
		settings: []tenancy.Setting{
			{Name: freeze.Setting, Value: freeze.On},
			{Name: "DateStyle", Value: "ISO, YMD"},
			{Name: "IntervalStyle", Value: "postgres"},
			{Name: "extra_float_digits", Value: "3"},
			{Name: "bytea_output", Value: "hex"},
		},
		value: func(column, _ string) string { return column + "::text" },
		parameter: func(at int, columnType string) string {
			if columnType == "" {
				return "$" + strconv.Itoa(at)
			}
			return "$" + strconv.Itoa(at) + "::" + columnType
		},
		text:       "text",
		overriding: " OVERRIDING SYSTEM VALUE",
		columns:    postgresColumns,
		tables:     postgresTables,
		freeze:     postgresFreeze,
		thaw:       postgresThaw,
		clear:      postgresClear,
		empty:      emptyAtOnce,
		follow:     postgresFollow,
	},
	"mysql": {
		quoted:     "`",
		parameters: 60_000, // of 65,535
		value:      mysqlValue,
		parameter:  mysqlParameter,
		bytes:      mysqlBytes,
		text:       "char",
		size:       mysqlSize,
		streams:    true,
		leads:      true,
		reads:      mysqlReads,
		writes:     mysqlWrites,
		loosely:    mysqlWritesLoosely,
		columns:    mysqlColumns,
		tables:     mysqlTables,
		freeze:     mysqlFreeze,
		thaw:       mysqlThaw,
		clear:      mysqlClear,
		empty:      mysqlEmpty,
		follow:     mysqlFollow,
	},
}

func (l language) quote(name string) string {
	return l.quoted + strings.ReplaceAll(name, l.quoted, l.quoted+l.quoted) + l.quoted
}

// column is a column as the database has it.
type column struct {
	name      string
	kind      string // its type, as a parameter is cast to it
	notNull   bool
	generated bool // computed from others
}

// bareType is a type without its size and attributes.
func bareType(columnType string) string {
	base, _, _ := strings.Cut(columnType, "(")
	base, _, _ = strings.Cut(base, " ")
	return base
}

func sqliteColumns(ctx context.Context, pool gorm.ConnPool, s *side, logical string) ([]column, error) {
	return scanColumns(pool.QueryContext(ctx, `SELECT name, '', "notnull", hidden IN (2, 3) FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid`,
		s.binding.Names.Table(logical)))
}

func postgresColumns(ctx context.Context, pool gorm.ConnPool, s *side, logical string) ([]column, error) {
	return scanColumns(pool.QueryContext(ctx, `
		SELECT attname::text, format_type(atttypid, -1), attnotnull, attgenerated <> ''
		FROM pg_attribute WHERE attrelid = to_regclass($1::text) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
		s.table(logical)))
}

func scanColumns(rows *sql.Rows, err error) (found []column, _ error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.kind, &c.notNull, &c.generated); err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	return found, rows.Err()
}

// sqliteTables lists a tenant's own tables by their logical names.
func sqliteTables(ctx context.Context, pool gorm.ConnPool, s *side) ([]string, error) {
	all, err := scanNames(pool.QueryContext(ctx, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'tenancy\_%' ESCAPE '\'`))
	prefix := s.binding.Names.Prefix
	var own []string
	for _, name := range all {
		if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			own = append(own, name[len(prefix):])
		}
	}
	return own, err
}

// postgresTables lists the tables of a tenant's schema, or of its whole database.
func postgresTables(ctx context.Context, pool gorm.ConnPool, s *side) ([]string, error) {
	if schema := s.binding.Names.Schema; schema != "" {
		return scanNames(pool.QueryContext(ctx, `
			SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f', 'm')`, schema))
	}
	return scanNames(pool.QueryContext(ctx, `
		SELECT CASE WHEN n.nspname = current_schema() THEN '' ELSE n.nspname || '.' END || c.relname
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'f', 'm') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND c.relname NOT LIKE 'tenancy\_%'
		AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`))
}

func scanNames(rows *sql.Rows, err error) (found []string, _ error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		found = append(found, name)
	}
	return found, rows.Err()
}

func sqliteFreeze(ctx context.Context, s *side, logical string) error {
	return s.write(ctx, func(tx gorm.ConnPool) error { return execAll(ctx, tx, s.frozen(logical).SQLite()) })
}

func sqliteThaw(ctx context.Context, s *side, logical string) error {
	return s.write(ctx, func(tx gorm.ConnPool) error { return execAll(ctx, tx, s.frozen(logical).ThawSQLite()) })
}

// sqliteClear does it all in one transaction: no write gets in between.
func sqliteClear(ctx context.Context, s *side, owned []*table) error {
	return s.write(ctx, func(tx gorm.ConnPool) error {
		for _, t := range owned {
			if err := execAll(ctx, tx, s.frozen(t.logical).ThawSQLite()); err != nil {
				return err
			}
		}
		return s.empty(ctx, tx, owned)
	})
}

func execAll(ctx context.Context, tx gorm.ConnPool, statements []string) error {
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// patiently runs fn again as long as it meets locks of others, until ctx ends.
func patiently(ctx context.Context, locked func(error) bool, fn func() error) error {
	const longest = 10 * LockTimeout
	for wait := LockTimeout / 4; ; wait = min(2*wait, longest) {
		err := fn()
		if err == nil || !locked(err) {
			return err
		}
		if stop := pause(ctx, wait); stop != nil {
			return fmt.Errorf("%w while waiting for open transactions: %w", stop, err)
		}
	}
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
