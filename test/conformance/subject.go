package conformance

import (
	"database/sql"
	"fmt"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// RawSQL says what becomes of a text that the user wrote, on the logical names of tables.
type RawSQL uint8

const (
	// RawWorks means that it is sent for the tenant, rewritten or as it is.
	RawWorks RawSQL = iota
	// RawRefused means that it is refused with tenancy.ErrRawSQL.
	RawRefused
)

// Subject is what the suite is run for: a strategy on a dialect.
type Subject struct {
	// Name is the subject's name in the names of tests.
	Name string
	// Open opens a new and empty database with cfg, which may be changed, and sees
	// to it that the database goes when the test ends. Several handles are open at
	// the same time.
	Open func(t testing.TB, cfg *gorm.Config) *gorm.DB
	// Strategy makes a new strategy value, with what it needs for a new database.
	Strategy func(t testing.TB) tenancy.Strategy
	// Raw says what becomes of raw SQL.
	Raw RawSQL
	// RawOf says it for each tenant, where that differs. nil: Raw is for both.
	RawOf func(t tenancy.Tenant) RawSQL
	// Columnless says that tables need no tenant column: the suite of natural
	// models is run, too.
	Columnless bool
	// Tenants are the two tenants. Zero: acme and globex. Their IDs must be words,
	// neither part of the other.
	Tenants [2]tenancy.Tenant
	// Admin returns a pool on the database of db to which all rows of all tenants
	// are visible. nil: the base pool is such a one.
	Admin func(t testing.TB, db *gorm.DB) *sql.DB
	// NoPipeline is that of tenancy.Config.
	NoPipeline bool
	// Configs are the configurations of GORM to run in. nil: all that Configs returns.
	Configs []gorm.Config
}

func (s Subject) tenants() [2]tenancy.Tenant {
	if s.Tenants == ([2]tenancy.Tenant{}) {
		return [2]tenancy.Tenant{{ID: "acme"}, {ID: "globex"}}
	}
	return s.Tenants
}

// check is one case of the suite.
type check struct {
	name string
	run  func(c *Case)
}

// Run runs the whole suite.
func Run(t *testing.T, s Subject) {
	t.Helper()
	var checks []check
	for _, theme := range [][]check{
		readChecks(), conditionChecks(), columnChecks(), subqueryChecks(), joinChecks(), preloadChecks(), tableChecks(),
		createChecks(), saveChecks(), updateChecks(), deleteChecks(), upsertChecks(), associationChecks(), hookChecks(),
		transactionChecks(), connectionChecks(), sessionChecks(), genericChecks(), rawChecks(), cancelChecks(),
		refuseChecks(), noTenantChecks(), sharedModelChecks(), systemChecks(), migrateChecks(),
	} {
		checks = append(checks, theme...)
	}
	runKit(t, s, kit{models: Models, shared: Shared, tables: tables(), seed: seed}, checks)
	if s.Columnless {
		t.Run("plain", func(t *testing.T) {
			runKit(t, s, kit{models: plainModels, shared: Shared, tables: plainTables(), seed: seedPlain}, plainChecks())
		})
	}
}

// kit is a set of models with rows in them.
type kit struct {
	models, shared func() []any
	tables         []string
	seed           func(t testing.TB, w *World)
}

// runKit runs the cases in every configuration of GORM.
func runKit(t *testing.T, s Subject, k kit, checks []check) {
	t.Helper()
	configs := s.Configs
	if configs == nil {
		configs = Configs()
	}
	for _, cfg := range configs {
		t.Run(fmt.Sprintf("prepare=%t,skip=%t", cfg.PrepareStmt, cfg.SkipDefaultTransaction), func(t *testing.T) {
			t.Parallel()
			runChecks(t, func() *World { return newWorld(t, s, cfg, k) }, checks)
		})
	}
}

// Configs lists the configurations of GORM in which a strategy must pass.
func Configs() []gorm.Config {
	var all []gorm.Config
	for _, prepare := range []bool{false, true} {
		for _, skip := range []bool{false, true} {
			all = append(all, gorm.Config{PrepareStmt: prepare, SkipDefaultTransaction: skip})
		}
	}
	return all
}

// runChecks runs cases one after the other, each on the same rows. A case that
// failed may have left anything behind, so the next one gets a new world.
func runChecks(t *testing.T, open func() *World, checks []check) {
	t.Helper()
	var w *World
	for _, check := range checks {
		if w == nil {
			w = open()
		}
		passed := t.Run(check.name, func(t *testing.T) {
			w.reset(t)
			for _, me := range []*Side{w.Acme, w.Globex} {
				w.act(t, me, check.run)
			}
		})
		if !passed {
			w = nil
		}
	}
}
