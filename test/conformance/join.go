package conformance

import (
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

func joinChecks() []check {
	return []check{
		{"Joins of belongs to", func(c *Case) {
			var orders []Order
			c.OK(c.me.Joins("User").Order("orders.id").Find(&orders))
			c.Orders(orders, 1, 2, 3)
			c.Equal(orders[0].User.Name, c.me.text("user", 1))
			c.OK(c.me.Joins("User").Where("1 = 0").Or("1 = 1").Find(&orders))
			c.Orders(orders, 1, 2, 3)
		}},
		{"Joins of has one", func(c *Case) {
			var users []User
			c.OK(c.me.Joins("Profile").Find(&users))
			c.Users(users, c.me.all()...)
			for _, u := range users {
				c.Equal(u.Profile.Bio, c.me.text("bio", u.ID))
			}
		}},
		{"Joins keeps rows that have no partner", func(c *Case) {
			c.OK(c.me.Where("id = ?", 1).Delete(&Profile{}))
			var users, inner []User
			c.OK(c.me.Joins("Profile").Find(&users))
			c.Users(users, c.me.all()...)
			c.OK(c.me.InnerJoins("Profile").Find(&inner))
			c.Users(inner, c.me.all()[1:]...)
		}},
		{"Joins nested and twice", func(c *Case) {
			var orders []Order
			c.OK(c.me.Joins("User").Joins("User.Manager").Joins("User.Profile").Order("orders.id").Find(&orders))
			c.Orders(orders, 1, 2, 3)
			c.Equal(orders[2].User.Manager.Name, c.me.text("user", 1))
			c.Equal(orders[2].User.Profile.Bio, c.me.text("bio", 2))
			var users []User
			c.OK(c.me.Joins("Manager").Joins("Profile").Where("Manager.id = ?", 1).Order("users.id").Find(&users))
			c.Users(users, c.me.all()[1:]...)
		}},
		{"Joins with conditions", func(c *Case) {
			var orders []Order
			c.OK(c.me.Joins("User", c.me.Where(&User{ID: 1})).Order("orders.id").Find(&orders))
			c.Orders(orders, 1, 2, 3)
			if orders[0].User == nil || orders[2].User != nil {
				c.failf("want a user for the first order only: %+v", orders)
			}
			c.OK(c.me.InnerJoins("User", c.World.DB.Where("age > ?", -1).Or("1 = 1")).Find(&orders))
			c.Orders(orders, 1, 2, 3)
			c.OK(c.me.Joins("User", c.World.DB.Select("name").Where(&User{ID: 2})).Find(&orders))
			c.Orders(orders, 1, 2, 3)
		}},
		{"Joins by keys without the tenant", func(c *Case) {
			// A foreign key that leads to the other tenant's row: the wall is in the ON.
			type joined struct {
				Name, Part string
			}
			var all []joined
			q := c.me.Model(&Item{}).Select("items.name AS name, parts.name AS part").
				Joins("LEFT JOIN (?) AS parts ON 1 = 1", c.me.Model(&Part{}))
			c.OK(q.Scan(&all))
			c.Equal(len(all), 4)
			c.Own(all)
		}},
		{"Joins and Count, Pluck, Group", func(c *Case) {
			var n int64
			c.OK(c.me.Model(&Order{}).Joins("User").Count(&n))
			c.Equal(n, int64(3))
			var names []string
			c.OK(c.me.Model(&Order{}).InnerJoins("User").Where("orders.total > ?", 0).Distinct().Pluck("User.name", &names))
			c.Names(names, c.me.names("user", 1, 2)...)
		}},
		{"Joins written as text", func(c *Case) {
			var users []User
			err := c.me.Joins("JOIN orders ON orders.user_id = users.id").Where("orders.total > ?", 0).Distinct().Find(&users).Error
			if c.World.Subject.Raw == RawRefused {
				c.Refused(err, tenancy.ErrRawSQL)
			} else {
				c.NoError(err)
				c.Users(users, 1, 2)
			}
			users = nil
			c.OK(c.me.Joins("JOIN orders ON orders.user_id = users.id AND orders.tenant_id = users.tenant_id").
				Where("orders.deleted_at IS NULL").Distinct("users.name").Find(&users))
			c.Users(users, 1, 2)
		}},
		{"Joins of a shared model", func(c *Case) {
			var users []User
			err := c.me.Joins("Plan").Find(&users).Error
			if c.me.ownDatabase() {
				c.Refused(err, tenancy.ErrElsewhere)
				return
			}
			c.NoError(err)
			c.Users(users, c.me.all()...)
			c.Equal(users[0].Plan.Name, "free")
		}},
	}
}

func preloadChecks() []check {
	return []check{
		{"Preload of each kind", func(c *Case) {
			var users []User
			c.OK(c.me.Preload("Manager").Preload("Reports").Preload("Profile").Preload("Orders").Preload("Tags").
				Preload("Notes").Preload("Plan").Order("id").Find(&users))
			c.Users(users, c.me.all()...)
			first := users[0]
			c.Orders(first.Orders, 1, 2)
			c.Users(first.Reports, c.me.all()[1:]...)
			c.Names(pick(first.Tags, func(t Tag) string { return t.Name }), c.me.names("tag", 1, 2)...)
			c.Names(pick(first.Notes, func(n Comment) string { return n.Text }), c.me.text("comment", 1))
			c.Equal([]string{first.Profile.Bio, first.Plan.Name, users[1].Manager.Name}, []string{c.me.text("bio", 1), "free", c.me.text("user", 1)})
		}},
		{"Preload nested", func(c *Case) {
			var users []User
			c.OK(c.me.Preload("Orders.User.Profile").Preload("Reports.Manager").Preload("Orders.Notes").First(&users, 1))
			c.Own(users)
			c.Equal(users[0].Orders[0].User.Profile.Bio, c.me.text("bio", 1))
			c.Equal(users[0].Reports[0].Manager.Name, c.me.text("user", 1))
			c.Equal(users[0].Orders[0].Notes[0].Text, c.me.text("comment", 2))
		}},
		{"Preload with conditions", func(c *Case) {
			var u User
			c.OK(c.me.Preload("Orders", "1 = 1 OR id = ?", 99).Preload("Notes", "owner_id > ? OR 1 = 1", 0).First(&u, 1))
			c.Own(u)
			c.Orders(u.Orders, 1, 2)
			c.OK(c.me.Preload("Orders", func(tx *gorm.DB) *gorm.DB { return tx.Unscoped().Order("id desc") }).First(&u, 1))
			c.Orders(u.Orders, 4, 2, 1)
		}},
		{"Preload of all", func(c *Case) {
			var users []User
			c.OK(c.me.Preload(allAssociations).Preload("Orders." + allAssociations).Find(&users))
			c.Users(users, c.me.all()...)
			c.Equal([]int{len(users[0].Orders), len(users[0].Notes), len(users[0].Orders[0].Notes)}, []int{2, 1, 1})
		}},
		{"Preload by keys without the tenant", func(c *Case) {
			var items []Item
			c.OK(c.me.Preload("Parts").Preload("Labels").Find(&items))
			c.Own(items)
			c.Equal([]int{len(items), len(items[0].Parts), len(items[1].Labels)}, []int{2, 1, 1})
		}},
		{"Preload with Joins", func(c *Case) {
			var orders []Order
			c.OK(c.me.Joins("User").Preload("User.Profile").Preload("User.Tags").Order("orders.id").Find(&orders))
			c.Orders(orders, 1, 2, 3)
			c.Equal(orders[0].User.Profile.Bio, c.me.text("bio", 1))
		}},
	}
}
