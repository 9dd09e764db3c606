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
// It is for migrations on PostgreSQL.
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

// Commit implements gorm.TxCommitter: GORM nests with savepoints.
func (*Fence) Commit() error { return nil }

// Rollback implements gorm.TxCommitter.
func (*Fence) Rollback() error { return nil }

// qualifiers lists the words before dots, quoted or not, in strings as well.
func qualifiers(query string) []string {
	if !strings.Contains(query, ".") {
		return nil
	}
	var words []string
	for _, match := range qualifier.FindAllStringSubmatch(query, -1) {
		word := Identifier(match[1], match[2])
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}

// Identifier is the name that PostgreSQL reads: what stands between quotes, with quotes in it
// doubled, or, where there are none, a bare word, which it folds.
func Identifier(quoted, bare string) string {
	if bare != "" {
		return strings.ToLower(bare)
	}
	return strings.ReplaceAll(quoted, `""`, `"`)
}

var qualifier = regexp.MustCompile(`(?:"((?:[^"]|"")+)"|([\pL_][\pL\d_$]*))\s*\.`)
