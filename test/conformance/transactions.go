package conformance

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

func transactionChecks() []check {
	tag := func(c *Case, id uint) *Tag { return &Tag{ID: id, Name: c.me.Text("tag", id)} }
	return []check{
		{"Begin, Commit, Rollback", func(c *Case) {
			tx := c.me.Begin()
			c.OK(tx)
			c.OK(tx.Create(tag(c, 10)))
			c.OK(tx.Commit())
			tx = c.me.Begin(&sql.TxOptions{})
			c.OK(tx.Create(tag(c, 11)))
			var n int64
			c.OK(tx.Model(&Tag{}).Count(&n))
			c.Equal(n, int64(4))
			c.OK(tx.Rollback())
			c.Stored("tags", "id", 1, 2, 10)
		}},
		{"Transaction", func(c *Case) {
			c.NoError(c.me.Transaction(func(tx *gorm.DB) error {
				var users []User
				c.OK(tx.Preload("Orders").Find(&users))
				c.Users(users, c.me.All()...)
				return tx.Create(tag(c, 10)).Error
			}))
			c.Refused(c.me.Transaction(func(tx *gorm.DB) error {
				c.OK(tx.Where("1 = 1").Delete(&Comment{}))
				return errMine
			}), errMine)
			c.Stored("tags", "id", 1, 2, 10)
			c.Stored("comments", "id", 1, 2, 3)
		}},
		{"a panic in a transaction", func(c *Case) {
			func() {
				defer func() { c.Equal(recover(), "mine") }()
				_ = c.me.Transaction(func(tx *gorm.DB) error {
					c.OK(tx.Create(tag(c, 10)))
					panic("mine")
				})
			}()
			c.Stored("tags", "id", 1, 2)
		}},
		{"nested transactions", func(c *Case) {
			c.NoError(c.me.Transaction(func(tx *gorm.DB) error {
				c.OK(tx.Create(tag(c, 10)))
				c.Refused(tx.Transaction(func(inner *gorm.DB) error {
					c.OK(inner.Create(tag(c, 11)))
					var n int64
					c.OK(inner.Model(&Tag{}).Count(&n))
					c.Equal(n, int64(4))
					return errMine
				}), errMine)
				return tx.Transaction(func(inner *gorm.DB) error { return inner.Create(tag(c, 12)).Error })
			}))
			c.Stored("tags", "id", 1, 2, 10, 12)
		}},
		{"savepoints", func(c *Case) {
			tx := c.me.Begin()
			c.OK(tx.Create(tag(c, 10)))
			c.OK(tx.SavePoint("here"))
			c.OK(tx.Create(tag(c, 11)))
			c.OK(tx.RollbackTo("here"))
			c.OK(tx.Commit())
			c.Stored("tags", "id", 1, 2, 10)
		}},
		{"a transaction in other hands", func(c *Case) {
			c.NoError(c.me.Transaction(func(tx *gorm.DB) error {
				for name, foreign := range map[string]context.Context{
					"the other tenant": c.other.Ctx, "nobody": context.Background(),
					"the system": tenancy.WithSystem(context.Background(), "a test"),
				} {
					want := tenancy.ErrTenantMismatch
					if name == "nobody" {
						want = tenancy.ErrNoTenant
					}
					other := tx.WithContext(foreign)
					var n int64
					c.Refused(other.Find(&[]User{}).Error, want)
					c.Refused(other.Create(&Tag{ID: 30}).Error, want)
					c.Refused(other.Model(&Tag{}).Where("id = ?", 1).Update("name", "x").Error, want)
					c.Refused(other.Where("id = ?", 1).Delete(&Tag{}).Error, want)
					c.Refused(other.Model(&Tag{}).Count(&n).Error, want)
					c.Refused(other.Model(&Tag{}).Select("id").Row().Scan(&n), want)
				}
				return nil
			}))
			c.Stored("tags", "id", 1, 2)
		}},
		{"a transaction of the tenant's with another context of the tenant's", func(c *Case) {
			c.NoError(c.me.Transaction(func(tx *gorm.DB) error {
				ctx, cancel := context.WithTimeout(tenancy.WithTenant(context.Background(), c.me.Tenant), time.Minute)
				defer cancel()
				var users []User
				c.OK(tx.WithContext(ctx).Find(&users))
				c.Users(users, c.me.All()...)
				return nil
			}))
		}},
		{"two transactions one after the other", func(c *Case) {
			for _, side := range []*Side{c.me, c.other, c.me} {
				c.NoError(side.Transaction(func(tx *gorm.DB) error {
					var n int64
					c.OK(tx.Model(&User{}).Count(&n))
					c.Equal(n, int64(side.Users))
					return nil
				}))
			}
		}},
		{"a failed statement rolls its relations back", func(c *Case) {
			if c.World.DB.SkipDefaultTransaction {
				return
			}
			u := c.me.user(20)
			u.Profile.ID = 1
			u.Notes = []Comment{{ID: 20, Text: c.me.Text("comment", 20), TenantID: c.other.ID}}
			if c.me.Create(&u).Error == nil {
				c.failf("a comment of the other tenant's went in")
			}
			c.Stored("users", "id", toAny(c.me.All())...)
		}},
	}
}

func connectionChecks() []check {
	steps := func(c *Case, tx *gorm.DB) error {
		var before, after []User
		c.OK(tx.Session(&gorm.Session{NewDB: true}).Find(&before))
		c.Users(before, c.me.All()...)
		c.OK(tx.Session(&gorm.Session{NewDB: true}).Create(&User{ID: 20, Name: c.me.Text("user", 20), Email: c.me.Text("mail", 20)}))
		c.OK(tx.Session(&gorm.Session{NewDB: true}).Find(&after))
		c.Users(after, append(c.me.All(), 20)...)
		return nil
	}
	// shared does the same on one statement, which GORM takes the connection off
	// after the first write.
	shared := func(c *Case, tx *gorm.DB) error {
		var read Tag
		c.OK(tx.Take(&Tag{}))
		c.OK(tx.Create(&Tag{ID: 20, Name: c.me.Text("tag", 20)}))
		c.OK(tx.Take(&read))
		c.Own(read)
		c.OK(tx.Create(&Tag{ID: 21, Name: c.me.Text("tag", 21)}))
		return nil
	}
	return []check{
		{"Connection", func(c *Case) {
			c.NoError(c.me.Connection(func(tx *gorm.DB) error { return steps(c, tx) }))
			c.NoError(c.me.Connection(func(tx *gorm.DB) error { return shared(c, tx) }))
			c.Stored("tags", "id", 1, 2, 20, 21)
			c.Refused(c.me.Connection(func(*gorm.DB) error { return errMine }), errMine)
		}},
		{"Connection when there is only one", func(c *Case) {
			pool, err := c.World.DB.DB()
			c.NoError(err)
			pool.SetMaxOpenConns(1)
			defer pool.SetMaxOpenConns(0)
			ctx, cancel := context.WithTimeout(c.me.Ctx, 10*time.Second)
			defer cancel()
			db := c.me.WithContext(ctx)
			c.NoError(db.Connection(func(tx *gorm.DB) error { return steps(c, tx) }))
			c.NoError(db.Connection(func(tx *gorm.DB) error { return shared(c, tx) }))
		}},
		{"Connection with a transaction", func(c *Case) {
			ran := false
			err := c.me.Connection(func(tx *gorm.DB) error {
				return tx.Session(&gorm.Session{NewDB: true}).Transaction(func(tx *gorm.DB) error {
					if ran = !c.me.ownDatabase(); ran {
						return steps(c, tx)
					}
					return tx.Create(&Tag{ID: 20, Name: "x"}).Error
				})
			})
			if !ran { // the transaction is on GORM's connection, in the base database
				c.Refused(err, tenancy.ErrTenantMismatch)
				return
			}
			c.NoError(err)
		}},
		{"Connection without a tenant", func(c *Case) {
			_ = c.World.DB.Connection(func(tx *gorm.DB) error {
				c.Refused(tx.Session(&gorm.Session{NewDB: true}).Find(&[]User{}).Error, tenancy.ErrNoTenant)
				c.Refused(tx.Session(&gorm.Session{NewDB: true}).Create(&Tag{ID: 9}).Error, tenancy.ErrNoTenant)
				return nil
			})
		}},
		{"Connection of one tenant used for the other", func(c *Case) {
			c.NoError(c.me.Connection(func(tx *gorm.DB) error {
				var mine, theirs []User
				err := tx.WithContext(c.other.Ctx).Find(&theirs).Error
				if err != nil {
					c.Refused(err, tenancy.ErrTenantMismatch)
				}
				c.OK(tx.Session(&gorm.Session{NewDB: true}).Find(&mine))
				c.Users(mine, c.me.All()...)
				for _, u := range theirs {
					c.Equal(u.TenantID, c.other.ID)
				}
				return nil
			}))
		}},
	}
}
