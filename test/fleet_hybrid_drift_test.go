package test

import (
	"bytes"
	"database/sql"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// byHand runs a statement as somebody who knows nothing of tenants, in a tenant's database. A
// %s in it is the tenant's table of casks.
func (s *site) byHand(t testing.TB, id, statement string) {
	t.Helper()
	table, err := tenancy.Table(s.as(id), "casks")
	must(t, err)
	s.within(t, id, func(db *sql.DB) error {
		_, err := db.ExecContext(t.Context(), strings.ReplaceAll(statement, "%s", s.db.Statement.Quote(table)))
		return err
	})
}

// within lends the database in which a tenant's tables are.
func (s *site) within(t testing.TB, id string, fn func(db *sql.DB) error) {
	t.Helper()
	in, err := tenancy.Installed(s.db)
	must(t, err)
	b, err := in.Bind(tenancy.Tenant{ID: id})
	must(t, err)
	db, release, err := in.Acquire(t.Context(), b)
	must(t, err)
	defer release()
	must(t, fn(db))
}

// traces lists what the catalog says of the tables that a tenant uses, with what changes when
// somebody changes them.
func (s *site) traces(t testing.TB, id string) (list []string) {
	t.Helper()
	table, err := tenancy.Table(s.as(id), "casks")
	must(t, err)
	query, args := "SELECT type || ' ' || name || ' ' || rootpage || ' ' || coalesce(sql, '') FROM sqlite_master WHERE tbl_name = ?", []any{table}
	if s.db.Name() == "postgres" {
		query, args = `
			SELECT 'class ' || oid || ' ' || xmin FROM pg_class WHERE oid = to_regclass($1)
			UNION ALL SELECT 'index ' || indexrelid || ' ' || xmin FROM pg_index WHERE indrelid = to_regclass($1)
			UNION ALL SELECT 'policy ' || oid || ' ' || xmin FROM pg_policy WHERE polrelid = to_regclass($1)
			UNION ALL SELECT 'column ' || attname || ' ' || xmin FROM pg_attribute WHERE attrelid = to_regclass($1)`, []any{table}
	}
	s.within(t, id, func(db *sql.DB) error {
		rows, err := db.QueryContext(t.Context(), query, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var one string
			if err := rows.Scan(&one); err != nil {
				return err
			}
			list = append(list, one)
		}
		return rows.Err()
	})
	if len(list) == 0 {
		t.Fatalf("%s has no table", id)
	}
	slices.Sort(list)
	return list
}

// TestHybridFleetDrift: what somebody has changed in one tier is named, and mended without
// touching the others.
func TestHybridFleetDrift(t *testing.T) {
	t.Parallel()
	eachFleetHybrid(t, func(t *testing.T, h fleetHybrid) {
		s := h.open(t, t.TempDir(), setup{tenancy: tenancy.Config{Models: caskModels()}})
		all := h.tenants(3)
		s.up(t, all)
		for _, tier := range h.apart {
			lacking, extra := tier+"001", tier+"002"
			must(t, s.as(lacking).Migrator().DropIndex(&cask{}, "idx_casks_name"))
			s.byHand(t, extra, "ALTER TABLE %s ADD COLUMN nickname text")
			words := map[string][]string{lacking: {"idx_casks_name", "missing"}, extra: {"nickname", "not in the models"}}
			report := s.mended(t, all, words)
			says(t, "what was found", of(t, report, lacking).Differed, words[lacking]...)
			says(t, "what is left", of(t, report, extra).Differs, words[extra]...)
		}
		must(t, s.as("iron001").Migrator().DropIndex(&cask{}, "idx_casks_name"))
		words := map[string][]string{}
		for _, tenant := range all {
			if common(tenant) {
				words[tenant.ID] = []string{"idx_casks_name"}
			}
		}
		s.mended(t, all, words)
	})
}

// mended brings tenants to the models of whom some have drifted, with words that their
// errors have. It fails if anybody else is touched.
func (s *site) mended(t *testing.T, all []tenancy.Tenant, drifted map[string][]string) *migrate.Report {
	t.Helper()
	before := map[string][]string{}
	for _, result := range s.status(t, all).Results {
		id := result.Tenant.ID
		words, wrong := drifted[id]
		switch {
		case wrong && result.State == migrate.Drifted:
			wantKind(t, result.Err, tenancy.ErrDrifted)
			says(t, id, []string{result.Err.Error()}, words...)
		case !wrong && result.State == migrate.UpToDate:
			before[id] = s.traces(t, id)
		default:
			t.Errorf("%s is %s: %v", id, result.State, result.Err)
		}
	}
	report := s.up(t, all)
	together(t, report)
	for id, traces := range before {
		same(t, "the catalog of "+id, s.traces(t, id), traces)
		if of(t, report, id).Changed {
			t.Errorf("%s was changed", id)
		}
	}
	s.is(t, "mended", all, migrate.UpToDate, migrate.UpToDate)
	return report
}

// TestHybridFleetPolicies: a plan shows the policy that a shared table lacks.
func TestHybridFleetPolicies(t *testing.T) {
	t.Parallel()
	h := fleetHybrids()[0] // with rls
	s := h.open(t, t.TempDir(), setup{tenancy: tenancy.Config{Models: caskModels()}})
	all := h.tenants(2)
	s.up(t, all)
	planned := func() (statements []string) {
		plan, err := s.migrate.Plan(t.Context(), migrate.Tenants(all...))
		must(t, err)
		for _, g := range plan.Groups {
			statements = append(statements, g.Statements...)
		}
		return statements
	}
	if statements := planned(); len(statements) > 0 {
		t.Errorf("there is something to do: %q", statements)
	}
	s.byHand(t, "iron000", "ALTER TABLE %s NO FORCE ROW LEVEL SECURITY")
	says(t, "the plan", planned(), "FORCE ROW LEVEL SECURITY", `"casks"`)
	s.is(t, "unguarded", all, migrate.UpToDate, migrate.Drifted)
	s.up(t, all)
	s.is(t, "guarded", all, migrate.UpToDate, migrate.UpToDate)
}

// TestHybridFleetOneByOne: a tier whose strategy does not compare its tenants is migrated one
// by one, and both the plan and the report say so.
func TestHybridFleetOneByOne(t *testing.T) {
	t.Parallel()
	var provisioned atomic.Int64
	s := openSite(t, kind{"hybrid", func(dir string) tenancy.Strategy {
		return hybrid.New(hybrid.Config{
			Premium:   spied{strategies.Database{Open: sqlite.Open, Dir: dir}, func(tenancy.Tenant) { provisioned.Add(1) }},
			Standard:  hybrid.New(hybrid.Config{Premium: strategies.Schema{}, Standard: strategies.Shared{}, PremiumTier: "amber", StandardTier: "iron", IsPremium: begins("amber")}),
			IsPremium: begins("gold"),
		})
	}}, setup{tenancy: tenancy.Config{Models: caskModels()}})
	all := tenantsOf("gold000", "amber000", "iron000", "gold001", "amber001", "iron001")

	plan, err := s.migrate.Plan(t.Context(), migrate.Tenants(all...))
	must(t, err)
	var text bytes.Buffer
	must(t, plan.Write(&text))
	for _, line := range []string{
		`-- 2 tenants of "premium" not planned, as its tenants are migrated one by one`,
		`-- 2 tenants of "amber" to be created: amber000, amber001`, `-- 2 tenants of "iron" to be changed: iron000, iron001`,
	} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("the plan lacks %q: %s", line, &text)
		}
	}
	for round := range 2 {
		for _, result := range s.up(t, all).Results {
			if alone := begins("gold")(result.Tenant); alone != strings.Contains(result.Note, `"premium" does not compare`) {
				t.Errorf("%s: the note is %q", result.Tenant.ID, result.Note)
			}
		}
		if n := provisioned.Load(); n != int64(2*(round+1)) {
			t.Errorf("%d were provisioned one by one in %d rounds", n, round+1)
		}
		s.is(t, "created", all, migrate.UpToDate, migrate.UpToDate)
	}
}

// TestHybridFleetOnboarding: a new tenant is made by the statements of the one before in its
// tier, and the ledger forgets whoever is destroyed.
func TestHybridFleetOnboarding(t *testing.T) {
	t.Parallel()
	eachFleetHybrid(t, func(t *testing.T, h fleetHybrid) {
		c := newDDLCounter()
		s := h.open(t, t.TempDir(), setup{gorm: gorm.Config{Logger: c}, tenancy: tenancy.Config{Models: caskModels()}})
		for i, all := range [][]tenancy.Tenant{h.tenants(1), h.tenants(3)[len(h.apart)+1:]} {
			for _, tenant := range all {
				c.n.Store(0)
				must(t, s.migrate.Provision(t.Context(), tenant))
				if n := c.n.Load(); (n > 0) != (i == 0) {
					t.Errorf("%s took %d statements of AutoMigrate", tenant.ID, n)
				}
				must(t, s.migrate.Verify(t.Context(), tenant))
			}
		}
		all := h.tenants(3)
		s.is(t, "provisioned", all, migrate.UpToDate, migrate.UpToDate)
		for _, tenant := range all {
			must(t, s.migrate.Destroy(t.Context(), tenant))
		}
		s.is(t, "destroyed", all, migrate.Missing, migrate.UpToDate)
		for _, result := range s.up(t, all, migrate.Trust()).Results {
			if result.Changed == common(result.Tenant) {
				t.Errorf("%s: changed %v after it was destroyed", result.Tenant.ID, result.Changed)
			}
		}
		for _, result := range s.up(t, all, migrate.Trust()).Results {
			if result.Changed {
				t.Errorf("%s was changed though the ledger is trusted", result.Tenant.ID)
			}
		}
	})
}
