package conformance

import (
	"context"
	"errors"
	"reflect"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

func rawChecks() []check {
	works := func(c *Case) bool { return !c.me.RefusesRaw() }
	return []check{
		{"raw reads", func(c *Case) {
			var users []User
			var n int64
			var name string
			err := c.me.Raw("SELECT * FROM users WHERE id > ? OR 1 = 1", 0).Scan(&users).Error
			countErr := c.me.Raw("SELECT COUNT(*) FROM users").Scan(&n).Error
			rowErr := c.me.Raw("SELECT name FROM users WHERE id = @id", map[string]any{"id": 2}).Row().Scan(&name)
			rows, rowsErr := c.me.Raw("SELECT u.name FROM users u JOIN orders AS o ON o.user_id = u.id").Rows()
			if !works(c) {
				for _, err := range []error{err, countErr, rowErr, rowsErr, c.me.Raw("SELECT * FROM users").Find(&users).Error} {
					c.Refused(err, tenancy.ErrRawSQL)
				}
				return
			}
			for _, err := range []error{err, countErr, rowErr, rowsErr} {
				c.NoError(err)
			}
			c.Users(users, c.me.All()...)
			c.Equal([]any{n, name}, []any{int64(c.me.Users), c.me.Text("user", 2)})
			var names []string
			for rows.Next() {
				var name string
				c.NoError(rows.Scan(&name))
				names = append(names, name)
			}
			c.NoError(rows.Close())
			c.Names(names, c.me.names("user", 1, 1, 1, 2)...)
		}},
		{"raw writes", func(c *Case) {
			insert := c.me.Exec("INSERT INTO tags (tenant_id, id, name) VALUES (?, ?, ?)", c.me.ID, 10, c.me.Text("tag", 10))
			update := c.me.Exec("UPDATE tags SET name = ? WHERE id = ?", c.me.Text("tag", "one"), 1)
			remove := c.me.Exec("DELETE FROM tags WHERE id = 2 AND 1 = 0 OR id = 10")
			if !works(c) {
				for _, tx := range []*gorm.DB{insert, update, remove} {
					c.Refused(tx.Error, tenancy.ErrRawSQL)
				}
				return
			}
			for _, tx := range []*gorm.DB{insert, update, remove} {
				c.Affected(tx, 1)
			}
			c.Stored("tags", "name", c.me.Text("tag", "one"), c.me.Text("tag", 2))
		}},
		{"raw in a transaction", func(c *Case) {
			err := c.me.Transaction(func(tx *gorm.DB) error {
				if err := tx.Exec("UPDATE tags SET name = ? WHERE id = ?", c.me.Text("tag", "one"), 1).Error; err != nil {
					return err
				}
				var names []string
				c.OK(tx.Raw("SELECT name FROM tags ORDER BY id").Scan(&names))
				c.Equal(names, []string{c.me.Text("tag", "one"), c.me.Text("tag", 2)})
				return nil
			})
			if works(c) {
				c.NoError(err)
			} else {
				c.Refused(err, tenancy.ErrRawSQL)
			}
		}},
		{"raw with a subquery", func(c *Case) {
			var n int64
			err := c.me.Raw("SELECT COUNT(*) FROM users WHERE id IN (?)", c.me.Model(&Order{}).Select("user_id")).Scan(&n).Error
			if !works(c) {
				c.Refused(err, tenancy.ErrRawSQL)
				return
			}
			c.NoError(err)
			c.Equal(n, int64(2))
		}},
		{"raw by the statement's own pool", func(c *Case) {
			pool := c.me.Statement.ConnPool
			rows, err := pool.QueryContext(c.me.Ctx, "SELECT name FROM users")
			if works(c) {
				c.NoError(err)
				read, err := readRows(rows)
				c.NoError(err)
				c.Names(lines(read), bracketed(c.me.names("user", c.me.All()...))...)
			} else {
				c.Refused(err, tenancy.ErrRawSQL)
			}
			_, err = pool.QueryContext(context.Background(), "SELECT name FROM users")
			c.Refused(err, tenancy.ErrNoTenant)
			_, err = pool.ExecContext(context.Background(), "DELETE FROM users")
			c.Refused(err, tenancy.ErrNoTenant)
		}},
		{"raw of a physical name", func(c *Case) {
			own, err := tenancy.Table(c.me.DB, &User{})
			c.NoError(err)
			foreign, err := tenancy.Table(c.other.DB, &User{})
			c.NoError(err)
			var names []string
			if err := c.me.Raw("SELECT name FROM " + own).Scan(&names).Error; err != nil {
				c.Refused(err, tenancy.ErrRawSQL)
			}
			c.Own(names)
			names = nil
			if foreign == "users" && own != foreign && !c.other.ownDatabase() && c.World.DB.Name() == "postgres" {
				foreign = "public.users" // the common table
			}
			if foreign != own && foreign != "users" {
				err := c.me.Raw("SELECT name FROM " + foreign).Scan(&names).Error
				if !c.me.ownDatabase() || !errors.Is(err, tenancy.ErrNotProvisioned) { // there is no such table
					c.Refused(err, tenancy.ErrRawSQL)
				}
			}
			c.Own(names)
			for _, query := range []*gorm.DB{
				c.me.Joins("JOIN " + foreign + " AS f ON 1 = 1").Select("f.name"), c.me.Joins(", " + foreign + " AS f").Select("f.name"),
				c.me.Select("(SELECT MAX(name) FROM " + foreign + ") AS name"), c.me.Table("(SELECT * FROM " + foreign + ") AS users"),
				c.me.Table(foreign), c.me.Table(foreign + " AS users"), c.me.Order("id LIMIT 0 UNION SELECT * FROM " + foreign),
			} {
				var users []User
				_ = query.Find(&users)
				c.Own(users)
			}
		}},
		{"raw let through", func(c *Case) {
			own, err := tenancy.Table(c.me.DB, &Tag{})
			c.NoError(err)
			free := c.me.WithContext(tenancy.WithRawSQL(c.me.Ctx, "a test"))
			var names []string
			c.OK(free.Raw("SELECT name FROM "+own+" WHERE tenant_id = ? ORDER BY id", c.me.ID).Scan(&names))
			c.Equal(names, c.me.names("tag", 1, 2))
			// Built statements are kept within the tenant all the same.
			var users []User
			c.OK(free.Where("1 = 0").Or("1 = 1").Find(&users))
			c.Users(users, c.me.All()...)
		}},
		{"raw texts that break out", func(c *Case) {
			for _, text := range []string{"1 = 1) OR (1 = 1", "1 = 1) --", "1 = 1 /*", "1 = 1 --", "id = 1; DELETE FROM tags; --", "1 = 1) UNION SELECT * FROM users --"} {
				var users []User
				if err := c.me.Where(text).Find(&users).Error; err == nil && !c.me.ownStructures() {
					c.failf("%q was sent", text)
				}
				c.Own(users)
				_ = c.me.Model(&User{}).Where(text).Update("age", 1).Error
				_ = c.me.Where(text).Or("1 = 1").Delete(&Comment{}).Error
			}
		}},
		{"raw texts that comment the rest away, or add to it", func(c *Case) {
			names := func(tx *gorm.DB) *gorm.DB { return tx.Model(&User{}).Select("name") }
			for i, query := range []*gorm.DB{
				c.me.Select("* FROM users --"), c.me.Select("* FROM users /*"), c.me.Select("users.* FROM users;--"), c.me.Select("* FROM users #"),
				c.me.Table("users --"), c.me.Table("users -- "), c.me.Table("users u --"), c.me.Table("users /*"), c.me.Table("users AS u /* */ --"), c.me.Table("users AS --"),
				c.me.Joins("--"), c.me.Joins("JOIN users AS u ON 1 = 1 --"), c.me.Joins("/*"), c.me.Joins(", users AS u"), c.me.Joins("CROSS JOIN users u").Select("u.*"),
				c.me.Where("1 = 1 --"), c.me.Where("1 = 1 /*"), c.me.Not("1 = 0) OR (1 = 1"), c.me.Where("1 = 1").Or("1 = 1 --"),
				c.me.Order("id LIMIT 0 UNION SELECT * FROM users"), c.me.Order("id -- "), c.me.Group("id UNION ALL SELECT * FROM users --"),
				c.me.Group("id").Having("1 = 1 UNION ALL SELECT * FROM users"), c.me.Distinct("* FROM users --"), c.me.Select("(SELECT name FROM users u WHERE u.id = 4) AS name"),
				c.me.Select("name, (SELECT GROUP_CONCAT(name) FROM users) AS email"), c.me.Clauses(clause.Expr{SQL: "1 = 1 --"}),
				c.me.Where("id IN (?)", names(c.me.DB).Select("id FROM users --")), c.me.Where("name IN (?) OR 1 = 1", names(c.me.Table("users --"))),
				c.me.Where("id = ? UNION SELECT * FROM users", 1), c.me.Where(gorm.Expr("1 = 1) OR (1 = 1")), c.me.Where("id = @id --", map[string]any{"id": 1}),
				c.me.Select("*, ? --", 1), c.me.Select("? FROM users --", gorm.Expr("*")), c.me.Table("? --", gorm.Expr("users")), c.me.Order(gorm.Expr("id")).Table("users, users AS v"),
			} {
				var users []User
				sent := query.Find(&users)
				if _, found := foreign(reflect.ValueOf(users), c.other.ID); found || len(users) > c.me.Users*c.me.Users {
					c.Errorf("as %s: %d has read %d users: %s", c.me.ID, i, len(users), sent.Statement.SQL.String())
				}
			}
			for _, text := range []string{"age = 1 --", "age = 1 /*", "age) --"} {
				_ = c.me.Model(&User{}).Where("id = ?", 1).Update(text, 1).Error
				_ = c.me.Model(&User{}).Where("id = ?", 1).Updates(map[string]any{"age": gorm.Expr("1 WHERE 1 = 1 --")}).Error
				_ = c.me.Table("users SET age = 1 --").Where("id = ?", 1).Update("age", 1).Error
				_ = c.me.Table("users --").Where("id = ?", 1).Update("age", 1).Error
				_ = c.me.Table("comments --").Where("id = ?", 1).Delete(&Comment{}).Error
				_ = c.me.Clauses(clause.Returning{Columns: []clause.Column{{Name: "* FROM users --", Raw: true}}}).Where("id = ?", 1).Delete(&Comment{}).Error
			}
		}},
	}
}

func bracketed(values []string) []string {
	return pick(values, func(s string) string { return "[" + s + "]" })
}

func cancelChecks() []check {
	return []check{
		{"a context that was cancelled before", func(c *Case) {
			ctx, cancel := context.WithCancel(c.me.Ctx)
			cancel()
			db := c.me.WithContext(ctx)
			c.Refused(db.Find(&[]User{}).Error, context.Canceled)
			c.Refused(db.Create(&Tag{ID: 9, Name: "x"}).Error, context.Canceled)
			c.Refused(db.Model(&Tag{}).Where("id = ?", 1).Update("name", "x").Error, context.Canceled)
			c.Refused(db.Where("id = ?", 1).Delete(&Tag{}).Error, context.Canceled)
			c.Refused(db.Begin().Error, context.Canceled)
			var name string
			c.Refused(db.Model(&Tag{}).Select("name").Row().Scan(&name), context.Canceled)
			c.Stored("tags", "name", c.me.Text("tag", 1), c.me.Text("tag", 2))
		}},
		{"a context that is cancelled among rows", func(c *Case) {
			ctx, cancel := context.WithCancel(c.me.Ctx)
			defer cancel()
			rows, err := c.me.WithContext(ctx).Model(&User{}).Order("id").Rows()
			c.NoError(err)
			if !rows.Next() {
				c.failf("no rows")
			}
			cancel()
			for deadline := time.Now().Add(5 * time.Second); rows.Next(); {
				if time.Now().After(deadline) {
					c.failf("the rows go on")
				}
			}
			c.NoError(rows.Close())
			var users []User
			c.OK(c.me.Find(&users))
			c.Users(users, c.me.All()...)
		}},
		{"a context that is cancelled in a transaction", func(c *Case) {
			ctx, cancel := context.WithCancel(c.me.Ctx)
			defer cancel()
			tx := c.me.WithContext(ctx).Begin()
			c.OK(tx.Create(&Tag{ID: 10, Name: c.me.Text("tag", 10)}))
			cancel()
			if tx.Commit().Error == nil {
				c.failf("the transaction was committed")
			}
			c.Stored("tags", "id", 1, 2)
			c.OK(c.me.Create(&Tag{ID: 11, Name: c.me.Text("tag", 11)}))
		}},
	}
}
