package test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/test/conformance"
)

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
