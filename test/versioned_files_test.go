package test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/migrate/versioned"
)

// keelSQLite is keelFiles for SQLite, where an index is never made concurrently.
func keelSQLite() fstest.MapFS {
	files := keelFiles()
	files["00003_index.sql"] = file(strings.ReplaceAll(string(files["00003_index.sql"].Data), "CONCURRENTLY ", ""))
	return files
}

func openKeelFiles(t testing.TB, root string) *site {
	t.Helper()
	return openSite(t, byDatabase, setup{root: root, tenancy: tenancy.Config{Models: []any{&keel{}}}})
}

func (s *site) steps(t testing.TB, id string) []string {
	t.Helper()
	var steps []string
	must(t, s.as(id).Raw("SELECT step FROM steps").Scan(&steps).Error)
	return steps
}

// TestVersionedFiles: each tenant in its file, from nothing to the latest version and
// back, by several runs at once.
func TestVersionedFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	all := numbered(10)
	var calls atomic.Int64
	var runs sync.WaitGroup
	for range 3 {
		m := openKeelFiles(t, root).versioned(t, keelConfig(keelSQLite(), &calls), migrate.Workers(2), migrate.LockTimeout(time.Minute))
		runs.Go(func() {
			report, err := m.Up(t.Context(), migrate.Tenants(all...))
			if err != nil || report.Count(migrate.Done) != len(all) {
				t.Errorf("%v: %v", states(report), err)
			}
		})
	}
	runs.Wait()
	s := openKeelFiles(t, root)
	m := s.versioned(t, keelConfig(keelSQLite(), &calls))
	for _, tenant := range all {
		same(t, tenant.ID, s.steps(t, tenant.ID), keelSteps(tenant.ID))
		if n := len(s.steps(t, tenant.ID)); n != 5 {
			t.Errorf("%s: %d steps", tenant.ID, n)
		}
		same(t, tenant.ID, s.structures(t, tenant.ID), s.structures(t, all[0].ID))
	}
	report, err := m.Status(t.Context(), migrate.Tenants(append(tenantsOf("nobody"), all...)...))
	must(t, err)
	if report.Count(migrate.UpToDate) != len(all) || report.Count(migrate.Missing) != 1 {
		t.Errorf("%v", states(report))
	}
	must(t, m.DownTo(t.Context(), all[1], 0))
	must(t, m.DownTo(t.Context(), all[2], 2))
	same(t, "another tenant", s.steps(t, all[3].ID), keelSteps(all[3].ID))
	same(t, "after DownTo", s.steps(t, all[2].ID), []string{"one", "two", "four for ship002", "five for ship002"})
	report, err = m.Up(t.Context(), migrate.Tenants(all...))
	must(t, err)
	for i, r := range report.Results {
		if r.Changed != (i == 1 || i == 2) {
			t.Errorf("%s changed: %v", r.Tenant.ID, r.Changed)
		}
	}
}

// TestVersionedFileFails: all migrations of a file are one transaction, so that a tenant
// that fails is as it was before.
func TestVersionedFileFails(t *testing.T) {
	t.Parallel()
	s := openKeelFiles(t, "")
	all := tenantsOf("acme", "globex", "initech")
	m := s.versioned(t, versioned.Config{Files: keelSQLite()})
	report, err := m.UpTo(t.Context(), migrate.Tenants(all...), 1)
	allDone(t, report, err, 1, true)
	must(t, s.as("globex").Exec("CREATE INDEX keels_name ON steps (step)").Error)
	before := s.structures(t, "globex")

	report, err = m.Up(t.Context(), migrate.Tenants(all...))
	if err == nil || report.Count(migrate.Done) != 2 {
		t.Fatalf("%v: %v", states(report), err)
	}
	r := of(t, report, "globex")
	wantKind(t, r.Err, tenancy.ErrMigration)
	var its *goose.PartialError
	if !errors.As(r.Err, &its) || its.Failed.Source.Version != 3 || r.Version != 1 || r.Changed {
		t.Errorf("version %d, changed: %v, %v", r.Version, r.Changed, r.Err)
	}
	same(t, "the failed tenant", s.structures(t, "globex"), before)
	same(t, "the failed tenant", s.steps(t, "globex"), []string{"one"})
	must(t, s.as("globex").Exec("DROP INDEX keels_name").Error)
	report, err = m.Up(t.Context(), migrate.Tenants(all...))
	must(t, err)
	if !of(t, report, "globex").Changed || of(t, report, "acme").Changed {
		t.Error("the second run did not end the first")
	}
}

// TestVersionedFileForeignKeys: a table that others refer to can be replaced, and a row
// that refers to nothing afterwards undoes it all.
func TestVersionedFileForeignKeys(t *testing.T) {
	t.Parallel()
	s := openKeelFiles(t, "")
	files := fstest.MapFS{
		"1_made.sql":     file("-- +goose Up\nCREATE TABLE keels (id integer PRIMARY KEY, name text);\nCREATE TABLE bolts (id integer PRIMARY KEY, keel_id integer NOT NULL REFERENCES keels(id) ON DELETE CASCADE);\nINSERT INTO keels VALUES (1, 'x');\nINSERT INTO bolts VALUES (1, 1);\n"),
		"2_replaced.sql": file("-- +goose NO TRANSACTION\n-- +goose Up\nPRAGMA foreign_keys = OFF;\nCREATE TABLE made (id integer PRIMARY KEY, name text NOT NULL);\nINSERT INTO made SELECT id, name FROM keels;\nDROP TABLE keels;\nALTER TABLE made RENAME TO keels;\nPRAGMA foreign_keys = ON;\n"),
	}
	report, err := s.versioned(t, versioned.Config{Files: files}).Up(t.Context(), migrate.Tenants(tenantsOf("acme")...))
	allDone(t, report, err, 2, true)
	var bolts, enforced int
	must(t, s.as("acme").Raw("SELECT count(*) FROM bolts").Scan(&bolts).Error)
	must(t, s.as("acme").Raw("PRAGMA foreign_keys").Scan(&enforced).Error)
	if bolts != 1 || enforced != 1 {
		t.Errorf("%d bolts are left, and foreign keys are %d", bolts, enforced)
	}
	files["3_orphans.sql"] = file("-- +goose Up\nDELETE FROM keels;\n")
	report, err = s.versioned(t, versioned.Config{Files: files}).Up(t.Context(), migrate.Tenants(tenantsOf("acme")...))
	if err == nil || report.Results[0].Version != 2 {
		t.Errorf("rows refer to nothing: %v", err)
	}
}

// TestVersionedRefuses: what cannot be made to fit is refused, and says what to do.
func TestVersionedRefuses(t *testing.T) {
	t.Parallel()
	files := versioned.Config{Files: keelSQLite()}
	prefix := openSite(t, bySchema, setup{})
	report, err := prefix.versioned(t, files).Up(t.Context(), migrate.Tenants(tenantsOf("acme", "globex")...))
	if err == nil || report.Count(migrate.Failed) != 2 {
		t.Errorf("prefixes: %v", err)
	}
	wellMade(t, report.Results[1].Err, tenancy.ErrUnsupportedDialect, "strategies.Database")
	wellMade(t, prefix.versioned(t, files).DownTo(t.Context(), tenancy.Tenant{ID: "acme"}, 0), tenancy.ErrUnsupportedDialect, "migrate.Up")
	same(t, "tables", prefix.objects(t), nil)

	require, err := versioned.Current(files)
	must(t, err)
	guarded := openSite(t, bySchema, setup{tenancy: tenancy.Config{Require: require}})
	wantKind(t, guarded.as("acme").Find(&[]note{}).Error, tenancy.ErrUnsupportedDialect)

	s := openKeelFiles(t, "")
	for name, config := range map[string]versioned.Config{
		"no migrations":   {},
		"two of a number": {Files: fstest.MapFS{"1_a.sql": file("-- +goose Up\n"), "01_b.sql": file("-- +goose Up\n")}},
		"not in Go":       {Files: fstest.MapFS{"1_a.go": file("package x")}},
		"table":           {Files: keelSQLite(), Table: "public.versions"},
		"table's quotes":  {Files: keelSQLite(), Table: `a"b`},
	} {
		_, err := versioned.New(s.db, config)
		if !errors.Is(err, tenancy.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := versioned.Current(config); !errors.Is(err, tenancy.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = versioned.New(s.db, files, migrate.Workers(0))
	wantKind(t, err, tenancy.ErrConfig)
	_, err = s.versioned(t, files).UpTo(t.Context(), migrate.Tenants(), 0)
	wantKind(t, err, tenancy.ErrConfig)
	report, err = s.versioned(t, files).Up(t.Context(), migrate.Tenants(tenancy.Tenant{}))
	if err == nil {
		t.Error("a tenant without an ID")
	}
	wantKind(t, report.Results[0].Err, tenancy.ErrInvalidTenant)
}

// TestVersionedShared migrates the one set of tables once.
func TestVersionedShared(t *testing.T) {
	t.Parallel()
	s := openSite(t, byShared, setup{tenancy: tenancy.Config{Models: []any{&note{}}}})
	var calls atomic.Int64
	m := s.versioned(t, keelConfig(keelSQLite(), &calls))
	report, err := m.Up(t.Context(), migrate.Tenants(numbered(20)...))
	allDone(t, report, err, 5, true)
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
}
