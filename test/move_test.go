package test

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/strategies"
)

// directory is where the tests' applications look up the tier of the tenant that is moved.
type directory struct{ premium atomic.Bool }

func (d *directory) isPremium(t tenancy.Tenant) bool { return t.ID == "acme" && d.premium.Load() }

func (d *directory) flip(_ context.Context, t tenancy.Tenant) error {
	d.premium.Store(t.Tier == hybrid.TierPremium)
	return nil
}

// moving is a site with two tiers, and where acme is.
type moving struct {
	*site
	*directory
	open   func(*directory) *site // as another process does
	faults *faulty
	apart  bool // no tenant's rows are in one table with another's, in either tier
}

// movingKinds are the combinations between which tenants are moved.
var movingKinds = []struct {
	name string
	open func(t testing.TB, models ...any) *moving // none: those of the other tests
}{
	{"sqlite/prefix and shared", func(t testing.TB, models ...any) *moving {
		return openMoving(t, models, func(string) tenancy.Strategy { return strategies.Schema{} })
	}},
	{"sqlite/files and shared", func(t testing.TB, models ...any) *moving {
		return openMoving(t, models, func(root string) tenancy.Strategy {
			return strategies.Database{Open: openFaulty, Dir: filepath.Join(root, "tenants")}
		})
	}},
	{"postgres/schema and rls", func(t testing.TB, models ...any) *moving { return openPGMoving(t, models, strategies.RLS{}) }},
	{"postgres/schema and shared", func(t testing.TB, models ...any) *moving { return openPGMoving(t, models, strategies.Shared{}) }},
	{"postgres/database and rls", func(t testing.TB, models ...any) *moving {
		return openHostMoving(t, newPostgresHost(t), models, strategies.RLS{})
	}},
	{"postgres/database and schema", func(t testing.TB, models ...any) *moving {
		s := openHostMoving(t, newPostgresHost(t), models, strategies.Schema{})
		s.apart = true
		return s
	}},
	{"mysql/database and shared", func(t testing.TB, models ...any) *moving {
		return openHostMoving(t, newMySQLHost(t), models, strategies.Shared{})
	}},
}

func openMoving(t testing.TB, models []any, premium func(root string) tenancy.Strategy) *moving {
	t.Helper()
	root := t.TempDir()
	open := func(d *directory) *site {
		return openSite(t, kind{name: "hybrid"}, setup{root: root, maxConns: 16, driver: faultySQLite, tenancy: tenancy.Config{
			Models:   models,
			Strategy: hybrid.New(hybrid.Config{Premium: premium(root), Standard: strategies.Shared{}, IsPremium: d.isPremium}),
		}})
	}
	return newMoving(open, faultySQLite)
}

func openFaulty(dsn string) gorm.Dialector {
	return sqlite.New(sqlite.Config{DriverName: faultySQLite, DSN: dsn})
}

func newMoving(open func(*directory) *site, driver string) *moving {
	d := &directory{}
	return &moving{site: open(d), directory: d, open: open, faults: faults[driver]}
}

func eachMoving(t *testing.T, fn func(t *testing.T, s *moving)) {
	t.Helper()
	for _, k := range movingKinds {
		t.Run(k.name, func(t *testing.T) {
			sometimes(t, k.name)
			fn(t, k.open(t))
		})
	}
}

// sometimes skips kinds that have much in common with another, where there is little time.
func sometimes(t *testing.T, name string) {
	t.Helper()
	if strings.HasPrefix(name, "postgres") && !strings.HasSuffix(name, "rls") && !thorough() {
		t.Skip("TENANCY_TEST_MODES=all runs this between all strategies of PostgreSQL")
	}
}

// eachMovingAtOnce is eachMoving for tests that break no driver and measure no time: the kinds
// of one test run beside each other.
func eachMovingAtOnce(t *testing.T, fn func(t *testing.T, s *moving)) {
	t.Helper()
	for _, k := range movingKinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			fn(t, k.open(t))
		})
	}
}

var acme = tenancy.Tenant{ID: "acme"}

func (s *moving) move(t testing.TB, to string, options ...hybrid.MoveOption) *hybrid.MoveReport {
	t.Helper()
	report, err := hybrid.Move(t.Context(), s.db, acme, to, append([]hybrid.MoveOption{hybrid.Flip(s.flip)}, options...)...)
	must(t, err)
	return report
}

// TestMove promotes a tenant and demotes it again.
func TestMove(t *testing.T) {
	t.Parallel()
	eachMovingAtOnce(t, func(t *testing.T, s *moving) {
		s.provision(t, "acme", "globex")
		s.fill(t, "globex", 4)
		s.fill(t, "acme", 12) // as text, 10 comes before 2
		for _, to := range []string{hybrid.TierPremium, hybrid.TierStandard, hybrid.TierPremium} {
			report := s.move(t, to, hybrid.BatchSize(2))
			t.Log(report)
			if !report.Moved || report.Kept || report.To != to || len(report.Tables) == 0 {
				t.Errorf("the report is %+v", report)
			}
			s.holds(t, "acme", 12)
			s.holds(t, "globex", 4)
			must(t, s.migrate.Verify(t.Context(), acme))
			must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "globex"}))
			must(t, s.as("acme").Transaction(func(tx *gorm.DB) error {
				if err := tx.Create(&note{Owner: "acme", Text: "new"}).Error; err != nil {
					return err
				}
				return tx.Unscoped().Delete(&note{}, "text = ?", "new").Error
			}))
			if again := s.move(t, to); again.Moved {
				t.Errorf("moved again: %+v", again)
			}
		}
	})
}
