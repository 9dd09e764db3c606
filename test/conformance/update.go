package conformance

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

func updateChecks() []check {
	ages := func(c *Case, want ...any) { c.Helper(); c.Stored("users", "age", want...) }
	every := func(c *Case, age int) []any {
		all := make([]any, c.me.Users)
		for i := range all {
			all[i] = age
		}
		return all
	}
	// instead lists all ages but with user 1's replaced.
	instead := func(c *Case, age int) []any {
		all := []any{age}
		for _, id := range c.me.All()[1:] {
			all = append(all, c.me.age(id))
		}
		return all
	}
	one := func(name string, update func(c *Case, tx *gorm.DB) *gorm.DB) check {
		return check{name, func(c *Case) {
			u := c.load(1)
			c.Affected(update(c, c.me.Model(&u)), 1)
			ages(c, instead(c, 5)...)
			c.Affected(c.me.Model(&User{}).Where("id = ?", 1).Update("age", c.me.age(1)), 1)
			c.Affected(update(c, c.me.Model(&User{}).Where("id = ?", 1)), 1)
			ages(c, instead(c, 5)...)
			c.Affected(c.me.Model(&User{}).Where("id = ?", 1).Update("age", c.me.age(1)), 1) // MySQL counts changes, not rows
			c.Affected(update(c, c.me.Model(&User{}).Where("1 = 0").Or("1 = 1").Omit("name", "email")), int64(c.me.Users))
			ages(c, every(c, 5)...)
		}}
	}
	return []check{
		one("Update", func(_ *Case, tx *gorm.DB) *gorm.DB { return tx.Update("age", 5) }),
		one("Updates of a struct", func(_ *Case, tx *gorm.DB) *gorm.DB { return tx.Updates(User{Age: 5}) }),
		one("Updates of a map", func(_ *Case, tx *gorm.DB) *gorm.DB { return tx.Updates(map[string]any{"Age": 5}) }),
		one("UpdateColumn", func(_ *Case, tx *gorm.DB) *gorm.DB { return tx.UpdateColumn("age", 5) }),
		one("UpdateColumns", func(_ *Case, tx *gorm.DB) *gorm.DB { return tx.UpdateColumns(User{Age: 5}) }),
		one("Updates with an expression", func(_ *Case, tx *gorm.DB) *gorm.DB {
			return tx.Updates(map[string]any{"age": gorm.Expr("users.age * 0 + ?", 5)})
		}),
		one("Updates of the tenant to itself", func(c *Case, tx *gorm.DB) *gorm.DB {
			return tx.Updates(map[string]any{"age": 5, "tenant_id": c.me.ID})
		}),
		{"Updates with Select of all", func(c *Case) {
			u := c.load(1)
			u.Age = 5
			c.Affected(c.me.Model(&User{}).Where("id = ?", 1).Select("*").Updates(u), 1)
			u.Age = 6
			c.Affected(c.me.Select("*").Omit("Name", "Profile").Updates(&u), 1)
			blank := User{Name: c.me.Text("user", 1), Email: c.me.Text("mail", 1)}
			c.Affected(c.me.Model(&User{}).Where("id = ?", 1).Select("*").Omit("ID").Updates(blank), 1)
			ages(c, instead(c, 0)...)
		}},
		{"Updates of a smaller struct", func(c *Case) {
			c.Affected(c.me.Model(&User{}).Where("id = ?", 1).Updates(struct{ Age int }{5}), 1)
			ages(c, instead(c, 5)...)
		}},
		{"Updates of several rows by their keys", func(c *Case) {
			users := []User{c.load(1), c.load(2)}
			c.Affected(c.me.Model(&users).Updates(map[string]any{"age": 5}), 2)
			ages(c, append(instead(c, 5)[2:], 5, 5)...)
		}},
		{"Updates that move a row to the other tenant", func(c *Case) {
			u := c.load(1)
			where := func() *gorm.DB { return c.me.Model(&User{}).Where("id = ?", 1) }
			for _, tx := range []*gorm.DB{
				c.me.Model(&u).Update("tenant_id", c.other.ID), where().Update("TenantID", c.other.ID),
				where().UpdateColumn("tenant_id", c.other.ID), where().Updates(map[string]any{"users.tenant_id": c.other.ID}),
				where().Updates(User{TenantID: c.other.ID, Age: 5}), where().Select("*").Updates(User{TenantID: c.other.ID}),
				where().Updates(map[string]any{"tenant_id": gorm.Expr("?", c.other.ID)}),
				where().Clauses(clause.Set{{Column: clause.Column{Name: "tenant_id"}, Value: c.other.ID}}).Update("age", 5),
				c.me.Table("users").Where("id = ?", 1).Updates(map[string]any{"tenant_id": c.other.ID}),
				c.me.Where("id = ?", 1).Save(&User{ID: 1, TenantID: c.other.ID}),
			} {
				c.Refused(tx.Error, tenancy.ErrTenantMismatch)
			}
			ages(c, instead(c, c.me.age(1))...)
		}},
		{"Updates without a condition", func(c *Case) {
			for _, tx := range []*gorm.DB{
				c.me.Model(&User{}).Update("age", 5), c.me.Model(&User{}).Updates(User{Age: 5}),
				c.me.Table("users").Updates(map[string]any{"age": 5}), c.me.Model(&Order{}).Update("total", 5),
				c.me.Model(&User{}).UpdateColumn("age", 5),
			} {
				c.Refused(tx.Error, gorm.ErrMissingWhereClause)
			}
			c.Affected(c.me.Session(&gorm.Session{AllowGlobalUpdate: true}).Model(&User{}).Update("age", 5), int64(c.me.Users))
			ages(c, every(c, 5)...)
		}},
		{"Updates of nothing of the other's", func(c *Case) {
			c.Affected(c.me.Model(&User{}).Where("name = ?", c.other.Text("user", 1)).Update("age", 5), 0)
			if c.World.sameTables() {
				c.Affected(c.me.Model(&Item{ID: c.other.ItemIDs[0]}).Update("count", 5), 0)
				c.Affected(c.me.Model(&Item{}).Where("id IN ?", c.other.ItemIDs).Update("count", 5), 0)
			}
		}},
		{"Updates of a row deleted softly", func(c *Case) {
			c.Affected(c.me.Model(&Order{}).Where("id = ?", 4).Update("total", 5), 0)
			c.Affected(c.me.Unscoped().Model(&Order{}).Where("id = ?", 4).Or("id = ?", 3).Update("total", 5), 2)
		}},
	}
}

func deleteChecks() []check {
	left := func(c *Case, table string, ids ...any) { c.Helper(); c.Stored(table, "id", ids...) }
	return []check{
		{"Delete by value", func(c *Case) {
			note := Comment{TenantID: c.me.ID, ID: 1}
			c.Affected(c.me.Delete(&note), 1)
			c.Affected(c.me.Delete(&[]Comment{{TenantID: c.me.ID, ID: 2}, {TenantID: c.me.ID, ID: 3}}), 2)
			left(c, "comments")
		}},
		{"Delete by a value without the tenant", func(c *Case) {
			if err := c.me.Delete(&Comment{ID: 1}).Error; err != nil {
				c.Refused(err, gorm.ErrMissingWhereClause)
			}
		}},
		{"Delete by condition", func(c *Case) {
			c.Affected(c.me.Where("owner_type = ?", "orders").Delete(&Comment{}), 1)
			c.Affected(c.me.Delete(&Comment{}, "id = ? OR id = ?", 1, 99), 1)
			left(c, "comments", 3)
			c.Affected(c.me.Where("1 = 0").Or("1 = 1").Delete(&Comment{}), 1)
			left(c, "comments")
		}},
		{"Delete by keys", func(c *Case) {
			c.Affected(c.me.Where("item_id > ?", 0).Delete(&Part{}), 2)
			c.Affected(c.me.Delete(&Part{}, c.me.PartIDs), 0)
			c.Affected(c.me.Delete(&Comment{}, []int{1, 2, 99}), 2)
			left(c, "comments", 3)
		}},
		{"Delete nothing of the other's", func(c *Case) {
			c.Affected(c.me.Where("text = ?", c.other.Text("comment", 1)).Delete(&Comment{}), 0)
			if c.World.sameTables() {
				c.Affected(c.me.Delete(&Part{}, c.other.PartIDs), 0)
				c.Affected(c.me.Delete(&Part{ID: c.other.PartIDs[0]}), 0)
			}
		}},
		{"Delete softly and for good", func(c *Case) {
			c.Affected(c.me.Where("id = ?", 1).Delete(&Order{}), 1)
			left(c, "orders", 1, 2, 3, 4)
			var alive []Order
			c.OK(c.me.Find(&alive))
			c.Orders(alive, 2, 3)
			c.Affected(c.me.Unscoped().Where("id = ?", 1).Or("id = ?", 4).Delete(&Order{}), 2)
			left(c, "orders", 2, 3)
		}},
		{"Delete without a condition", func(c *Case) {
			for _, tx := range []*gorm.DB{
				c.me.Delete(&Comment{}), c.me.Delete(&Order{}), c.me.Unscoped().Delete(&Order{}), c.me.Table("comments").Delete(nil),
				c.me.Delete(&[]Comment{}), c.me.Delete(&Item{}),
			} {
				c.Refused(tx.Error, gorm.ErrMissingWhereClause)
			}
			global := c.me.Session(&gorm.Session{AllowGlobalUpdate: true})
			c.Affected(global.Delete(&Comment{}), 3)
			c.Affected(global.Delete(&Order{}), 3)
			c.Affected(global.Unscoped().Delete(&Order{}), 4)
			left(c, "orders")
		}},
		{"Delete with relations", func(c *Case) {
			u := c.load(1)
			c.OK(c.me.Select("Tags", "Notes").Where("id < ?", 0).Delete(&u))
			c.Stored("user_tags", "user_id", 2)
			c.Stored("comments", "id", 2, 3)
		}},
	}
}
