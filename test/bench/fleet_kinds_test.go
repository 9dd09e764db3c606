package bench

import (
	"fmt"
	"path/filepath"
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/servers"
)

// kindSize is how many tenants a small fleet has, and kindLoop how many the plain loop migrates.
const (
	kindSize = 12
	kindLoop = 3
)

// BenchmarkFleetKinds is BenchmarkFleet for the other ways to keep tenants apart, with
// twelve tenants of five tables. The loop is GORM's AutoMigrate for one tenant after
// another, in the same places.
func BenchmarkFleetKinds(b *testing.B) {
	for _, k := range []struct {
		name string
		make func(b *testing.B) (base gorm.Dialector, strategy tenancy.Strategy)
	}{
		{"postgres databases", func(b *testing.B) (gorm.Dialector, tenancy.Strategy) {
			server := servers.NewPostgresServer(b)
			return postgres.Open(server.DSN), strategies.Database{Open: postgres.Open, DSN: server.DSN, Prefix: server.Prefix}
		}},
		{"mysql databases", func(b *testing.B) (gorm.Dialector, tenancy.Strategy) {
			server := servers.NewMySQL(b)
			return mysql.Open(server.DSN), strategies.Database{Open: mysql.Open, DSN: server.DSN, Prefix: server.Prefix}
		}},
		{"sqlite files", func(b *testing.B) (gorm.Dialector, tenancy.Strategy) {
			dir := b.TempDir()
			return sqlite.Open(filepath.Join(dir, "base.db")), strategies.Database{Open: sqlite.Open, Dir: filepath.Join(dir, "tenants"), MaxPools: kindSize}
		}},
		{"sqlite prefixes", func(b *testing.B) (gorm.Dialector, tenancy.Strategy) {
			return sqlite.Open("file:" + filepath.Join(b.TempDir(), "base.db") + "?_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate"), strategies.Schema{}
		}},
	} {
		b.Run(k.name, func(b *testing.B) {
			base, strategy := k.make(b)
			benchKind(b, base, strategy)
		})
	}
}

func benchKind(b *testing.B, base gorm.Dialector, strategy tenancy.Strategy) {
	open := func(models []any) fleet {
		db, err := gorm.Open(base, &gorm.Config{Logger: logger.Discard})
		check(b, err)
		pool, err := db.DB()
		check(b, err)
		pool.SetMaxOpenConns(fleetWorkers)
		b.Cleanup(func() { check(b, pool.Close()) })
		check(b, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategy, Models: models})))
		b.Cleanup(func() { check(b, tenancy.Close(db)) })
		m, err := migrate.New(db, migrate.Workers(fleetWorkers))
		check(b, err)
		return fleet{db, m}
	}
	loop := func(f fleet) {
		in, err := tenancy.Installed(f.db)
		check(b, err)
		for i := range kindLoop {
			check(b, in.Provider().Provision(b.Context(), tenancy.Tenant{ID: fmt.Sprintf("loop%d", i)}))
		}
	}
	few := 5
	before, after := open(twenty()[:few]), open(changes()[0][:few])
	tenants := fleetOf(kindSize)
	for _, step := range []struct {
		name string
		of   fleet
	}{{"create", before}, {"no-op", before}, {"change", after}} {
		looped := timed(func() { loop(step.of) })
		up := timed(func() { step.of.up(b, tenants) })
		b.Run(step.name, func(b *testing.B) {
			for b.Loop() {
			}
			perTenant := float64(looped.Microseconds()) / 1000 / kindLoop
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(perTenant, "loop-ms")
			b.ReportMetric(float64(up.Microseconds())/1000, "up-ms")
			b.ReportMetric(float64(up.Microseconds())/1000/(perTenant*kindSize), "x-loop")
		})
	}
}
