// Command sqlc tells how code that sqlc generated keeps to the tenant in its context: the
// package notes was generated from schema.sql and queries.sql, and knows nothing of
// tenants but a column. For the strategies Schema and RLS, two tenants have notes with
// the same keys, read by sqlc's queries and by GORM, in transactions that either began.
// It exits with 1 if anything is not as it should be. It runs on a PostgreSQL server, in
// databases and with a role of its own that it removes at the end.
//
//	go run ./example/sqlc -dsn postgres://postgres@127.0.0.1:5432/postgres
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/gormtenancy/tenancy/strategies"
)

const (
	dsnVariable = "TENANCY_EXAMPLE_DSN"
	loopback    = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"
)

func main() {
	dsn := flag.String("dsn", cmp.Or(os.Getenv(dsnVariable), loopback),
		"the PostgreSQL server, as postgres://…, by a superuser; also from "+dsnVariable)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *dsn)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\nexample/sqlc:", err)
		os.Exit(1)
	}
	fmt.Println("\nEverything was as it should be.")
}

func run(ctx context.Context, dsn string) error {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return fmt.Errorf("-dsn %q is not the address of a PostgreSQL server; write it as postgres://user:password@host:port/database", dsn)
	}
	return withRole(ctx, dsn, func(r role) error {
		for _, c := range []chapter{
			{
				title:    "Schema: a PostgreSQL schema of its own for each tenant",
				promise:  "sqlc's queries name no schema: each finds the tenant's by a search_path that lasts as long as it does.",
				strategy: strategies.Schema{},
			},
			{
				title:    "RLS: one set of tables, and policies that PostgreSQL enforces",
				promise:  "sqlc's queries name no tenant: the database shows each of them the rows of one.",
				strategy: strategies.RLS{},
			},
		} {
			err := r.inDatabase(ctx, c.strategy.Name(), func(dsn string) error { return c.tell(ctx, dsn) })
			if err != nil {
				return fmt.Errorf("%s: %w", c.strategy.Name(), err)
			}
		}
		return nil
	})
}
