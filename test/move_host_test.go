package test

import (
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/migrate"
)

// faultyDialects make the dialect of a host on the driver that fails: driver → its name, and
// the dialect for a DSN.
var faultyDialects = map[string]struct {
	driver string
	open   func(dsn string) gorm.Dialector
}{
	"pgx": {faultyPgx, func(dsn string) gorm.Dialector {
		return postgres.New(postgres.Config{DriverName: faultyPgx, DSN: dsn})
	}},
	"mysql": {faultyMySQL, func(dsn string) gorm.Dialector {
		return mysql.New(mysql.Config{DriverName: faultyMySQL, DSN: dsn})
	}},
}

// openHostMoving opens a site whose premium tenants have databases of their own on a server.
func openHostMoving(t testing.TB, h host, models []any, standard tenancy.Strategy) *moving {
	t.Helper()
	faulty := faultyDialects[h.driver]
	h.open = faulty.open
	return newMoving(func(d *directory) *site {
		database := h.database()
		database.MaxConns = 8
		return openHost(t, h, tenancy.Config{
			Models:   models,
			Strategy: hybrid.New(hybrid.Config{Premium: database, Standard: standard, IsPremium: d.isPremium}),
		})
	}, faulty.driver)
}

// openHost opens a site on a server, and closes it at the end of the test.
func openHost(t testing.TB, h host, cfg tenancy.Config) *site {
	t.Helper()
	if cfg.Models == nil {
		cfg.Models, cfg.Shared = ownedModels(), sharedModels()
	}
	db := h.base(t, &gorm.Config{Logger: logger.Discard})
	base, err := db.DB()
	must(t, err)
	base.SetMaxOpenConns(8)
	base.SetMaxIdleConns(8)
	must(t, db.Use(tenancy.Plugin(cfg)))
	t.Cleanup(func() { must(t, tenancy.Close(db)) })
	m, err := migrate.New(db)
	must(t, err)
	return &site{kind: kind{name: "hybrid"}, db: db, migrate: m}
}
