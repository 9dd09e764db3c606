package ddl

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"

	"gorm.io/gorm"
)

// Tee is a pool that runs statements and writes down those that change anything. It is
// for one goroutine.
type Tee struct {
	gorm.ConnPool
	Statements []string
	// Doubt says why the statements may not be right for equal structures elsewhere.
	Doubt string
	// Before and After are sent around each statement that is written down, in the same
	// text. Empty: nothing is.
	Before, After string
}

// ExecContext runs query and writes it down.
func (t *Tee) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if !passing(query) && !settling(query) {
		t.Statements = append(t.Statements, query)
		if len(args) > 0 {
			t.doubt("a statement had arguments", query)
		}
	}
	if len(args) == 0 && t.Before != "" && !passing(query) {
		query = t.Before + ";\n" + query + ";\n" + t.After
	}
	return t.ConnPool.ExecContext(ctx, query, args...)
}

// QueryContext runs query, and notes whether it asks for more than structures.
func (t *Tee) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.look(query)
	return t.ConnPool.QueryContext(ctx, query, args...)
}

// QueryRowContext runs query, and notes whether it asks for more than structures.
func (t *Tee) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	t.look(query)
	return t.ConnPool.QueryRowContext(ctx, query, args...)
}

// Commit implements gorm.TxCommitter: GORM nests with savepoints.
func (*Tee) Commit() error { return nil }

// Rollback implements gorm.TxCommitter.
func (*Tee) Rollback() error { return nil }

func (t *Tee) look(query string) {
	if !catalog.MatchString(query) && !probe.MatchString(query) {
		t.doubt("it depends on what a query found", query)
	}
}

func (t *Tee) doubt(why, query string) {
	if t.Doubt == "" {
		t.Doubt = fmt.Sprintf("%s: %s", why, strings.TrimSpace(query))
	}
}

var (
	// catalog recognises a question about structures.
	catalog = regexp.MustCompile(`(?i)\binformation_schema\.|\bpg_[a-z]+\b|\bsqlite_(master|schema)\b|\bPRAGMA\b|pragma_[a-z_]+\(|^\s*SELECT\s+(CURRENT_)?(DATABASE|SCHEMA)\(\)`)
	// probe recognises how GORM asks for the types of a table's columns: it looks at the
	// description of the row and not at the row.
	probe = regexp.MustCompile(`(?i)^\s*SELECT \* FROM [^\s]+ LIMIT (\?|\$1|1)\s*$`)
)

// settling recognises the settings of a transaction.
func settling(query string) bool { return strings.HasPrefix(query, "SELECT set_config(") }
