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

// QueryContext runs query, about the current schema alone where GORM forgets to say so.
func (f *Fence) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if strings.TrimSpace(query) == anySequence {
		query += " AND table_schema = CURRENT_SCHEMA()"
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
