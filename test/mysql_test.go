package test

import (
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/conformance"
	"github.com/gormtenancy/tenancy/test/servers"
)

// TestMySQL runs the suite on MySQL or MariaDB.
func TestMySQL(t *testing.T) {
	t.Parallel()
	for _, s := range []conformance.Subject{
		{Name: "shared", Strategy: func(testing.TB) tenancy.Strategy { return strategies.Shared{} }, Raw: conformance.RawRefused},
	} {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			s.Configs = serverConfigs(t, 1)
			conformance.Run(t, onMySQL(s))
		})
	}
}

// onMySQL completes a subject with databases of a test's own.
func onMySQL(s conformance.Subject) conformance.Subject {
	s.Open = func(t testing.TB, cfg *gorm.Config) *gorm.DB {
		dsn := servers.NewMySQL(t).DSN
		if cfg.PrepareStmt { // rows that are found count, not only those that change
			dsn += "&clientFoundRows=true"
		}
		db, err := gorm.Open(mysql.Open(dsn), cfg)
		if err != nil {
			t.Fatal(err)
		}
		pool, err := db.DB()
		if err != nil {
			t.Fatal(err)
		}
		pool.SetMaxOpenConns(4)
		return db
	}
	return s
}
