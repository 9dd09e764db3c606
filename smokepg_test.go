package tenancy_test

import (
	"context"
	"errors"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

func TestSmokePG(t *testing.T) {
	for name, s := range map[string]tenancy.Strategy{
		"schema": strategies.Schema{},
		"rls":    strategies.RLS{},
		"shared": strategies.Shared{},
	} {
		t.Run(name, func(t *testing.T) {
			admin, err := gorm.Open(postgres.Open("host=127.0.0.1 user=postgres dbname=postgres"), &gorm.Config{})
			if err != nil {
				t.Fatal(err)
			}
			admin.Exec("DROP DATABASE IF EXISTS tsmoke")
			admin.Exec("DO $$ BEGIN CREATE ROLE tsmoke LOGIN; EXCEPTION WHEN OTHERS THEN NULL; END $$")
			admin.Exec("CREATE DATABASE tsmoke OWNER tsmoke")
			adb, _ := admin.DB()
			defer adb.Close()
			db, err := gorm.Open(postgres.Open("host=127.0.0.1 user=tsmoke dbname=tsmoke"), &gorm.Config{Logger: logger.Default.LogMode(logger.Info)})
			if err != nil {
				t.Fatal(err)
			}
			check := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			check(db.Use(tenancy.Plugin(tenancy.Config{Strategy: s, Models: []any{&User{}, &Order{}, &Tag{}, &Item{}, &Label{}}, Shared: []any{&Plan{}}})))
			defer func() { tenancy.Close(db); d, _ := db.DB(); d.Close() }()
			ctx := context.Background()
			m, err := migrate.New(db)
			check(err)
			for _, id := range []string{"acme", "globex"} {
				check(m.Provision(ctx, tenancy.Tenant{ID: id}))
				check(m.Verify(ctx, tenancy.Tenant{ID: id}))
			}
			check(db.Create(&Plan{ID: 1, Name: "free"}).Error)
			plan := uint(1)
			for _, id := range []string{"acme", "globex"} {
				tdb := db.WithContext(tenancy.WithTenant(ctx, tenancy.Tenant{ID: id}))
				check(tdb.Create(&User{ID: 1, Name: id, Email: "x", PlanID: &plan, Orders: []Order{{ID: 1, Total: 5}, {ID: 2}}, Tags: []Tag{{ID: 1, Name: id}}}).Error)
				var u User
				check(tdb.Preload("Orders.User").Preload("Tags").Preload("Plan").First(&u, 1).Error)
				if s != nil && name != "database" {
					var o []Order
					check(tdb.Joins("User").Where("orders.total > ?", 1).Or("orders.total < ?", 1).Find(&o).Error)
					if len(o) != 2 || o[0].User.Name != id {
						t.Fatal(o)
					}
				}
				if u.Name != id || len(u.Orders) != 2 || len(u.Tags) != 1 || u.Plan == nil {
					t.Fatalf("%+v", u)
				}
				check(tdb.Create(&Item{Name: id, Labels: []Label{{Name: id}}}).Error)
			}
			a := db.WithContext(tenancy.WithTenant(ctx, tenancy.Tenant{ID: "acme"}))
			var items []Item
			check(db.WithContext(tenancy.WithTenant(ctx, tenancy.Tenant{ID: "globex"})).Preload("Labels").Find(&items).Error)
			err = a.Save(&Item{ID: items[0].ID, Name: "stolen"}).Error
			t.Log(err)
			if name != "schema" && !errors.Is(err, tenancy.ErrTenantMismatch) {
				t.Fatal(err)
			}
			t.Log(a.Delete(&Item{}).Error, a.Delete(&Order{}).Error)
			var n int64
			err = a.Raw("SELECT count(*) FROM items WHERE items.name <> ?", "x").Scan(&n).Error
			t.Log(n, err)
			err = db.Find(&items).Error
			t.Log(err)
			t.Log(a.Table("items").Where("tenant_id = ?", "globex").Updates(map[string]any{"name": "x"}).Error)
			t.Log(a.Clauses(clause.OnConflict{UpdateAll: true}).Create(&[]Item{{ID: 1, Name: "up"}, {ID: 77, Name: "up"}}).Error)
			t.Log(a.Where("id IN (?)", a.Model(&Item{}).Select("id")).Find(&items).Error)
			t.Log(a.Where("id IN (SELECT id FROM items)").Find(&items).Error)
			for _, id := range []string{"acme", "globex"} {
				check(m.Verify(ctx, tenancy.Tenant{ID: id}))
				check(m.Destroy(ctx, tenancy.Tenant{ID: id}))
				t.Log(m.Verify(ctx, tenancy.Tenant{ID: id}))
			}
			check(a.AutoMigrate(&Item{}))
		})
	}
}
