// Command example tells what the plugin does: for each strategy two tenants with the
// same keys, what each of them reads, and what is refused. It exits with 1 if anything is
// not as it should be. Without arguments it runs on an embedded SQLite database in a
// temporary directory; with -dsn it runs on a server of PostgreSQL, MySQL or MariaDB, in
// databases and with a role or user of its own that it removes at the end.
//
//	go run ./example
//	go run ./example -dsn postgres://postgres@127.0.0.1:5432/postgres
//	go run ./example -dsn mysql://root@127.0.0.1:3306/
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

func main() {
	dsn := flag.String("dsn", "", "a server to run on, as postgres://… or mysql://…, by a user who may create users and databases")
	flag.Parse()
	if err := run(context.Background(), *dsn); err != nil {
		fmt.Fprintln(os.Stderr, "\nexample:", err)
		os.Exit(1)
	}
	fmt.Println("\nEverything was as it should be.")
}

func run(ctx context.Context, dsn string) error {
	switch {
	case dsn == "":
		return onSQLite(ctx)
	case strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://"):
		return onPostgres(ctx, dsn)
	case strings.HasPrefix(dsn, "mysql://"):
		return onMySQL(ctx, dsn)
	default:
		return fmt.Errorf("-dsn %q is not the address of a server; write it as postgres://user:password@host:port/database or mysql://user:password@host:port/", dsn)
	}
}

func onSQLite(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "tenancy-example-")
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	base := func(name string) gorm.Dialector {
		return sqlite.Open(filepath.Join(dir, name+".db") + "?_foreign_keys=on&_journal_mode=WAL&_busy_timeout=5000")
	}
	if err := tellAll(ctx, []chapter{
		{
			title:    "Schema: tables of its own for each tenant",
			promise:  "On SQLite a schema is a table prefix. Raw SQL is given the tenant's names.",
			strategy: strategies.Schema{}, base: base("schema"), own: true,
		},
		{
			title:    "Database: a file of its own for each tenant",
			promise:  "Pools are opened on first use and kept in a bounded cache.",
			strategy: strategies.Database{Open: sqlite.Open, Dir: filepath.Join(dir, "tenants")}, base: base("database"), own: true,
		},
		{
			title:    "Shared: one set of tables, a tenant column",
			promise:  "The column is the only wall, so raw SQL is refused.",
			strategy: strategies.Shared{}, base: base("shared"), rawRefused: true,
		},
	}); err != nil {
		return err
	}
	return tellHybrid(ctx, base("hybrid"), strategies.Schema{}, strategies.Shared{})
}

func tellAll(ctx context.Context, chapters []chapter) error {
	for _, c := range chapters {
		if err := c.tell(ctx); err != nil {
			return fmt.Errorf("%s: %w", c.strategy.Name(), err)
		}
	}
	return nil
}

// open opens the base database of a chapter with the plugin on it.
func (c *chapter) open() (*gorm.DB, error) {
	db, err := gorm.Open(c.base, &gorm.Config{Logger: c.log})
	if err != nil {
		return nil, err
	}
	err = db.Use(tenancy.Plugin(tenancy.Config{
		Strategy: c.strategy,
		Models:   []any{&User{}, &Order{}},
		Shared:   []any{&Plan{}},
	}))
	return db, err
}
