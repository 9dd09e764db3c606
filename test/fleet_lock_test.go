package test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/migrate"
)

// heldLock is a fleet one of whose tenants somebody else works on.
type heldLock struct {
	db     *gorm.DB
	hold   func(t *testing.T) (release func())
	holder string // what the error says of whoever has the lock
}

// heldLocks are the ways to lock the tenant ship001, by kind of database.
var heldLocks = map[string]func(t *testing.T, models ...any) heldLock{
	"postgres": func(t *testing.T, models ...any) heldLock {
		t.Helper()
		server := newPG(t)
		s := openPG(t, server, pgSchema, pgSetup{models: models})
		return heldLock{s.db, func(t *testing.T) func() {
			t.Helper()
			return exclusive(t, server.admin, "postgres", "tenant_ship001")
		}, "role postgres"}
	},
	"mysql": func(t *testing.T, models ...any) heldLock {
		t.Helper()
		h := newMySQLHost(t)
		db := h.base(t, &gorm.Config{Logger: logger.Discard})
		must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: h.database(), Models: models})))
		t.Cleanup(func() { must(t, tenancy.Close(db)) })
		return heldLock{db, func(t *testing.T) func() {
			t.Helper()
			own, err := sql.Open("mysql", h.dsnOf(h.prefix+"ship001"))
			must(t, err)
			release := exclusive(t, own, "mysql", "tenant")
			return func() { release(); must(t, own.Close()) }
		}, "user " + h.role}
	},
	"file": func(t *testing.T, models ...any) heldLock {
		t.Helper()
		s := openSite(t, byDatabase, setup{tenancy: tenancy.Config{Models: models}})
		return heldLock{s.db, func(t *testing.T) func() {
			t.Helper()
			tx := s.as("ship001").Begin()
			must(t, tx.Error)
			must(t, tx.Exec("UPDATE hulls SET name = name").Error)
			return func() { must(t, tx.Rollback().Error) }
		}, "another connection"}
	},
}

// exclusive takes a lock of package ddl until release is called.
func exclusive(t testing.TB, db *sql.DB, dialect, key string) (release func()) {
	t.Helper()
	held, let, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- ddl.Exclusive(context.Background(), db, dialect, key, func(gorm.ConnPool) error {
			close(held)
			<-let
			return nil
		})
	}()
	select {
	case <-held:
	case err := <-done:
		t.Fatalf("the lock was not granted: %v", err)
	case <-time.After(pgWait):
		t.Fatal("the lock was not granted")
	}
	return func() { close(let); must(t, <-done) }
}

// TestFleetHeld: a tenant on whom somebody else works costs a run the lock timeout, and
// nobody else anything. The error says who it is.
func TestFleetHeld(t *testing.T) {
	const patience = 300 * time.Millisecond
	for name, open := range heldLocks {
		t.Run(name, func(t *testing.T) {
			all := numbered(4)
			fleet := open(t, fleetModels()...)
			m, err := migrate.New(fleet.db, migrate.LockTimeout(patience), migrate.Workers(2))
			must(t, err)
			up := func() (*migrate.Report, error) { return m.Up(t.Context(), migrate.Tenants(all...)) }
			_, err = up()
			must(t, err)
			// Another tenant would not do: one that is up to date is not locked at all.
			undo(t, fleet.db, all)
			release := fleet.hold(t)
			began := time.Now()
			report, err := up()
			if took := time.Since(began); took < patience || took > pgWait {
				t.Errorf("it took %v", took)
			}
			wantKind(t, err, tenancy.ErrMigration)
			for _, result := range report.Results {
				if result.Tenant.ID != "ship001" {
					if result.State != migrate.Done {
						t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
					}
					continue
				}
				if result.State != migrate.Failed || !errors.Is(result.Err, ddl.ErrHeld) {
					t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
				}
				says(t, name, []string{fmt.Sprint(result.Err)}, "ship001", "lock timeout", fleet.holder, "migrate.LockTimeout")
			}
			release()
			_, err = up()
			must(t, err)
		})
	}
}

// TestLifecycleHeld: Provision and Destroy, too, wait for whoever works on a tenant no longer
// than the lock timeout, and say who it is.
func TestLifecycleHeld(t *testing.T) {
	const patience = 300 * time.Millisecond
	opens := map[string]func(t *testing.T, models ...any) heldLock{"prefix": func(t *testing.T, models ...any) heldLock {
		t.Helper()
		s := openSite(t, bySchema, setup{tenancy: tenancy.Config{Models: models, Shared: []any{&tariff{}}}})
		return heldLock{s.db, func(t *testing.T) func() {
			t.Helper()
			tx := s.db.Begin()
			must(t, tx.Error)
			must(t, tx.Create(&tariff{Name: "written and not committed"}).Error)
			return func() { must(t, tx.Rollback().Error) }
		}, "another connection"}
	}}
	maps.Copy(opens, heldLocks)
	for name, open := range opens {
		t.Run(name, func(t *testing.T) {
			held := open(t, fleetModels()...)
			m, err := migrate.New(held.db, migrate.LockTimeout(patience))
			must(t, err)
			ship := numbered(2)[1]
			must(t, m.Provision(t.Context(), ship))
			runs := map[string]func(context.Context, tenancy.Tenant) error{"provision": m.Provision}
			if name == "prefix" || name == "postgres" { // others are destroyed under another lock
				runs["destroy"] = m.Destroy
			}
			release := held.hold(t)
			for op, run := range runs {
				ctx, cancel := context.WithTimeout(t.Context(), pgWait)
				began := time.Now()
				err := run(ctx, ship)
				cancel()
				if took := time.Since(began); took < patience || took > pgWait-time.Second {
					t.Errorf("%s took %v", op, took)
				}
				if !errors.Is(err, ddl.ErrHeld) {
					t.Errorf("%s: %v", op, err)
				}
				wantKind(t, err, tenancy.ErrMigration)
				says(t, op, []string{fmt.Sprint(err)}, "ship001", "lock timeout", held.holder, "migrate.LockTimeout")
			}
			release()
			must(t, m.Provision(t.Context(), ship))
			must(t, m.Destroy(t.Context(), ship))
		})
	}
}

// undo takes something from each tenant, so that there is something to do for it.
func undo(t *testing.T, db *gorm.DB, tenants []tenancy.Tenant) {
	t.Helper()
	for _, tenant := range tenants {
		must(t, db.WithContext(tenancy.WithTenant(t.Context(), tenant)).Migrator().DropIndex(&hull{}, "idx_hulls_name"))
	}
}

// TestVersionedHeld is TestFleetHeld for versioned migrations.
func TestVersionedHeld(t *testing.T) {
	server := newPG(t)
	s := openKeels(t, server, pgSchema)
	all := numbered(3)
	m := s.versioned(t, killedConfig(), migrate.LockTimeout(200*time.Millisecond))
	report, err := m.UpTo(t.Context(), migrate.Tenants(all...), 1)
	allDone(t, report, err, 1, true)
	release := exclusive(t, server.admin, "postgres", "tenant_ship001")
	report, err = m.Up(t.Context(), migrate.Tenants(all...))
	if !errors.Is(err, ddl.ErrHeld) || report.Count(migrate.Failed) != 1 || of(t, report, "ship001").State != migrate.Failed {
		t.Errorf("%v: %v", states(report), err)
	}
	if err := m.DownTo(t.Context(), all[1], 0); !errors.Is(err, ddl.ErrHeld) {
		t.Errorf("down: %v", err)
	}
	release()
	report, err = m.Up(t.Context(), migrate.Tenants(all...))
	if err != nil || report.Count(migrate.Done) != 3 {
		t.Errorf("%v: %v", states(report), err)
	}
}
