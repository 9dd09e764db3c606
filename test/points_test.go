package test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/conformance"
)

// The tests of this file are named after the traps that GORM lays for whoever keeps
// tenants apart: where a statement goes that nobody thought of.

type (
	user    = conformance.User
	order   = conformance.Order
	comment = conformance.Comment
	tag     = conformance.Tag
	item    = conformance.Item
	part    = conformance.Part
	label   = conformance.Label
	event   = conformance.Event
)

// point runs fn for the named strategies, or for all, for both tenants in turn. What
// the tenant that it does not act for owns must not change.
func point(t *testing.T, fn func(c *conformance.Case), names ...string) {
	t.Helper()
	pointOn(t, gorm.Config{}, fn, names...)
}

func pointOn(t *testing.T, cfg gorm.Config, fn func(c *conformance.Case), names ...string) {
	t.Helper()
	t.Parallel()
	for _, s := range sqliteSubjects() {
		if len(names) == 0 || slices.Contains(names, s.Name) {
			t.Run(s.Name, func(t *testing.T) { conformance.NewWorld(t, s, cfg).Act(t, fn) })
		}
	}
}

// base returns the database that GORM opened, without the plugin.
func base(c *conformance.Case) *sql.DB {
	c.Helper()
	db, err := c.World.DB.DB()
	c.NoError(err)
	return db
}

// ask reads one text from the base database, without the plugin.
func ask(c *conformance.Case, query string, args ...any) string {
	c.Helper()
	var answer string
	c.NoError(base(c).QueryRowContext(c.Context(), query, args...).Scan(&answer))
	return answer
}

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

func TestPoint03OrStaysInside(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me := c.Me()
		fresh := me.Session(&gorm.Session{NewDB: true})
		for name, wide := range map[string]func(*gorm.DB) *gorm.DB{
			"Or":       func(tx *gorm.DB) *gorm.DB { return tx.Where("1 = 0").Or("1 = 1") },
			"two Or":   func(tx *gorm.DB) *gorm.DB { return tx.Where("1 = 0").Or("1 = 0").Or("1 = 1") },
			"Or first": func(tx *gorm.DB) *gorm.DB { return tx.Or("1 = 1").Or("1 = 1") },
			"text":     func(tx *gorm.DB) *gorm.DB { return tx.Where("1 = 0 OR 1 = 1") },
			"group":    func(tx *gorm.DB) *gorm.DB { return tx.Where(fresh.Where("1 = 0").Or("1 = 1")).Or("1 = 1") },
			"Not":      func(tx *gorm.DB) *gorm.DB { return tx.Not("1 = 1").Or(fresh.Not("1 = 0")) },
			"scopes": func(tx *gorm.DB) *gorm.DB {
				return tx.Where("1 = 0").Scopes(func(tx *gorm.DB) *gorm.DB { return tx.Or("1 = 1") })
			},
			"clauses": func(tx *gorm.DB) *gorm.DB {
				return tx.Clauses(clause.Or(clause.Expr{SQL: "1 = 0"}, clause.Expr{SQL: "1 = 1"}))
			},
			"maps":      func(tx *gorm.DB) *gorm.DB { return tx.Where("1 = 0").Or(map[string]any{"id": []int{1, 2, 3, 4}}) },
			"Or of all": func(tx *gorm.DB) *gorm.DB { return tx.Where("1 = 0").Or("id IS NOT NULL").Order("id") },
		} {
			var users []user
			c.OK(wide(me.DB).Find(&users))
			if len(users) != me.Users {
				c.Fatalf("%s: want %d users, got %d", name, me.Users, len(users))
			}
			c.Own(users)
			var orders []order // a second condition is there already: soft deletion
			c.OK(wide(me.DB).Find(&orders))
			c.Equal(len(orders), 3)
			c.Own(orders)
			c.Affected(wide(me.Model(&user{})).UpdateColumn("age", 1), int64(me.Users))
			c.Affected(wide(me.Model(&order{})).UpdateColumn("total", 1), 3)
		}
		c.Affected(me.Where("1 = 0").Or("1 = 1").Delete(&comment{}), 3)
	})
}

func TestPoint04JoinsCarryThePredicate(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me, other := c.Me(), c.Other()
		_, err := base(c).ExecContext(c.Context(), "UPDATE parts SET item_id = ? WHERE id = ?", other.ItemIDs[0], me.PartIDs[0])
		c.NoError(err)
		for name, query := range map[string]*gorm.DB{
			"Joins":                 me.Joins("Item"),
			"Joins with conditions": me.Joins("Item", c.World.DB.Where("1 = 1").Or("1 = 1")),
			"Joins with own handle": me.Joins("Item", me.Where("1 = 1")),
			"Joins and Or":          me.Joins("Item").Where("1 = 0").Or("1 = 1"),
			"Preload":               me.Preload("Item"),
			"Joins and Preload":     me.Joins("Item").Preload("Item.Parts"),
		} {
			var parts []part
			c.OK(query.Order("parts.id").Find(&parts))
			c.Own(parts)
			// The outer join keeps the row, and has nothing to put into it.
			if len(parts) != 2 || parts[0].Item != nil || parts[1].Item == nil {
				c.Fatalf("%s: %+v", name, parts)
			}
		}
		var inner []part
		c.OK(me.InnerJoins("Item").Find(&inner))
		c.Equal(len(inner), 1)
		var n int64
		c.OK(me.Model(&part{}).Joins("Item").Where("Item.name = ?", other.Text("item", 1)).Count(&n))
		c.Equal(n, int64(0))
		_, err = base(c).ExecContext(c.Context(), "UPDATE parts SET item_id = ? WHERE id = ?", me.ItemIDs[0], me.PartIDs[0])
		c.NoError(err)
	}, "shared")
	t.Run("not ambiguous", func(t *testing.T) {
		point(t, func(c *conformance.Case) {
			var orders []order
			c.OK(c.Me().Joins("User").Joins("User.Manager").Joins("User.Profile").Where("orders.total > ?", -1).Or("User.age > ?", -1).Find(&orders))
			c.Orders(orders, 1, 2, 3)
		})
	})
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

// Whose is embedded in embeddedRow.
type Whose struct {
	TenantID string `gorm:"size:64"`
}

type embeddedRow struct {
	ID uint `gorm:"primaryKey"`
	Whose
	Name string
}

type pointerRow struct {
	ID       uint
	TenantID *string
	Name     string
}

type named string

type valuerRow struct {
	ID    uint
	Whose named          `gorm:"column:tenant_id"`
	Name  sql.NullString `gorm:"size:64"`
}

type prefixedRow struct {
	ID    uint
	Inner *Whose `gorm:"embedded"`
	Name  string
}

func TestPoint06TheTenantColumnIsImmutable(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me, other := c.Me(), c.Other()
		where := func() *gorm.DB { return me.Model(&item{}).Where("id = ?", me.ItemIDs[0]) }
		for name, tx := range map[string]*gorm.DB{
			"Update":                  where().Update("tenant_id", other.ID),
			"Update by field":         where().Update("TenantID", other.ID),
			"UpdateColumn":            where().UpdateColumn("tenant_id", other.ID),
			"Updates of a map":        where().Updates(map[string]any{"name": "x", "tenant_id": other.ID}),
			"Updates of a field":      where().Updates(map[string]any{"TenantID": other.ID}),
			"Updates of a struct":     where().Updates(item{TenantID: other.ID}),
			"Select of all":           where().Select("*").Omit("ID").Updates(item{TenantID: other.ID}),
			"Select of the column":    where().Select("tenant_id").Updates(item{TenantID: other.ID}),
			"an expression":           where().Update("tenant_id", gorm.Expr("?", other.ID)),
			"a text":                  where().Update("tenant_id", gorm.Expr("'"+other.ID+"'")),
			"a subquery":              where().Update("tenant_id", me.Model(&item{}).Select("'"+other.ID+"'").Limit(1)),
			"Set":                     where().Clauses(clause.Set{{Column: clause.Column{Name: "tenant_id"}, Value: other.ID}}).Updates(map[string]any{"count": 1}),
			"Table":                   me.Table("items").Where("id = ?", me.ItemIDs[0]).Updates(map[string]any{"tenant_id": other.ID}),
			"quoted":                  where().Updates(map[string]any{"`tenant_id`": other.ID}),
			"in capitals":             where().Updates(map[string]any{"TENANT_ID": other.ID}),
			"qualified":               where().Updates(map[string]any{"items.tenant_id": other.ID}),
			"Save":                    me.Save(&item{ID: me.ItemIDs[0], TenantID: other.ID}),
			"Create":                  me.Create(&item{TenantID: other.ID}),
			"Create a map":            me.Model(&item{}).Create(map[string]any{"tenant_id": other.ID}),
			"Create maps":             me.Model(&item{}).Create([]map[string]any{{"name": "x"}, {"TenantID": other.ID}}),
			"Create in batches":       me.CreateInBatches(&[]item{{Name: "x"}, {TenantID: other.ID}}, 2),
			"Create with an Expr":     me.Model(&item{}).Create(map[string]any{"tenant_id": gorm.Expr("?", other.ID)}),
			"Create by a Table":       me.Table("items").Create(map[string]any{"tenant_id": other.ID}),
			"Create a quoted column":  me.Table("items").Create(map[string]any{"`tenant_id`": other.ID}),
			"Create in capitals":      me.Table("items").Create(map[string]any{"TENANT_ID": other.ID}),
			"upsert":                  me.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"tenant_id": other.ID})}).Create(&item{ID: me.ItemIDs[0], TenantID: other.ID}),
			"FirstOrCreate":           me.Where("id = ?", 999).Attrs(item{TenantID: other.ID}).FirstOrCreate(&item{}),
			"FirstOrCreate, assigned": me.Where("id = ?", me.ItemIDs[0]).Assign(map[string]any{"tenant_id": other.ID}).FirstOrCreate(&item{}),
		} {
			if tx.Error == nil {
				c.Errorf("%s: no error", name)
			}
			if slices.Compact(c.World.Column(c, me, "items", "tenant_id"))[0] != me.ID {
				c.Fatalf("%s: a row has moved", name)
			}
		}
		c.Stored("items", "tenant_id", me.ID, me.ID)
		// To set it to what it is, or to nothing, changes nothing.
		c.OK(where().Select("*").Omit("ID").Updates(item{Name: me.Text("item", 1)}))
		c.OK(where().Updates(map[string]any{"tenant_id": nil, "count": 5}))
		c.OK(where().Updates(map[string]any{"tenant_id": me.ID, "count": 6}))
		c.Stored("items", "tenant_id", me.ID, me.ID)
	})
	t.Run("embedded and pointer fields", func(t *testing.T) {
		t.Parallel()
		for _, s := range sqliteSubjects() {
			t.Run(s.Name, func(t *testing.T) { stampsEveryKindOfField(t, s) })
		}
	})
}

func stampsEveryKindOfField(t *testing.T, s conformance.Subject) {
	t.Helper()
	w := conformance.Open(t, s, gorm.Config{}, tenancy.Config{Models: []any{&embeddedRow{}, &pointerRow{}, &valuerRow{}, &prefixedRow{}}})
	for _, side := range w.Sides() {
		other := side.Other().ID
		for _, row := range []any{
			&embeddedRow{Name: "a"}, &[]embeddedRow{{Name: "b"}}, &pointerRow{Name: "a"}, &[]*pointerRow{{Name: "b"}}, &valuerRow{}, &[]valuerRow{{}},
			&prefixedRow{Name: "a"}, &[]prefixedRow{{Inner: &Whose{}}},
		} {
			if err := side.Create(row).Error; err != nil {
				t.Fatalf("%T: %v", row, err)
			}
		}
		for _, row := range []any{
			&embeddedRow{Whose: Whose{TenantID: other}}, &pointerRow{TenantID: &other}, &valuerRow{Whose: named(other)}, &prefixedRow{Inner: &Whose{TenantID: other}},
		} {
			if err := side.Create(row).Error; !errors.Is(err, tenancy.ErrTenantMismatch) {
				t.Errorf("%T: want %v, got %v", row, tenancy.ErrTenantMismatch, err)
			}
		}
	}
	for _, side := range w.Sides() {
		for _, model := range []any{&embeddedRow{}, &pointerRow{}, &valuerRow{}, &prefixedRow{}} {
			var owners []string
			if err := side.Model(model).Pluck("tenant_id", &owners).Error; err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(owners, []string{side.ID, side.ID}) {
				t.Errorf("%T of %s: %v", model, side.ID, owners)
			}
		}
	}
}

func TestPoint07TableNeedsNoModel(t *testing.T) {
	type small struct{ Name string }
	point(t, func(c *conformance.Case) {
		me := c.Me()
		for _, name := range []string{"items", "items i", "items AS i", "items as `i`", "`items`", "`items` i", "ITEMS", "Items AS i", "  items  i "} {
			var rows []map[string]any
			var smalls []small
			var n int64
			for _, tx := range []*gorm.DB{me.Table(name).Where("1 = 0").Or("1 = 1").Find(&rows), me.Table(name).Find(&smalls), me.Table(name).Count(&n)} {
				if tx.Error != nil {
					c.Fatalf("%q: %v", name, tx.Error)
				}
			}
			c.Equal([]int{len(rows), len(smalls), int(n)}, []int{2, 2, 2})
			c.Own(rows, smalls)
		}
		c.Affected(me.Table("items").Create(&small{me.Text("item", 3)}), 1)
		c.Affected(me.Table("items").Create([]map[string]any{{"name": me.Text("item", 4)}}), 1)
		c.Affected(me.Table("items").Where("1 = 0").Or("1 = 1").Update("count", 5), 4)
		c.Affected(me.Table("items").Where("name = ?", me.Text("item", 3)).Delete(&small{}), 1)
		c.Stored("items", "tenant_id", me.ID, me.ID, me.ID)
		for _, name := range []string{"items, parts", "items i, parts p", "items JOIN parts ON 1 = 1", "items i JOIN (SELECT 1) x", "items WHERE 1 = 1", "items; --", "items -- "} {
			var rows []small
			err := me.Table(name).Find(&rows).Error
			if err == nil && c.Me().RefusesRaw() {
				c.Errorf("%q was sent", name)
			}
			c.Own(rows)
		}
		c.Refused(c.World.DB.Table("items").Find(&[]small{}).Error, tenancy.ErrNoTenant)
	})
}

func TestPoint08UnscopedLiftsNoTenancy(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me := c.Me()
		var orders []order
		var users []user
		var n int64
		c.OK(me.Unscoped().Where("1 = 0").Or("1 = 1").Find(&orders))
		c.Orders(orders, 1, 2, 3, 4)
		c.OK(me.Unscoped().Model(&order{}).Count(&n))
		c.Equal(n, int64(4))
		c.OK(me.Unscoped().Preload("Orders").Find(&users))
		c.Own(users)
		c.OK(me.Preload("Orders", func(tx *gorm.DB) *gorm.DB { return tx.Unscoped() }).Find(&users))
		c.Own(users)
		c.Orders(users[0].Orders, 1, 2, 4)
		c.OK(me.Unscoped().Joins("User").Find(&orders))
		c.Own(orders)
		c.OK(me.Where("id IN (?)", me.Unscoped().Model(&order{}).Select("user_id")).Find(&users))
		c.Own(users)
		c.Affected(me.Unscoped().Model(&order{}).Where("1 = 1").Update("total", 5), 4)
		c.Affected(me.Unscoped().Where("1 = 0").Or("1 = 1").Delete(&order{}), 4)
		c.Affected(me.Session(&gorm.Session{AllowGlobalUpdate: true}).Unscoped().Delete(&comment{}), 3)
		c.NoError(me.Model(&user{TenantID: me.ID, ID: 1}).Association("Tags").Unscoped().Clear())
	})
}

func TestPoint09ConnectionKeepsItsConnection(t *testing.T) {
	steps := func(c *conformance.Case, tx *gorm.DB) {
		c.Helper()
		// The one statement is used for all: GORM takes the connection off it.
		for id := uint(20); id < 23; id++ {
			c.OK(tx.Take(&tag{}))
			c.OK(tx.Create(&tag{ID: id, Name: c.Me().Text("tag", id)}))
			var read tag
			c.OK(tx.Take(&read))
			c.Own(read)
		}
	}
	point(t, func(c *conformance.Case) {
		pool := base(c)
		pool.SetMaxOpenConns(1)
		defer pool.SetMaxOpenConns(0)
		ctx, cancel := context.WithTimeout(c.Me().Ctx, 5*time.Second)
		defer cancel()
		c.NoError(c.Me().WithContext(ctx).Connection(func(tx *gorm.DB) error { steps(c, tx); return nil }))
		c.Stored("tags", "id", 1, 2, 20, 21, 22)
		if n := pool.Stats().InUse; n != 0 {
			c.Fatalf("%d connections were not given back", n)
		}
	})
	t.Run("one connection", func(t *testing.T) {
		point(t, func(c *conformance.Case) {
			// A temporary table is visible on its own connection only.
			free := tenancy.WithRawSQL(c.Me().Ctx, "a test")
			seen := func(tx *gorm.DB) (n int) {
				c.OK(tx.Session(&gorm.Session{NewDB: true, Context: free}).Raw("SELECT COUNT(*) FROM mine").Scan(&n))
				return n
			}
			c.NoError(c.Me().Connection(func(tx *gorm.DB) error {
				fresh := tx.Session(&gorm.Session{NewDB: true, Context: free})
				c.OK(fresh.Exec("CREATE TEMP TABLE mine (id INTEGER)"))
				c.OK(fresh.Exec("INSERT INTO mine VALUES (1)"))
				defer func() { c.OK(fresh.Exec("DROP TABLE mine")) }()
				c.Equal(seen(tx), 1)
				// What is read meanwhile takes whichever connection is free.
				rows, err := c.Me().Model(&user{}).Rows()
				c.NoError(err)
				defer rows.Close()
				c.Equal(rows.Next(), true)
				c.Equal(seen(tx), 1)
				steps(c, tx)
				c.Equal(seen(tx), 1)
				c.OK(tx.Where("id > ?", 20).Delete(&tag{}))
				c.Equal(seen(tx), 1)
				return nil
			}))
		})
	})
	t.Run("a database with one connection", func(t *testing.T) {
		t.Parallel()
		s := sqliteSubjects()[1]
		s.Strategy = func(t testing.TB) tenancy.Strategy {
			return strategies.Database{Open: sqlite.Open, Dir: filepath.Join(t.TempDir(), "tenants"), MaxConns: 1}
		}
		conformance.NewWorld(t, s, gorm.Config{}).Act(t, func(c *conformance.Case) {
			ctx, cancel := context.WithTimeout(c.Me().Ctx, 5*time.Second)
			defer cancel()
			c.NoError(c.Me().WithContext(ctx).Connection(func(tx *gorm.DB) error { steps(c, tx); return nil }))
		})
	})
}

func TestPoint10PreparedStatementsStayApart(t *testing.T) {
	use := func(c *conformance.Case, of func(*conformance.Side) *gorm.DB) {
		c.Helper()
		for range 3 {
			for _, side := range c.World.Sides() {
				var all []user
				var one user
				c.OK(of(side).Where("age > ?", -1).Order("id").Find(&all))
				c.Equal([]any{len(all), all[0].Name}, []any{side.Users, side.Text("user", 1)})
				c.NoError(of(side).Transaction(func(tx *gorm.DB) error {
					c.OK(tx.First(&one, 1))
					c.Equal(one.Name, side.Text("user", 1))
					return nil
				}))
				rows, err := of(side).Model(&user{}).Select("name").Where("id = ?", 1).Rows()
				c.NoError(err)
				for rows.Next() {
					var name string
					c.NoError(rows.Scan(&name))
					c.Equal(name, side.Text("user", 1))
				}
				c.NoError(rows.Close())
			}
		}
		me := c.Me()
		c.Affected(of(me).Model(&user{}).Where("id = ?", 1).Update("age", 1), 1)
		c.Affected(of(me).Where("1 = 0").Or("1 = 1").Delete(&comment{}), 3)
		c.OK(of(me).Create(&tag{ID: 20, Name: me.Text("tag", 20)}))
		c.Refused(of(me).WithContext(c.Context()).Find(&[]user{}).Error, tenancy.ErrNoTenant)
	}
	t.Parallel()
	for _, prepare := range []bool{true, false} {
		t.Run(fmt.Sprintf("opened=%t", prepare), func(t *testing.T) {
			pointOn(t, gorm.Config{PrepareStmt: prepare}, func(c *conformance.Case) {
				use(c, func(s *conformance.Side) *gorm.DB { return s.Session(&gorm.Session{PrepareStmt: true}) })
			})
		})
		t.Run(fmt.Sprintf("opened=%t,session", prepare), func(t *testing.T) {
			pointOn(t, gorm.Config{PrepareStmt: prepare}, func(c *conformance.Case) {
				// One session, from before any tenant was known.
				session := c.World.DB.Session(&gorm.Session{PrepareStmt: true})
				use(c, func(s *conformance.Side) *gorm.DB { return session.WithContext(s.Ctx) })
			})
		})
	}
}

func TestPoint11DBResolver(t *testing.T) {
	t.Parallel()
	for _, s := range sqliteSubjects() {
		for _, order := range []string{"resolver first", "plugin first"} {
			t.Run(s.Name+"/"+order, func(t *testing.T) { resolves(t, s, order == "resolver first") })
		}
	}
}

// resolves opens a database and a replica of it in which every name ends in "-replica".
func resolves(t *testing.T, s conformance.Subject, first bool) {
	t.Helper()
	replica := filepath.Join(t.TempDir(), "replica.db")
	resolver := dbresolver.Register(dbresolver.Config{Replicas: []gorm.Dialector{sqlite.Open("file:" + replica + "?_busy_timeout=10000")}})
	t.Cleanup(func() {
		_ = resolver.Call(func(pool gorm.ConnPool) error {
			if db, ok := pool.(*sql.DB); ok {
				return db.Close()
			}
			return nil
		})
	})
	if first {
		open := s.Open
		s.Open = func(t testing.TB, cfg *gorm.Config) *gorm.DB {
			db := open(t, cfg)
			if err := db.Use(resolver); err != nil {
				t.Fatal(err)
			}
			return db
		}
	}
	w := conformance.NewWorld(t, s, gorm.Config{})
	if !first {
		if err := w.DB.Use(resolver); err != nil {
			t.Fatal(err)
		}
	}
	copyToReplica(t, w, replica)
	own := s.Name == "database" // the replica is one of the base database
	w.Act(t, func(c *conformance.Case) {
		me := c.Me()
		suffix := "-replica"
		if own {
			suffix = ""
		}
		var users []user
		c.OK(me.Where("1 = 0").Or("1 = 1").Order("id").Find(&users))
		c.Own(users)
		c.Equal([]any{len(users), users[0].Name}, []any{me.Users, me.Text("user", 1) + suffix})
		var loaded user
		c.OK(me.Preload("Orders").Preload("Tags").First(&loaded, 1))
		c.Own(loaded)
		c.Equal(len(loaded.Orders), 2)
		var n int64
		c.OK(me.Model(&user{}).Count(&n))
		c.Equal(n, int64(me.Users))
		c.OK(me.Clauses(dbresolver.Write).Order("id").Find(&users))
		c.Equal(users[0].Name, me.Text("user", 1))
		// What is written goes to the source.
		c.OK(me.Create(&tag{ID: 20, Name: me.Text("tag", 20)}))
		c.Affected(me.Model(&user{}).Where("1 = 0").Or("1 = 1").Update("age", 1), int64(me.Users))
		c.Affected(me.Where("1 = 0").Or("1 = 1").Delete(&comment{}), 3)
		c.NoError(me.Transaction(func(tx *gorm.DB) error {
			c.OK(tx.Order("id").Find(&users))
			c.Own(users)
			c.Equal(users[0].Name, me.Text("user", 1))
			return tx.Create(&tag{ID: 21, Name: me.Text("tag", 21)}).Error
		}))
		c.Stored("tags", "id", 1, 2, 20, 21)
		c.Refused(c.World.DB.Find(&[]user{}).Error, tenancy.ErrNoTenant)
		c.Refused(c.World.DB.Create(&tag{ID: 9}).Error, tenancy.ErrNoTenant)
		err := me.Raw("SELECT name FROM users").Scan(&[]string{}).Error
		if c.Me().RefusesRaw() {
			c.Refused(err, tenancy.ErrRawSQL)
		} else {
			c.NoError(err)
		}
	})
}

// copyToReplica fills the replica with what is in the base database.
func copyToReplica(t *testing.T, w *conformance.World, replica string) {
	t.Helper()
	ctx := t.Context()
	pool, err := w.DB.DB()
	if err != nil {
		t.Fatal(err)
	}
	var file string
	if err := pool.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file); err != nil {
		t.Fatal(err)
	}
	copied, err := sql.Open("sqlite3", replica)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	copied.SetMaxOpenConns(1) // ATTACH is for one connection
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := copied.ExecContext(ctx, query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	exec("ATTACH ? AS source", file)
	for _, table := range texts(t, copied, "SELECT name FROM source.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'") {
		for _, statement := range texts(t, copied, "SELECT sql FROM source.sqlite_master WHERE name = ?", table) {
			exec(statement)
		}
		exec("INSERT INTO main.`" + table + "` SELECT * FROM source.`" + table + "`")
		if strings.HasSuffix(table, "users") {
			exec("UPDATE main.`" + table + "` SET name = name || '-replica'")
		}
	}
}

// texts reads a column of texts.
func texts(t *testing.T, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPoint12TransactionsKnowTheirTenant(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me, other := c.Me(), c.Other()
		attempt := func(tx *gorm.DB, want error) {
			c.Helper()
			var n int64
			var name string
			_, rowsErr := tx.Model(&user{}).Rows()
			for what, err := range map[string]error{
				"Find": tx.Find(&[]user{}).Error, "Create": tx.Create(&tag{ID: 30, Name: "x"}).Error,
				"Save":   tx.Save(&tag{ID: 1, Name: "x"}).Error,
				"Update": tx.Model(&tag{}).Where("id = ?", 1).Update("name", "x").Error,
				"Delete": tx.Where("id = ?", 1).Delete(&tag{}).Error, "Count": tx.Model(&tag{}).Count(&n).Error,
				"Row": tx.Model(&tag{}).Select("name").Row().Scan(&name), "Rows": rowsErr,
				"Raw": tx.Raw("SELECT name FROM tags").Scan(&name).Error, "Exec": tx.Exec("DELETE FROM tags").Error,
				"Table":        tx.Table("tags").Where("id = ?", 1).Updates(map[string]any{"name": "x"}).Error,
				"Preload":      tx.Preload("Orders").Find(&[]user{}).Error,
				"association":  tx.Model(&user{TenantID: "x", ID: 1}).Association("Orders").Find(&[]order{}),
				"a session":    tx.Session(&gorm.Session{PrepareStmt: true}).Find(&[]user{}).Error,
				"the own pool": query(tx),
			} {
				if !errors.Is(err, want) && !(what == "the own pool" && errors.Is(err, tenancy.ErrTenantMismatch)) {
					c.Errorf("%s: want %v, got %v", what, want, err)
				}
			}
		}
		tx := me.Begin()
		c.OK(tx.Create(&tag{ID: 20, Name: me.Text("tag", 20)}))
		attempt(tx.WithContext(other.Ctx), tenancy.ErrTenantMismatch)
		attempt(tx.WithContext(tenancy.WithSystem(c.Context(), "a test")), tenancy.ErrTenantMismatch)
		attempt(tx.WithContext(context.Background()), tenancy.ErrNoTenant)
		c.NoError(tx.Transaction(func(inner *gorm.DB) error {
			attempt(inner.WithContext(other.Ctx), tenancy.ErrTenantMismatch)
			return nil
		}))
		var users []user
		c.OK(tx.Find(&users))
		c.Own(users)
		c.OK(tx.Commit())
		c.Stored("tags", "id", 1, 2, 20)

		// A transaction that nobody's context began belongs to nobody.
		c.NoError(c.World.DB.Transaction(func(tx *gorm.DB) error {
			attempt(tx.WithContext(me.Ctx), tenancy.ErrTenantMismatch)
			attempt(tx, tenancy.ErrNoTenant)
			return nil
		}))
	})
}

// query sends a text past GORM's callbacks.
func query(tx *gorm.DB) error {
	rows, err := tx.Statement.ConnPool.QueryContext(tx.Statement.Context, "SELECT name FROM tags")
	if err == nil {
		err = errors.Join(rows.Close(), rows.Err())
	}
	return err
}

func TestPoint13SubqueriesHaveTheirOwnContext(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me, none := c.Me(), c.World.DB
		ids := func() *gorm.DB { return none.Model(&user{}).Select("id") }
		var n int64
		for what, err := range map[string]error{
			"IN":           me.Where("id IN (?)", ids()).Find(&[]user{}).Error,
			"NOT IN":       me.Where("id NOT IN (?)", ids()).Find(&[]user{}).Error,
			"FROM":         me.Table("(?) AS u", none.Model(&user{})).Find(&[]user{}).Error,
			"SELECT":       me.Select("(?) AS age", none.Model(&user{}).Select("MAX(age)")).Find(&[]user{}).Error,
			"a join":       me.Joins("JOIN (?) AS u ON 1 = 1", none.Model(&user{})).Find(&[]user{}).Error,
			"HAVING":       me.Model(&order{}).Group("user_id").Having("COUNT(*) > (?)", ids().Limit(1)).Count(&n).Error,
			"nested":       me.Where("id IN (?)", me.Model(&order{}).Select("user_id").Where("id IN (?)", ids())).Find(&[]user{}).Error,
			"by Table":     me.Where("id IN (?)", none.Table("users").Select("id")).Find(&[]user{}).Error,
			"a deletion":   me.Where("id NOT IN (?)", ids()).Delete(&comment{}).Error,
			"an update":    me.Model(&user{}).Where("id NOT IN (?)", ids()).Update("age", 1).Error,
			"SET":          me.Model(&user{}).Where("1 = 1").Update("age", none.Model(&user{}).Select("MAX(age)")).Error,
			"a map":        me.Where(map[string]any{"id": ids()}).Find(&[]user{}).Error,
			"shared model": none.Where("id NOT IN (?)", ids()).Find(&[]conformance.Plan{}).Error,
			"Create":       me.Model(&item{}).Create(map[string]any{"name": none.Model(&user{}).Select("MAX(name)")}).Error,
			"Row":          me.Model(&user{}).Select("(?)", none.Model(&user{}).Select("MAX(name)")).Row().Scan(new(string)),
		} {
			if !errors.Is(err, tenancy.ErrNoTenant) {
				c.Errorf("%s: want %v, got %v", what, tenancy.ErrNoTenant, err)
			}
		}
		c.Stored("comments", "id", 1, 2, 3)
		var users []user
		c.OK(me.Where("id IN (?)", me.Model(&order{}).Select("user_id")).Find(&users))
		c.Users(users, 1, 2)
	})
}

func TestPoint14EveryWayToRead(t *testing.T) {
	names := func(users []user, err error) ([]string, error) {
		var all []string
		for _, u := range users {
			all = append(all, u.Name)
		}
		return all, err
	}
	ways := map[string]func(w *conformance.World, s *conformance.Side) ([]string, error){
		"generics": func(w *conformance.World, s *conformance.Side) ([]string, error) {
			return names(gorm.G[user](w.DB).Find(s.Ctx))
		},
		"FindInBatches": func(_ *conformance.World, s *conformance.Side) ([]string, error) {
			var batch, all []user
			err := s.FindInBatches(&batch, 2, func(*gorm.DB, int) error { all = append(all, batch...); return nil }).Error
			return names(all, err)
		},
		"FirstOrCreate": func(_ *conformance.World, s *conformance.Side) ([]string, error) {
			var all []user
			for id := 1; id <= s.Users; id++ {
				var u user
				if err := s.Where("id = ?", id).FirstOrCreate(&u).Error; err != nil {
					return nil, err
				}
				all = append(all, u)
			}
			return names(all, nil)
		},
		"Pluck": func(_ *conformance.World, s *conformance.Side) ([]string, error) {
			var all []string
			err := s.Model(&user{}).Pluck("name", &all).Error
			return all, err
		},
		"Rows": func(_ *conformance.World, s *conformance.Side) ([]string, error) {
			rows, err := s.Model(&user{}).Rows()
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			var all []user
			for rows.Next() {
				var u user
				if err := s.ScanRows(rows, &u); err != nil {
					return nil, err
				}
				all = append(all, u)
			}
			return names(all, rows.Err())
		},
		"association": func(_ *conformance.World, s *conformance.Side) ([]string, error) {
			boss, all := user{TenantID: s.ID, ID: 1, Name: s.Text("user", 1)}, []user{}
			err := s.Model(&boss).Association("Reports").Find(&all)
			return names(append(all, boss), err)
		},
		"a nested transaction": func(_ *conformance.World, s *conformance.Side) ([]string, error) {
			var all []user
			err := s.Transaction(func(tx *gorm.DB) error {
				return tx.Transaction(func(tx *gorm.DB) error { return tx.Find(&all).Error })
			})
			return names(all, err)
		},
		"a lock": func(_ *conformance.World, s *conformance.Side) ([]string, error) {
			var all []user
			err := s.Clauses(clause.Locking{Strength: "UPDATE"}).Find(&all).Error
			return names(all, err)
		},
		"a cached session": func(_ *conformance.World, s *conformance.Side) ([]string, error) {
			var all []user
			err := s.Session(&gorm.Session{PrepareStmt: true, SkipHooks: true}).Find(&all).Error
			return names(all, err)
		},
	}
	point(t, func(c *conformance.Case) {
		var wg sync.WaitGroup
		for what, read := range ways {
			for _, side := range c.World.Sides() {
				wg.Go(func() {
					var want []string
					for id := 1; id <= side.Users; id++ {
						want = append(want, side.Text("user", id))
					}
					got, err := read(c.World, side)
					slices.Sort(got)
					if err != nil || !slices.Equal(got, want) {
						c.Errorf("%s of %s: want %v, got %v, %v", what, side.ID, want, got, err)
					}
				})
			}
		}
		wg.Wait()
	})
}

func TestPoint15StreamsGiveTheirConnectionBack(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me := c.Me()
		for range 3 {
			rows, err := me.Model(&user{}).Order("id").Rows()
			c.NoError(err)
			c.Equal(rows.Next(), true)
			var first user
			c.NoError(me.ScanRows(rows, &first))
			c.Equal(first.Name, me.Text("user", 1))
			// Another tenant's statement meanwhile runs on its own.
			var theirs []user
			c.OK(c.Other().Find(&theirs))
			c.Equal(len(theirs), c.Other().Users)
			n := 1
			for rows.Next() {
				n++
			}
			c.NoError(errors.Join(rows.Err(), rows.Close()))
			c.Equal(n, me.Users)
			var name string
			c.NoError(me.Model(&user{}).Select("name").Where("id = ?", 2).Row().Scan(&name))
			c.Equal(name, me.Text("user", 2))
		}
		if n := base(c).Stats().InUse; n != 0 {
			c.Fatalf("%d connections were not given back", n)
		}
	})
	t.Run("a pool that is evicted", func(t *testing.T) {
		t.Parallel()
		s := sqliteSubjects()[1]
		s.Strategy = func(t testing.TB) tenancy.Strategy {
			return strategies.Database{Open: sqlite.Open, Dir: filepath.Join(t.TempDir(), "tenants"), MaxPools: 1, MaxConns: 1}
		}
		conformance.NewWorld(t, s, gorm.Config{}).Act(t, func(c *conformance.Case) {
			rows, err := c.Me().Model(&user{}).Order("id").Rows()
			c.NoError(err)
			n := 0
			for rows.Next() {
				n++
				var u, theirs user
				c.NoError(c.Me().ScanRows(rows, &u))
				c.Equal(u.Name, c.Me().Text("user", n))
				c.OK(c.Other().First(&theirs, 1)) // pushes the pool out
			}
			c.NoError(errors.Join(rows.Err(), rows.Close()))
			c.Equal(n, c.Me().Users)
			ctx, cancel := context.WithTimeout(c.Me().Ctx, 5*time.Second)
			defer cancel()
			c.OK(c.Me().WithContext(ctx).Create(&tag{ID: 20, Name: c.Me().Text("tag", 20)}))
		})
	})
}

// recorder is a logger that keeps the texts.
type recorder struct {
	logger.Interface
	mu    sync.Mutex
	texts []string
}

func (r *recorder) LogMode(logger.LogLevel) logger.Interface { return r }

func (r *recorder) Trace(_ context.Context, _ time.Time, fc func() (string, int64), _ error) {
	text, _ := fc()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, text)
}

// logical finds a table that is named as the models name it.
var logical = regexp.MustCompile("(FROM|JOIN|INTO|UPDATE) `?(users|orders|tags|user_tags|items|comments|app_settings)\\b")

func TestPoint16PhysicalNames(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me := c.Me()
		log := &recorder{Interface: logger.Discard}
		db := me.Session(&gorm.Session{Logger: log})
		var users []user
		var orders []order
		var loaded user
		c.OK(db.Where("users.name LIKE ?", me.ID+"%").Order("users.id").Find(&users))
		c.Users(users, me.All()...)
		c.OK(db.Joins("User").Where("User.age > ? AND orders.total > ?", -1, -1).Find(&orders))
		c.OK(db.Preload("Orders").Preload("Tags").First(&loaded, "users.id = ?", 1))
		c.OK(db.Where("users.id IN (?)", db.Model(&order{}).Select("orders.user_id")).Find(&users))
		c.OK(db.Save(&tag{ID: 20, Name: me.Text("tag", 20)}))
		c.OK(db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"count": gorm.Expr("items.count + 1")})}).
			Create(&item{ID: me.ItemIDs[0], Name: "x"}))
		c.NoError(db.Model(&loaded).Association("Tags").Append(&tag{ID: 21, Name: me.Text("tag", 21)}))
		c.OK(db.Model(&user{}).Where("users.id = ?", 1).Update("age", gorm.Expr("users.age + 1")))
		c.OK(db.Where("orders.id = ?", 3).Delete(&order{}))
		c.OK(db.Where("comments.id = ?", 3).Delete(&comment{}))
		var setting conformance.Setting
		c.OK(db.First(&setting, "app_settings.code = ?", "theme"))
		for _, text := range log.texts {
			if !strings.Contains(text, "`t_"+me.ID+"__") || strings.Contains(text, "t_"+c.Other().ID+"__") || logical.MatchString(text) {
				c.Errorf("not under the tenant's names: %s", text)
			}
		}
		stmt := &gorm.Statement{DB: c.World.DB}
		c.NoError(stmt.Parse(&user{}))
		c.Equal(stmt.Schema.Table, "users")
		// Each tenant has all tables and indexes, under names that differ by its own only.
		structure := func(s *conformance.Side) []string {
			own := "t_" + s.ID + "__"
			all := texts(c.T, base(c), "SELECT type || ' ' || name || ' ' || sql FROM sqlite_master WHERE instr(sql, ?) > 0 ORDER BY 1", own)
			for i, text := range all {
				all[i] = strings.ReplaceAll(text, own, "TENANT")
				if strings.Contains(all[i], "t_") && strings.Contains(all[i], "__") || !strings.Contains(strings.Fields(all[i])[1], "TENANT") {
					c.Errorf("a name is not the tenant's: %s", text)
				}
				// GORM adds constraints in any order.
				parts := strings.Split(strings.ReplaceAll(all[i], ")", ""), ",")
				slices.Sort(parts[1:])
				all[i] = strings.Join(parts, ",")
			}
			slices.Sort(all)
			return all
		}
		mine := structure(me)
		c.Equal(mine, structure(c.Other()))
		for _, want := range []string{"table TENANTapp_settings", "table TENANTuser_tags", "index TENANTidx_mail", "index TENANTidx_users_name"} {
			if !slices.ContainsFunc(mine, func(text string) bool { return strings.HasPrefix(text, want) }) {
				c.Errorf("there is no %s in %v", want, mine)
			}
		}
		c.Equal(ask(c, "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name IN ('users', 'orders', 'items', 'app_settings')"), "0")
	}, "schema")
	t.Run("logical names elsewhere", func(t *testing.T) {
		point(t, func(c *conformance.Case) {
			text := c.Me().ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Find(&[]user{}) })
			if !strings.HasPrefix(text, "SELECT * FROM `users`") {
				c.Errorf("not the logical name: %s", text)
			}
		}, "database", "shared")
	})
}

func TestPoint17FirstUseByManyAtOnce(t *testing.T) {
	t.Parallel()
	for _, s := range sqliteSubjects() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			// The tables are made by one handle and used by another that knows of no model.
			strategy := s.Strategy(t)
			s.Strategy = func(testing.TB) tenancy.Strategy { return strategy }
			file := filepath.Join(t.TempDir(), "base.db")
			s.Open = func(t testing.TB, cfg *gorm.Config) *gorm.DB { return openFile(t, file, cfg) }
			filled := conformance.NewWorld(t, s, gorm.Config{})
			for _, prepare := range []bool{false, true} {
				blank := conformance.Open(t, s, gorm.Config{PrepareStmt: prepare}, tenancy.Config{Shared: conformance.Shared()})
				firstUse(t, filled, blank)
			}
		})
	}
}

// firstUse makes 32 goroutines use models at once that the handle has never seen.
func firstUse(t *testing.T, filled, blank *conformance.World) {
	t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	for n := range 32 {
		side, from := blank.Sides()[n%2], filled.Sides()[n%2]
		wg.Go(func() {
			<-start
			var users []user
			var orders []order
			var parts []part
			var notes []map[string]any
			errs := []error{
				side.Where("1 = 0").Or("1 = 1").Preload("Orders").Preload("Profile").Find(&users).Error,
				side.Joins("User").Find(&orders).Error,
				side.Preload("Item").Find(&parts).Error,
				side.Model(&comment{}).Find(&notes).Error,
				side.Model(&event{}).Where("id = ?", 1).UpdateColumn("before", n).Error,
				side.Where("code = ?", n).Delete(&conformance.Setting{}).Error,
			}
			if err := errors.Join(errs...); err != nil {
				t.Errorf("%s: %v", side.ID, err)
				return
			}
			got := []int{len(users), len(orders), len(parts), len(notes)}
			if want := []int{from.Users, 3, 2, 3}; !slices.Equal(got, want) {
				t.Errorf("%s: want %v, got %v", side.ID, want, got)
			}
			for _, u := range users {
				if u.TenantID != side.ID || u.Profile == nil || u.Profile.TenantID != side.ID {
					t.Errorf("%s: not its own: %+v", side.ID, u)
				}
			}
			for _, o := range orders {
				if o.TenantID != side.ID || o.User == nil || o.User.Name != from.Text("user", o.User.ID) {
					t.Errorf("%s: not its own: %+v", side.ID, o)
				}
			}
		})
	}
	close(start)
	wg.Wait()
}
