package test

import (
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/conformance"
	"github.com/gormtenancy/tenancy/test/servers"
)

// TestMySQLProvisionAtOnce: structures are created once, whoever asks for them at the same
// time, from as many pools as there would be processes.
func TestMySQLProvisionAtOnce(t *testing.T) {
	t.Parallel()
	dsn := servers.NewMySQL(t).DSN
	var group errgroup.Group
	for i := range 6 {
		db := openMy(t, dsn, gorm.Config{})
		pool, err := db.DB()
		must(t, err)
		pool.SetMaxOpenConns(1)
		must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Shared{}, Models: conformance.Models(), Shared: conformance.Shared()})))
		m, err := migrate.New(db)
		must(t, err)
		group.Go(func() error { return m.Provision(t.Context(), tenancy.Tenant{ID: fmt.Sprint("tenant", i)}) })
	}
	must(t, group.Wait())
}
