package test

import (
	"context"
	"database/sql"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/migrate/versioned"
)

// keel is a model whose table migrations make.
type keel struct {
	ID     int64
	Name   string
	Length int
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// keelFiles are migrations that cannot be run twice unnoticed: each leaves a row.
func keelFiles() fstest.MapFS {
	return fstest.MapFS{
		"00001_keels.sql": file(`-- +goose Up
CREATE TABLE keels (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE steps (step text NOT NULL);
INSERT INTO steps VALUES ('one');
-- +goose Down
DROP TABLE steps;
DROP TABLE keels;
`),
		"00002_length.sql": file(`-- +goose Up
ALTER TABLE keels ADD COLUMN length bigint NOT NULL DEFAULT 7;
INSERT INTO steps VALUES ('two');
-- +goose Down
ALTER TABLE keels DROP COLUMN length;
DELETE FROM steps WHERE step = 'two';
`),
		"00003_index.sql": file(`-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY keels_name ON keels (name);
INSERT INTO steps VALUES ('three');
-- +goose Down
DROP INDEX CONCURRENTLY keels_name;
DELETE FROM steps WHERE step = 'three';
`),
	}
}

// keelConfig is keelFiles and two migrations in Go, which note whose they are.
func keelConfig(files fstest.MapFS, calls *atomic.Int64) versioned.Config {
	step := func(ctx context.Context, exec func(context.Context, string, ...any) (sql.Result, error), name string) error {
		calls.Add(1)
		t, _ := tenancy.FromContext(ctx)
		_, err := exec(ctx, "INSERT INTO steps VALUES ('"+name+" for "+t.ID+"')")
		return err
	}
	return versioned.Config{Files: files, Go: []*goose.Migration{
		goose.NewGoMigration(4, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error { return step(ctx, tx.ExecContext, "four") }}, nil),
		goose.NewGoMigration(5, &goose.GoFunc{RunDB: func(ctx context.Context, db *sql.DB) error { return step(ctx, db.ExecContext, "five") }}, nil),
	}}
}

// keelSteps is what all of them leave in a tenant's table.
func keelSteps(id string) []string {
	return []string{"one", "two", "three", "four for " + id, "five for " + id}
}

func (s *site) versioned(t testing.TB, config versioned.Config, options ...migrate.Option) *versioned.Migrator {
	t.Helper()
	m, err := versioned.New(s.db, config, options...)
	must(t, err)
	return m
}

// allDone fails unless all tenants of a run are at a version.
func allDone(t testing.TB, report *migrate.Report, err error, version int64, changed bool) {
	t.Helper()
	must(t, err)
	for _, r := range report.Results {
		if r.State != migrate.Done || r.Version != version || r.Changed != changed {
			t.Errorf("%s is %s at version %d, changed: %v, with the error %v", r.Tenant.ID, r.State, r.Version, r.Changed, r.Err)
		}
	}
}
