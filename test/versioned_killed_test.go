package test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/migrate/versioned"
	"github.com/gormtenancy/tenancy/strategies"
)

// versionedEnv holds the address of a database for a process that migrates a fleet in it
// by versions.
const versionedEnv = "TENANCY_TEST_VERSIONED"

const versionedSize = 60

// killedConfig has nothing but transactions.
func killedConfig() versioned.Config {
	files := keelFiles()
	delete(files, "00003_index.sql")
	config := keelConfig(files, &atomic.Int64{})
	config.Go = config.Go[:1]
	return config
}

// versionedAsChild is what such a process does, as far as it comes.
func versionedAsChild(dsn string) (err error) {
	db, err := gorm.Open(postgres.Open(dsn), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return err
	}
	if err := db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Schema{}, Models: []any{&keel{}}})); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tenancy.Close(db)) }()
	m, err := versioned.New(db, killedConfig(), migrate.Workers(2))
	if err != nil {
		return err
	}
	_, err = m.Up(context.Background(), migrate.Tenants(numbered(versionedSize)...))
	return err
}

// TestVersionedKilled kills a run, and the next one ends it: whoever was done is not
// touched, and each migration has run once for each tenant. Migrations are transactions
// here: one that says NO TRANSACTION and is killed can be half done, as with goose alone.
func TestVersionedKilled(t *testing.T) {
	server := newPG(t)
	all := numbered(versionedSize)
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), versionedEnv+"="+server.DSN)
	must(t, child.Start())
	begun := func() int {
		n, err := strconv.Atoi(server.ask(t, `SELECT count(*) FROM pg_tables WHERE schemaname LIKE 'tenant\_ship%' AND tablename = 'steps'`)[0])
		must(t, err)
		return n
	}
	for began := time.Now(); begun() < versionedSize/3; time.Sleep(3 * time.Millisecond) {
		if time.Since(began) > 60*time.Second {
			t.Fatalf("only %d tenants are migrated", begun())
		}
	}
	must(t, child.Process.Kill())
	if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the run was not killed: %v", err)
	}
	server.alone(t)

	s := openKeels(t, server, pgSchema)
	m := s.versioned(t, killedConfig(), migrate.Workers(3))
	status, err := m.Status(t.Context(), migrate.Tenants(all...))
	must(t, err)
	done := status.Count(migrate.UpToDate)
	if done == 0 || done == len(all) || begun() == len(all) {
		t.Fatalf("%d of %d tenants were done when the run was killed", done, len(all))
	}
	report, err := m.Up(t.Context(), migrate.Tenants(all...))
	must(t, err)
	for i, r := range report.Results {
		if was := status.Results[i].State == migrate.UpToDate; r.State != migrate.Done || r.Version != 4 || r.Changed == was {
			t.Errorf("%s was done: %v, and is %s at version %d, changed: %v", r.Tenant.ID, was, r.State, r.Version, r.Changed)
		}
		if steps := server.steps(t, r.Tenant.ID); len(steps) != 3 {
			t.Errorf("%s: %q", r.Tenant.ID, steps)
		}
	}
	same(t, "outside", server.outside(t), nil)
}
