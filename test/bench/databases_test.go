package bench

import (
	"fmt"
	"net/url"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/servers"
)

// few is how many tenants have a database each.
const few = 20

// BenchmarkDatabases measures the database strategy on PostgreSQL against plain GORM with a
// handle for each of the same databases.
func BenchmarkDatabases(b *testing.B) {
	server := servers.NewPostgresServer(b)
	db := openHandle(b, server.DSN)
	check(b, db.Use(tenancy.Plugin(tenancy.Config{
		Strategy: strategies.Database{Open: postgres.Open, DSN: server.DSN, Prefix: server.Prefix, MaxConns: 1},
		Models:   []any{&Item{}, &Part{}},
	})))
	b.Cleanup(func() { check(b, tenancy.Close(db)) })
	m, err := migrate.New(db)
	check(b, err)
	handles, ids := make([]*gorm.DB, few), make([]tenancy.Tenant, few)
	for i := range few {
		ids[i].ID = fmt.Sprintf("t%02d", i)
		check(b, m.Provision(b.Context(), ids[i]))
		mine := db.WithContext(tenancy.WithTenant(endless(), ids[i]))
		rows := rowsOf(i, "")
		check(b, mine.Create(&rows).Error)
		settle(b, mine)
		address, err := url.Parse(server.DSN)
		check(b, err)
		address.Path = "/" + server.Prefix + ids[i].ID
		handles[i] = openHandle(b, address.String())
	}
	for _, op := range operations() {
		plain := func(n int) error {
			return op.tenancy(handles[n%few].WithContext(endless()), itemID(n%few, n/few%withPart), n)
		}
		measured := func(n int) error {
			ctx := tenancy.WithTenant(endless(), ids[n%few])
			return op.tenancy(db.WithContext(ctx), itemID(n%few, n/few%withPart), n)
		}
		b.Run(op.name, func(b *testing.B) { ratio(b, plain, measured) })
	}
}

// openHandle opens one connection.
func openHandle(b *testing.B, dsn string) *gorm.DB {
	b.Helper()
	db, err := gorm.Open(postgres.Open(dsn), &gorm.Config{Logger: logger.Discard})
	check(b, err)
	pool, err := db.DB()
	check(b, err)
	pool.SetMaxOpenConns(1)
	b.Cleanup(func() { check(b, pool.Close()) })
	return db
}
