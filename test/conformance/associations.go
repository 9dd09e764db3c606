package conformance

import (
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

func associationChecks() []check {
	count := func(c *Case, of any, name string, want int64) {
		c.Helper()
		a := c.me.Model(of).Association(name)
		c.NoError(a.Error)
		c.Equal(a.Count(), want)
		c.NoError(a.Error)
	}
	return []check{
		{"association has many", func(c *Case) {
			u := c.load(1)
			of := func() *gorm.Association { return c.me.Model(&u).Association("Orders") }
			var orders []Order
			c.NoError(of().Find(&orders))
			c.Orders(orders, 1, 2)
			c.NoError(of().Append(&Order{ID: 10, Title: c.me.Text("order", 10)}, &Order{ID: 11, Title: c.me.Text("order", 11)}))
			count(c, &u, "Orders", 4)
			c.NoError(of().Delete(&Order{TenantID: c.me.ID, ID: 10}))
			count(c, &u, "Orders", 3)
			c.NoError(of().Replace(&Order{ID: 12, Title: c.me.Text("order", 12)}))
			count(c, &u, "Orders", 1)
			c.NoError(of().Clear())
			count(c, &u, "Orders", 0)
			c.Stored("orders", "id", 1, 2, 3, 4, 10, 11, 12)
		}},
		{"association has many of several owners", func(c *Case) {
			var users []User
			c.OK(c.me.Where("id < ?", 3).Find(&users))
			var orders []Order
			c.NoError(c.me.Model(&users).Association("Orders").Find(&orders))
			c.Orders(orders, 1, 2, 3)
			count(c, &users, "Orders", 3)
			c.NoError(c.me.Model(&users).Association("Orders").Append(&Order{ID: 10, Title: c.me.Text("order", 10)}, &Order{ID: 11, Title: c.me.Text("order", 11)}))
			count(c, &users, "Orders", 5)
		}},
		{"association has one", func(c *Case) {
			u := c.load(1)
			of := func() *gorm.Association { return c.me.Model(&u).Association("Profile") }
			var p Profile
			c.NoError(of().Find(&p))
			c.Equal(p.Bio, c.me.Text("bio", 1))
			c.NoError(of().Replace(&Profile{ID: 10, Bio: c.me.Text("bio", 10)}))
			count(c, &u, "Profile", 1)
			c.NoError(of().Clear())
			count(c, &u, "Profile", 0)
			c.NoError(of().Append(&Profile{ID: 11, Bio: c.me.Text("bio", 11)}))
			count(c, &u, "Profile", 1)
		}},
		{"association belongs to", func(c *Case) {
			u := c.load(3)
			of := func() *gorm.Association { return c.me.Model(&u).Association("Manager") }
			var boss User
			c.NoError(of().Find(&boss))
			c.Users([]User{boss}, 1)
			two := c.load(2)
			c.NoError(of().Replace(&two))
			boss = User{}
			c.NoError(of().Find(&boss))
			c.Users([]User{boss}, 2)
			c.NoError(of().Append(&User{ID: 20, Name: c.me.Text("user", 20), Email: c.me.Text("mail", 20)}))
			u = c.load(3)
			c.Equal(*u.ManagerID, uint(20))
			c.NoError(of().Clear())
			if u = c.load(3); u.ManagerID != nil {
				c.failf("the manager is still %d", *u.ManagerID)
			}
			c.Equal(u.TenantID, c.me.ID)
		}},
		{"association of itself", func(c *Case) {
			boss := c.load(1)
			count(c, &boss, "Reports", int64(c.me.Users-1))
			c.NoError(c.me.Model(&boss).Association("Reports").Append(&User{ID: 20, Name: c.me.Text("user", 20), Email: c.me.Text("mail", 20)}))
			two := c.load(2)
			c.NoError(c.me.Model(&boss).Association("Reports").Delete(&two))
			count(c, &boss, "Reports", int64(c.me.Users-1))
		}},
		{"association many to many", func(c *Case) {
			u := c.load(1)
			of := func() *gorm.Association { return c.me.Model(&u).Association("Tags") }
			var tags []Tag
			c.NoError(of().Find(&tags))
			c.Names(pick(tags, func(t Tag) string { return t.Name }), c.me.names("tag", 1, 2)...)
			c.NoError(of().Append(&Tag{ID: 10, Name: c.me.Text("tag", 10)}))
			count(c, &u, "Tags", 3)
			c.NoError(of().Delete(&Tag{TenantID: c.me.ID, ID: 1}))
			count(c, &u, "Tags", 2)
			c.NoError(of().Replace(&Tag{ID: 11, Name: c.me.Text("tag", 11)}))
			count(c, &u, "Tags", 1)
			c.NoError(of().Clear())
			count(c, &u, "Tags", 0)
			c.Stored("user_tags", "user_id", 2)
			c.Stored("tags", "id", 1, 2, 10, 11)
		}},
		{"association many to many by keys without the tenant", func(c *Case) {
			var item Item
			c.OK(c.me.First(&item, c.me.ItemIDs[0]))
			of := func() *gorm.Association { return c.me.Model(&item).Association("Labels") }
			added := Label{Name: c.me.Text("label", 3)}
			c.NoError(of().Append(&added))
			count(c, &item, "Labels", 2)
			c.NoError(of().Delete(&added))
			count(c, &item, "Labels", 1)
			c.NoError(of().Replace(&Label{ID: c.me.Labels[1], Name: c.me.Text("label", 2)}))
			var labels []Label
			c.NoError(of().Find(&labels))
			c.Names(pick(labels, func(l Label) string { return l.Name }), c.me.Text("label", 2))
			c.NoError(of().Clear())
			count(c, &item, "Labels", 0)
		}},
		{"association links no row of the other's", func(c *Case) {
			if !c.World.sameTables() {
				return // the other's keys mean nothing there
			}
			var item Item
			c.OK(c.me.First(&item, c.me.ItemIDs[0]))
			label, part := Label{ID: c.other.Labels[0], Name: c.me.Text("label", 9)}, Part{ID: c.other.PartIDs[0], Name: c.me.Text("part", 9)}
			c.Refused(c.me.Model(&item).Association("Labels").Append(&label), tenancy.ErrTenantMismatch)
			c.Refused(c.me.Model(&item).Association("Labels").Replace(&label), tenancy.ErrTenantMismatch)
			c.Refused(c.me.Model(&item).Association("Parts").Append(&part), tenancy.ErrTenantMismatch)
			c.Refused(c.me.Model(&item).Association("Parts").Replace(&part), tenancy.ErrTenantMismatch)
			for _, r := range c.World.Dump(c)[c.me.ID]["item_labels"] {
				if r.String() == "" {
					c.failf("%v", r)
				}
			}
		}},
		{"association of a row of the other's", func(c *Case) {
			var foreign User
			c.OK(c.other.First(&foreign, 1))
			var orders []Order
			err := c.me.Model(&foreign).Association("Orders").Find(&orders)
			c.Own(orders)
			if err != nil {
				c.Refused(err, tenancy.ErrTenantMismatch)
			}
			c.Equal(len(orders), 0)
			mine := c.load(1)
			var tag Tag
			c.OK(c.other.First(&tag, 2))
			c.Refused(c.me.Model(&mine).Association("Tags").Append(&tag), tenancy.ErrTenantMismatch)
			c.Refused(c.me.Model(&mine).Association("Tags").Replace(&tag), tenancy.ErrTenantMismatch)
			var note Comment
			c.OK(c.other.First(&note, 1))
			c.Refused(c.me.Model(&mine).Association("Notes").Append(&note), tenancy.ErrTenantMismatch)
			_ = c.me.Model(&foreign).Association("Tags").Clear()
			_ = c.me.Model(&foreign).Association("Orders").Clear()
			_ = c.me.Model(&foreign).Association("Manager").Clear()
			_ = c.me.Model(&foreign).Association("Notes").Clear()
		}},
		{"association polymorphic", func(c *Case) {
			u := c.load(1)
			of := func() *gorm.Association { return c.me.Model(&u).Association("Notes") }
			var notes []Comment
			c.NoError(of().Find(&notes))
			c.Names(pick(notes, func(n Comment) string { return n.Text }), c.me.Text("comment", 1))
			c.NoError(of().Append(&Comment{ID: 10, Text: c.me.Text("comment", 10)}))
			count(c, &u, "Notes", 2)
			c.NoError(of().Replace(&Comment{ID: 11, Text: c.me.Text("comment", 11)}))
			count(c, &u, "Notes", 1)
			c.NoError(of().Clear())
			count(c, &u, "Notes", 0)
			c.Stored("comments", "id", 1, 2, 3, 10, 11)
		}},
		{"association Unscoped", func(c *Case) {
			u := c.load(1)
			c.NoError(c.me.Model(&u).Association("Notes").Unscoped().Clear())
			c.Stored("comments", "id", 2, 3)
			c.NoError(c.me.Model(&u).Association("Tags").Unscoped().Delete(&Tag{TenantID: c.me.ID, ID: 2}))
			count(c, &u, "Tags", 1)
		}},
		{"association with conditions", func(c *Case) {
			u := c.load(1)
			var orders []Order
			c.NoError(c.me.Model(&u).Where("1 = 1 OR id = ?", 3).Association("Orders").Find(&orders, "1 = 1 OR 1 = 1"))
			c.Own(orders)
			c.NoError(c.me.Unscoped().Model(&u).Association("Orders").Find(&orders))
			c.Orders(orders, 1, 2, 4)
		}},
	}
}

func hookChecks() []check {
	return []check{
		{"hooks read and write", func(c *Case) {
			e := Event{ID: 10, Name: c.me.Text("event", 10)}
			c.OK(c.me.Create(&e))
			c.Equal(e.Before, int64(2))
			more := []Event{{ID: 11, Name: c.me.Text("event", 11)}, {ID: 12, Name: c.me.Text("event", 12)}}
			c.OK(c.me.Create(&more))
			c.Stored("audits", "text", c.me.Text("audit", 1), c.me.Text("audit", 2), c.me.Text("audit", 3),
				c.me.Text("event", 10), c.me.Text("event", 11), c.me.Text("event", 12))
		}},
		{"hooks after reading", func(c *Case) {
			var all []Event
			c.OK(c.me.Find(&all))
			c.Equal([]int64{int64(len(all)), all[0].Audits, all[1].Audits}, []int64{2, 3, 3})
			c.Own(all)
		}},
		{"hooks after updating", func(c *Case) {
			var e Event
			c.OK(c.me.First(&e, "id = ?", 2))
			c.Affected(c.me.Model(&e).Update("name", c.me.Text("event", 9)), 1)
			c.Stored("audits", "text", c.me.Text("audit", 1), c.me.Text("audit", 2)+"+", c.me.Text("audit", 3))
		}},
		{"hooks in a transaction", func(c *Case) {
			c.Refused(c.me.Transaction(func(tx *gorm.DB) error {
				c.OK(tx.Create(&Event{ID: 10, Name: c.me.Text("event", 10)}))
				var e Event
				c.OK(tx.First(&e, "id = ?", 10))
				c.Equal(e.Audits, int64(4))
				return errMine
			}), errMine)
			c.Stored("audits", "id", 1, 2, 3)
		}},
		{"hooks left out", func(c *Case) {
			quiet := c.me.Session(&gorm.Session{SkipHooks: true})
			c.OK(quiet.Create(&Event{ID: 10, Name: c.me.Text("event", 10)}))
			var e Event
			c.OK(quiet.First(&e, "id = ?", 10))
			c.Equal(e.Audits, int64(0))
			c.Stored("audits", "id", 1, 2, 3)
			c.Stored("events", "tenant_id", c.me.ID, c.me.ID, c.me.ID)
		}},
	}
}
