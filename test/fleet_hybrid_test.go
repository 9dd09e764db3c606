package test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// cask and stave are the models of hybrids, and caskLater is what cask becomes.
type cask struct {
	ID       uint
	TenantID string  `gorm:"size:191;index"`
	Name     string  `gorm:"size:100;index"`
	Staves   []stave `gorm:"constraint:OnDelete:CASCADE"`
}

type stave struct {
	ID       uint
	TenantID string `gorm:"size:191;index"`
	CaskID   uint   `gorm:"index"`
}

type caskLater struct {
	ID       uint
	TenantID string `gorm:"size:191;index"`
	Name     string `gorm:"size:200;index"`
	Color    string `gorm:"index"`
}

func (caskLater) TableName() string { return "casks" }

func caskModels() []any      { return []any{&cask{}, &stave{}} }
func caskLaterModels() []any { return []any{&caskLater{}, &stave{}} }

// ddlCounter is a logger that counts what AutoMigrate asks and changes. Scripts are not logged.
type ddlCounter struct {
	logger.Interface
	n, all *atomic.Int64 // changes, and all statements
}

func newDDLCounter() ddlCounter { return ddlCounter{logger.Discard, &atomic.Int64{}, &atomic.Int64{}} }

func (c ddlCounter) LogMode(logger.LogLevel) logger.Interface { return c }

func (c ddlCounter) Trace(_ context.Context, _ time.Time, text func() (string, int64), _ error) {
	statement, _ := text()
	c.all.Add(1)
	if word, _, _ := strings.Cut(statement, " "); (word == "CREATE" || word == "ALTER") && !strings.Contains(statement, "tenancy_") {
		c.n.Add(1)
	}
}

// fleetHybrid is a hybrid whose tenants with names like gold000 and amber000 have tables of
// their own, and whose others share theirs.
type fleetHybrid struct {
	name  string
	apart []string // tiers with tables of their own, by the names that their tenants' IDs begin with
	open  func(t testing.TB, root string, s setup) *site
}

// begins tells premium tenants by their IDs.
func begins(prefix ...string) func(tenancy.Tenant) bool {
	return func(t tenancy.Tenant) bool {
		return slices.ContainsFunc(prefix, func(p string) bool { return strings.HasPrefix(t.ID, p) })
	}
}

// fleetHybrids are the hybrids on PostgreSQL and on SQLite.
func fleetHybrids() []fleetHybrid {
	onPG := func(standard tenancy.Strategy) func(t testing.TB, root string, s setup) *site {
		servers := map[string]pgServer{} // by root
		return func(t testing.TB, root string, s setup) *site {
			server, known := servers[root]
			if !known {
				server = newPG(t)
				servers[root] = server
			}
			k := pgKind{"hybrid", hybrid.New(hybrid.Config{Premium: strategies.Schema{}, Standard: standard, IsPremium: begins("gold")})}
			return openPG(t, server, k, pgSetup{models: s.tenancy.Models, gorm: s.gorm, require: s.tenancy.Require}).site
		}
	}
	onFile := func(tiers func(dir string) hybrid.Config) func(t testing.TB, root string, s setup) *site {
		return func(t testing.TB, root string, s setup) *site {
			s.root = root
			return openSite(t, kind{"hybrid", func(dir string) tenancy.Strategy { return hybrid.New(tiers(dir)) }}, s)
		}
	}
	files := func(dir string) tenancy.Strategy { return strategies.Database{Open: sqlite.Open, Dir: dir} }
	return []fleetHybrid{
		{"schema and rls", []string{"gold"}, onPG(strategies.RLS{})},
		{"schema and shared", []string{"gold"}, onPG(strategies.Shared{})},
		{"prefix and shared", []string{"gold"}, onFile(func(string) hybrid.Config {
			return hybrid.Config{Premium: strategies.Schema{}, Standard: strategies.Shared{}, IsPremium: begins("gold")}
		})},
		{"files and shared", []string{"gold"}, onFile(func(dir string) hybrid.Config {
			return hybrid.Config{Premium: files(dir), Standard: strategies.Shared{}, IsPremium: begins("gold")}
		})},
		{"files, prefix and shared", []string{"gold", "amber"}, onFile(func(dir string) hybrid.Config {
			return hybrid.Config{
				Premium: hybrid.New(hybrid.Config{
					Premium: files(dir), Standard: strategies.Schema{}, PremiumTier: "gold", StandardTier: "amber", IsPremium: begins("gold"),
				}),
				Standard: strategies.Shared{}, IsPremium: begins("gold", "amber"),
			}
		})},
	}
}

func eachFleetHybrid(t *testing.T, fn func(t *testing.T, h fleetHybrid)) {
	t.Helper()
	for _, h := range fleetHybrids() {
		t.Run(h.name, func(t *testing.T) { fn(t, h) })
	}
}

// tenants names n tenants of each tier, mixed.
func (h fleetHybrid) tenants(n int) []tenancy.Tenant {
	var ids []string
	for i := range n {
		for _, tier := range append(h.apart, "iron") {
			ids = append(ids, fmt.Sprintf("%s%03d", tier, i))
		}
	}
	return tenantsOf(ids...)
}

func common(t tenancy.Tenant) bool { return strings.HasPrefix(t.ID, "iron") }

// is fails unless all tenants with tables of their own are in one state, and all others in
// another.
func (s *site) is(t testing.TB, when string, tenants []tenancy.Tenant, own, shared migrate.State) {
	t.Helper()
	report := s.status(t, tenants)
	if len(report.Results) != len(tenants) {
		t.Errorf("%s: %d results for %d tenants", when, len(report.Results), len(tenants))
	}
	for _, result := range report.Results {
		want := own
		if common(result.Tenant) {
			want = shared
		}
		if result.State != want {
			t.Errorf("%s: %s is %s, want %s: %v", when, result.Tenant.ID, result.State, want, result.Err)
		}
	}
}

// TestHybridFleet creates, changes and leaves alone the tenants of all tiers: within each
// tier by the statements of one tenant, and the shared tables once.
func TestHybridFleet(t *testing.T) {
	t.Parallel()
	eachFleetHybrid(t, func(t *testing.T, h fleetHybrid) {
		sent := map[string][]int64{} // by what was done: the statements for few tenants, and for many
		for _, n := range []int{1, 3} {
			root, all, c := t.TempDir(), h.tenants(n), newDDLCounter()
			counted := func(what string, work func()) {
				c.n.Store(0)
				c.all.Store(0)
				work()
				changes, all := c.n.Load(), c.all.Load()
				if what == "nothing" {
					if changes > 0 {
						t.Errorf("%d changes where there was nothing to do", changes)
					}
					changes = all // the questions about shared tables, too, are asked once
				}
				sent[what] = append(sent[what], changes)
			}
			open := func(models []any) *site {
				return h.open(t, root, setup{gorm: gorm.Config{Logger: c}, tenancy: tenancy.Config{Models: models}})
			}

			s := open(caskModels())
			s.is(t, "before", all, migrate.Missing, migrate.Missing)
			counted("create", func() { together(t, s.up(t, all, migrate.Workers(4))) })
			for _, tenant := range all {
				must(t, s.migrate.Verify(t.Context(), tenant))
				must(t, s.as(tenant.ID).Create(&cask{Name: tenant.ID, Staves: []stave{{}}}).Error)
			}
			counted("nothing", func() {
				for _, result := range s.up(t, all).Results {
					if result.Changed || result.Note != "" {
						t.Errorf("%s: changed %v, %s", result.Tenant.ID, result.Changed, result.Note)
					}
				}
			})

			later := open(caskLaterModels())
			later.is(t, "the models have changed", all, migrate.Behind, migrate.Drifted)
			h.plans(t, later, all)
			counted("change", func() {
				for _, result := range later.up(t, all, migrate.Workers(4)).Results {
					if result.Changed == common(result.Tenant) || result.Note != "" {
						t.Errorf("%s: changed %v, %s", result.Tenant.ID, result.Changed, result.Note)
					}
				}
			})
			later.is(t, "changed", all, migrate.UpToDate, migrate.UpToDate)
			for _, tenant := range all {
				if !common(tenant) { // Status has verified the others
					must(t, later.migrate.Verify(t.Context(), tenant))
				}
				var names []string
				must(t, later.as(tenant.ID).Model(&caskLater{}).Pluck("name", &names).Error)
				same(t, "rows", names, []string{tenant.ID})
			}
		}
		t.Logf("statements: %v", sent)
		for what, n := range sent {
			if n[0] != n[1] || n[0] == 0 {
				t.Errorf("%s: %d statements for one tenant of each tier, and %d for three", what, n[0], n[1])
			}
		}
	})
}

// plans fails unless a plan has a group for each tier, and one for each tier's new tenants
// where they have tables of their own.
func (h fleetHybrid) plans(t *testing.T, s *site, all []tenancy.Tenant) {
	t.Helper()
	n := len(all) / (len(h.apart) + 1)
	for _, tier := range append(h.apart, "iron") {
		all = append(all, tenancy.Tenant{ID: tier + "999"})
	}
	plan, err := s.migrate.Plan(t.Context(), migrate.Tenants(all...))
	must(t, err)
	var text bytes.Buffer
	must(t, plan.Write(&text))
	type expected struct {
		tier, what string
		shared     bool
		tenants    int
	}
	found := map[expected]bool{}
	for _, g := range plan.Groups {
		tier := strings.TrimRight(g.Tenants[0].ID, "0123456789")
		for _, tenant := range g.Tenants {
			if !strings.HasPrefix(tenant.ID, tier) {
				t.Errorf("%s is in a group of %s", tenant.ID, tier)
			}
		}
		what, statement := "changed", "color"
		if g.Fingerprint == "" && !g.Shared {
			what, statement = "created", "CREATE TABLE"
		}
		if !slices.ContainsFunc(g.Statements, func(s string) bool { return strings.Contains(s, statement) }) {
			t.Errorf("nothing with %s for %s: %q", statement, tier, g.Statements)
		}
		line := fmt.Sprintf("-- %d tenants of %q to be %s: ", len(g.Tenants), g.Tier, what)
		if !strings.Contains(text.String(), line) || g.Tier == "" {
			t.Errorf("the text lacks %q: %s", line, &text)
		}
		for _, statement := range g.Statements {
			if !strings.Contains(text.String(), strings.TrimSpace(statement)+";\n") {
				t.Errorf("the text lacks %s", statement)
			}
		}
		found[expected{tier, what, g.Shared, len(g.Tenants)}] = true
	}
	want := map[expected]bool{{"iron", "changed", true, n + 1}: true}
	for _, tier := range h.apart {
		want[expected{tier, "changed", false, n}], want[expected{tier, "created", false, 1}] = true, true
	}
	if len(found) != len(want) || len(plan.Groups) != len(want) {
		t.Errorf("the groups are %v, want %v", found, want)
	}
	for g := range want {
		if !found[g] {
			t.Errorf("no group %v among %v", g, found)
		}
	}
}
