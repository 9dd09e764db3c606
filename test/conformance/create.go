package conformance

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

func createChecks() []check {
	tag := func(c *Case, id uint) Tag { return Tag{ID: id, Name: c.me.Text("tag", id)} }
	stored := func(c *Case, ids ...uint) {
		c.Helper()
		c.Stored("tags", "name", toAny(c.me.names("tag", append([]uint{1, 2}, ids...)...))...)
	}
	return []check{
		{"Create a struct, a pointer, slices", func(c *Case) {
			one := tag(c, 10)
			c.Affected(c.me.Create(&one), 1)
			c.Equal(one.TenantID, c.me.ID)
			values, pointers, array := []Tag{tag(c, 11), tag(c, 12)}, []*Tag{{ID: 13, Name: c.me.Text("tag", 13)}}, [1]Tag{tag(c, 14)}
			c.Affected(c.me.Create(&values), 2)
			c.Affected(c.me.Create(pointers), 1)
			c.Affected(c.me.Create(&array), 1)
			c.Equal([]string{values[1].TenantID, pointers[0].TenantID, array[0].TenantID}, []string{c.me.ID, c.me.ID, c.me.ID})
			stored(c, 10, 11, 12, 13, 14)
		}},
		{"Create maps", func(c *Case) {
			row := map[string]any{"ID": 10, "Name": c.me.Text("tag", 10)}
			rows := []map[string]any{{"id": 11, "name": c.me.Text("tag", 11)}, {"id": 12, "name": c.me.Text("tag", 12), "tenant_id": c.me.ID}}
			c.Affected(c.me.Model(&Tag{}).Create(row), 1)
			c.Affected(c.me.Model(&Tag{}).Create(&rows), 2)
			c.Affected(c.me.Model(&Tag{}).Create(map[string]any{"id": 13, "name": c.me.Text("tag", 13), "TenantID": ""}), 1)
			stored(c, 10, 11, 12, 13)
		}},
		{"Create in batches", func(c *Case) {
			rows, more := []Tag{tag(c, 10), tag(c, 11), tag(c, 12)}, []Tag{tag(c, 13), tag(c, 14), tag(c, 15)}
			c.Affected(c.me.CreateInBatches(&rows, 2), 3)
			c.Affected(c.me.Session(&gorm.Session{CreateBatchSize: 2}).Create(&more), 3)
			c.Affected(c.me.Model(&Tag{}).CreateInBatches([]map[string]any{{"id": 16, "name": c.me.Text("tag", 16)}, {"id": 17, "name": c.me.Text("tag", 17)}}, 1), 2)
			stored(c, 10, 11, 12, 13, 14, 15, 16, 17)
		}},
		{"Create with Select and Omit", func(c *Case) {
			a, b := tag(c, 10), tag(c, 11)
			c.Affected(c.me.Select("ID", "Name").Create(&a), 1)
			c.Affected(c.me.Omit("TenantID").Create(&b), 1)
			c.Affected(c.me.Model(&Tag{}).Select("id", "name").Create(map[string]any{"id": 12, "name": c.me.Text("tag", 12)}), 1)
			c.Affected(c.me.Omit("tenant_id").Create(&[]Tag{tag(c, 13)}), 1)
			c.Affected(c.me.Select("Name").Create(&Item{Name: c.me.Text("item", 3)}), 1)
			stored(c, 10, 11, 12, 13)
			c.Stored("items", "tenant_id", c.me.ID, c.me.ID, c.me.ID)
		}},
		{"Create counts keys up", func(c *Case) {
			items := c.me.items()
			c.Affected(c.me.Create(&items), 2)
			if items[0].ID == 0 || items[1].ID == items[0].ID || items[0].Parts[0].ID == 0 {
				c.failf("keys did not come back: %+v", items)
			}
			c.Equal([]string{items[0].Parts[0].TenantID, items[0].Labels[0].TenantID}, []string{c.me.ID, c.me.ID})
			var again Item
			c.OK(c.me.Preload("Parts").Preload("Labels").First(&again, items[1].ID))
			c.Own(again)
			c.Equal([]int{len(again.Parts), len(again.Labels)}, []int{1, 1})
		}},
		{"Create with relations", func(c *Case) {
			u := c.me.user(20)
			u.Manager = &User{ID: 21, Name: c.me.Text("user", 21), Email: c.me.Text("mail", 21)}
			u.Reports = []User{{ID: 22, Name: c.me.Text("user", 22), Email: c.me.Text("mail", 22)}}
			u.Orders = []Order{{ID: 20, Title: c.me.Text("order", 20), Notes: []Comment{{ID: 21, Text: c.me.Text("comment", 21)}}}}
			u.Notes = []Comment{{ID: 20, Text: c.me.Text("comment", 20)}}
			u.Tags = []Tag{tag(c, 1), tag(c, 20)}
			c.OK(c.me.Create(&u))
			var again User
			c.OK(c.me.Preload(allAssociations).Preload("Orders.Notes").First(&again, "id = ?", 20))
			c.Users([]User{again, *again.Manager, again.Reports[0]}, 20, 21, 22)
			c.Equal([]int{len(again.Orders), len(again.Orders[0].Notes), len(again.Notes), len(again.Tags)}, []int{1, 1, 1, 2})
			c.Own(again)
		}},
		{"Create with relations left out", func(c *Case) {
			u := c.me.user(20)
			c.OK(c.me.Omit(allAssociations).Create(&u))
			c.Stored("profiles", "id", toAny(c.me.All())...)
		}},
		{"Create nothing", func(c *Case) {
			c.Refused(c.me.Create(&[]Tag{}).Error, gorm.ErrEmptySlice)
			stored(c)
		}},
		{"Create of the tenant's own name", func(c *Case) {
			a := Tag{TenantID: c.me.ID, ID: 10, Name: c.me.Text("tag", 10)}
			c.Affected(c.me.Create(&a), 1)
			stored(c, 10)
		}},
		{"Create for the other tenant", func(c *Case) {
			foreign := Tag{TenantID: c.other.ID, ID: 30, Name: "x"}
			for _, tx := range []*gorm.DB{
				c.me.Create(&foreign), c.me.Create(&[]Tag{tag(c, 10), foreign}), c.me.Create([]*Tag{&foreign}),
				c.me.Select("ID", "Name", "TenantID").Create(&foreign), c.me.CreateInBatches(&[]Tag{tag(c, 11), foreign}, 2),
				c.me.Model(&Tag{}).Create(map[string]any{"id": 30, "tenant_id": c.other.ID}),
				c.me.Model(&Tag{}).Create([]map[string]any{{"id": 31}, {"id": 30, "TenantID": c.other.ID}}),
				c.me.Model(&Tag{}).Create(map[string]any{"id": 30, "tenant_id": gorm.Expr("?", c.other.ID)}),
				c.me.Create(&User{ID: 40, Profile: &Profile{ID: 40, TenantID: c.other.ID}, Tags: []Tag{foreign}}),
			} {
				c.Refused(tx.Error, tenancy.ErrTenantMismatch)
			}
			stored(c)
		}},
		{"Create twice", func(c *Case) {
			a, b := tag(c, 1), User{ID: 50, Name: c.me.Text("user", 50), Email: c.me.Text("mail", 1)}
			if c.me.Create(&a).Error == nil || c.me.Create(&b).Error == nil {
				c.failf("a duplicate went in")
			}
			// What the other tenant has is no duplicate.
			mail := User{ID: 51, Name: c.me.Text("user", 51), Email: "common"}
			c.OK(c.me.Create(&mail))
			stored(c)
		}},
		{"Returning", func(c *Case) {
			if !returning(c.World.DB) {
				return
			}
			var changed []Item
			c.Affected(c.me.Model(&changed).Clauses(clause.Returning{}).Where("1 = 1").Update("count", 77), 2)
			c.Equal([]int{len(changed), changed[0].Count}, []int{2, 77})
			c.Own(changed)
			var gone []Comment
			c.Affected(c.me.Clauses(clause.Returning{Columns: []clause.Column{{Name: "id"}, {Name: "text"}}}).Where("1 = 0").Or("1 = 1").Delete(&gone), 3)
			c.Equal(len(gone), 3)
			c.Own(gone)
			made := Item{Name: c.me.Text("item", 9)}
			c.OK(c.me.Clauses(clause.Returning{}).Create(&made))
			c.Equal(made.TenantID, c.me.ID)
		}},
	}
}

// returning reports whether the dialect knows RETURNING.
func returning(db *gorm.DB) bool {
	return db.Name() == "sqlite" || db.Name() == "postgres"
}
