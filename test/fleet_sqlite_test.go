package test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// ownKinds are the strategies whose tenants have structures of their own, on SQLite.
var ownKinds = []kind{bySchema, byDatabase}

// TestFleetOnSQLite creates, changes and mends many tenants by the statements of one.
func TestFleetOnSQLite(t *testing.T) {
	t.Parallel()
	for _, k := range ownKinds {
		t.Run(k.name, func(t *testing.T) {
			root := t.TempDir()
			all := numbered(9)
			s := openSite(t, k, setup{root: root, tenancy: tenancy.Config{Models: fleetModels()}})
			together(t, s.up(t, all))
			for _, tenant := range all {
				must(t, s.migrate.Verify(t.Context(), tenant))
				must(t, s.as(tenant.ID).Create(&hull{Name: tenant.ID, Rivets: []rivet{{Size: 1}}}).Error)
			}
			for _, result := range s.up(t, all).Results {
				if result.Changed {
					t.Errorf("%s was changed, and there was nothing to do", result.Tenant.ID)
				}
			}

			later := openSite(t, k, setup{root: root, tenancy: tenancy.Config{Models: laterModels()}})
			for _, result := range later.status(t, all).Results {
				if result.State != migrate.Behind {
					t.Errorf("%s is %s after the models have changed: %v", result.Tenant.ID, result.State, result.Err)
				}
				wellMade(t, result.Err, tenancy.ErrBehind, "run migrate.Up")
				table, err := tenancy.Table(later.as(result.Tenant.ID), &hullLater{})
				must(t, err)
				says(t, result.Tenant.ID, []string{result.Err.Error()}, "ALTER TABLE `"+table+"`")
				for _, other := range all {
					if other != result.Tenant && strings.Contains(result.Err.Error(), other.ID) {
						t.Errorf("%s is shown the SQL of %s: %v", result.Tenant.ID, other.ID, result.Err)
					}
				}
			}
			plan, err := later.migrate.Plan(t.Context(), migrate.Tenants(append(all, tenancy.Tenant{ID: "fresh"})...))
			must(t, err)
			if len(plan.Groups) != 2 || len(plan.Groups[0].Tenants) != len(all) || len(plan.Groups[0].Statements) == 0 || len(plan.Groups[1].Statements) == 0 {
				t.Errorf("the plan is %+v", plan)
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
			if result := of(t, later.status(t, []tenancy.Tenant{{ID: "fresh"}}), "fresh"); result.State != migrate.Missing {
				t.Errorf("the plan has made its tenant: %s", result.State)
			}

			must(t, later.as("ship004").Migrator().DropIndex(&hullLater{}, "idx_hulls_color"))
			table, err := tenancy.Table(later.as("ship005"), "hulls")
			must(t, err)
			raw := tenancy.WithRawSQL(later.as("ship005").Statement.Context, "a test changes a table by hand")
			must(t, later.db.WithContext(raw).Exec("ALTER TABLE `"+table+"` ADD COLUMN nickname text").Error)
			report := later.status(t, all)
			for id, words := range map[string][]string{"ship004": {"index", "idx_hulls_color", "missing"}, "ship005": {"column hulls.nickname", "not in the models"}} {
				if of(t, report, id).State != migrate.Drifted {
					t.Errorf("%s is %s", id, of(t, report, id).State)
				}
				says(t, id, of(t, report, id).Differs, words...)
			}
			report = later.up(t, all)
			says(t, "what is left", of(t, report, "ship005").Differs, "nickname")
			if left := of(t, report, "ship004"); len(left.Differs) > 0 || !left.Changed {
				t.Errorf("ship004: %+v", left)
			}
			for _, result := range later.status(t, all).Results {
				if result.State != migrate.UpToDate {
					t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
				}
			}
		})
	}
}

// TestFleetAtOnce: several runners at once share the work or wait, and each tenant is
// migrated by one of them.
func TestFleetAtOnce(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	for name, open := range map[string]func(t *testing.T, root string, models []any) *site{
		"postgres": func(t *testing.T, _ string, models []any) *site {
			return openPG(t, server, pgSchema, pgSetup{models: models}).site
		},
		"prefix": func(t *testing.T, root string, models []any) *site {
			return openSite(t, bySchema, setup{root: root, tenancy: tenancy.Config{Models: models}})
		},
		"files": func(t *testing.T, root string, models []any) *site {
			return openSite(t, byDatabase, setup{root: root, tenancy: tenancy.Config{Models: models}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			all := numbered(24)
			for _, models := range [][]any{fleetModels(), laterModels()} {
				var mu sync.Mutex
				changed := map[string]int{}
				sites := []*site{open(t, root, models), open(t, root, models), open(t, root, models)}
				atOnce(t, len(sites), func(i int) error {
					report, err := sites[i].migrate.Up(t.Context(), migrate.Tenants(all...))
					mu.Lock()
					defer mu.Unlock()
					for _, result := range report.Results {
						if result.Changed {
							changed[result.Tenant.ID]++
						}
						if result.Note != "" && name != "files" { // whose ledger is told when they are done
							t.Errorf("%s: %s", result.Tenant.ID, result.Note)
						}
					}
					return err
				})
				for _, tenant := range all {
					if changed[tenant.ID] != 1 {
						t.Errorf("%s was changed by %d runners", tenant.ID, changed[tenant.ID])
					}
					must(t, sites[0].migrate.Verify(t.Context(), tenant))
				}
			}
		})
	}
}

// TestFleetTrust: by the ledger alone, nobody is looked at; and a tenant that was
// destroyed is not believed to be there.
func TestFleetTrust(t *testing.T) {
	t.Parallel()
	for _, k := range ownKinds {
		t.Run(k.name, func(t *testing.T) {
			all := numbered(5)
			s := openSite(t, k, setup{tenancy: tenancy.Config{Models: fleetModels()}})
			s.up(t, all)
			must(t, s.as("ship001").Migrator().DropIndex(&hull{}, "idx_hulls_name"))
			must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "ship002"}))
			for _, result := range s.up(t, all, migrate.Trust()).Results {
				if result.Changed != (result.Tenant.ID == "ship002") {
					t.Errorf("%s changed: %v", result.Tenant.ID, result.Changed)
				}
			}
			must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "ship002"}))
			wantKind(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "ship001"}), tenancy.ErrDrifted)
		})
	}
}

// TestFleetFileLocked: a file in which somebody writes for too long costs its tenant the
// lock timeout.
func TestFleetFileLocked(t *testing.T) {
	root := t.TempDir()
	all := numbered(6)
	openSite(t, byDatabase, setup{root: root, tenancy: tenancy.Config{Models: fleetModels()}}).up(t, all)
	s := openSite(t, byDatabase, setup{root: root, tenancy: tenancy.Config{Models: laterModels()}})
	tx := s.as("ship003").Begin()
	must(t, tx.Error)
	m, err := migrate.New(s.db, migrate.LockTimeout(200*time.Millisecond))
	must(t, err)
	report, err := m.Up(t.Context(), migrate.Tenants(all...))
	wantKind(t, err, tenancy.ErrMigration)
	for _, result := range report.Results {
		want := migrate.Done
		if result.Tenant.ID == "ship003" {
			want = migrate.Failed
		}
		if result.State != want {
			t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
		}
	}
	must(t, tx.Rollback().Error)
	s.up(t, all)
}
