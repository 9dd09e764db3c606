package bench

import (
	"fmt"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/servers"
)

// BenchmarkPostgres measures the plugin against plain GORM on one server. Its ratios are
// those of round trips, where those of SQLite are of work.
func BenchmarkPostgres(b *testing.B) {
	for _, s := range []tenancy.Strategy{strategies.Schema{}, strategies.RLS{}, strategies.Shared{}} {
		b.Run(s.Name(), func(b *testing.B) { openPostgres(b, s, 0).compare(b) })
	}
}

// BenchmarkDistance is BenchmarkPostgres with a server half a millisecond away in each
// direction, as one in another zone of a data centre is.
func BenchmarkDistance(b *testing.B) {
	for _, s := range []tenancy.Strategy{strategies.Schema{}, strategies.RLS{}} {
		b.Run(s.Name(), func(b *testing.B) { openPostgres(b, s, 500*time.Microsecond).compare(b) })
	}
}

// compare measures all operations.
func (st *store) compare(b *testing.B) {
	b.Helper()
	for _, op := range operations() {
		b.Run(op.name, func(b *testing.B) { ratio(b, st.plainSide(op), st.freshSide(op)) })
	}
}

// openPostgres makes and fills a store on two databases of one server that is away.
func openPostgres(b *testing.B, s tenancy.Strategy, away time.Duration) *store {
	b.Helper()
	st := &store{plain: openDatabase(b, away), tenancy: openDatabase(b, away)}
	check(b, st.plain.AutoMigrate(&Item{}, &Part{}))
	check(b, st.tenancy.Use(tenancy.Plugin(tenancy.Config{Strategy: s, Models: []any{&Item{}, &Part{}}})))
	b.Cleanup(func() { check(b, tenancy.Close(st.tenancy)) })
	m, err := migrate.New(st.tenancy)
	check(b, err)
	for i := range tenants {
		t := tenancy.Tenant{ID: fmt.Sprintf("tenant_%03d", i)}
		check(b, m.Provision(b.Context(), t))
		st.add(b, i, t)
		settle(b, st.tenancy.WithContext(tenancy.WithRawSQL(st.kept[i], "sequences and statistics")))
	}
	settle(b, st.plain)
	return st
}

// settle makes sequences go on after the keys that the rows were given.
func settle(b *testing.B, db *gorm.DB) {
	b.Helper()
	for _, table := range []string{"items", "parts"} {
		check(b, db.Exec(fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%[1]s', 'id'), max(id)) FROM %[1]s", table)).Error)
	}
	check(b, db.Exec("ANALYZE items, parts").Error)
}

func openDatabase(b *testing.B, away time.Duration) *gorm.DB {
	b.Helper()
	dsn := servers.NewPostgres(b).DSN
	if away > 0 {
		dsn = servers.NewLongWire(b, dsn, away).DSN
	}
	db, err := gorm.Open(postgres.Open(dsn), &gorm.Config{Logger: logger.Discard})
	check(b, err)
	pool, err := db.DB()
	check(b, err)
	pool.SetMaxOpenConns(maxConns)
	pool.SetMaxIdleConns(maxConns)
	b.Cleanup(func() { check(b, pool.Close()) })
	return db
}
