package conformance

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

func upsertChecks() []check {
	key := []clause.Column{{Name: "tenant_id"}, {Name: "id"}}
	names := func(c *Case, want ...string) { c.Helper(); c.Stored("tags", "name", toAny(want)...) }
	rows := func(c *Case) []Tag {
		return []Tag{{ID: 1, Name: c.me.Text("tag", "up")}, {ID: 10, Name: c.me.Text("tag", 10)}}
	}
	return []check{
		{"upsert DoNothing", func(c *Case) {
			tags := rows(c)
			sent := c.me.Clauses(clause.OnConflict{DoNothing: true}).Create(&tags)
			c.OK(sent)
			if c.World.DB.Name() != "mysql" { // which may count what it found
				c.Equal(sent.RowsAffected, int64(1))
			}
			names(c, c.me.Text("tag", 1), c.me.Text("tag", 2), c.me.Text("tag", 10))
			c.OK(c.me.Clauses(clause.OnConflict{Columns: key, DoNothing: true}).Create(&tags))
		}},
		{"upsert UpdateAll", func(c *Case) {
			tags := rows(c)
			c.OK(c.me.Clauses(clause.OnConflict{UpdateAll: true}).Create(&tags))
			names(c, c.me.Text("tag", "up"), c.me.Text("tag", 2), c.me.Text("tag", 10))
			c.OK(c.me.Clauses(clause.OnConflict{UpdateAll: true}).Create(&Item{ID: c.me.ItemIDs[0], Name: c.me.Text("item", "up")}))
			c.Stored("items", "name", c.me.Text("item", "up"), c.me.Text("item", 2))
		}},
		{"upsert DoUpdates", func(c *Case) {
			tags := rows(c)
			c.OK(c.me.Clauses(clause.OnConflict{Columns: key, DoUpdates: clause.AssignmentColumns([]string{"name"})}).Create(&tags))
			names(c, c.me.Text("tag", "up"), c.me.Text("tag", 2), c.me.Text("tag", 10))
			c.OK(c.me.Clauses(clause.OnConflict{Columns: key, DoUpdates: clause.AssignmentColumns([]string{"name", "tenant_id"})}).Create(&tags))
		}},
		{"upsert with an expression", func(c *Case) {
			item := Item{ID: c.me.ItemIDs[0], Name: c.me.Text("item", "up"), Count: 5}
			c.OK(c.me.Clauses(clause.OnConflict{
				Columns:   []clause.Column{{Name: "id"}},
				DoUpdates: clause.Assignments(map[string]any{"count": gorm.Expr("items.count + ?", 100)}),
			}).Create(&item))
			c.Stored("items", "count", c.me.base+101, c.me.base+2)
		}},
		{"upsert with a condition", func(c *Case) {
			if !returning(c.World.DB) {
				return // MySQL's ON DUPLICATE KEY has none
			}
			up := func(limit int) *gorm.DB {
				return c.me.Clauses(clause.OnConflict{
					Columns:   []clause.Column{{Name: "id"}},
					DoUpdates: clause.Assignments(map[string]any{"count": 5}),
					Where:     clause.Where{Exprs: []clause.Expression{gorm.Expr("items.count > ?", limit), clause.Or(gorm.Expr("1 = 0"))}},
				}).Create(&Item{ID: c.me.ItemIDs[0], Name: c.me.Text("item", "up")})
			}
			c.Affected(up(0), 1)
			c.Stored("items", "count", 5, c.me.base+2)
		}},
		{"upsert on the tenant's unique index", func(c *Case) {
			u := User{ID: 30, Name: c.me.Text("user", "up"), Email: c.me.Text("mail", 1)}
			c.OK(c.me.Clauses(clause.OnConflict{
				Columns:   []clause.Column{{Name: "tenant_id"}, {Name: "email"}},
				DoUpdates: clause.AssignmentColumns([]string{"name"}),
			}).Create(&u))
			c.Equal(c.load(1).Name, c.me.Text("user", "up"))
			// The same address is the other tenant's as well: no conflict.
			c.OK(c.me.Create(&User{ID: 31, Name: c.me.Text("user", 31), Email: "common"}))
		}},
		{"upsert of maps", func(c *Case) {
			c.OK(c.me.Model(&Tag{}).Clauses(clause.OnConflict{Columns: key, DoUpdates: clause.AssignmentColumns([]string{"name"})}).
				Create([]map[string]any{{"id": 1, "name": c.me.Text("tag", "up")}, {"id": 10, "name": c.me.Text("tag", 10)}}))
			names(c, c.me.Text("tag", "up"), c.me.Text("tag", 2), c.me.Text("tag", 10))
		}},
		{"upsert that sets the other tenant", func(c *Case) {
			tag := Tag{ID: 1, Name: c.me.Text("tag", 1)}
			err := c.me.Clauses(clause.OnConflict{
				Columns:   key,
				DoUpdates: clause.Assignments(map[string]any{"name": c.me.Text("tag", "up"), "tenant_id": c.other.ID}),
			}).Create(&tag).Error
			if err != nil {
				c.Refused(err, tenancy.ErrTenantMismatch)
			}
			c.Stored("tags", "id", 1, 2)
		}},
		{"INSERT OR REPLACE takes no row of the other's", func(c *Case) {
			if c.World.DB.Name() != "sqlite" || !c.World.sameTables() {
				return // no other dialect has it, and elsewhere the keys are the tenant's own
			}
			err := c.me.Clauses(clause.Insert{Modifier: "or replace"}).Create(&Label{ID: c.other.Labels[0], Name: c.me.Text("label", "stolen")}).Error
			c.Refused(err, tenancy.ErrRawSQL)
		}},
		{"upsert takes no row of the other's", func(c *Case) {
			if !c.World.sameTables() {
				return // the keys are the tenant's own, there
			}
			foreign := func() *[]Item {
				return &[]Item{{ID: c.other.ItemIDs[0], Name: c.me.Text("item", "stolen")}}
			}
			id := []clause.Column{{Name: "id"}}
			for _, conflict := range []clause.OnConflict{
				{UpdateAll: true},
				{Columns: id, UpdateAll: true},
				{Columns: id, DoUpdates: clause.AssignmentColumns([]string{"name"})},
				{Columns: id, DoUpdates: clause.Assignments(map[string]any{"name": c.me.Text("item", "stolen"), "tenant_id": c.me.ID})},
				{Columns: id, DoUpdates: clause.AssignmentColumns([]string{"tenant_id"})},
			} {
				c.Refused(c.me.Clauses(conflict).Create(foreign()).Error, tenancy.ErrTenantMismatch)
				both := append(*foreign(), Item{ID: c.me.ItemIDs[0], Name: c.me.Text("item", 1), Count: c.me.base + 1})
				c.Refused(c.me.Clauses(conflict).Create(&both).Error, tenancy.ErrTenantMismatch)
			}
			err := c.me.Clauses(clause.OnConflict{DoNothing: true}).Create(foreign()).Error
			if err != nil || c.me.RefusesRaw() { // a database with walls of its own shows no conflict
				c.Refused(err, tenancy.ErrTenantMismatch)
			}
			c.Refused(c.me.Model(&Item{}).Clauses(clause.OnConflict{Columns: id, DoUpdates: clause.AssignmentColumns([]string{"name"})}).
				Create(map[string]any{"id": c.other.ItemIDs[0], "name": c.me.Text("item", "stolen")}).Error, tenancy.ErrTenantMismatch)
		}},
	}
}
