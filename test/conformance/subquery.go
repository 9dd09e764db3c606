package conformance

import (
	"errors"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

func subqueryChecks() []check {
	buyers := func(tx *gorm.DB) *gorm.DB { return tx.Model(&Order{}).Select("user_id").Where("total > ?", 0) }
	return []check{
		{"subquery in WHERE", func(c *Case) {
			var in, not, deep, exists []User
			c.OK(c.me.Where("id IN (?)", buyers(c.me.DB)).Find(&in))
			c.Users(in, 1, 2)
			c.OK(c.me.Where("id NOT IN (?)", buyers(c.me.DB)).Find(&not))
			c.Users(not, c.me.All()[2:]...)
			c.OK(c.me.Where("id IN (?)", buyers(c.me.DB).Where("user_id IN (?)", c.me.Model(&Profile{}).Select("user_id").Where("id = ?", 2))).Find(&deep))
			c.Users(deep, 2)
			c.OK(c.me.Where("EXISTS (?)", c.me.Table("orders").Select("1").Where("orders.user_id = users.id")).Find(&exists))
			c.Users(exists, 1, 2)
			c.OK(c.me.Where("id = (?)", c.me.Model(&User{}).Select("MAX(id)")).Find(&in))
			c.Users(in, uint(c.me.Users))
		}},
		{"subquery of an aggregate", func(c *Case) {
			var users []User
			c.OK(c.me.Where("age > (?)", c.me.Model(&User{}).Select("AVG(age)").Where("id < ?", 4)).Where("id < ?", 4).Find(&users))
			c.Users(users, 3)
			var totals []int
			c.OK(c.me.Model(&Order{}).Group("user_id").Having("SUM(total) > (?)", c.me.Model(&Order{}).Select("SUM(total) / 3")).
				Pluck("user_id", &totals))
			c.Equal(len(totals), 2)
		}},
		{"subquery in FROM", func(c *Case) {
			var users []User
			c.OK(c.me.Table("(?) as u", c.me.Model(&User{}).Where("id < ?", 3)).Where("u.id > ?", 0).Or("1 = 1").Find(&users))
			c.Users(users, 1, 2)
			var n int64
			c.OK(c.me.Table("(?) as u, (?) as o", c.me.Model(&User{}), c.me.Model(&Order{})).Count(&n))
			c.Equal(n, int64(3*c.me.Users))
			var names []string
			c.OK(c.me.Table("(?) as u", c.me.Table("users").Select("name")).Pluck("name", &names))
			c.Names(names, c.me.names("user", c.me.All()...)...)
		}},
		{"subquery in SELECT", func(c *Case) {
			var got []struct {
				Name   string
				Orders int
				Top    int
			}
			c.OK(c.me.Model(&User{}).Select("name, (?) AS orders, (?) AS top",
				c.me.Model(&Order{}).Select("COUNT(*)"), c.me.Model(&User{}).Select("MAX(age)")).Scan(&got))
			c.Equal(len(got), c.me.Users)
			c.Equal([]int{got[0].Orders, got[0].Top}, []int{3, c.me.age(uint(c.me.Users))})
			c.Own(got)
		}},
		{"subquery in a join", func(c *Case) {
			var users []User
			q := c.me.Joins("JOIN (?) AS o ON o.user_id = users.id", buyers(c.me.DB).Distinct())
			c.OK(q.Find(&users))
			c.Users(users, 1, 2)
		}},
		{"subquery in an update", func(c *Case) {
			c.Affected(c.me.Model(&User{}).Where("id IN (?)", buyers(c.me.DB)).Update("age", c.me.Model(&Order{}).Select("COUNT(*)")), 2)
			var ages []int
			c.OK(c.me.Model(&User{}).Where("id < ?", 3).Pluck("age", &ages))
			c.Equal(ages, []int{3, 3})
		}},
		{"subquery in a deletion", func(c *Case) {
			c.Affected(c.me.Where("id IN (?)", c.me.Model(&Order{}).Select("id").Where("id = ?", 1)).Delete(&Comment{}), 1)
			c.Stored("comments", "id", 2, 3)
		}},
		{"subquery from a handle without a context", func(c *Case) {
			base := c.World.DB
			for _, query := range []*gorm.DB{
				c.me.Where("id IN (?)", buyers(base)),
				c.me.Where("id NOT IN (?)", buyers(base)),
				c.me.Table("(?) as users", base.Model(&User{})),
				c.me.Select("name, (?) AS age", base.Model(&User{}).Select("MAX(age)")),
				c.me.Where("id IN (?)", base.Table("orders").Select("user_id")),
				c.me.Where("id IN (?)", base.Unscoped().Model(&Order{}).Select("user_id")),
				c.me.Where("id IN (?)", c.me.Model(&Order{}).Select("user_id").Where("id IN (?)", base.Model(&Order{}).Select("id"))),
			} {
				c.Refused(query.Find(&[]User{}).Error, tenancy.ErrNoTenant)
			}
			c.Refused(c.me.Where("id NOT IN (?)", buyers(base)).Delete(&Comment{}).Error, tenancy.ErrNoTenant)
			c.Refused(c.me.Model(&User{}).Where("id NOT IN (?)", buyers(base)).Update("age", 1).Error, tenancy.ErrNoTenant)
			c.Refused(c.me.Model(&User{}).Where("id = ?", 1).Update("age", base.Model(&User{}).Select("MAX(age)")).Error, tenancy.ErrNoTenant)
			c.Stored("comments", "id", 1, 2, 3)
		}},
		{"subquery of the other tenant's handle", func(c *Case) {
			theirs := c.other.Model(&User{}).Select("MAX(name)")
			for _, query := range []*gorm.DB{
				c.me.Where("name IN (?)", c.other.Model(&User{}).Select("name")),
				c.me.Select("(?) AS name", theirs), c.me.Table("(?) AS users", c.other.Model(&User{})),
				c.me.Joins("JOIN (?) AS u ON 1 = 1", c.other.Model(&User{})).Select("u.name"),
				c.me.Table("(?) AS users", c.me.Model(&User{}).Select("(?) AS name", theirs)),
			} {
				var users []User
				err := query.Find(&users).Error
				missing := c.me.ownDatabase() && errors.Is(err, tenancy.ErrNotProvisioned)
				if err != nil && !missing && !errors.Is(err, tenancy.ErrRawSQL) {
					c.Refused(err, tenancy.ErrTenantMismatch)
				}
				c.Own(users)
			}
		}},
		{"subquery written as text", func(c *Case) {
			var users []User
			err := c.me.Where("id IN (SELECT user_id FROM orders)").Find(&users).Error
			if c.me.RefusesRaw() {
				c.Refused(err, tenancy.ErrRawSQL)
				return
			}
			c.NoError(err)
			c.Users(users, 1, 2)
		}},
	}
}
