package conformance

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// planNames returns the names of the plans.
func planNames(c *Case, db *gorm.DB) []string {
	c.Helper()
	var names []string
	c.OK(db.Model(&Plan{}).Order("id").Pluck("name", &names))
	return names
}

func sharedModelChecks() []check {
	return []check{
		{"shared models without a tenant", func(c *Case) {
			base := c.World.DB
			c.Equal(planNames(c, base), []string{"free", "paid"})
			c.OK(base.Create(&Plan{ID: 3, Name: "trial"}))
			c.OK(base.Model(&Plan{}).Where("id = ?", 3).Update("name", "gold"))
			c.NoError(base.Transaction(func(tx *gorm.DB) error {
				c.Equal(planNames(c, tx), []string{"free", "paid", "gold"})
				return tx.Where("id = ?", 3).Delete(&Plan{}).Error
			}))
			c.Equal(planNames(c, base), []string{"free", "paid"})
		}},
		{"shared models with a tenant", func(c *Case) {
			c.Equal(planNames(c, c.me.DB), []string{"free", "paid"})
			c.OK(c.me.Create(&Plan{ID: 3, Name: "trial"}))
			c.Equal(planNames(c, c.other.DB), []string{"free", "paid", "trial"})
			c.OK(c.me.Delete(&Plan{}, 3))
			c.Refused(c.me.Delete(&Plan{}).Error, gorm.ErrMissingWhereClause)
		}},
		{"shared models in a tenant's transaction", func(c *Case) {
			var wrote error
			c.NoError(c.me.Transaction(func(tx *gorm.DB) error {
				c.Equal(planNames(c, tx), []string{"free", "paid"})
				wrote = tx.Create(&Plan{ID: 3, Name: "trial"}).Error
				return nil
			}))
			if c.me.ownDatabase() {
				c.Refused(wrote, tenancy.ErrElsewhere)
				return
			}
			c.NoError(wrote)
			c.OK(c.me.Delete(&Plan{}, 3))
		}},
		{"shared models preload and carry nothing of tenants", func(c *Case) {
			var u User
			c.OK(c.me.Preload("Plan").First(&u, 1))
			c.Equal(u.Plan.Name, "free")
			c.OK(c.World.DB.Session(&gorm.Session{}).Table("plans").Where("id = ?", 2).Take(&Plan{}))
		}},
		{"a row is saved with the shared one that it refers to", func(c *Case) {
			var u User
			c.OK(c.me.Preload("Plan").First(&u, "id = ?", 1))
			u.Name, u.Plan.Name = c.me.Text("user", "saved"), "mine"
			c.OK(c.me.Save(&u))
			c.Equal(planNames(c, c.me.DB), []string{"free", "paid"})
			c.NoError(c.me.Model(&u).Association("Plan").Replace(&Plan{ID: 2}))
			c.OK(c.me.Create(&[]User{{ID: 8, Email: "8", Plan: &Plan{ID: 1}}, {ID: 9, Email: "9", Plan: &Plan{ID: 2}}}))
			var plans []uint
			c.OK(c.me.Model(&User{}).Where("id IN ?", []uint{1, 8, 9}).Order("id").Pluck("plan_id", &plans))
			c.Equal(plans, []uint{2, 1, 2})
		}},
		{"a new shared row is not saved in a tenant's own database", func(c *Case) {
			if !c.me.ownDatabase() {
				return
			}
			for _, plans := range [][]Plan{{{ID: 3, Name: "trial"}}, {{ID: 1}, {ID: 3}}, {{Name: "trial"}}} {
				var users []User
				for i := range plans {
					users = append(users, User{ID: uint(8 + i), Email: fmt.Sprint(i), Plan: &plans[i]})
				}
				c.Refused(c.me.Transaction(func(tx *gorm.DB) error { return tx.Create(&users).Error }), tenancy.ErrElsewhere)
			}
			c.Refused(c.me.Transaction(func(tx *gorm.DB) error {
				return tx.Session(&gorm.Session{FullSaveAssociations: true}).Create(&User{ID: 8, Email: "8", Plan: &Plan{ID: 1, Name: "mine"}}).Error
			}), tenancy.ErrElsewhere)
			c.Equal(planNames(c, c.me.DB), []string{"free", "paid"})
		}},
		{"a shared model does not open the owned ones", func(c *Case) {
			base := c.World.DB
			for _, in := range []string{"id IN (?)", "id NOT IN (?)", "id = (?)"} {
				c.Refused(base.Where(in, base.Model(&User{}).Select("plan_id")).Find(&[]Plan{}).Error, tenancy.ErrNoTenant)
			}
			var names []string
			err := base.Model(&Plan{}).Joins("JOIN users ON users.plan_id = plans.id").Pluck("users.name", &names).Error
			if err == nil {
				c.failf("a join without a tenant read %v", names)
			}
			err = base.Model(&Plan{}).Where("id IN (SELECT plan_id FROM users)").Pluck("name", &names).Error
			if err == nil {
				c.failf("a subquery without a tenant was sent")
			}
			err = c.me.Model(&Plan{}).Joins("JOIN users ON 1 = 1").Pluck("users.name", &names).Error
			if err == nil {
				c.Own(names)
			}
			err = c.me.Model(&Plan{}).Where("'"+c.other.Text("user", 1)+"' IN (SELECT name FROM users)").Pluck("name", &names).Error
			if err == nil && len(names) > 0 {
				c.failf("the text saw the other tenant's users")
			}
		}},
	}
}

func systemChecks() []check {
	return []check{
		{"a system context", func(c *Case) {
			system := c.World.DB.WithContext(tenancy.WithSystem(context.Background(), "a test"))
			c.Equal(planNames(c, system), []string{"free", "paid"})
			var users []User
			err := system.Find(&users).Error
			open := 0 // rows in common tables that nothing but the plugin narrows
			for _, side := range c.World.Sides() {
				if !side.ownStructures() && side.RefusesRaw() {
					open += side.Users
				}
			}
			if open > 0 {
				c.NoError(err)
				c.Equal(len(users), open)
				var mine []User
				c.OK(system.Raw("SELECT * FROM users WHERE tenant_id = ?", c.me.ID).Scan(&mine))
				if c.Own(mine); !c.me.ownStructures() {
					c.Users(mine, c.me.All()...)
				}
			} else if err == nil && len(users) > 0 {
				c.failf("the tenants' users are in the base database: %v", users)
			}
		}},
		{"a system context is left again", func(c *Case) {
			system := c.World.DB.WithContext(tenancy.WithSystem(c.me.Ctx, "a test"))
			var users []User
			back := system.WithContext(tenancy.WithTenant(system.Statement.Context, c.me.Tenant))
			c.OK(back.Find(&users))
			c.Users(users, c.me.All()...)
		}},
	}
}

// quote quotes a qualified name as the dialect does.
func (c *Case) quote(name string) string { return c.me.Statement.Quote(name) }
