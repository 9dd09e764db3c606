package test

import (
	"context"
	"database/sql"
	"sync/atomic"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/migrate/versioned"
	"github.com/gormtenancy/tenancy/test/servers"
)

// TestVersionedPooler: through a pooler that does not let a session begin with a tenant's
// settings, every tenant fails, and nothing is made anywhere.
func TestVersionedPooler(t *testing.T) {
	server := newPG(t)
	for name, ignored := range map[string][]string{"refusing": nil, "dropping": {"search_path", "lock_timeout", "statement_timeout"}} {
		t.Run(name, func(t *testing.T) {
			bounced := server
			bounced.DSN = servers.NewPgBouncer(t, server.Postgres, 8, ignored...)
			s := openPG(t, bounced, pgSchema, pgSetup{models: []any{&keel{}}, settings: map[string]string{"default_query_exec_mode": "exec"}})
			m := s.versioned(t, versioned.Config{Files: keelFiles()}, migrate.LockTimeout(0))
			report, err := m.Up(t.Context(), migrate.Tenants(numbered(3)...))
			if err == nil || report.Count(migrate.Failed) != 3 {
				t.Errorf("%v: %v", states(report), err)
			}
			wellMade(t, report.Results[0].Err, tenancy.ErrMigration, "not through a pooler")
		})
	}
	same(t, "outside", server.outside(t), nil)
	same(t, "inside", server.ask(t, `SELECT tablename FROM pg_tables WHERE schemaname LIKE 'tenant\_ship%'`), nil)
}

// TestVersionedOneConnection: a pool of one connection is enough.
func TestVersionedOneConnection(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgSchema, pgSetup{models: []any{&keel{}}, conns: 1})
	report, err := s.versioned(t, keelConfig(keelFiles(), &atomic.Int64{}), migrate.Workers(4)).Up(t.Context(), migrate.Tenants(numbered(8)...))
	allDone(t, report, err, 5, true)
	s.clean(t, `"$user", public`)
}

// TestVersionedCancelled: a run that is cancelled names who was skipped, loses no
// connection, and is ended by the next one.
func TestVersionedCancelled(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openKeels(t, server, pgSchema)
	all := numbered(8)
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int64
	files := keelFiles()
	// Outside a transaction a migration may end half way, so it is one that can be repeated.
	files["00003_index.sql"] = file(`-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS keels_name;
CREATE INDEX CONCURRENTLY keels_name ON keels (name);
INSERT INTO steps SELECT 'three' WHERE NOT EXISTS (SELECT 1 FROM steps WHERE step = 'three');
`)
	config := versioned.Config{Files: files, Go: []*goose.Migration{goose.NewGoMigration(4, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		if calls.Add(1) == 3 {
			cancel()
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO steps VALUES ('four')")
		return err
	}}, nil)}}
	m := s.versioned(t, config, migrate.Workers(2))
	report, err := m.Up(ctx, migrate.Tenants(all...))
	if err == nil || report.Count(migrate.Skipped) < 4 || report.Count(migrate.Done)+report.Count(migrate.Failed)+report.Count(migrate.Skipped) != len(all) {
		t.Errorf("%v: %v", states(report), err)
	}
	s.clean(t, `"$user", public`)
	report, err = m.Up(t.Context(), migrate.Tenants(all...))
	must(t, err)
	if report.Count(migrate.Done) != len(all) {
		t.Errorf("%v", states(report))
	}
	for _, tenant := range all {
		if steps := server.steps(t, tenant.ID); len(steps) != 4 {
			t.Errorf("%s: %q", tenant.ID, steps)
		}
	}
}
