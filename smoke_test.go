package tenancy_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

type Plan struct {
	ID   uint
	Name string
}
type User struct {
	TenantID string `gorm:"primaryKey;size:64;uniqueIndex:idx_email"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
	Name     string `gorm:"index"`
	Email    string `gorm:"uniqueIndex:idx_email"`
	PlanID   *uint
	Plan     *Plan
	Orders   []Order `gorm:"foreignKey:TenantID,UserID;references:TenantID,ID"`
	Tags     []Tag   `gorm:"many2many:user_tags"`
}
type Order struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
	UserID   uint
	User     *User `gorm:"foreignKey:TenantID,UserID;references:TenantID,ID"`
	Total    int
	Deleted  gorm.DeletedAt
}
type Tag struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
	Name     string
}
type Item struct {
	ID       uint
	TenantID string
	Name     string
	Labels   []Label `gorm:"many2many:item_labels"`
}
type Label struct {
	ID       uint
	TenantID string
	Name     string
}

func (Label) TableName() string { return "custom_labels" }

func TestSmoke(t *testing.T) {
	for name, s := range map[string]tenancy.Strategy{
		"schema":   strategies.Schema{},
		"database": strategies.Database{Open: sqlite.Open, Dir: filepath.Join(t.TempDir(), "tenants")},
		"shared":   strategies.Shared{},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := gorm.Open(sqlite.Open("file:"+filepath.Join(t.TempDir(), "base.db")+"?_foreign_keys=on&_journal_mode=WAL"), &gorm.Config{Logger: logger.Default.LogMode(logger.Info)})
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
			defer tenancy.Close(db)
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
			if name == "shared" && !errors.Is(err, tenancy.ErrTenantMismatch) {
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
