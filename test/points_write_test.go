package test

import (
	"errors"
	"fmt"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/test/conformance"
)

func TestPoint01SaveStealsNothing(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me, other := c.Me(), c.Other()
		theirs := func() string {
			return ask(c, "SELECT tenant_id || '/' || name || '/' || count FROM items WHERE id = ?", other.ItemIDs[0]) + "/" +
				ask(c, "SELECT tenant_id || '/' || name || '/' || item_id FROM parts WHERE id = ?", other.PartIDs[0])
		}
		before := theirs()
		full := me.Session(&gorm.Session{FullSaveAssociations: true})
		for name, err := range map[string]error{
			"Save":                    me.Save(&item{ID: other.ItemIDs[0], Name: "stolen", Count: 1}).Error,
			"Save a slice":            me.Save(&[]item{{ID: other.ItemIDs[0], Name: "stolen"}}).Error,
			"Save a slice with own":   me.Save(&[]item{{ID: me.ItemIDs[0], Name: me.Text("item", 1)}, {ID: other.ItemIDs[0], Name: "stolen"}}).Error,
			"Save pointers":           me.Save([]*item{{ID: other.ItemIDs[0], Name: "stolen"}}).Error,
			"Save without hooks":      me.Session(&gorm.Session{SkipHooks: true}).Save(&item{ID: other.ItemIDs[0], Name: "stolen"}).Error,
			"Save in a transaction":   me.Transaction(func(tx *gorm.DB) error { return tx.Save(&item{ID: other.ItemIDs[0], Name: "stolen"}).Error }),
			"Save unscoped":           me.Unscoped().Save(&item{ID: other.ItemIDs[0], Name: "stolen"}).Error,
			"upsert":                  me.Clauses(clause.OnConflict{UpdateAll: true}).Create(&item{ID: other.ItemIDs[0], Name: "stolen"}).Error,
			"has many by Create":      me.Create(&item{Name: me.Text("item", 3), Parts: []part{{ID: other.PartIDs[0], Name: "stolen"}}}).Error,
			"has many by Save":        me.Save(&item{ID: me.ItemIDs[0], Name: me.Text("item", 1), Parts: []part{{ID: other.PartIDs[0]}}}).Error,
			"has many by full Save":   full.Save(&item{ID: me.ItemIDs[0], Name: me.Text("item", 1), Parts: []part{{ID: other.PartIDs[0], Name: "stolen"}}}).Error,
			"has many by Append":      me.Model(&item{ID: me.ItemIDs[0]}).Association("Parts").Append(&part{ID: other.PartIDs[0]}),
			"many to many, full Save": full.Save(&item{ID: me.ItemIDs[0], Name: me.Text("item", 1), Labels: []label{{ID: other.Labels[0], Name: "stolen"}}}).Error,
		} {
			if !errors.Is(err, tenancy.ErrTenantMismatch) {
				c.Errorf("%s: want %v, got %v", name, tenancy.ErrTenantMismatch, err)
			}
			if after := theirs(); after != before {
				c.Fatalf("%s: the row was %s and is %s", name, before, after)
			}
		}
		system := c.World.DB.WithContext(tenancy.WithSystem(c.Context(), "a test"))
		var row item
		c.OK(system.First(&row, other.ItemIDs[0]))
		c.Equal([]string{row.TenantID, row.Name}, []string{other.ID, other.Text("item", 1)})
	}, "shared")
	t.Run("by composite keys", func(t *testing.T) {
		point(t, func(c *conformance.Case) {
			// The key of the other's row is one of the tenant's own as well.
			c.OK(c.Me().Save(&tag{TenantID: c.Me().ID, ID: 1, Name: c.Me().Text("tag", "saved")}))
			c.OK(c.Me().Save(&[]tag{{ID: 2, Name: c.Me().Text("tag", "saved")}, {ID: 3, Name: c.Me().Text("tag", "saved")}}))
			c.Stored("tags", "name", c.Me().Text("tag", "saved"), c.Me().Text("tag", "saved"), c.Me().Text("tag", "saved"))
			c.Refused(c.Me().Save(&tag{TenantID: c.Other().ID, ID: 1, Name: "stolen"}).Error, tenancy.ErrTenantMismatch)
			// Nor is one given away, even where the assignment would be left out.
			for _, value := range []any{c.Other().ID, gorm.Expr("?", c.Other().ID)} {
				c.Refused(c.Me().Clauses(clause.OnConflict{
					Columns:   []clause.Column{{Name: "tenant_id"}, {Name: "id"}},
					DoUpdates: clause.Assignments(map[string]any{"tenant_id": value, "name": "given"}),
				}).Create(&tag{ID: 1, Name: "given"}).Error, tenancy.ErrTenantMismatch)
			}
			c.OK(c.Me().Clauses(clause.OnConflict{
				Columns:   []clause.Column{{Name: "tenant_id"}, {Name: "id"}},
				DoUpdates: clause.Assignments(map[string]any{"tenant_id": c.Me().ID, "name": c.Me().Text("tag", "saved")}),
			}).Create(&tag{ID: 1, Name: "kept"}))
		})
	})
}

func TestPoint02AppendLinksNothingOfOthers(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me, other := c.Me(), c.Other()
		foreign := label{ID: other.Labels[0], Name: me.Text("label", 9)}
		for _, err := range []error{
			me.Model(&item{ID: me.ItemIDs[0]}).Association("Labels").Append(&foreign),
			me.Model(&item{ID: me.ItemIDs[0]}).Association("Labels").Replace(&foreign),
			me.Model(&[]item{{ID: me.ItemIDs[0]}}).Association("Labels").Append(&[]label{foreign}),
			me.Create(&item{Name: me.Text("item", 3), Labels: []label{{Name: me.Text("label", 8)}, foreign}}).Error,
			me.Save(&item{ID: me.ItemIDs[0], Name: me.Text("item", 1), Labels: []label{foreign}}).Error,
			me.Clauses(clause.OnConflict{DoNothing: true}).Create(&[]label{{ID: me.Labels[0], Name: "x"}, foreign}).Error,
		} {
			c.Refused(err, tenancy.ErrTenantMismatch)
			c.Equal(ask(c, "SELECT COUNT(*) FROM item_labels WHERE label_id = ?", other.Labels[0]), "1")
		}
		// A row of the tenant's own that is there already is linked.
		c.NoError(me.Model(&item{ID: me.ItemIDs[0]}).Association("Labels").Append(&label{ID: me.Labels[1], Name: me.Text("label", 2)}))
		c.Equal(me.Model(&item{ID: me.ItemIDs[0]}).Association("Labels").Count(), int64(2))
	}, "shared")
}

func TestPoint05MissingWhereClause(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me := c.Me()
		before := c.World.Dump(c)
		for name, tx := range map[string]*gorm.DB{
			"Delete":                  me.Delete(&item{}),
			"Delete of a slice":       me.Delete(&[]comment{}),
			"Delete softly":           me.Delete(&order{}),
			"Delete unscoped":         me.Unscoped().Delete(&order{}),
			"Delete by Table":         me.Table("comments").Delete(&map[string]any{}),
			"Delete with an order":    me.Order("id").Limit(1).Delete(&comment{}),
			"Delete in a session":     me.Session(&gorm.Session{}).Delete(&comment{}),
			"Delete with Returning":   me.Clauses(clause.Returning{}).Delete(&[]comment{}),
			"Delete with empty Where": me.Where(map[string]any{}).Delete(&comment{}),
			"Delete with empty Not":   me.Where(&comment{}).Delete(&comment{}),
			"Update":                  me.Model(&user{}).Update("age", 1),
			"Updates":                 me.Model(&user{}).Updates(user{Age: 1}),
			"Updates of a map":        me.Model(&user{}).Updates(map[string]any{"age": 1}),
			"Updates softly deleted":  me.Model(&order{}).Update("total", 1),
			"UpdateColumn":            me.Model(&user{}).UpdateColumn("age", 1),
			"Update by Table":         me.Table("users").Update("age", 1),
			"Select of all":           me.Model(&user{}).Select("*").Updates(map[string]any{"age": 1}),
		} {
			if !errors.Is(tx.Error, gorm.ErrMissingWhereClause) {
				c.Errorf("%s: want %v, got %v", name, gorm.ErrMissingWhereClause, tx.Error)
			}
		}
		if after := c.World.Dump(c); fmt.Sprint(after) != fmt.Sprint(before) {
			c.Fatalf("something changed:\n%v\n%v", before, after)
		}
		all := me.Session(&gorm.Session{AllowGlobalUpdate: true})
		c.Affected(all.Model(&user{}).UpdateColumn("age", 1), int64(me.Users))
		c.Affected(all.Unscoped().Delete(&order{}), 4)
		c.Affected(all.Delete(&comment{}), 3)
	})
}
