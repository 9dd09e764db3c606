package conformance

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

// conditionChecks are over the ways to write a condition. All of them would let
// the other tenant's rows in, were it not for the tenant.
func conditionChecks() []check {
	all := func(name string, condition func(tx *gorm.DB) *gorm.DB, ids ...uint) check {
		return check{"condition " + name, func(c *Case) {
			want := ids
			if want == nil {
				want = c.me.All()
			}
			var found, joined []User
			var n int64
			c.OK(condition(c.me.Session(&gorm.Session{})).Find(&found))
			c.Users(found, want...)
			c.OK(condition(c.me.Model(&User{})).Count(&n))
			c.Equal(n, int64(len(want)))
			c.OK(condition(c.me.Preload("Profile")).Order("id").Find(&joined))
			c.Users(joined, want...)
		}}
	}
	return []check{
		all("of text", func(tx *gorm.DB) *gorm.DB { return tx.Where("users.id = ?", 1) }, 1),
		all("with names", func(tx *gorm.DB) *gorm.DB {
			return tx.Where("id = @id OR id = @other", map[string]any{"id": 1, "other": 3})
		}, 1, 3),
		all("of a struct", func(tx *gorm.DB) *gorm.DB { return tx.Where(&User{ID: 2}) }, 2),
		all("of a struct's fields", func(tx *gorm.DB) *gorm.DB { return tx.Where(&User{ID: 2, Name: "x"}, "ID") }, 2),
		all("of a map", func(tx *gorm.DB) *gorm.DB { return tx.Where(map[string]any{"id": []uint{1, 2}}) }, 1, 2),
		all("of keys", func(tx *gorm.DB) *gorm.DB { return tx.Where([]uint{2, 3}) }, 2, 3),
		all("with OR in the text", func(tx *gorm.DB) *gorm.DB { return tx.Where("1 = 1 OR id = ?", 1) }),
		all("with Or", func(tx *gorm.DB) *gorm.DB { return tx.Where("id = ?", 1).Or("id = ?", 2) }, 1, 2),
		all("with Or first", func(tx *gorm.DB) *gorm.DB { return tx.Or("id = ?", 2) }, 2),
		all("with Or always true", func(tx *gorm.DB) *gorm.DB { return tx.Where("1 = 0").Or("1 = 1") }),
		all("with Or of structs", func(tx *gorm.DB) *gorm.DB { return tx.Where(User{ID: 1}).Or(User{ID: 3}) }, 1, 3),
		all("with Not", func(tx *gorm.DB) *gorm.DB { return tx.Not("id > ?", 2) }, 1, 2),
		all("with Not of a map", func(tx *gorm.DB) *gorm.DB {
			return tx.Not(map[string]any{"id": []uint{1, 4}})
		}, 2, 3),
		all("with Or of Not", func(tx *gorm.DB) *gorm.DB {
			return tx.Where("id = ?", 1).Or(tx.Session(&gorm.Session{NewDB: true}).Not("id > ?", 2))
		}, 1, 2),
		all("in groups", func(tx *gorm.DB) *gorm.DB {
			fresh := tx.Session(&gorm.Session{NewDB: true})
			return tx.Where(fresh.Where("id = ?", 1).Or("id = ?", 2)).Or(fresh.Where("id = ?", 3).Where("age > ?", -1))
		}, 1, 2, 3),
		all("in clauses", func(tx *gorm.DB) *gorm.DB {
			return tx.Clauses(clause.Or(clause.Eq{Column: "id", Value: 1}, clause.Gt{Column: "id", Value: 0}))
		}),
		all("in a WHERE clause", func(tx *gorm.DB) *gorm.DB {
			return tx.Clauses(clause.Where{Exprs: []clause.Expression{clause.Eq{Column: "id", Value: 9}, clause.Or(clause.Eq{Column: "id", Value: 2})}})
		}, 2),
		{"condition with a comment", func(c *Case) {
			var users []User
			if err := c.me.Where("1 = 1 /* all */").Find(&users).Error; err != nil {
				c.Refused(err, tenancy.ErrRawSQL)
				return
			}
			c.Users(users, c.me.All()...)
		}},
		{"inline conditions", func(c *Case) {
			var first User
			var all []User
			c.OK(c.me.First(&first, "id = ? OR 1 = 1", 1))
			c.OK(c.me.Find(&all, "1 = 1 OR 1 = 1"))
			c.Users(append(all, first), append(c.me.All(), 1)...)
		}},
		{"conditions that name the tenant", func(c *Case) {
			for _, own := range []*gorm.DB{
				c.me.Where("tenant_id = ?", c.me.ID), c.me.Where(&User{TenantID: c.me.ID}),
				c.me.Where(map[string]any{"tenant_id": c.me.ID}), c.me.Where("users.tenant_id IN ?", []string{c.me.ID}),
			} {
				var all []User
				c.OK(own.Find(&all))
				c.Users(all, c.me.All()...)
			}
		}},
		{"conditions that name the other tenant", func(c *Case) {
			for i, foreign := range []*gorm.DB{
				c.me.Where("tenant_id = ?", c.other.ID), c.me.Where("users.tenant_id = ?", c.other.ID),
				c.me.Where(&User{TenantID: c.other.ID}), c.me.Where(map[string]any{"tenant_id": c.other.ID}),
				c.me.Where("id = ?", 1).Or(User{TenantID: c.other.ID}),
				c.me.Where(map[string]any{"tenant_id": []string{c.me.ID, c.other.ID}}),
			} {
				err := foreign.Session(&gorm.Session{}).Find(&[]User{}).Error
				c.Logf("%d: %v", i, err)
				c.Refused(err, tenancy.ErrTenantMismatch)
			}
			var all []User
			c.OK(c.me.Where("tenant_id IN ? OR tenant_id <> ''", []string{c.me.ID, c.other.ID}).Find(&all))
			c.Users(all, c.me.All()...)
		}},
	}
}

// columnChecks are over what is selected, and in which order.
func columnChecks() []check {
	return []check{
		{"Select, Omit", func(c *Case) {
			var some, rest []User
			c.OK(c.me.Select("name", "age").Order("id").Find(&some))
			c.Users(some, c.me.All()...)
			c.Equal(some[0].Email, "")
			c.OK(c.me.Omit("email", "tenant_id").Find(&rest))
			c.Users(rest, c.me.All()...)
			c.Equal(rest[0].TenantID, "")
			var expression []string
			c.OK(c.me.Model(&User{}).Select("UPPER(users.name)").Find(&expression))
			c.Equal(len(expression), c.me.Users)
		}},
		{"Distinct", func(c *Case) {
			var towns []string
			c.OK(c.me.Model(&User{}).Distinct().Pluck("home_city", &towns))
			c.Names(towns, c.me.Text("town", 1))
			var users []User
			c.OK(c.me.Distinct("home_city").Find(&users))
			c.Equal(len(users), 1)
			c.Own(users)
		}},
		{"Group, Having", func(c *Case) {
			var sums []struct {
				UserID uint
				Sum    int
			}
			c.OK(c.me.Model(&Order{}).Select("user_id, SUM(total) AS sum").Group("user_id").Having("COUNT(*) > ?", 1).Scan(&sums))
			c.Equal(len(sums), 1)
			c.Equal(sums[0].Sum, 2*c.me.base+3)
		}},
		{"Order, Limit, Offset", func(c *Case) {
			var users []User
			c.OK(c.me.Order("users.age desc").Order("name").Limit(2).Offset(1).Find(&users))
			c.Users(users, uint(c.me.Users)-1, uint(c.me.Users)-2)
			var n int64
			c.OK(c.me.Model(&User{}).Order("age").Limit(10).Count(&n))
			c.Equal(n, int64(c.me.Users))
		}},
		{"MapColumns and aliases", func(c *Case) {
			var users []User
			c.OK(c.me.Table("users AS u").Where("u.id = ?", 1).Or("u.id = ?", 2).Find(&users))
			c.Users(users, 1, 2)
			c.OK(c.me.Table("users u").Order("u.id").Find(&users))
			c.Users(users, c.me.All()...)
		}},
	}
}
