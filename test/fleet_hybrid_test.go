package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// mast is a model for tenants of every tier, and mastLater is what it becomes.
type mast struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	Name     string `gorm:"size:100;index"`
}

type mastLater struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	Name     string `gorm:"size:100;index"`
	Sails    int
}

func (mastLater) TableName() string { return "masts" }

// premium are those whose ID begins so.
func premium(t tenancy.Tenant) bool { return strings.HasPrefix(t.ID, "gold") }

// TestFleetHybrid: the tenants of each tier are migrated together, those that share tables
// once, and what is done for one tier is never replayed for the other.
func TestFleetHybrid(t *testing.T) {
	onPostgres := func(t *testing.T, standard tenancy.Strategy) func(models []any) *site {
		server := newPG(t)
		k := pgKind{"hybrid", hybrid.New(hybrid.Config{Premium: strategies.Schema{}, Standard: standard, IsPremium: premium})}
		return func(models []any) *site {
			return openPG(t, server, k, pgSetup{models: models}).site
		}
	}
	onSQLite := func(t *testing.T, standard tenancy.Strategy) func(models []any) *site {
		root := t.TempDir()
		return func(models []any) *site {
			files := strategies.Database{Open: sqlite.Open, Dir: filepath.Join(root, "tenants")}
			strategy := hybrid.New(hybrid.Config{Premium: files, Standard: standard, IsPremium: premium})
			return openSite(t, kind{name: "hybrid"}, setup{root: root, tenancy: tenancy.Config{Strategy: strategy, Models: models}})
		}
	}
	for name, c := range map[string]struct {
		open   func(t *testing.T) func(models []any) *site
		groups int // of tenants that are all behind
	}{
		"schema and rls":      {func(t *testing.T) func([]any) *site { return onPostgres(t, strategies.RLS{}) }, 2},
		"database and shared": {func(t *testing.T) func([]any) *site { return onSQLite(t, strategies.Shared{}) }, 2},
		"database and prefix": {func(t *testing.T) func([]any) *site { return onSQLite(t, strategies.Schema{}) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			open := c.open(t)
			var all []tenancy.Tenant
			for i := range 6 {
				all = append(all, tenancy.Tenant{ID: fmt.Sprintf("gold%d", i)}, tenancy.Tenant{ID: fmt.Sprintf("tin%d", i)})
			}
			s := open([]any{&mast{}})
			together(t, s.up(t, all))
			for i, tenant := range all {
				must(t, s.migrate.Verify(t.Context(), tenant))
				must(t, s.as(tenant.ID).Create(&mast{ID: int64(i), Name: tenant.ID}).Error)
			}
			for _, result := range s.up(t, all).Results {
				if result.Changed || len(result.Differs) > 0 {
					t.Errorf("%s: changed %v, %q, and there was nothing to do", result.Tenant.ID, result.Changed, result.Differs)
				}
			}
			upToDate(t, s, all)

			later := open([]any{&mastLater{}})
			for _, result := range later.status(t, all).Results {
				if result.State != migrate.Behind && result.State != migrate.Drifted {
					t.Errorf("%s is %s after the models have changed: %v", result.Tenant.ID, result.State, result.Err)
				}
			}
			plan, err := later.migrate.Plan(t.Context(), migrate.Tenants(all...))
			must(t, err)
			if len(plan.Groups) != c.groups {
				t.Errorf("the plan has %d groups, want %d: %+v", len(plan.Groups), c.groups, plan.Groups)
			}
			for _, g := range plan.Groups {
				says(t, "the plan", g.Statements, "ALTER TABLE", "sails")
			}
			report := later.up(t, all)
			together(t, report)
			for _, result := range report.Results {
				if premium(result.Tenant) && !result.Changed || len(result.Differs) > 0 {
					t.Errorf("%s: changed %v, %q", result.Tenant.ID, result.Changed, result.Differs)
				}
			}
			for _, tenant := range all {
				must(t, later.migrate.Verify(t.Context(), tenant))
				var names []string
				must(t, later.as(tenant.ID).Model(&mastLater{}).Pluck("name", &names).Error)
				same(t, "rows", names, []string{tenant.ID})
			}
			upToDate(t, later, all)

			for i := range 6 {
				all = append(all, tenancy.Tenant{ID: fmt.Sprintf("golden%d", i)}, tenancy.Tenant{ID: fmt.Sprintf("tinny%d", i)})
			}
			together(t, later.up(t, all))
			s = later
			must(t, s.migrate.Provision(t.Context(), tenancy.Tenant{ID: "gold again"}))
			must(t, s.migrate.Provision(t.Context(), tenancy.Tenant{ID: "tin again"}))
			upToDate(t, s, append(all, tenancy.Tenant{ID: "gold again"}, tenancy.Tenant{ID: "tin again"}))
			must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "gold again"}))
			if state := of(t, s.status(t, []tenancy.Tenant{{ID: "gold again"}}), "gold again").State; state != migrate.Missing {
				t.Errorf("a destroyed tenant is %s", state)
			}
		})
	}
}
