package test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/migrate/versioned"
	"github.com/gormtenancy/tenancy/strategies"
)

// keelMySQL is keelFiles for MySQL, which has no text for a key and makes no index concurrently.
func keelMySQL() fstest.MapFS {
	files := keelSQLite()
	for name, one := range files {
		text := strings.ReplaceAll(string(one.Data), "name text", "name varchar(50)")
		files[name] = file(strings.ReplaceAll(text, "DROP INDEX keels_name", "DROP INDEX keels_name ON keels"))
	}
	return files
}

// TestVersionedMySQL: each tenant in its database, from nothing to the latest version and
// back, by several runs at once, by either strategy that has databases.
func TestVersionedMySQL(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"database", "schema"} {
		t.Run(name, func(t *testing.T) {
			h := newMySQLHost(t)
			open := func() *site {
				var strategy tenancy.Strategy = h.database()
				if name == "schema" {
					strategy = strategies.Schema{Database: h.database()}
				}
				db := h.base(t, &gorm.Config{Logger: logger.Discard})
				must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategy, Models: []any{&keel{}}})))
				t.Cleanup(func() { must(t, tenancy.Close(db)) })
				return &site{kind: byDatabase, db: db}
			}
			all := numbered(4)
			var calls atomic.Int64
			var runs sync.WaitGroup
			for range 3 {
				m := open().versioned(t, keelConfig(keelMySQL(), &calls), migrate.Workers(2), migrate.LockTimeout(time.Minute))
				runs.Go(func() {
					report, err := m.Up(t.Context(), migrate.Tenants(all...))
					if err != nil || report.Count(migrate.Done) != len(all) {
						t.Errorf("%v: %v", states(report), err)
					}
				})
			}
			runs.Wait()
			s := open()
			m := s.versioned(t, keelConfig(keelMySQL(), &calls))
			for _, tenant := range all {
				same(t, tenant.ID, s.steps(t, tenant.ID), keelSteps(tenant.ID))
				must(t, s.as(tenant.ID).Create(&keel{ID: 1, Name: tenant.ID}).Error)
			}
			if n := calls.Load(); n != int64(2*len(all)) {
				t.Errorf("%d calls of migrations in Go for %d tenants", n, len(all))
			}
			report, err := m.Up(t.Context(), migrate.Tenants(all...))
			allDone(t, report, err, 5, false)
			var timeout int64
			must(t, s.as("ship000").Raw("SELECT @@lock_wait_timeout").Scan(&timeout).Error)
			if timeout == 5 || timeout == 60 {
				t.Errorf("a connection of the pool has kept a lock timeout of %d s", timeout)
			}

			report, err = s.versioned(t, versioned.Config{Files: keelMySQL()}).UpTo(t.Context(), migrate.Tenants(tenancy.Tenant{ID: "back"}), 2)
			allDone(t, report, err, 2, true)
			must(t, s.versioned(t, versioned.Config{Files: keelMySQL()}).DownTo(t.Context(), tenancy.Tenant{ID: "back"}, 1))
			same(t, "after going back", s.steps(t, "back"), []string{"one"})
			wantKind(t, m.DownTo(t.Context(), tenancy.Tenant{ID: "nobody"}, 0), tenancy.ErrNotProvisioned)
		})
	}
}

// TestVersionedMySQLShared: tables that tenants share are refused.
func TestVersionedMySQLShared(t *testing.T) {
	t.Parallel()
	h := newMySQLHost(t)
	db := h.base(t, &gorm.Config{Logger: logger.Discard})
	must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Shared{}, Models: []any{&mast{}}})))
	t.Cleanup(func() { must(t, tenancy.Close(db)) })
	m := (&site{db: db}).versioned(t, versioned.Config{Files: keelMySQL()})
	_, err := m.Up(t.Context(), migrate.Tenants(numbered(1)...))
	wantKind(t, err, tenancy.ErrUnsupportedDialect)
}
