package test

import (
	"path/filepath"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

type climber struct {
	ID       uint
	TenantID string
	Peaks    []peak `gorm:"many2many:ascents"`
}

type peak struct {
	ID       uint
	TenantID string
}

// ascent is the join model between them.
type ascent struct {
	TenantID  string
	ClimberID uint `gorm:"primaryKey"`
	PeakID    uint `gorm:"primaryKey"`
	Route     string
}

// TestJoinModel: a join model that was set up on the handle is migrated as GORM would, with its own
// columns and with foreign keys, whether it is listed or not.
func TestJoinModel(t *testing.T) {
	t.Parallel()
	setUp := func(t *testing.T, db *gorm.DB) {
		t.Helper()
		must(t, db.SetupJoinTable(&climber{}, "Peaks", &ascent{}))
	}
	for _, k := range kinds {
		for name, models := range map[string][]any{
			"listed": {&climber{}, &peak{}, &ascent{}}, "listed first": {&ascent{}, &climber{}, &peak{}}, "not listed": {&climber{}, &peak{}},
		} {
			for _, before := range []bool{true, false} {
				t.Run(k.name+"/"+name+map[bool]string{true: "/before Use", false: "/after Use"}[before], func(t *testing.T) {
					dir := t.TempDir()
					db, err := gorm.Open(sqlite.Open(baseDSN(filepath.Join(dir, "base.db"))), &gorm.Config{Logger: logger.Discard})
					must(t, err)
					if before {
						setUp(t, db)
					}
					must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: k.make(filepath.Join(dir, "tenants")), Models: models})))
					t.Cleanup(func() {
						must(t, tenancy.Close(db))
						base, err := db.DB()
						must(t, err)
						must(t, base.Close())
					})
					if !before {
						setUp(t, db)
					}
					m, err := migrate.New(db)
					must(t, err)
					tenant := tenancy.Tenant{ID: "acme"}
					must(t, m.Provision(t.Context(), tenant))
					must(t, m.Verify(t.Context(), tenant))
					acme := db.WithContext(tenancy.WithTenant(t.Context(), tenant))
					must(t, acme.Create(&climber{ID: 1, Peaks: []peak{{ID: 2}}}).Error)
					must(t, acme.Model(&ascent{}).Where("climber_id = ?", 1).Update("route", "north").Error)
					fails(t, acme.Create(&ascent{ClimberID: 1, PeakID: 9}).Error)
					fails(t, acme.Create(&ascent{ClimberID: 9, PeakID: 2}).Error)
					var routes []string
					must(t, acme.Model(&ascent{}).Pluck("route", &routes).Error)
					if len(routes) != 1 || routes[0] != "north" {
						t.Errorf("the routes are %v", routes)
					}
					must(t, m.Destroy(t.Context(), tenant))
				})
			}
		}
	}
}
