package test

import (
	"errors"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

// TestPGPathStays: no text of a tenant leads the next one to another tenant's tables.
func TestPGPathStays(t *testing.T) {
	t.Parallel()
	db, err := gorm.Open(postgres.Open(newPG(t).DSN), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Schema{}, Models: []any{&keyed{}}})))
	t.Cleanup(func() {
		base, err := db.DB()
		must(t, err)
		must(t, errors.Join(tenancy.Close(db), base.Close()))
	})
	acme, globex := tenantDB(t, db, "acme"), tenantDB(t, db, "globex")
	must(t, acme.AutoMigrate(&keyed{}))
	must(t, globex.AutoMigrate(&keyed{}))
	must(t, globex.Create(&keyed{ID: 1, Name: "globex's"}).Error)
	for _, text := range []string{
		"SET LOCAL search_path TO tenant_globex", "SET search_path TO tenant_globex", "SET SCHEMA 'tenant_globex'",
		"SELECT set_config('search_path', 'tenant_globex', true)", "RESET ALL",
	} {
		err := acme.Transaction(func(tx *gorm.DB) error {
			err := tx.Exec(text).Error
			var names []string
			must(t, tx.Raw("SELECT name FROM keyeds").Scan(&names).Error)
			same(t, text, names, nil)
			return err
		})
		wantKind(t, err, tenancy.ErrRawSQL)
	}
	wantKind(t, acme.Where("set_config(?, 'tenant_globex', true) <> ''", "search_path").Find(&[]keyed{}).Error, tenancy.ErrRawSQL)
	must(t, acme.Exec("SET LOCAL lock_timeout = 100").Error)
}
