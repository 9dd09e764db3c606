package test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/conformance"
)

// tier is a strategy as a tier of a hybrid.
type tier struct {
	name     string
	strategy func(t testing.TB) tenancy.Strategy
	raw      conformance.RawSQL
}

var (
	schemaTier = tier{"schema", func(testing.TB) tenancy.Strategy { return strategies.Schema{} }, conformance.RawWorks}
	rlsTier    = tier{"rls", func(testing.TB) tenancy.Strategy { return strategies.RLS{} }, conformance.RawWorks}
	sharedTier = tier{"shared", func(testing.TB) tenancy.Strategy { return strategies.Shared{} }, conformance.RawRefused}
	filesTier  = tier{"database", func(t testing.TB) tenancy.Strategy {
		return strategies.Database{Open: sqlite.Open, Dir: filepath.Join(t.TempDir(), "tenants")}
	}, conformance.RawWorks}
	databaseTier = tier{"database", func(t testing.TB) tenancy.Strategy {
		if h, ok := tierHosts.Load(t); ok {
			return h.(host).database()
		}
		return strategies.Database{Open: sqlite.Open} // for a handle that has a plugin already
	}, conformance.RawWorks}
)

// tierHosts are the servers of tests with a databaseTier: testing.TB → host.
var tierHosts sync.Map

// combinations are the premium and the standard tier, and where both are at home.
var combinations = []struct {
	on                func(conformance.Subject) conformance.Subject
	premium, standard tier
}{
	{onSQLite, schemaTier, sharedTier},
	{onSQLite, filesTier, sharedTier},
	{onSQLite, filesTier, schemaTier},
	{onPgx, schemaTier, rlsTier},
	{onPgx, schemaTier, sharedTier},
	{onHost("postgres", newPostgresHost), databaseTier, rlsTier},
	{onHost("postgres", newPostgresHost), databaseTier, schemaTier},
	{onHost("mysql", newMySQLHost), databaseTier, sharedTier},
}

// onHost completes a subject with a server on which tenants may have databases.
func onHost(name string, newHost func(testing.TB) host) func(conformance.Subject) conformance.Subject {
	return func(s conformance.Subject) conformance.Subject {
		var admins sync.Map // *gorm.Config → *sql.DB of the administrator
		s.Name = name + "/" + s.Name
		s.Open = func(t testing.TB, cfg *gorm.Config) *gorm.DB {
			h := newHost(t)
			tierHosts.Store(t, h)
			t.Cleanup(func() { tierHosts.Delete(t) })
			db := h.base(t, cfg)
			admins.Store(db.Config, h.superuser(t))
			return db
		}
		s.Admin = func(t testing.TB, db *gorm.DB) *sql.DB {
			admin, ok := admins.Load(db.Config)
			if !ok {
				t.Fatal("a handle that Open has not opened")
			}
			return admin.(*sql.DB)
		}
		return s
	}
}

func onSQLite(s conformance.Subject) conformance.Subject {
	s.Name, s.Open = "sqlite/"+s.Name, openSQLite
	return s
}

func onPgx(s conformance.Subject) conformance.Subject {
	s.Name = "postgres/" + s.Name
	return onPostgres(s, "cache_statement")
}

// TestHybrid runs the suite for one tenant in each tier, and with the roles swapped.
func TestHybrid(t *testing.T) {
	t.Parallel()
	all := os.Getenv("TENANCY_TEST_MODES") == "all"
	if !all {
		t.Log("TENANCY_TEST_MODES=all runs each combination in all configurations of GORM, not in one for each role")
	}
	for n, c := range combinations {
		for i, tiers := range [][2]string{{hybrid.TierPremium, hybrid.TierStandard}, {hybrid.TierStandard, hybrid.TierPremium}} {
			s := c.on(conformance.Subject{
				Name: c.premium.name + " and " + c.standard.name,
				Strategy: func(t testing.TB) tenancy.Strategy {
					return hybrid.New(hybrid.Config{Premium: c.premium.strategy(t), Standard: c.standard.strategy(t)})
				},
				RawOf: func(t tenancy.Tenant) conformance.RawSQL {
					return map[string]conformance.RawSQL{hybrid.TierPremium: c.premium.raw, hybrid.TierStandard: c.standard.raw}[t.Tier]
				},
				Tenants: [2]tenancy.Tenant{{ID: "acme", Tier: tiers[0]}, {ID: "globex", Tier: tiers[1]}},
			})
			if !all {
				s.Configs = []gorm.Config{{PrepareStmt: i == 0, SkipDefaultTransaction: i == 1}}
			}
			t.Run(s.Name+"/acme is "+tiers[0], func(t *testing.T) {
				t.Parallel()
				if i == n%2 && !strings.HasPrefix(s.Name, "sqlite") {
					takesLong(t)
				}
				conformance.Run(t, s)
			})
		}
	}
}

// TestHybridOnOneServer: two tiers on one server, however that is written, keep their tenants in
// the same databases unless their prefixes differ.
func TestHybridOnOneServer(t *testing.T) {
	t.Parallel()
	eachHost(t, func(t *testing.T, h host) {
		respelled, elsewhere, other := h.database(), h.database(), h.database()
		respelled.DSN, respelled.MaxPools = h.here(t, "any"), 1
		elsewhere.DSN = h.elsewhere(t, h.role)
		other.Prefix = h.prefix + "other_"
		for name, c := range map[string]struct {
			standard tenancy.Strategy
			kind     error
		}{
			"the same":       {h.database(), tenancy.ErrConfig},
			"respelled":      {respelled, tenancy.ErrConfig},
			"another server": {elsewhere, nil},
			"another prefix": {other, nil},
		} {
			db := h.base(t, &gorm.Config{})
			err := db.Use(tenancy.Plugin(tenancy.Config{Strategy: hybrid.New(hybrid.Config{Premium: h.database(), Standard: c.standard}), Models: []any{&note{}}}))
			if c.kind == nil {
				must(t, err)
				must(t, tenancy.Close(db))
			} else if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), "same tables") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
