package conformance

import (
	"errors"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// foreignKeys lists the keys of rows that are there for the other tenant only. Where
// both tenants' tables count up on their own, they may be keys of nobody here.
func (c *Case) takes(err error) bool {
	c.Helper()
	if err == nil {
		return !c.World.sameTables()
	}
	c.Refused(err, tenancy.ErrTenantMismatch)
	return true
}

func saveChecks() []check {
	return []check{
		{"Save what is there", func(c *Case) {
			u := c.load(2)
			u.Age = 99
			c.Affected(c.me.Save(&u), 1)
			again := c.load(2)
			c.Equal([]any{again.Age, again.Name, again.TenantID}, []any{99, c.me.Text("user", 2), c.me.ID})
			item := Item{ID: c.me.ItemIDs[0], Name: c.me.Text("item", 9)}
			c.Affected(c.me.Save(&item), 1)
			c.Stored("items", "name", c.me.Text("item", 9), c.me.Text("item", 2))
		}},
		{"Save what is new", func(c *Case) {
			tag, item, setting := Tag{ID: 10, Name: c.me.Text("tag", 10)}, Item{Name: c.me.Text("item", 3)}, Setting{Code: "new", Value: c.me.Text("new", 1)}
			c.Affected(c.me.Save(&tag), 1)
			c.Affected(c.me.Save(&item), 1)
			c.Affected(c.me.Save(&setting), 1)
			c.Stored("tags", "tenant_id", c.me.ID, c.me.ID, c.me.ID)
			c.Stored("items", "tenant_id", c.me.ID, c.me.ID, c.me.ID)
			c.Stored("app_settings", "code", "lang", "new", "theme")
		}},
		{"Save a slice", func(c *Case) {
			tags := []Tag{{ID: 1, Name: c.me.Text("tag", "one")}, {ID: 10, Name: c.me.Text("tag", 10)}}
			c.OK(c.me.Save(&tags))
			c.Stored("tags", "name", c.me.Text("tag", "one"), c.me.Text("tag", 2), c.me.Text("tag", 10))
			items := []Item{{ID: c.me.ItemIDs[1], Name: c.me.Text("item", 9)}, {Name: c.me.Text("item", 3)}}
			c.OK(c.me.Save(&items))
			c.Stored("items", "name", c.me.Text("item", 1), c.me.Text("item", 9), c.me.Text("item", 3))
		}},
		{"Save with relations", func(c *Case) {
			var u User
			c.OK(c.me.Preload("Orders").Preload("Profile").First(&u, 1))
			u.Orders[0].Title, u.Profile.Bio = c.me.Text("order", "new"), c.me.Text("bio", "new")
			c.OK(c.me.Session(&gorm.Session{FullSaveAssociations: true}).Save(&u))
			c.Stored("orders", "title", toAny(append(c.me.names("order", 2, 3, 4), c.me.Text("order", "new")))...)
		}},
		{"Save takes no row of the other's", func(c *Case) {
			stolen := Item{ID: c.other.ItemIDs[0], Name: c.me.Text("stolen", 1)}
			if err := c.me.Save(&stolen).Error; c.World.sameTables() {
				c.Refused(err, tenancy.ErrTenantMismatch)
			}
			stolenToo := []Item{{ID: c.other.ItemIDs[1], Name: c.me.Text("stolen", 2)}}
			if err := c.me.Save(&stolenToo).Error; c.World.sameTables() {
				c.Refused(err, tenancy.ErrTenantMismatch)
			}
			if err := c.me.Save(&Label{ID: c.other.Labels[0], Name: c.me.Text("stolen", 3)}).Error; c.World.sameTables() {
				c.Refused(err, tenancy.ErrTenantMismatch)
			}
		}},
		{"Save of relations takes no row of the other's", func(c *Case) {
			item := Item{
				ID: c.me.ItemIDs[0], Name: c.me.Text("item", 1),
				Parts:  []Part{{ID: c.other.PartIDs[0], Name: c.me.Text("part", "stolen")}},
				Labels: []Label{{ID: c.other.Labels[0], Name: c.me.Text("label", "stolen")}},
			}
			for _, err := range []error{
				c.me.Save(&item).Error,
				c.me.Session(&gorm.Session{FullSaveAssociations: true}).Save(&item).Error,
				c.me.Create(&Item{Name: c.me.Text("item", 3), Parts: item.Parts}).Error,
				c.me.Create(&Item{Name: c.me.Text("item", 4), Labels: item.Labels}).Error,
			} {
				if c.World.sameTables() {
					c.Refused(err, tenancy.ErrTenantMismatch)
				}
			}
		}},
		{"Save of a loaded row of the other's", func(c *Case) {
			var foreign User
			c.OK(c.other.First(&foreign, 1))
			foreign.Age = 5
			c.Refused(c.me.Save(&foreign).Error, tenancy.ErrTenantMismatch)
			c.Refused(c.me.Save(&[]User{foreign}).Error, tenancy.ErrTenantMismatch)
			c.Refused(c.me.Model(&foreign).Update("age", 5).Error, tenancy.ErrTenantMismatch)
			c.Refused(c.me.Delete(&foreign).Error, tenancy.ErrTenantMismatch)
			c.Refused(c.me.Delete(&[]User{foreign}).Error, tenancy.ErrTenantMismatch)
		}},
		{"Save in a failed transaction", func(c *Case) {
			c.Refused(c.me.Transaction(func(tx *gorm.DB) error {
				u := c.load2(tx, 1)
				u.Age = 1
				return errors.Join(tx.Save(&u).Error, errMine)
			}), errMine)
			c.Equal(c.load(1).Age, c.me.age(1))
		}},
	}
}

// load2 is load in a transaction.
func (c *Case) load2(tx *gorm.DB, id uint) User {
	c.Helper()
	var u User
	c.OK(tx.First(&u, "id = ?", id))
	return u
}
