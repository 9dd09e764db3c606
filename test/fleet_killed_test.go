package test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// fleetEnv holds the address of a database for a process that migrates a fleet in it.
const fleetEnv = "TENANCY_TEST_FLEET"

const fleetSize = 300

// migrateAsChild is what such a process does, as far as it comes.
func migrateAsChild(dsn string) (err error) {
	db, err := gorm.Open(postgres.Open(dsn), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return err
	}
	if err := db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Schema{}, Models: fleetModels()})); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tenancy.Close(db)) }()
	m, err := migrate.New(db, migrate.Workers(2))
	if err != nil {
		return err
	}
	_, err = m.Up(context.Background(), migrate.Tenants(numbered(fleetSize)...))
	return err
}

// TestFleetKilled kills a run, and then another one. The third ends what they began: it
// touches nobody who was done, and its report is exact.
func TestFleetKilled(t *testing.T) {
	server := newPG(t)
	all := numbered(fleetSize)
	for _, enough := range []int{60, 150} {
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), fleetEnv+"="+server.DSN)
		must(t, child.Start())
		for began := time.Now(); server.migrated(t) < enough; time.Sleep(5 * time.Millisecond) {
			if time.Since(began) > 60*time.Second {
				t.Fatalf("only %d tenants are migrated", server.migrated(t))
			}
		}
		must(t, child.Process.Kill())
		if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the run was not killed: %v", err)
		}
	}
	server.alone(t)

	done := map[string]bool{}
	for _, id := range server.ask(t, "SELECT tenant_id FROM tenancy_ledger WHERE tenant_id <> ''") {
		done[id] = true
	}
	same(t, "tenants with a schema", server.ask(t, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tenant\\_ship%'"), []string{strconv.Itoa(len(done))})
	if len(done) < 150 || len(done) >= fleetSize {
		t.Fatalf("%d tenants were done when the runs were killed", len(done))
	}
	first := all[0].ID
	before := server.catalog(t, "tenant_"+first)

	s := openPG(t, server, pgSchema, pgSetup{models: fleetModels()})
	report := s.up(t, all)
	together(t, report)
	for _, result := range report.Results {
		if result.Changed == done[result.Tenant.ID] {
			t.Errorf("%s was done: %v, and is reported as changed: %v", result.Tenant.ID, done[result.Tenant.ID], result.Changed)
		}
	}
	same(t, "catalog of a tenant that was done", server.catalog(t, "tenant_"+first), before)
	plan, err := s.migrate.Plan(t.Context(), migrate.Tenants(all...))
	must(t, err)
	if len(plan.Groups) != 1 || len(plan.Groups[0].Statements) > 0 {
		t.Errorf("the tenants are of %d structures", len(plan.Groups))
	}
	must(t, s.migrate.Verify(t.Context(), all[fleetSize-1]))
}

// migrated counts the tenants in the ledger.
func (s pgServer) migrated(t testing.TB) int {
	t.Helper()
	if s.ask(t, "SELECT coalesce(to_regclass('public.tenancy_ledger')::text, '')")[0] == "" {
		return 0
	}
	n, err := strconv.Atoi(s.ask(t, "SELECT count(*) FROM public.tenancy_ledger WHERE tenant_id <> ''")[0])
	must(t, err)
	return n
}

// alone waits until the server has noticed that a client is gone.
func (s pgServer) alone(t testing.TB) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if n := s.ask(t, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1", s.Name)[0]; n == "0" {
			return
		} else if time.Since(began) > 2*pgWait {
			t.Fatalf("%s connections are still there", n)
		}
	}
}
