package conformance

import (
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

func joinChecks() []check {
	return []check{
		{"Joins of belongs to", func(c *Case) {
			var orders []Order
			c.OK(c.me.Joins("User").Order("orders.id").Find(&orders))
			c.Orders(orders, 1, 2, 3)
			c.Equal(orders[0].User.Name, c.me.Text("user", 1))
			c.OK(c.me.Joins("User").Where("1 = 0").Or("1 = 1").Find(&orders))
			c.Orders(orders, 1, 2, 3)
		}},
		{"Joins of has one", func(c *Case) {
			var users []User
			c.OK(c.me.Joins("Profile").Find(&users))
			c.Users(users, c.me.All()...)
			for _, u := range users {
				c.Equal(u.Profile.Bio, c.me.Text("bio", u.ID))
			}
		}},
		{"Joins keeps rows that have no partner", func(c *Case) {
			c.OK(c.me.Where("id = ?", 1).Delete(&Profile{}))
			var users, inner []User
			c.OK(c.me.Joins("Profile").Find(&users))
			c.Users(users, c.me.All()...)
			c.OK(c.me.InnerJoins("Profile").Find(&inner))
			c.Users(inner, c.me.All()[1:]...)
		}},
		{"Joins nested and twice", func(c *Case) {
			var orders []Order
			c.OK(c.me.Joins("User").Joins("User.Manager").Joins("User.Profile").Order("orders.id").Find(&orders))
			c.Orders(orders, 1, 2, 3)
			c.Equal(orders[2].User.Manager.Name, c.me.Text("user", 1))
			c.Equal(orders[2].User.Profile.Bio, c.me.Text("bio", 2))
			var users []User
			c.OK(c.me.Joins("Manager").Joins("Profile").Where(c.quote("Manager.id")+" = ?", 1).Order("users.id").Find(&users))
			c.Users(users, c.me.All()[1:]...)
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
		{"Joins by the key of a row of the other's", func(c *Case) {
			c.astray(func() {
				var parts, inner []Part
				c.OK(c.me.Joins("Item").Order("parts.id").Find(&parts))
				c.Own(parts)
				c.Equal([]int{len(parts), len(withItem(parts))}, []int{2, 1})
				c.OK(c.me.InnerJoins("Item").Find(&inner))
				c.Equal(len(inner), 1)
				c.OK(c.me.Joins("Item", c.World.DB.Where("1 = 0").Or("1 = 1")).Find(&parts))
				c.Own(parts)
				c.Equal([]int{len(parts), len(withItem(parts))}, []int{2, 1})
				var n int64
				c.OK(c.me.Model(&Part{}).InnerJoins("Item").Count(&n))
				c.Equal(n, int64(1))
				generic, err := gorm.G[Part](c.World.DB).Joins(clause.InnerJoin.Association("Item"), nil).Find(c.me.Ctx)
				c.NoError(err)
				c.Equal(len(generic), 1)
			})
		}},
		{"Preload by the key of a row of the other's", func(c *Case) {
			c.astray(func() {
				var parts []Part
				c.OK(c.me.Preload("Item").Preload("Item.Labels").Find(&parts))
				c.Own(parts)
				c.Equal(len(withItem(parts)), 1)
				var item Item
				c.NoError(c.me.Model(&parts[0]).Association("Item").Find(&item))
				c.Equal(item.ID, uint(0))
			})
		}},
		{"Joins of everything with everything", func(c *Case) {
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
		{"a list of tables", func(c *Case) {
			list := func(tables ...clause.Table) *gorm.DB { return c.me.Clauses(clause.From{Tables: tables}) }
			items, parts := clause.Table{Name: "items"}, clause.Table{Name: "parts", Alias: "p"}
			read := func() {
				var names []string
				c.OK(list(items, parts).Model(&Item{}).Pluck("p.name", &names))
				c.Own(names)
				c.Equal(len(names), 4)
				c.OK(list(parts, items).Model(&Item{}).Where("p.item_id = items.id").Or("1 = 0").Pluck("items.name", &names))
				c.Own(names)
			}
			read()
			c.astray(read)
			if name := c.World.DB.Name(); name != "sqlite" && name != "postgres" {
				return // their UPDATE has no FROM
			}
			update := func(affected int64) {
				c.Affected(list(items).Model(&Part{}).Where("items.id = parts.item_id").Update("name", gorm.Expr("items.name")), affected)
			}
			update(2)
			c.astray(func() { update(1) })
			c.Stored("parts", "name", c.me.Text("item", 1), c.me.Text("item", 2))
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
			if c.me.RefusesRaw() {
				c.Refused(err, tenancy.ErrRawSQL)
			} else {
				c.NoError(err)
				c.Users(users, 1, 2)
			}
			users = nil
			c.OK(c.me.Joins("JOIN orders ON orders.user_id = users.id AND orders.tenant_id = ?", c.me.ID).
				Where("orders.deleted_at IS NULL").Distinct("users.name").Find(&users))
			c.Users(users, 1, 2)
		}},
		{"text that names the other tenant", func(c *Case) {
			for _, query := range []*gorm.DB{
				c.me.Joins("JOIN orders ON orders.user_id = users.id AND orders.tenant_id = ?", c.other.ID).Select("orders.title AS name"),
				c.me.Select("(SELECT MAX(title) FROM orders WHERE orders.tenant_id = ?) AS name", c.other.ID),
				c.me.Where("EXISTS (SELECT 1 FROM orders WHERE tenant_id = ? AND title = ?)", c.other.ID, c.other.Text("order", 1)),
				c.me.Table("users, orders").Where("users.tenant_id = ? AND orders.tenant_id = ?", c.me.ID, c.other.ID).Select("orders.title AS name"),
			} {
				var users []User
				err := query.Find(&users).Error
				c.Own(users)
				if err == nil && c.me.RefusesRaw() {
					c.failf("sent")
				}
				if err != nil && !errors.Is(err, tenancy.ErrRawSQL) {
					c.Refused(err, tenancy.ErrTenantMismatch)
				}
			}
		}},
		{"Joins of a shared model", func(c *Case) {
			var users []User
			err := c.me.Joins("Plan").Find(&users).Error
			if c.me.ownDatabase() {
				c.Refused(err, tenancy.ErrElsewhere)
				return
			}
			c.NoError(err)
			c.Users(users, c.me.All()...)
			c.Equal(users[0].Plan.Name, "free")
		}},
	}
}

// astray runs fn while the tenant's first part refers to an item of the other
// tenant's, as no constraint of the database forbids.
func (c *Case) astray(fn func()) {
	c.Helper()
	if !c.World.sameTables() {
		return // there is no such row
	}
	pool, release := c.World.store(c, c.me)
	defer release()
	parts := c.World.physical(c, c.me, "parts")
	point := func(item uint) {
		c.World.exec(c, pool, fmt.Sprintf("UPDATE %s SET item_id = %d WHERE id = %d", parts, item, c.me.PartIDs[0]))
	}
	point(c.other.ItemIDs[0])
	fn()
	point(c.me.ItemIDs[0])
}

func withItem(parts []Part) []Part {
	return slices.DeleteFunc(slices.Clone(parts), func(p Part) bool { return p.Item == nil })
}

func preloadChecks() []check {
	return []check{
		{"Preload of each kind", func(c *Case) {
			var users []User
			c.OK(c.me.Preload("Manager").Preload("Reports").Preload("Profile").Preload("Orders").Preload("Tags").
				Preload("Notes").Preload("Plan").Order("id").Find(&users))
			c.Users(users, c.me.All()...)
			first := users[0]
			c.Orders(first.Orders, 1, 2)
			c.Users(first.Reports, c.me.All()[1:]...)
			c.Names(pick(first.Tags, func(t Tag) string { return t.Name }), c.me.names("tag", 1, 2)...)
			c.Names(pick(first.Notes, func(n Comment) string { return n.Text }), c.me.Text("comment", 1))
			c.Equal([]string{first.Profile.Bio, first.Plan.Name, users[1].Manager.Name}, []string{c.me.Text("bio", 1), "free", c.me.Text("user", 1)})
		}},
		{"Preload nested", func(c *Case) {
			var users []User
			c.OK(c.me.Preload("Orders.User.Profile").Preload("Reports.Manager").Preload("Orders.Notes").First(&users, 1))
			c.Own(users)
			c.Equal(users[0].Orders[0].User.Profile.Bio, c.me.Text("bio", 1))
			c.Equal(users[0].Reports[0].Manager.Name, c.me.Text("user", 1))
			c.Equal(users[0].Orders[0].Notes[0].Text, c.me.Text("comment", 2))
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
			c.OK(c.me.Preload(allAssociations).Preload("Orders." + allAssociations).Order("users.id").Find(&users))
			c.Users(users, c.me.All()...)
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
			c.Equal(orders[0].User.Profile.Bio, c.me.Text("bio", 1))
		}},
	}
}
