package ddl

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// Fence is a pool that asks before it runs a statement that names something by its schema.
// It is for migrations on PostgreSQL, where GORM looks some names up without the schema.
type Fence struct {
	gorm.ConnPool
	// Check refuses a statement by the words in it that may be names of schemas.
	Check func(ctx context.Context, query string, qualifiers []string) error
}

// ExecContext runs query unless it is refused.
func (f *Fence) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if words := qualifiers(query); len(words) > 0 {
		if err := f.Check(ctx, query, words); err != nil {
			return nil, err
		}
	}
	return f.ConnPool.ExecContext(ctx, query, args...)
}

// QueryContext runs query, about the current schema alone where GORM forgets to say so, and
// by the indexes of the catalog where it asks a view over all schemas.
func (f *Fence) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	switch strings.TrimSpace(query) {
	case anySequence:
		query += " AND table_schema = CURRENT_SCHEMA()"
	case "SELECT constraint_name" + keysByViews + " AND constraint_type = $3":
		query = "SELECT constraint_name" + keys + " WHERE constraint_type = $3"
	case "SELECT c.column_name, constraint_name, constraint_type" + keysByViews:
		query = "SELECT column_name, constraint_name, constraint_type" + keys
	}
	return f.ConnPool.QueryContext(ctx, query, args...)
}

// Commit implements gorm.TxCommitter: GORM nests with savepoints.
func (*Fence) Commit() error { return nil }

// Rollback implements gorm.TxCommitter.
func (*Fence) Rollback() error { return nil }

// anySequence is how GORM finds the sequence of a column (getColumnSequenceName): it takes
// the last of all columns of that name in all schemas that the role can see, and then
// changes or drops the sequence, which may be another tenant's.
const anySequence = "SELECT column_default FROM information_schema.columns WHERE table_name = $1 AND column_name = $2"

const (
	// keysByViews is how GORM finds the keys of a table (ColumnTypes). The views make the
	// server look at the constraints of all schemas: seconds, where there are a thousand.
	keysByViews = " FROM information_schema.table_constraints tc JOIN information_schema.constraint_column_usage AS ccu USING (constraint_schema, constraint_catalog, table_name, constraint_name) JOIN information_schema.columns AS c ON c.table_schema = tc.constraint_schema AND tc.table_name = c.table_name AND ccu.column_name = c.column_name WHERE constraint_type IN ('PRIMARY KEY', 'UNIQUE') AND c.table_catalog = $1 AND c.table_schema = CURRENT_SCHEMA() AND c.table_name = $2"

	// keys are the same of one table.
	keys = ` FROM (
		SELECT a.attname AS column_name, k.conname AS constraint_name, CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END AS constraint_type
		FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class r ON r.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
		JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum = ANY (k.conkey)
		WHERE k.contype IN ('p', 'u') AND pg_catalog.current_database() = $1 AND n.nspname = CURRENT_SCHEMA() AND r.relname = $2
	) found`
)

// qualifiers lists the words before dots, quoted or not, in strings as well.
func qualifiers(query string) []string {
	var words []string
	for _, match := range qualifier.FindAllStringSubmatch(query, -1) {
		word := strings.ReplaceAll(match[1], `""`, `"`)
		if match[2] != "" {
			word = strings.ToLower(match[2]) // as the server folds it
		}
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}

var qualifier = regexp.MustCompile(`(?:"((?:[^"]|"")+)"|([\pL_][\pL\d_$]*))\s*\.`)
