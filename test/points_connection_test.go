package test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/conformance"
)

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
		naming(c, tx.WithContext(other.Ctx), other.ID)
		naming(c, tx.WithContext(tenancy.WithSystem(c.Context(), "a test")), me.ID)
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

// naming fails the case unless a transaction in the wrong hands is refused by an error that
// names a tenant: the one whose hands they are, or else the transaction's own.
func naming(c *conformance.Case, tx *gorm.DB, want string) {
	c.Helper()
	var refusal *tenancy.Error
	if err := tx.Find(&[]user{}).Error; !errors.As(err, &refusal) || refusal.Tenant != want || refusal.Op == "" || refusal.Strategy == "" {
		c.Errorf("want the operation, the strategy and the tenant %q, got %#v", want, refusal)
	}
}

// query sends a text past GORM's callbacks.
func query(tx *gorm.DB) error {
	rows, err := tx.Statement.ConnPool.QueryContext(tx.Statement.Context, "SELECT name FROM tags")
	if err == nil {
		err = errors.Join(rows.Close(), rows.Err())
	}
	return err
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
