package test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// site opens a handle with a database per tenant, and these models.
func (h host) site(t testing.TB, models []any, options ...migrate.Option) *site {
	t.Helper()
	db := h.base(t, &gorm.Config{Logger: logger.Discard})
	must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: h.database(), Models: models})))
	t.Cleanup(func() { must(t, tenancy.Close(db)) })
	m, err := migrate.New(db, options...)
	must(t, err)
	return &site{kind: byDatabase, db: db, migrate: m}
}

// tenant opens one connection of the administrator's to a tenant's database.
func (h host) tenant(t testing.TB, id string) *sql.DB {
	t.Helper()
	db, err := sql.Open(h.driver, strings.Replace(h.admin, "/"+h.role+"?", "/"+h.prefix+id+"?", 1))
	must(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// upToDate fails unless Status finds all tenants to be as they should.
func upToDate(t testing.TB, s *site, all []tenancy.Tenant) {
	t.Helper()
	for _, result := range s.status(t, all).Results {
		if result.State != migrate.UpToDate {
			t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
		}
	}
}

// TestFleetDatabases creates, changes and leaves alone many databases on a server, tells
// those that are behind or missing, and plans without making any.
func TestFleetDatabases(t *testing.T) {
	t.Parallel()
	eachHost(t, func(t *testing.T, h host) {
		all := numbered(3)
		s := h.site(t, fleetModels())
		together(t, s.up(t, all))
		for _, tenant := range all {
			must(t, s.migrate.Verify(t.Context(), tenant))
			must(t, s.as(tenant.ID).Create(&hull{Name: tenant.ID, Rivets: []rivet{{Size: 1}}}).Error)
		}
		for _, result := range s.up(t, all).Results {
			if result.Changed || result.Note != "" {
				t.Errorf("%s was changed, and there was nothing to do: %s", result.Tenant.ID, result.Note)
			}
		}
		upToDate(t, s, all)

		later := h.site(t, laterModels())
		for _, result := range later.status(t, all).Results {
			if result.State != migrate.Behind {
				t.Errorf("%s is %s after the models have changed: %v", result.Tenant.ID, result.State, result.Err)
			}
			wantKind(t, result.Err, tenancy.ErrBehind)
		}
		fresh := tenancy.Tenant{ID: "fresh"}
		plan, err := later.migrate.Plan(t.Context(), migrate.Tenants(append(slices.Clone(all), fresh)...))
		must(t, err)
		var text bytes.Buffer
		must(t, plan.Write(&text))
		if len(plan.Groups) != 2 || len(plan.Groups[0].Tenants) != len(all) {
			t.Errorf("the plan is %s", &text)
		}
		says(t, "the plan", strings.Split(text.String(), "\n"), "ALTER TABLE", "ADD", "color")
		says(t, "the plan", strings.Split(text.String(), "\n"), "CREATE TABLE", "rivets", "size_positive")
		if state := of(t, later.status(t, []tenancy.Tenant{fresh}), "fresh").State; state != migrate.Missing {
			t.Errorf("the plan has made its tenant: %s", state)
		}

		for _, result := range later.up(t, all).Results {
			if !result.Changed || result.Note != "" {
				t.Errorf("%s: changed %v, %s", result.Tenant.ID, result.Changed, result.Note)
			}
		}
		for _, tenant := range all {
			must(t, later.migrate.Verify(t.Context(), tenant))
			var names []string
			must(t, later.as(tenant.ID).Model(&hullLater{}).Pluck("name", &names).Error)
			same(t, "rows", names, []string{tenant.ID})
		}
		upToDate(t, later, all)
	})
}

// TestFleetDatabasesDrift finds databases that somebody has changed by hand, names what
// differs, and mends them without touching the others.
func TestFleetDatabasesDrift(t *testing.T) {
	t.Parallel()
	eachHost(t, func(t *testing.T, h host) {
		all := numbered(4)
		s := h.site(t, fleetModels())
		s.up(t, all)
		byHand := map[string]string{
			"ship001": "ALTER TABLE hulls ADD COLUMN nickname varchar(20)",
			"ship002": map[string]string{"pgx": "DROP INDEX idx_hulls_name", "mysql": "DROP INDEX idx_hulls_name ON hulls"}[h.driver],
			"ship003": map[string]string{"pgx": "ALTER TABLE hulls ALTER COLUMN name TYPE varchar(30)", "mysql": "ALTER TABLE hulls MODIFY name varchar(30)"}[h.driver],
		}
		drifted := map[string][]string{
			"ship001": {"column hulls.nickname", "not in the models"},
			"ship002": {"index hulls.idx_hulls_name", "missing"},
			"ship003": {"column hulls.name", "(30)", "(100)"},
		}
		for id, statement := range byHand {
			_, err := h.tenant(t, id).Exec(statement)
			must(t, err)
		}
		report := s.status(t, all)
		for _, result := range report.Results {
			words, wrong := drifted[result.Tenant.ID]
			switch {
			case !wrong && result.State != migrate.UpToDate, wrong && result.State != migrate.Drifted:
				t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
			case wrong:
				wantKind(t, result.Err, tenancy.ErrDrifted)
				says(t, result.Tenant.ID, result.Differs, words...)
			}
		}
		report = s.up(t, all)
		for _, result := range report.Results {
			words, wrong := drifted[result.Tenant.ID]
			if wrong {
				says(t, result.Tenant.ID, result.Differed, words...)
			} else if result.Changed || len(result.Differed)+len(result.Differs) > 0 {
				t.Errorf("%s: %+v", result.Tenant.ID, result)
			}
			must(t, s.migrate.Verify(t.Context(), result.Tenant))
		}
		says(t, "what is left", of(t, report, "ship001").Differs, drifted["ship001"]...)
		if left := append(of(t, report, "ship002").Differs, of(t, report, "ship003").Differs...); len(left) > 0 {
			t.Errorf("still different: %q", left)
		}
		upToDate(t, s, all)
	})
}

// TestFleetDatabasesLocked: a table that somebody has locked costs its tenant the lock
// timeout, and nobody else anything.
func TestFleetDatabasesLocked(t *testing.T) {
	takesLong(t)
	eachHost(t, func(t *testing.T, h host) {
		all := numbered(3)
		h.site(t, fleetModels()).up(t, all)
		for _, c := range []struct { // the canary, and another
			locked string
			models []any
		}{{"ship000", laterModels()}, {"ship002", fleetModels()}} {
			locked := c.locked
			later := h.site(t, c.models, migrate.LockTimeout(time.Second), migrate.Workers(2))
			tx, err := h.tenant(t, locked).BeginTx(t.Context(), nil)
			must(t, err)
			defer func() { _ = tx.Rollback() }()
			_, err = tx.Exec("SELECT * FROM hulls")
			must(t, err)
			_, err = tx.Exec("UPDATE hulls SET weight = 1")
			must(t, err)
			report, err := later.migrate.Up(t.Context(), migrate.Tenants(all...))
			wantKind(t, err, tenancy.ErrMigration)
			for _, result := range report.Results {
				switch {
				case result.Tenant.ID != locked && result.State != migrate.Done:
					t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
				case result.Tenant.ID == locked:
					if text := strings.ToLower(result.Err.Error()); !strings.Contains(text, "lock") || !strings.Contains(text, "timeout") {
						t.Errorf("%s is %s: %v", locked, result.State, result.Err)
					}
					wantTenant(t, result.Err, "up", locked, "database")
				}
			}
			must(t, tx.Rollback())
			later.up(t, all)
			upToDate(t, later, all)
		}
	})
}

// TestFleetDatabasesOnboard: a new tenant is made by the statements that made the one before.
func TestFleetDatabasesOnboard(t *testing.T) {
	t.Parallel()
	eachHost(t, func(t *testing.T, h host) {
		counter := newStatementCounter()
		db := h.base(t, &gorm.Config{Logger: counter})
		must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: h.database(), Models: fleetModels()})))
		t.Cleanup(func() { must(t, tenancy.Close(db)) })
		m, err := migrate.New(db)
		must(t, err)
		asked := map[string]int64{}
		for _, id := range []string{"first", "second", "third"} {
			counter.n.Store(0)
			must(t, m.Provision(t.Context(), tenancy.Tenant{ID: id}))
			asked[id] = counter.n.Load()
			must(t, m.Verify(t.Context(), tenancy.Tenant{ID: id}))
		}
		if asked["second"]*2 > asked["first"] || asked["third"] > asked["second"] {
			t.Errorf("statements by GORM for each tenant: %v", asked)
		}
	})
}

// TestFleetDatabasesServers: tenants on several addresses are one fleet, and those whose
// server is out of reach are reported, and no others.
func TestFleetDatabasesServers(t *testing.T) {
	t.Parallel()
	eachHost(t, func(t *testing.T, h host) {
		s := h.site(t, fleetModels(), migrate.Retries(0))
		elsewhere := strings.NewReplacer("127.0.0.1", "localhost", "[::1]", "localhost").Replace(h.dsnOf(h.prefix + "away"))
		nowhere := strings.NewReplacer(":5432/", ":1/", ":3306)", ":1)").Replace(h.dsnOf(h.prefix + "lost"))
		if nowhere == h.dsnOf(h.prefix+"lost") {
			t.Skip("the server is not on its usual port")
		}
		all := append(numbered(2), tenancy.Tenant{ID: "away", DSN: elsewhere}, tenancy.Tenant{ID: "lost", DSN: nowhere})
		report, err := s.migrate.Up(t.Context(), migrate.Tenants(all...))
		wantKind(t, err, tenancy.ErrUnavailable)
		if lost := of(t, report, "lost"); report.Count(migrate.Done) != 3 || lost.State != migrate.Failed {
			t.Errorf("the report is %v", states(report))
		}
		report, err = s.migrate.Status(t.Context(), migrate.Tenants(all...))
		wantKind(t, err, tenancy.ErrUnavailable)
		if report.Count(migrate.UpToDate) != 3 || of(t, report, "lost").State != migrate.Failed {
			t.Errorf("the report is %v", states(report))
		}
		thief := tenancy.Tenant{ID: "thief", DSN: h.dsnOf(h.prefix + "ship000")}
		report, err = s.migrate.Up(t.Context(), migrate.Tenants(thief))
		wantKind(t, err, tenancy.ErrTenantMismatch)
		if report.Count(migrate.Failed) != 1 {
			t.Errorf("the report is %v", states(report))
		}
	})
}

// databasesEnv holds a driver, a prefix and the address of the base database, for a process
// that migrates databases.
const databasesEnv = "TENANCY_TEST_FLEET_DATABASES"

const databasesSize = 6

// migrateDatabasesAsChild is what such a process does, as far as it comes.
func migrateDatabasesAsChild(spec string) (err error) {
	part := strings.SplitN(spec, " ", 3)
	open := map[string]func(string) gorm.Dialector{"pgx": postgres.Open, "mysql": mysql.Open}[part[0]]
	db, err := gorm.Open(open(part[2]), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return err
	}
	strategy := strategies.Database{Open: open, Prefix: part[1], DSN: part[2]}
	if err := db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategy, Models: laterModels()})); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tenancy.Close(db)) }()
	m, err := migrate.New(db, migrate.Workers(1))
	if err != nil {
		return err
	}
	_, err = m.Up(context.Background(), migrate.Tenants(numbered(databasesSize)...))
	return err
}

// TestFleetDatabasesKilled kills a run between tenants, or within one, and another run
// ends it.
func TestFleetDatabasesKilled(t *testing.T) {
	takesLong(t)
	eachHost(t, func(t *testing.T, h host) {
		all := numbered(databasesSize)
		h.site(t, fleetModels()).up(t, all[:databasesSize/2])
		admin := h.superuser(t)
		later := h.site(t, laterModels())
		version := "SELECT count(DISTINCT version) FROM tenancy_ledger WHERE tenant_id <> ''"
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), databasesEnv+"="+h.driver+" "+h.prefix+" "+h.dsn)
		must(t, child.Start())
		for began := time.Now(); ; time.Sleep(time.Millisecond) {
			var versions int
			if must(t, admin.QueryRow(version).Scan(&versions)); versions > 1 {
				break
			}
			if time.Since(began) > 60*time.Second {
				t.Fatal("nobody is migrated")
			}
		}
		must(t, child.Process.Kill())
		if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the run was not killed: %v", err)
		}
		report := later.status(t, all)
		if done := report.Count(migrate.UpToDate); done == len(all) {
			t.Fatalf("the run was killed too late: %v", states(report))
		}
		later.up(t, all)
		upToDate(t, later, all)
		for _, tenant := range all {
			must(t, later.migrate.Verify(t.Context(), tenant))
		}
	})
}

// TestFleetDatabasesHalf: a migration of which MySQL has committed one half is ended by the
// next run, and never believed to be done, and a tenant that was being made is finished.
func TestFleetDatabasesHalf(t *testing.T) {
	t.Parallel()
	h := newMySQLHost(t)
	all := numbered(4)
	h.site(t, fleetModels()).up(t, all[:3])
	_, err := h.tenant(t, "ship001").Exec("ALTER TABLE hulls ADD color longtext") // as the models will ask
	must(t, err)
	admin := h.superuser(t)
	for _, statement := range []string{ // a draft with one table
		"CREATE DATABASE " + h.prefix + "ship003",
		"CREATE TABLE " + h.prefix + "ship003.tenancy_tenants LIKE " + h.prefix + "ship000.tenancy_tenants",
		"INSERT INTO " + h.prefix + "ship003.tenancy_tenants VALUES ('draft of " + h.prefix + "ship003', 'ship003', now())",
		"CREATE TABLE " + h.prefix + "ship003.rivets LIKE " + h.prefix + "ship000.rivets",
	} {
		_, err := admin.Exec(statement)
		must(t, err)
	}
	later := h.site(t, laterModels())
	if report := later.status(t, all); of(t, report, "ship003").State != migrate.Missing || of(t, report, "ship001").State != migrate.Drifted {
		t.Errorf("before: %v", states(report))
	}
	later.up(t, all, migrate.Trust())
	upToDate(t, later, all)
	for _, tenant := range all {
		must(t, later.migrate.Verify(t.Context(), tenant))
	}
}
