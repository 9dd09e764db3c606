package ddl

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"

	"gorm.io/gorm"
)

// Recorder is a pool that answers queries and only writes down what would change
// anything. It is for one goroutine.
type Recorder struct {
	gorm.ConnPool
	Statements []string
}

// ExecContext records query instead of running it.
func (r *Recorder) ExecContext(_ context.Context, query string, _ ...any) (sql.Result, error) {
	if !passing(query) {
		r.Statements = append(r.Statements, query)
	}
	return driver.RowsAffected(0), nil
}

// Commit implements gorm.TxCommitter: GORM nests with savepoints.
func (*Recorder) Commit() error { return nil }

// Rollback implements gorm.TxCommitter.
func (*Recorder) Rollback() error { return nil }

// passing recognises what changes no structure.
func passing(query string) bool {
	verb, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	switch strings.ToUpper(verb) {
	case "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA":
		return true
	default:
		return false
	}
}
