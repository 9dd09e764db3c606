package test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/migrate/versioned"
)

func openKeels(t testing.TB, server pgServer, k pgKind) *pgSite {
	t.Helper()
	return openPG(t, server, k, pgSetup{models: []any{&keel{}}})
}

// outside lists all tables but those of tenants and the module.
func (s pgServer) outside(t testing.TB) []string {
	t.Helper()
	return s.ask(t, `SELECT schemaname || '.' || tablename FROM pg_tables
		WHERE schemaname NOT LIKE 'tenant\_%' AND schemaname NOT LIKE 'pg\_%' AND schemaname <> 'information_schema' AND tablename NOT LIKE 'tenancy\_%'`)
}

func (s pgServer) steps(t testing.TB, id string) []string {
	t.Helper()
	return s.ask(t, "SELECT step FROM tenant_"+id+".steps")
}

// made lists the columns and indexes of a tenant.
func (s pgServer) made(t testing.TB, id string) []string {
	t.Helper()
	return s.ask(t, `SELECT format('%s.%s %s', table_name, column_name, data_type) FROM information_schema.columns WHERE table_schema = $1
		UNION ALL SELECT replace(indexdef, $1, '') || ' ' || i.indisvalid FROM pg_indexes x JOIN pg_index i ON i.indexrelid = to_regclass(format('%I.%I', schemaname, indexname)) WHERE schemaname = $1`, "tenant_"+id)
}

// TestVersionedSchemas brings a fleet from nothing to the latest version, each tenant in
// its schema, and back.
func TestVersionedSchemas(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openKeels(t, server, pgSchema)
	var calls atomic.Int64
	config := keelConfig(keelFiles(), &calls)
	m := s.versioned(t, config, migrate.Workers(3))
	all := numbered(36)

	report, err := m.UpTo(t.Context(), migrate.Tenants(all...), 2)
	allDone(t, report, err, 2, true)
	report, err = m.Status(t.Context(), migrate.Tenants(append(tenantsOf("nobody"), all...)...))
	must(t, err)
	if report.Count(migrate.Behind) != len(all) || report.Count(migrate.Missing) != 1 {
		t.Errorf("of %d tenants %d are behind and %d missing", len(report.Results), report.Count(migrate.Behind), report.Count(migrate.Missing))
	}
	wantKind(t, of(t, report, "ship003").Err, tenancy.ErrBehind)
	wantKind(t, of(t, report, "nobody").Err, tenancy.ErrNotProvisioned)

	report, err = m.Up(t.Context(), migrate.Tenants(all...))
	allDone(t, report, err, 5, true)
	if n := calls.Load(); n != int64(2*len(all)) {
		t.Errorf("the migrations in Go were called %d times", n)
	}
	want := server.made(t, "ship000")
	if len(want) != 11 {
		t.Fatalf("a tenant has %q", want)
	}
	for _, tenant := range all {
		same(t, tenant.ID, server.steps(t, tenant.ID), keelSteps(tenant.ID))
		same(t, tenant.ID, server.made(t, tenant.ID), want)
	}
	same(t, "tables outside", server.outside(t), nil)
	s.clean(t, `"$user", public`)
	must(t, s.as("ship001").Create(&keel{ID: 1, Name: "x"}).Error)

	report, err = m.Up(t.Context(), migrate.Tenants(all...))
	allDone(t, report, err, 5, false)
	report, err = m.Status(t.Context(), migrate.Tenants(all...))
	must(t, err)
	if report.Count(migrate.UpToDate) != len(all) {
		t.Errorf("only %d are up to date", report.Count(migrate.UpToDate))
	}

	must(t, m.DownTo(t.Context(), all[1], 1))
	same(t, "after DownTo", server.steps(t, all[1].ID), []string{"one", "four for ship001", "five for ship001"})
	same(t, "another tenant after DownTo", server.steps(t, all[2].ID), keelSteps(all[2].ID))
	must(t, s.migrate.Destroy(t.Context(), all[1]))
}

// TestVersionedFailure: tenants that fail stay where they are, and say why in goose's own
// words; the others are done.
func TestVersionedFailure(t *testing.T) {
	server := newPG(t)
	s := openKeels(t, server, pgSchema)
	all := numbered(12)
	var calls atomic.Int64
	config := keelConfig(keelFiles(), &calls)
	// One at a time: CREATE INDEX CONCURRENTLY waits for whoever waits for a lock, as long as that.
	m := s.versioned(t, config, migrate.Workers(1), migrate.LockTimeout(200*time.Millisecond))
	report, err := m.UpTo(t.Context(), migrate.Tenants(all...), 1)
	allDone(t, report, err, 1, true)
	server.run(t, "ALTER TABLE tenant_ship004.keels ADD COLUMN length text")
	tx, err := server.admin.BeginTx(t.Context(), nil)
	must(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(t.Context(), "LOCK TABLE tenant_ship007.keels")
	must(t, err)

	report, err = m.Up(t.Context(), migrate.Tenants(all...))
	var partial *migrate.PartialError
	if !errors.As(err, &partial) || report.Count(migrate.Failed) != 2 || report.Count(migrate.Done) != 10 {
		t.Fatalf("%d failed and %d are done: %v", report.Count(migrate.Failed), report.Count(migrate.Done), err)
	}
	for id, code := range map[string]string{"ship004": "42701", "ship007": "55P03"} {
		r := of(t, report, id)
		wantKind(t, r.Err, tenancy.ErrMigration)
		var its *goose.PartialError
		if !errors.As(r.Err, &its) || its.Failed.Source.Version != 2 {
			t.Errorf("%s: the error is not goose's: %v", id, r.Err)
		}
		var its2 *pgconn.PgError
		if !errors.As(r.Err, &its2) || its2.Code != code {
			t.Errorf("%s: the error is not PostgreSQL's %s: %v", id, code, r.Err)
		}
		if r.Version != 1 || r.Changed || !strings.Contains(r.Err.Error(), id) {
			t.Errorf("%s is at version %d: %v", id, r.Version, r.Err)
		}
		same(t, id, server.steps(t, id), []string{"one"})
	}
	must(t, tx.Rollback())
	server.run(t, "ALTER TABLE tenant_ship004.keels DROP COLUMN length")
	report, err = m.Up(t.Context(), migrate.Tenants(all...))
	must(t, err)
	for _, r := range report.Results {
		if healed := r.Tenant.ID == "ship004" || r.Tenant.ID == "ship007"; r.Changed != healed || r.Version != 5 {
			t.Errorf("%s changed: %v, version %d", r.Tenant.ID, r.Changed, r.Version)
		}
	}
	s.clean(t, `"$user", public`)
}

// TestVersionedStops after as many failures as the options say.
func TestVersionedStops(t *testing.T) {
	t.Parallel()
	s := openKeels(t, newPG(t), pgSchema)
	files := fstest.MapFS{"1_x.sql": file("-- +goose Up\nSELECT 1/0;\n")}
	m := s.versioned(t, versioned.Config{Files: files}, migrate.Workers(1), migrate.StopAfter(2))
	report, err := m.Up(t.Context(), migrate.Tenants(numbered(6)...))
	if err == nil || report.Count(migrate.Failed) != 2 || report.Count(migrate.Skipped) != 4 {
		t.Errorf("%v: %v", states(report), err)
	}
}

// TestVersionedTimeout: a statement lasts no longer than the options say.
func TestVersionedTimeout(t *testing.T) {
	s := openKeels(t, newPG(t), pgSchema)
	files := fstest.MapFS{"1_x.sql": file("-- +goose Up\nSELECT pg_sleep(30);\n")}
	report, err := s.versioned(t, versioned.Config{Files: files}, migrate.StatementTimeout(100*time.Millisecond)).Up(t.Context(), migrate.Tenants(numbered(1)...))
	var its *pgconn.PgError
	if !errors.As(err, &its) || its.Code != "57014" || report.Count(migrate.Failed) != 1 {
		t.Errorf("%v: %v", states(report), err)
	}
}

// TestVersionedTogether: of several runs at once each tenant is migrated once.
func TestVersionedTogether(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	all := numbered(20)
	var calls atomic.Int64
	var runs sync.WaitGroup
	for range 3 {
		s := openKeels(t, server, pgSchema)
		m := s.versioned(t, keelConfig(keelFiles(), &calls), migrate.Workers(2))
		runs.Go(func() {
			report, err := m.Up(t.Context(), migrate.Tenants(all...))
			if err != nil || report.Count(migrate.Done) != len(all) {
				t.Errorf("%v: %v", states(report), err)
			}
		})
	}
	runs.Wait()
	for _, tenant := range all {
		same(t, tenant.ID, server.steps(t, tenant.ID), keelSteps(tenant.ID))
		if n := len(server.steps(t, tenant.ID)); n != 5 {
			t.Errorf("%s: %d steps", tenant.ID, n)
		}
	}
}

// TestVersionedStays: a migration that would leave the tenant's schema is refused before
// anything is done for anybody.
func TestVersionedStays(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgSchema, pgSetup{})
	m := s.versioned(t, versioned.Config{Files: keelFiles()})
	report, err := m.UpTo(t.Context(), migrate.Tenants(tenantsOf("globex")...), 1)
	allDone(t, report, err, 1, true)
	server.run(t, "CREATE SCHEMA apart")
	for name, text := range map[string]string{
		"public":        "CREATE TABLE public.keels (id int);",
		"other tenant":  "DELETE FROM tenant_globex.steps;",
		"other schema":  "CREATE TABLE apart.keels (id int);",
		"search_path":   "SET search_path TO public;\nCREATE TABLE keels (id int);",
		"set_config":    "SELECT set_config('search_path', 'public', false);\nCREATE TABLE keels (id int);",
		"function":      "-- +goose StatementBegin\nDO $$ BEGIN EXECUTE 'DELETE FROM tenant_globex.steps'; END $$;\n-- +goose StatementEnd",
		"moved":         "CREATE TABLE moved (id int);\nALTER TABLE moved SET SCHEMA public;",
		"shared tables": "DROP TABLE public.tariffs;",
	} {
		m := s.versioned(t, versioned.Config{Files: fstest.MapFS{"1_x.sql": file("-- +goose Up\n" + text + "\n")}})
		_, err := m.Up(t.Context(), migrate.Tenants(tenantsOf("acme")...))
		if !errors.Is(err, tenancy.ErrRawSQL) || !strings.Contains(err.Error(), "1_x.sql") {
			t.Errorf("%s: %v", name, err)
		}
	}
	inTx := func(statement string) *goose.GoFunc {
		return &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, statement)
			return err
		}}
	}
	for name, up := range map[string]*goose.GoFunc{
		"in Go":       inTx("DELETE FROM tenant_globex.steps"),
		"in Go, path": inTx("SET search_path TO tenant_globex"),
		"in Go, prepared": {RunDB: func(ctx context.Context, db *sql.DB) error {
			stmt, err := db.PrepareContext(ctx, "DELETE FROM tenant_globex.steps")
			if err == nil {
				_, err = stmt.ExecContext(ctx)
				_ = stmt.Close()
			}
			return err
		}},
	} {
		m := s.versioned(t, versioned.Config{Go: []*goose.Migration{goose.NewGoMigration(1, up, nil), goose.NewGoMigration(2, inTx("DELETE FROM steps"), nil)}})
		report, err := m.Up(t.Context(), migrate.Tenants(tenantsOf("initech")...))
		if !errors.Is(err, tenancy.ErrRawSQL) || report.Results[0].Version != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	server.run(t, "DROP SCHEMA tenant_initech CASCADE")
	same(t, "schemas", server.ask(t, `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tenant\_%'`), []string{"tenant_globex"})
	same(t, "the other tenant", server.steps(t, "globex"), []string{"one"})
	same(t, "outside", server.outside(t), nil)

	must(t, s.migrate.Provision(t.Context(), tenancy.Tenant{ID: "acme"})) // and the shared tables
	m = s.versioned(t, versioned.Config{Files: fstest.MapFS{"1_x.sql": file("-- +goose Up\nCREATE TABLE own (tariff_id bigint REFERENCES public.tariffs);\nINSERT INTO own SELECT id FROM public.tariffs;\n")}})
	report, err = m.Up(t.Context(), migrate.Tenants(tenantsOf("acme")...))
	allDone(t, report, err, 1, true)
}

// TestVersionedOwner: a schema that is registered for another is left alone.
func TestVersionedOwner(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openKeels(t, server, pgSchema)
	m := s.versioned(t, versioned.Config{Files: keelFiles()})
	report, err := m.Up(t.Context(), migrate.Tenants(tenancy.Tenant{ID: "first", Schema: "their_own"}))
	allDone(t, report, err, 3, true)
	report, err = m.Up(t.Context(), migrate.Tenants(tenancy.Tenant{ID: "second", Schema: "their_own"}))
	if err == nil {
		t.Error("two tenants have one schema")
	}
	wantKind(t, of(t, report, "second").Err, tenancy.ErrTenantMismatch)
	wantKind(t, m.DownTo(t.Context(), tenancy.Tenant{ID: "second", Schema: "their_own"}, 0), tenancy.ErrTenantMismatch)
	wantKind(t, m.DownTo(t.Context(), tenancy.Tenant{ID: "nobody"}, 0), tenancy.ErrNotProvisioned)
	report, err = m.Status(t.Context(), migrate.Tenants(tenancy.Tenant{ID: "first", Schema: "their_own"}, tenancy.Tenant{ID: "second", Schema: "their_own"}))
	if err == nil || report.Results[0].State != migrate.UpToDate {
		t.Errorf("%v: %v", states(report), err)
	}
	wantKind(t, report.Results[1].Err, tenancy.ErrTenantMismatch)
}

// TestVersionedRLS migrates the one set of tables once, and gives them their policies.
func TestVersionedRLS(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgRLS, pgSetup{models: []any{&note{}}})
	var calls atomic.Int64
	config := keelConfig(fstest.MapFS{
		"1_notes.sql": file("-- +goose Up\nCREATE TABLE steps (step text);\nCREATE TABLE notes (id bigserial PRIMARY KEY, tenant_id varchar(191) NOT NULL, owner text, text text, deleted timestamptz);\n"),
		"6_fails.sql": file("-- +goose Up\nSELECT 1/0;\n"),
	}, &calls)
	m := s.versioned(t, config, migrate.Workers(4))
	report, err := m.Up(t.Context(), migrate.Tenants(numbered(30)...))
	if err == nil || report.Count(migrate.Failed) != 30 || of(t, report, "ship029").Version != 5 {
		t.Fatalf("%v: %v", states(report), err)
	}
	config.Files = fstest.MapFS{"1_notes.sql": config.Files.(fstest.MapFS)["1_notes.sql"]}
	report, err = s.versioned(t, config).Up(t.Context(), migrate.Tenants(numbered(30)...))
	allDone(t, report, err, 5, false)
	same(t, "steps", server.ask(t, "SELECT step FROM steps"), []string{"four for ", "five for "})
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
	must(t, s.as("ship001").Create(&note{Owner: "ship001"}).Error)
	var seen int64
	must(t, s.as("ship002").Raw("SELECT count(*) FROM notes").Scan(&seen).Error)
	if seen != 0 {
		t.Error("a tenant sees another's row in a table that a migration made")
	}
}
