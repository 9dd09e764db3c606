// Package versioned migrates tenants by files of SQL that have versions, with goose
// (https://pressly.github.io/goose/), for teams that do not let AutoMigrate near
// production. Each tenant has a version of its own, in a table among its own.
//
// A [Config] is plain data: several goroutines may read a value at once, as long as
// nobody changes it.
package versioned

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// Config says what the migrations are. Files or Go must be set.
type Config struct {
	// Files holds the migrations that are SQL, in its root: 00001_create_users.sql, in
	// the form that goose describes. fs.Sub makes a directory the root.
	Files fs.FS
	// Go lists the migrations that are written in Go. Those that were registered with
	// goose for the whole program are not seen. The context of a migration names the
	// tenant (tenancy.FromContext) where tenants have tables of their own, and the
	// transaction or the pool that it is given is bound to it.
	Go []*goose.Migration
	// Table is the name of the table of versions. Empty: "goose_db_version".
	Table string
	// OutOfOrder lets a migration run that is older than one that the tenant has.
	// Otherwise it is an error.
	OutOfOrder bool
}

// Migrator brings tenants from version to version. Its methods may be called from several
// goroutines, and from several processes, at once.
type Migrator struct {
	runner *migrate.Runner
	set    *set
	in     *tenancy.Installation
	texts  []text // of the files, to be inspected
}

// New returns a migrator for the handle db, on which the plugin was installed. Options
// are those of package migrate; Trust and Plan mean nothing here.
//
// It returns [tenancy.ErrNotInstalled] without the plugin, [tenancy.ErrConfig] where the
// migrations cannot be read, and [tenancy.ErrUnsupportedDialect] for databases other than
// PostgreSQL, SQLite, MySQL and MariaDB.
func New(db *gorm.DB, config Config, options ...migrate.Option) (*Migrator, error) {
	in, err := tenancy.Installed(db)
	if err != nil {
		return nil, err
	}
	runner, err := migrate.NewRunner(options...)
	if err != nil {
		return nil, err
	}
	if _, known := dialects[in.Dialect()]; !known {
		return nil, unsupported(in.Dialect())
	}
	migrations, err := newSet(config)
	if err != nil {
		return nil, err
	}
	texts, err := readTexts(config.Files, migrations.files)
	if err != nil {
		return nil, badConfig(err)
	}
	return &Migrator{runner: runner, set: migrations, in: in, texts: texts}, nil
}

// dialects are goose's names of the databases that this package knows how to bind.
var dialects = map[string]goose.Dialect{"postgres": goose.DialectPostgres, "sqlite": goose.DialectSQLite3, "mysql": goose.DialectMySQL}

func unsupported(dialect string) error {
	return &tenancy.Error{Kind: tenancy.ErrUnsupportedDialect, Detail: fmt.Sprintf("versioned migrations know PostgreSQL, SQLite, MySQL and MariaDB, and this is %q; use migrate.Up", dialect)}
}

func badConfig(cause error) error {
	return &tenancy.Error{Kind: tenancy.ErrConfig, Detail: "the migrations cannot be used", Cause: cause}
}

// set is the migrations of a configuration.
type set struct {
	Config

	versions []int64 // in ascending order
	files    []string
}

func newSet(config Config) (*set, error) {
	config.Table = cmp.Or(config.Table, goose.DefaultTablename)
	if !plainName(config.Table) {
		return nil, badConfig(fmt.Errorf("the table %q: use lower-case letters, digits and underscores", config.Table))
	}
	s := &set{Config: config}
	none := sql.OpenDB(nowhere{})
	defer func() { _ = none.Close() }()
	provider, err := s.provider(goose.DialectPostgres, none, config.Files)
	if err != nil {
		return nil, badConfig(err)
	}
	for _, source := range provider.ListSources() {
		s.versions = append(s.versions, source.Version)
		if source.Type == goose.TypeSQL {
			s.files = append(s.files, source.Path)
		}
	}
	return s, nil
}

// plainName reports whether a name needs no quotes and names no schema.
func plainName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c != '_' && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// latest is the highest version.
func (s *set) latest() int64 { return s.versions[len(s.versions)-1] }

// lacking lists the versions up to a target that are not among those applied.
func (s *set) lacking(applied map[int64]bool, target int64) []int64 {
	var list []int64
	for _, version := range s.versions {
		if version <= target && !applied[version] {
			list = append(list, version)
		}
	}
	return list
}

// failed makes an error one that says whose it was.
func (m *Migrator) failed(err error, op string, t tenancy.Tenant) error {
	var known *tenancy.Error
	if err == nil {
		return nil
	}
	if !errors.As(err, &known) {
		return &tenancy.Error{Kind: tenancy.ErrMigration, Op: op, Tenant: t.ID, Strategy: m.in.Strategy(), Cause: err}
	}
	if known.Op != "" {
		return err
	}
	named := *known
	named.Op, named.Tenant, named.Strategy = op, t.ID, m.in.Strategy()
	return &named
}
