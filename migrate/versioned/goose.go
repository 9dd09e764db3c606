package versioned

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// provider makes goose's own of the migrations, for one database.
func (s *set) provider(dialect goose.Dialect, db *sql.DB, files fs.FS) (*goose.Provider, error) {
	return goose.NewProvider(dialect, db, files,
		goose.WithTableName(s.Table),
		goose.WithGoMigrations(s.Go...),
		goose.WithAllowOutofOrder(s.OutOfOrder),
		goose.WithDisableGlobalRegistry(true))
}

// sqlOnly hides the Go files of a directory: goose notes their names in the migrations,
// which the providers of many tenants share.
type sqlOnly struct{ fs.FS }

// Glob implements fs.GlobFS.
func (s sqlOnly) Glob(pattern string) ([]string, error) {
	if pattern == "*.go" {
		return nil, nil
	}
	return fs.Glob(s.FS, pattern)
}

// sqlFiles is what the provider of one tenant reads.
func (s *set) sqlFiles() fs.FS {
	if s.Files == nil {
		return nil
	}
	return sqlOnly{s.Files}
}

// nowhere is a database for a provider that is asked about its files alone.
type nowhere struct{}

func (nowhere) Connect(context.Context) (driver.Conn, error) { return nil, errNowhere }
func (nowhere) Driver() driver.Driver                        { return nil }

var errNowhere = errors.New("no database")
