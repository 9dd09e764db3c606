package conformance

import (
	"context"
	"errors"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

// finisher is one way to send a statement on owned models.
type finisher struct {
	name string
	run  func(db *gorm.DB) error
}

func finishers() []finisher {
	user := User{TenantID: "x", ID: 1}
	return []finisher{
		{"First", func(db *gorm.DB) error { return db.First(&User{}).Error }},
		{"Take", func(db *gorm.DB) error { return db.Take(&User{}).Error }},
		{"Last", func(db *gorm.DB) error { return db.Last(&User{}).Error }},
		{"Find", func(db *gorm.DB) error { return db.Find(&[]User{}).Error }},
		{"Find by Table", func(db *gorm.DB) error { return db.Table("users").Find(&[]map[string]any{}).Error }},
		{"Find by an unknown Table", func(db *gorm.DB) error { return db.Table("unknown").Find(&[]map[string]any{}).Error }},
		{"FindInBatches", func(db *gorm.DB) error {
			return db.FindInBatches(&[]User{}, 2, func(*gorm.DB, int) error { return nil }).Error
		}},
		{"FirstOrInit", func(db *gorm.DB) error { return db.FirstOrInit(&User{}).Error }},
		{"FirstOrCreate", func(db *gorm.DB) error { return db.FirstOrCreate(&User{}).Error }},
		{"Count", func(db *gorm.DB) error { return db.Model(&User{}).Count(new(int64)).Error }},
		{"Pluck", func(db *gorm.DB) error { return db.Model(&User{}).Pluck("name", &[]string{}).Error }},
		{"Scan", func(db *gorm.DB) error { return db.Model(&User{}).Scan(&[]User{}).Error }},
		{"Rows", func(db *gorm.DB) error { _, err := db.Model(&User{}).Rows(); return err }},
		{"Row", func(db *gorm.DB) error { return db.Model(&User{}).Select("name").Row().Scan(new(string)) }},
		{"Preload", func(db *gorm.DB) error { return db.Preload("Orders").Find(&[]User{}).Error }},
		{"Joins", func(db *gorm.DB) error { return db.Joins("User").Find(&[]Order{}).Error }},
		{"Create", func(db *gorm.DB) error { return db.Create(&Tag{ID: 9}).Error }},
		{"Create a slice", func(db *gorm.DB) error { return db.Create(&[]Tag{{ID: 9}}).Error }},
		{"Create a map", func(db *gorm.DB) error { return db.Model(&Tag{}).Create(map[string]any{"id": 9}).Error }},
		{"CreateInBatches", func(db *gorm.DB) error { return db.CreateInBatches(&[]Tag{{ID: 8}, {ID: 9}}, 2).Error }},
		{"Save", func(db *gorm.DB) error { return db.Save(&Tag{ID: 1, Name: "x"}).Error }},
		{"Save a slice", func(db *gorm.DB) error { return db.Save(&[]Tag{{ID: 1, Name: "x"}}).Error }},
		{"upsert", func(db *gorm.DB) error {
			return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&Tag{ID: 1}).Error
		}},
		{"Update", func(db *gorm.DB) error { return db.Model(&User{}).Where("id = ?", 1).Update("age", 5).Error }},
		{"Updates", func(db *gorm.DB) error { return db.Where("id = ?", 1).Updates(&User{Age: 5}).Error }},
		{"UpdateColumn", func(db *gorm.DB) error { return db.Model(&User{}).Where("id = ?", 1).UpdateColumn("age", 5).Error }},
		{"Updates by Table", func(db *gorm.DB) error {
			return db.Table("users").Where("id = ?", 1).Updates(map[string]any{"age": 5}).Error
		}},
		{"Delete", func(db *gorm.DB) error { return db.Where("id = ?", 1).Delete(&Tag{}).Error }},
		{"Delete softly", func(db *gorm.DB) error { return db.Where("id = ?", 1).Delete(&Order{}).Error }},
		{"Delete all", func(db *gorm.DB) error {
			return db.Session(&gorm.Session{AllowGlobalUpdate: true}).Delete(&Tag{}).Error
		}},
		{"Unscoped", func(db *gorm.DB) error { return db.Unscoped().Find(&[]Order{}).Error }},
		{"Raw", func(db *gorm.DB) error { return db.Raw("SELECT * FROM users").Scan(&[]User{}).Error }},
		{"Raw and Row", func(db *gorm.DB) error { return db.Raw("SELECT name FROM users").Row().Scan(new(string)) }},
		{"Raw and Rows", func(db *gorm.DB) error { _, err := db.Raw("SELECT name FROM users").Rows(); return err }},
		{"Exec", func(db *gorm.DB) error { return db.Exec("DELETE FROM users").Error }},
		{"association Find", func(db *gorm.DB) error { return db.Model(&user).Association("Orders").Find(&[]Order{}) }},
		{"association Append", func(db *gorm.DB) error { return db.Model(&user).Association("Orders").Append(&Order{ID: 9}) }},
		{"association Delete", func(db *gorm.DB) error { return db.Model(&user).Association("Tags").Delete(&Tag{TenantID: "x", ID: 1}) }},
		{"association Clear", func(db *gorm.DB) error { return db.Model(&user).Association("Notes").Clear() }},
		{"AutoMigrate", func(db *gorm.DB) error { return db.AutoMigrate(&User{}) }},
		{"a session", func(db *gorm.DB) error { return db.Session(&gorm.Session{PrepareStmt: true}).Find(&[]User{}).Error }},
		{"a subquery", func(db *gorm.DB) error {
			return db.Table("(?) as u", db.Model(&User{})).Find(&[]map[string]any{}).Error
		}},
		{"a model with hooks", func(db *gorm.DB) error { return db.Create(&Event{ID: 9}).Error }},
	}
}

func noTenantChecks() []check {
	// silently runs fn while every connection of the base pool is taken: whatever
	// asks for one is found out.
	silently := func(c *Case, db func(ctx context.Context) *gorm.DB, want error) {
		c.Helper()
		pool, err := c.World.DB.DB()
		c.NoError(err)
		conn, err := pool.Conn(context.Background())
		c.NoError(err)
		defer conn.Close()
		pool.SetMaxOpenConns(1)
		defer pool.SetMaxOpenConns(0)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		for _, f := range finishers() {
			asked := pool.Stats().WaitCount
			err := f.run(db(ctx))
			if pool.Stats().WaitCount != asked {
				c.Errorf("as %s: %s: a connection was asked for", c.me.ID, f.name)
			}
			var known *tenancy.Error
			if !errors.Is(err, want) || !errors.As(err, &known) {
				c.Errorf("as %s: %s: want %q, got %v", c.me.ID, f.name, want, err)
			}
		}
	}
	return []check{
		{"no tenant", func(c *Case) {
			silently(c, c.World.DB.WithContext, tenancy.ErrNoTenant)
		}},
		{"no context", func(c *Case) {
			c.Refused(c.World.DB.Find(&[]User{}).Error, tenancy.ErrNoTenant)
			c.Refused(c.World.DB.Create(&Tag{ID: 9}).Error, tenancy.ErrNoTenant)
			// Several batches are one transaction, which is begun before the first is built.
			c.Refused(c.World.DB.CreateInBatches(&[]Tag{{ID: 8}, {ID: 9}}, 1).Error, tenancy.ErrNoTenant)
		}},
		{"a tenant that cannot be", func(c *Case) {
			for _, id := range []string{"", strings.Repeat("x", 300), "a\x00b"} {
				silently(c, func(ctx context.Context) *gorm.DB {
					return c.World.DB.WithContext(tenancy.WithTenant(ctx, tenancy.Tenant{ID: id}))
				}, tenancy.ErrInvalidTenant)
			}
		}},
		{"a system context without a reason", func(c *Case) {
			silently(c, func(ctx context.Context) *gorm.DB {
				return c.World.DB.WithContext(tenancy.WithSystem(ctx, ""))
			}, tenancy.ErrNoTenant)
		}},
		{"a transaction without a tenant", func(c *Case) {
			_ = c.World.DB.Transaction(func(tx *gorm.DB) error {
				c.Refused(tx.Find(&[]User{}).Error, tenancy.ErrNoTenant)
				c.Refused(tx.Create(&Tag{ID: 9}).Error, tenancy.ErrNoTenant)
				if err := tx.WithContext(c.me.Ctx).Find(&[]User{}).Error; err == nil {
					c.failf("a tenant's statement ran in nobody's transaction")
				}
				return nil
			})
		}},
	}
}

func refuseChecks() []check {
	return []check{
		{"a tenant that was not provisioned", func(c *Case) {
			if !c.me.ownStructures() {
				return // there is nothing of its own that could be missing
			}
			ctx := tenancy.WithTenant(context.Background(), tenancy.Tenant{ID: "initech", Tier: c.me.Tenant.Tier})
			for _, f := range finishers() {
				switch f.name {
				case "AutoMigrate": // that would provision it
					continue
				case "Find by an unknown Table", "a subquery", "association Append", "association Delete":
					if f.run(c.World.DB.WithContext(ctx)) == nil {
						c.Errorf("%s: no error", f.name)
					}
					continue
				}
				if err := f.run(c.World.DB.WithContext(ctx)); !errors.Is(err, tenancy.ErrNotProvisioned) && !strings.Contains(f.name, "association") {
					c.Errorf("%s: want %q, got %v", f.name, tenancy.ErrNotProvisioned, err)
				}
			}
		}},
		{"errors say what and whose", func(c *Case) {
			err := c.me.Create(&Tag{ID: 9, TenantID: c.other.ID}).Error
			var known *tenancy.Error
			if !errors.As(err, &known) {
				c.failf("not a *tenancy.Error: %v", err)
			}
			c.Equal([]string{known.Op, known.Tenant, known.Strategy}, []string{"create", c.me.ID, c.World.installation.Strategy()})
		}},
		{"a second plugin", func(c *Case) {
			in := c.World.installation
			c.Refused(c.World.DB.Use(tenancy.Plugin(tenancy.Config{Strategy: c.World.Subject.Strategy(c)})), tenancy.ErrConfig)
			again, err := tenancy.Installed(c.me.DB)
			c.NoError(err)
			c.Equal(again == in, true)
		}},
	}
}
