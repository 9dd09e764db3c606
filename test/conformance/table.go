package conformance

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

const allAssociations = clause.Associations

// tableChecks name a table, and no model.
func tableChecks() []check {
	type small struct {
		Name  string
		Count int
	}
	return []check{
		{"Table into maps", func(c *Case) {
			var rows []map[string]any
			c.OK(c.me.Table("items").Where("count > ?", 0).Or("1 = 1").Find(&rows))
			c.Equal(len(rows), 2)
			c.Own(rows)
			one := map[string]any{}
			c.OK(c.me.Table("items").Take(&one))
			c.Own(one)
		}},
		{"Table into a small struct", func(c *Case) {
			var rows []small
			c.OK(c.me.Table("items").Find(&rows))
			c.Equal(len(rows), 2)
			c.Own(rows)
			var n int64
			if c.World.DB.Name() == "sqlite" { // elsewhere this may be another table
				c.OK(c.me.Table("ITEMS").Count(&n))
				c.Equal(n, int64(2))
			}
		}},
		{"Table creates", func(c *Case) {
			c.Affected(c.me.Table("items").Create(map[string]any{"name": c.me.Text("item", 3)}), 1)
			c.Affected(c.me.Table("items").Create([]map[string]any{{"name": c.me.Text("item", 4)}, {"name": c.me.Text("item", 5)}}), 2)
			c.Affected(c.me.Table("items").Create(&small{Name: c.me.Text("item", 6)}), 1)
			c.Stored("items", "name", toAny(c.me.names("item", 1, 2, 3, 4, 5, 6))...)
			c.Refused(c.me.Table("items").Create(map[string]any{"name": "x", "tenant_id": c.other.ID}).Error, tenancy.ErrTenantMismatch)
		}},
		{"Table updates and deletes", func(c *Case) {
			c.Affected(c.me.Table("items").Where("1 = 0").Or("1 = 1").Updates(map[string]any{"count": 7}), 2)
			c.Affected(c.me.Table("items").Where("count = ?", 7).Update("count", gorm.Expr("count + ?", 1)), 2)
			c.Stored("items", "count", 8, 8)
			c.Affected(c.me.Table("app_settings").Where("1 = 1").Delete(nil), 2)
			c.Stored("app_settings", "code")
		}},
		{"Table with a model of another name", func(c *Case) {
			var rows []small
			c.OK(c.me.Model(&Item{}).Table("items").Find(&rows))
			c.Equal(len(rows), 2)
			c.OK(c.me.Table("items i").Select("i.name").Where("i.count > ?", 0).Find(&rows))
			c.Equal(len(rows), 2)
			c.Own(rows)
		}},
		{"Table of several tables as text", func(c *Case) {
			var rows []small
			err := c.me.Table("items, users").Select("users.name").Find(&rows).Error
			if c.me.RefusesRaw() {
				c.Refused(err, tenancy.ErrRawSQL)
				return
			}
			c.NoError(err)
			c.Equal(len(rows), 2*c.me.Users)
			c.Own(rows)
		}},
	}
}

func toAny[T any](values []T) []any {
	all := make([]any, len(values))
	for i, value := range values {
		all[i] = value
	}
	return all
}
