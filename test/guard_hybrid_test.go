package test

import (
	"database/sql"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"gorm.io/driver/sqlite"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/migrate/versioned"
	"github.com/gormtenancy/tenancy/strategies"
)

// TestRequireHybrid: each tenant of a hybrid is refused until it, or the tables that it
// shares, were brought to the models.
func TestRequireHybrid(t *testing.T) {
	t.Parallel()
	eachFleetHybrid(t, func(t *testing.T, h fleetHybrid) {
		root, all := t.TempDir(), h.tenants(2)
		h.open(t, root, setup{tenancy: tenancy.Config{Models: caskModels()}}).up(t, all)
		open := func() *site {
			return h.open(t, root, setup{tenancy: tenancy.Config{Models: caskLaterModels(), Require: migrate.Current()}})
		}
		find := func(s *site, id string) error { return s.as(id).Find(&[]caskLater{}).Error }

		s := open()
		for _, tenant := range all {
			wellMade(t, find(s, tenant.ID), tenancy.ErrBehind, "run migrate.Up")
			wantKind(t, s.migrate.Verify(t.Context(), tenant), tenancy.ErrDrifted)
		}
		must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "iron001"}))
		s.up(t, h.tenants(1))
		s = open()
		for _, tenant := range all {
			err := find(s, tenant.ID)
			if behind := !common(tenant) && strings.HasSuffix(tenant.ID, "1"); behind {
				wellMade(t, err, tenancy.ErrBehind, "run migrate.Up")
			} else if err != nil {
				t.Errorf("%s: %v", tenant.ID, err)
			} else {
				must(t, s.migrate.Verify(t.Context(), tenant)) // which looks at the other tiers, too
			}
		}
		for _, tier := range h.apart {
			must(t, s.migrate.Provision(t.Context(), tenancy.Tenant{ID: tier + "999"}))
			must(t, find(s, tier+"999"))
		}

		// Tables are looked at themselves where the ledger knows nothing.
		base, err := s.db.DB()
		must(t, err)
		_, err = base.ExecContext(t.Context(), "DELETE FROM tenancy_ledger")
		must(t, err)
		s = open()
		for _, tier := range h.apart {
			must(t, find(s, tier+"000"))
			wellMade(t, find(s, tier+"001"), tenancy.ErrBehind, "the tables are not as the models require")
		}
	})
}

// TestRequireMoved: a tenant that was moved to another tier is let through there.
func TestRequireMoved(t *testing.T) {
	t.Parallel()
	for name, premium := range map[string]func(dir string) tenancy.Strategy{
		"prefix": func(string) tenancy.Strategy { return strategies.Schema{} },
		"files":  func(dir string) tenancy.Strategy { return strategies.Database{Open: sqlite.Open, Dir: dir} },
	} {
		t.Run(name, func(t *testing.T) {
			d := &directory{}
			s := openSite(t, kind{"hybrid", func(dir string) tenancy.Strategy {
				return hybrid.New(hybrid.Config{Premium: premium(dir), Standard: strategies.Shared{}, IsPremium: d.isPremium})
			}}, setup{tenancy: tenancy.Config{Models: caskModels(), Require: migrate.Current()}})
			s.up(t, tenantsOf("acme", "globex"))
			must(t, s.as("acme").Create(&cask{Name: "acme"}).Error)
			for _, to := range []string{hybrid.TierPremium, hybrid.TierStandard, hybrid.TierPremium} {
				_, err := hybrid.Move(t.Context(), s.db, acme, to, hybrid.Flip(d.flip))
				must(t, err)
				var names []string
				must(t, s.as("acme").Model(&cask{}).Pluck("name", &names).Error)
				same(t, "rows in "+to, names, []string{"acme"})
				for _, result := range s.status(t, tenantsOf("acme", "globex")).Results {
					if result.State != migrate.UpToDate {
						t.Errorf("in %s %s is %s: %v", to, result.Tenant.ID, result.State, result.Err)
					}
				}
			}
			together(t, s.up(t, tenantsOf("acme", "globex")))
		})
	}
}

// TestVersionedHybrid: migrations with versions make the schema of one tenant, and the
// tables of the others with their policies.
func TestVersionedHybrid(t *testing.T) {
	t.Parallel()
	h := fleetHybrids()[0] // schema and rls
	s := h.open(t, t.TempDir(), setup{tenancy: tenancy.Config{Models: []any{&note{}}}})
	var calls atomic.Int64
	config := keelConfig(fstest.MapFS{
		"1_notes.sql": file("-- +goose Up\nCREATE TABLE steps (step text);\nCREATE TABLE notes (id bigserial PRIMARY KEY, tenant_id varchar(191) NOT NULL, owner text, text text, deleted timestamptz);\n"),
	}, &calls)
	m, err := versioned.New(s.db, config)
	must(t, err)
	all := h.tenants(3)
	for _, changed := range []bool{true, false} {
		report, err := m.Up(t.Context(), migrate.Tenants(all...))
		allDone(t, report, err, 5, changed)
	}
	if calls.Load() != 2*4 { // two migrations, for three tenants and for all others
		t.Errorf("%d calls", calls.Load())
	}
	for _, tenant := range all {
		must(t, s.as(tenant.ID).Create(&note{Owner: tenant.ID}).Error)
	}
	for _, tenant := range all {
		s.within(t, tenant.ID, func(db *sql.DB) error { // the base: nobody's rows are to be seen without a tenant
			var n int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM notes").Scan(&n); err != nil || n > 0 {
				t.Errorf("%d rows without a tenant: %v", n, err)
			}
			return nil
		})
		var owners []string
		must(t, s.as(tenant.ID).Raw("SELECT owner FROM notes").Scan(&owners).Error)
		same(t, "the rows of "+tenant.ID, owners, []string{tenant.ID})
	}
	report, err := m.Status(t.Context(), migrate.Tenants(append(all, tenancy.Tenant{ID: "gold999"})...))
	must(t, err)
	for _, result := range report.Results {
		want := migrate.UpToDate
		if result.Tenant.ID == "gold999" {
			want = migrate.Missing
		}
		if result.State != want {
			t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
		}
	}
}
