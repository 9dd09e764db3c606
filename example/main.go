// Command example tells what the plugin does, on an embedded SQLite database in a
// temporary directory: for each strategy two tenants with the same keys, what each
// of them reads, and what is refused. It exits with 1 if anything is not as it
// should be.
//
//	go run ./example
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "\nexample:", err)
		os.Exit(1)
	}
	fmt.Println("\nEverything was as it should be.")
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "tenancy-example-")
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	for _, c := range []chapter{
		{
			title:    "Schema: tables of its own for each tenant",
			promise:  "On SQLite a schema is a table prefix. Raw SQL is given the tenant's names.",
			strategy: strategies.Schema{},
		},
		{
			title:    "Database: a file of its own for each tenant",
			promise:  "Pools are opened on first use and kept in a bounded cache.",
			strategy: strategies.Database{Open: sqlite.Open, Dir: filepath.Join(dir, "tenants")},
		},
		{
			title:      "Shared: one set of tables, a tenant column",
			promise:    "The column is the only wall, so raw SQL is refused.",
			strategy:   strategies.Shared{},
			rawRefused: true,
		},
	} {
		if err := c.tell(ctx, dir); err != nil {
			return fmt.Errorf("%s: %w", c.strategy.Name(), err)
		}
	}
	return nil
}

// open opens the base database of a chapter with the plugin on it.
func open(dir string, strategy tenancy.Strategy, log *sqlLog) (*gorm.DB, error) {
	dsn := filepath.Join(dir, strategy.Name()+".db") + "?_foreign_keys=on&_journal_mode=WAL&_busy_timeout=5000"
	db, err := gorm.Open(sqlite.Open(dsn), &gorm.Config{Logger: log})
	if err != nil {
		return nil, err
	}
	return db, db.Use(tenancy.Plugin(tenancy.Config{
		Strategy: strategy,
		Models:   []any{&User{}, &Order{}},
		Shared:   []any{&Plan{}},
	}))
}
