package test

import (
	"context"
	"slices"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/strategies"
)

// pgHybrids have acme in a schema of its own, and all others in the tables of public.
var pgHybrids = []pgKind{
	{"schema and rls", acmeApart(strategies.RLS{})},
	{"schema and shared", acmeApart(strategies.Shared{})},
}

func acmeApart(standard tenancy.Strategy) tenancy.Strategy {
	return hybrid.New(hybrid.Config{Premium: strategies.Schema{}, Standard: standard, PremiumTenants: []string{"acme"}})
}

func eachHybrid(t *testing.T, fn func(t *testing.T, k pgKind)) {
	t.Helper()
	for _, k := range pgHybrids {
		t.Run(k.name, func(t *testing.T) { fn(t, k) })
	}
}

// TestPGHybridAfterCommon: a premium tenant that comes when the common tables are there gets
// its own, sees nothing of theirs, and is verified only while that is so.
func TestPGHybridAfterCommon(t *testing.T) {
	t.Parallel()
	eachHybrid(t, func(t *testing.T, k pgKind) {
		s := openPG(t, newPG(t), k, pgSetup{})
		acme := tenancy.Tenant{ID: "acme"}
		s.provision(t, "globex")
		s.fill(t, "globex", 3)

		wantKind(t, s.migrate.Verify(t.Context(), acme), tenancy.ErrNotProvisioned)
		for _, m := range missingUses {
			fails(t, m.use(s.as("acme")))
		}

		s.provision(t, "acme")
		must(t, s.migrate.Verify(t.Context(), acme))
		if own := s.server.ask(t, "SELECT to_regclass('tenant_acme.folios')::text"); own[0] != "tenant_acme.folios" {
			t.Errorf("acme's table is %q", own)
		}
		s.holds(t, "acme", 0)
		s.fill(t, "acme", 2)
		s.holds(t, "acme", 2)
		s.holds(t, "globex", 3)
		must(t, s.migrate.Verify(t.Context(), acme))
		must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "globex"}))

		before := s.commonRows(t)
		s.server.run(t, "DROP TABLE tenant_acme.folios CASCADE")
		for _, m := range missingUses {
			if m.use(s.as("acme")) == nil {
				t.Errorf("%s: found something where acme has nothing", m.name)
			}
		}
		wantKind(t, s.migrate.Verify(t.Context(), acme), tenancy.ErrDrifted)
		same(t, "the common rows", s.commonRows(t), before)
		s.server.run(t, "DELETE FROM tenant_acme.sheets")
		s.provision(t, "acme")
		must(t, s.migrate.Verify(t.Context(), acme))

		s.server.run(t, "INSERT INTO public.folios (tenant_id, id, owner) VALUES ('acme', 1, 'acme')")
		wantKind(t, s.migrate.Verify(t.Context(), acme), tenancy.ErrDrifted)
		s.server.run(t, "DELETE FROM public.folios WHERE tenant_id = 'acme'")
		must(t, s.migrate.Verify(t.Context(), acme))

		must(t, s.migrate.Destroy(t.Context(), acme))
		wantKind(t, s.migrate.Verify(t.Context(), acme), tenancy.ErrNotProvisioned)
		s.holds(t, "globex", 3)
	})
}

// commonRows lists the folios in public.
func (s *pgSite) commonRows(t testing.TB) []string {
	t.Helper()
	return s.server.ask(t, "SELECT f::text FROM public.folios f ORDER BY 1")
}

// TestPGHybridTexts: no text of one side names the tables of the other.
func TestPGHybridTexts(t *testing.T) {
	t.Parallel()
	eachHybrid(t, func(t *testing.T, k pgKind) {
		s := openPG(t, newPG(t), k, pgSetup{})
		s.provision(t, "acme", "globex")
		s.fill(t, "acme", 2)
		s.fill(t, "globex", 2)
		for id, theirs := range map[string][]string{
			"acme":   {`public.folios`, `"public"."folios"`, `PUBLIC . folios`, `public/**/.folios`},
			"globex": {`tenant_acme.folios`, `"tenant_acme"."folios"`, `Tenant_Acme . folios`},
		} {
			for _, table := range theirs {
				for what, query := range map[string]*gorm.DB{
					"raw":      s.as(id).Raw("SELECT owner FROM " + table),
					"union":    s.as(id).Raw("SELECT owner FROM folios UNION ALL SELECT owner FROM " + table),
					"subquery": s.as(id).Model(&folio{}).Select("(SELECT max(owner) FROM " + table + ") AS owner"),
					"exists":   s.as(id).Model(&folio{}).Select("owner").Where("EXISTS (SELECT 1 FROM " + table + ")"),
					"join":     s.as(id).Model(&folio{}).Joins("CROSS JOIN " + table + " AS f").Select("f.owner"),
				} {
					var owners []string
					if err := query.Scan(&owners).Error; err == nil || len(owners) > 0 {
						t.Errorf("%s: %s of %s was sent: %q", id, what, table, owners)
					} else {
						wantKind(t, err, tenancy.ErrRawSQL)
					}
				}
				wantKind(t, s.as(id).Exec("DELETE FROM "+table).Error, tenancy.ErrRawSQL)
			}
		}
		var names []string
		must(t, s.as("acme").Raw("SELECT name FROM public.tariffs").Scan(&names).Error) // shared by all
		s.holds(t, "acme", 2)
		s.holds(t, "globex", 2)
	})
}

// TestPGHybridTransaction: a transaction of a tenant in one tier is none in another.
func TestPGHybridTransaction(t *testing.T) {
	t.Parallel()
	eachHybrid(t, func(t *testing.T, k pgKind) {
		s := openPG(t, newPG(t), k, pgSetup{})
		tier := func(name string) context.Context {
			return tenancy.WithTenant(context.Background(), tenancy.Tenant{ID: "acme", Tier: name})
		}
		for _, name := range []string{hybrid.TierPremium, hybrid.TierStandard} {
			must(t, s.migrate.Provision(t.Context(), tenancy.Tenant{ID: "acme", Tier: name}))
		}
		for begun, used := range map[string]string{hybrid.TierPremium: hybrid.TierStandard, hybrid.TierStandard: hybrid.TierPremium} {
			must(t, s.db.WithContext(tier(begun)).Transaction(func(tx *gorm.DB) error {
				other := tx.WithContext(tier(used))
				wantKind(t, other.Find(&[]folio{}).Error, tenancy.ErrTenantMismatch)
				wantKind(t, other.Create(&folio{ID: 1}).Error, tenancy.ErrTenantMismatch)
				wantKind(t, other.Exec("DELETE FROM folios").Error, tenancy.ErrTenantMismatch)
				wantKind(t, other.Transaction(func(tx *gorm.DB) error { return tx.Find(&[]folio{}).Error }), tenancy.ErrTenantMismatch)
				return tx.Create(&folio{ID: 1, Owner: "acme"}).Error
			}))
		}
	})
}

// TestPGHybridSearchPath: nobody's schema is one in which others look for their tables.
func TestPGHybridSearchPath(t *testing.T) {
	t.Parallel()
	for _, standard := range []tenancy.Strategy{strategies.RLS{}, strategies.Shared{}} {
		t.Run(standard.Name(), func(t *testing.T) {
			server := newPG(t)
			server.run(t, "CREATE SCHEMA common AUTHORIZATION "+server.Name)
			k := pgKind{standard.Name(), hybrid.New(hybrid.Config{Premium: strategies.Schema{}, Standard: standard})}
			s := openPG(t, server, k, pgSetup{settings: map[string]string{"search_path": `"$user",common,later`}})
			must(t, s.migrate.Provision(t.Context(), tenancy.Tenant{ID: "globex"}))
			s.fill(t, "globex", 2)
			must(t, s.as("globex").Create(&folio{ID: 9, Owner: "globex", Tariff: &tariff{Name: "one for all"}}).Error)
			must(t, s.as("globex").Delete(&folio{}, "id = ?", 9).Error)
			for _, schema := range []string{server.Name, "common", "later", "Later"} {
				taken := tenancy.Tenant{ID: "acme", Tier: hybrid.TierPremium, Schema: schema}
				as := s.db.WithContext(tenancy.WithTenant(context.Background(), taken))
				wantKind(t, s.migrate.Provision(t.Context(), taken), tenancy.ErrInvalidTenant)
				wantKind(t, s.migrate.Verify(t.Context(), taken), tenancy.ErrInvalidTenant)
				wantKind(t, s.migrate.Destroy(t.Context(), taken), tenancy.ErrInvalidTenant)
				wantKind(t, as.Raw("SELECT * FROM folios").Scan(&[]folio{}).Error, tenancy.ErrInvalidTenant)
				wantKind(t, as.Find(&[]folio{}).Error, tenancy.ErrInvalidTenant)
			}
			free := tenancy.Tenant{ID: "acme", Tier: hybrid.TierPremium, Schema: "apart"}
			must(t, s.migrate.Provision(t.Context(), free))
			must(t, s.migrate.Verify(t.Context(), free))
			s.holds(t, "globex", 2)
			for _, db := range []*gorm.DB{s.as("globex"), s.system(), s.db, s.db.WithContext(tenancy.WithTenant(context.Background(), free))} {
				var one tariff
				must(t, db.First(&one).Error)
			}
			if tables := s.server.ask(t, "SELECT schemaname FROM pg_tables WHERE tablename = 'folios' ORDER BY 1"); !slices.Equal(tables, []string{"apart", "common"}) {
				t.Errorf("folios in %q", tables)
			}
			s.clean(t, `"$user",common,later`)
		})
	}
}

// TestPGHybridEqualTiers: row-level security and the bare column keep tenants in the same
// tables, and so do two of anything.
func TestPGHybridEqualTiers(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	for name, cfg := range map[string]hybrid.Config{
		"rls and shared": {Premium: strategies.RLS{}, Standard: strategies.Shared{}},
		"rls twice":      {Premium: strategies.RLS{}, Standard: strategies.RLS{Setting: "app.other"}},
		"schema twice":   {Premium: strategies.Schema{}, Standard: strategies.Schema{Extensions: []string{"ext"}}},
		"far apart": {Premium: strategies.RLS{}, Standard: hybrid.New(hybrid.Config{
			Premium: strategies.Schema{}, Standard: strategies.Shared{}, PremiumTier: "a", StandardTier: "b",
		})},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tryPG(t, server, pgKind{name, hybrid.New(cfg)}, pgSetup{})
			wantKind(t, err, tenancy.ErrConfig)
		})
	}
}
