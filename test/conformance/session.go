package conformance

import (
	"context"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

func sessionChecks() []check {
	find := func(c *Case, db *gorm.DB) {
		c.Helper()
		var users []User
		c.OK(db.Where("id > ?", 0).Find(&users))
		c.Users(users, c.me.All()...)
	}
	return []check{
		{"sessions", func(c *Case) {
			for _, session := range []gorm.Session{
				{},
				{NewDB: true},
				{PrepareStmt: true},
				{SkipDefaultTransaction: true},
				{QueryFields: true},
				{Context: c.me.Ctx},
				{SkipHooks: true},
				{DisableNestedTransaction: true},
				{PrepareStmt: true, NewDB: true},
			} {
				find(c, c.me.Session(&session))
				find(c, c.me.Session(&session).Session(&gorm.Session{PrepareStmt: true}))
				c.OK(c.me.Session(&session).Model(&User{}).Where("id = ?", 1).Update("age", 5))
			}
			find(c, c.me.Debug())
		}},
		{"sessions with PrepareStmt, one tenant after the other", func(c *Case) {
			for range 3 {
				for _, side := range []*Side{c.me, c.other} {
					prepared := side.Session(&gorm.Session{PrepareStmt: true})
					var users []User
					var one User
					c.OK(prepared.Where("age >= ?", 0).Find(&users))
					c.Equal(len(users), side.Users)
					c.OK(prepared.First(&one, 1))
					c.Equal(one.Name, side.Text("user", 1))
					c.NoError(prepared.Transaction(func(tx *gorm.DB) error {
						var again User
						c.OK(tx.First(&again, 1))
						c.Equal(again.Name, side.Text("user", 1))
						return nil
					}))
				}
			}
		}},
		{"sessions with another tenant's context", func(c *Case) {
			theirs := c.other.Session(&gorm.Session{Context: c.me.Ctx})
			find(c, theirs)
			find(c, c.other.WithContext(c.me.Ctx))
			find(c, c.other.Where("id > ?", 0).Session(&gorm.Session{}).WithContext(c.me.Ctx))
			c.Refused(c.me.WithContext(context.Background()).Find(&[]User{}).Error, tenancy.ErrNoTenant)
		}},
		{"a statement that is used again", func(c *Case) {
			query := c.me.Model(&User{}).Where("id < ?", 3)
			var n int64
			var users []User
			c.OK(query.Count(&n))
			c.OK(query.Order("id").Find(&users))
			c.Equal(n, int64(2))
			c.Users(users, 1, 2)
			prepared := c.me.Where("id < ?", 3).Session(&gorm.Session{})
			for _, side := range []*Side{c.me, c.other, c.me} {
				c.OK(prepared.WithContext(side.Ctx).Order("id").Find(&users))
				c.Equal(users[0].Name, side.Text("user", 1))
			}
		}},
		{"DryRun and ToSQL", func(c *Case) {
			dry := c.me.Session(&gorm.Session{DryRun: true})
			texts := []string{
				c.me.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Where("id = ?", 1).Find(&[]User{}) }),
				c.me.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Create(&Tag{ID: 9, Name: "x"}) }),
				c.me.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Model(&User{}).Where("id = ?", 1).Update("age", 5) }),
				c.me.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Where("id = ?", 1).Delete(&User{}) }),
			}
			for _, text := range texts {
				if text == "" || strings.Contains(text, c.other.ID) || !c.me.ownStructures() && !strings.Contains(text, c.me.ID) {
					c.failf("not the tenant's: %q", text)
				}
			}
			c.OK(dry.Create(&Tag{ID: 9, Name: "x"}))
			c.OK(dry.Clauses(clause.OnConflict{UpdateAll: true}).Create(&[]Item{{ID: c.me.ItemIDs[0]}, {ID: 77}}))
			c.OK(dry.Save(&User{ID: 1, Name: "x"}))
			c.OK(dry.Where("id = ?", 1).Delete(&Tag{}))
			c.Stored("tags", "id", 1, 2)
			if text := c.World.DB.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Find(&[]User{}) }); strings.Contains(text, "users") {
				c.failf("built without a tenant: %q", text)
			}
		}},
		{"DryRun with Rows", func(c *Case) {
			dry := c.me.Session(&gorm.Session{DryRun: true})
			_, err := dry.Model(&User{}).Rows()
			c.Refused(err, gorm.ErrDryRunModeUnsupported)
		}},
	}
}

func genericChecks() []check {
	return []check{
		{"generics read", func(c *Case) {
			base, ctx := c.World.DB, c.me.Ctx
			all, err := gorm.G[User](base).Order("id").Find(ctx)
			c.NoError(err)
			c.Users(all, c.me.All()...)
			one, err := gorm.G[User](base).Where("id = ?", 1).Or("id = ?", 1).First(ctx)
			c.NoError(err)
			c.Users([]User{one}, 1)
			n, err := gorm.G[User](base).Where("1 = 0").Or("1 = 1").Count(ctx, "*")
			c.NoError(err)
			c.Equal(n, int64(c.me.Users))
			loaded, err := gorm.G[User](base).Preload("Orders", nil).Preload("Tags", func(db gorm.PreloadBuilder) error {
				db.Where("1 = 1 OR 1 = 1")
				return nil
			}).Where("id = ?", 1).First(ctx)
			c.NoError(err)
			c.Own(loaded)
			c.Equal([]int{len(loaded.Orders), len(loaded.Tags)}, []int{2, 2})
			joined, err := gorm.G[Order](base).Joins(clause.Has("User"), nil).Order("orders.id").Find(ctx)
			c.NoError(err)
			c.Orders(joined, 1, 2, 3)
			c.Equal(joined[0].User.Name, c.me.Text("user", 1))
			left, err := gorm.G[Order](base).Joins(clause.LeftJoin.Association("User"), func(db gorm.JoinBuilder, _, _ clause.Table) error {
				db.Where("1 = 0").Or("1 = 1")
				return nil
			}).Order("orders.id").Find(ctx)
			c.NoError(err)
			c.Own(left)
			var batches []User
			c.NoError(gorm.G[User](base).FindInBatches(ctx, 2, func(data []User, _ int) error { batches = append(batches, data...); return nil }))
			c.Users(batches, c.me.All()...)
		}},
		{"generics write", func(c *Case) {
			base, ctx := c.World.DB, c.me.Ctx
			c.NoError(gorm.G[Tag](base).Create(ctx, &Tag{ID: 10, Name: c.me.Text("tag", 10)}))
			c.NoError(gorm.G[Tag](base).CreateInBatches(ctx, &[]Tag{{ID: 11, Name: c.me.Text("tag", 11)}, {ID: 12, Name: c.me.Text("tag", 12)}}, 1))
			n, err := gorm.G[Tag](base).Where("id = ?", 1).Or("id > ?", 11).Update(ctx, "name", c.me.Text("tag", "new"))
			c.NoError(err)
			c.Equal(n, 2)
			n, err = gorm.G[Tag](base).Where("id = ?", 2).Updates(ctx, Tag{Name: c.me.Text("tag", "two")})
			c.NoError(err)
			c.Equal(n, 1)
			n, err = gorm.G[Tag](base).Where("id > ?", 9).Delete(ctx)
			c.NoError(err)
			c.Equal(n, 3)
			c.Stored("tags", "name", c.me.Text("tag", "new"), c.me.Text("tag", "two"))
			_, err = gorm.G[Comment](base).Where("1 = 1").Delete(ctx)
			c.NoError(err)
			c.Stored("comments", "id")
		}},
		{"generics refuse", func(c *Case) {
			base, none := c.World.DB, context.Background()
			_, err := gorm.G[User](base).Find(none)
			c.Refused(err, tenancy.ErrNoTenant)
			c.Refused(gorm.G[Tag](base).Create(none, &Tag{ID: 9}), tenancy.ErrNoTenant)
			_, err = gorm.G[User](c.me.DB).First(none)
			c.Refused(err, tenancy.ErrNoTenant)
			c.Refused(gorm.G[Tag](base).Create(c.me.Ctx, &Tag{ID: 9, TenantID: c.other.ID}), tenancy.ErrTenantMismatch)
			_, err = gorm.G[Tag](base).Where("id = ?", 1).Update(c.me.Ctx, "tenant_id", c.other.ID)
			c.Refused(err, tenancy.ErrTenantMismatch)
		}},
	}
}
