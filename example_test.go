package tenancy_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// Member is an owned model of the examples, Country a shared one.
type Member struct {
	ID   uint
	Name string
}

type Country struct {
	Code string `gorm:"primaryKey"`
	Name string
}

// exampleDB opens a database with the plugin and two tenants in it.
func exampleDB() (db *gorm.DB, done func()) {
	dir, err := os.MkdirTemp("", "example")
	check(err)
	db, err = gorm.Open(sqlite.Open(filepath.Join(dir, "app.db")), &gorm.Config{Logger: logger.Discard})
	check(err)
	check(db.Use(tenancy.Plugin(tenancy.Config{
		Strategy: strategies.Schema{},
		Models:   []any{&Member{}},
		Shared:   []any{&Country{}},
	})))
	m, err := migrate.New(db)
	check(err)
	for _, id := range []string{"acme", "globex"} {
		check(m.Provision(context.Background(), tenancy.Tenant{ID: id}))
	}
	return db, func() {
		base, err := db.DB()
		check(err)
		check(tenancy.Close(db))
		check(base.Close())
		check(os.RemoveAll(dir))
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func ExamplePlugin() {
	dir, err := os.MkdirTemp("", "example")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()
	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "app.db")), &gorm.Config{Logger: logger.Discard})
	check(err)

	err = db.Use(tenancy.Plugin(tenancy.Config{
		Strategy: strategies.Schema{},
		Models:   []any{&Member{}},  // owned: each row belongs to one tenant
		Shared:   []any{&Country{}}, // common to all tenants
	}))
	check(err)
	defer func() { check(tenancy.Close(db)) }()

	m, err := migrate.New(db)
	check(err)
	acme := tenancy.Tenant{ID: "acme"}
	check(m.Provision(context.Background(), acme))

	tdb := db.WithContext(tenancy.WithTenant(context.Background(), acme))
	check(tdb.Create(&Member{Name: "Ada"}).Error)
	var member Member
	check(tdb.First(&member).Error)
	fmt.Println(member.Name)
	// Output: Ada
}

func ExampleWithTenant() {
	db, done := exampleDB()
	defer done()

	acme := tenancy.WithTenant(context.Background(), tenancy.Tenant{ID: "acme"})
	globex := tenancy.WithTenant(context.Background(), tenancy.Tenant{ID: "globex"})
	check(db.WithContext(acme).Create(&Member{Name: "Ada"}).Error)

	var members []Member
	check(db.WithContext(acme).Find(&members).Error)
	fmt.Println("acme:", len(members))
	check(db.WithContext(globex).Find(&members).Error)
	fmt.Println("globex:", len(members))
	fmt.Println(db.Find(&members).Error != nil)
	// Output:
	// acme: 1
	// globex: 0
	// true
}

func ExampleTable() {
	db, done := exampleDB()
	defer done()

	acme := db.WithContext(tenancy.WithTenant(context.Background(), tenancy.Tenant{ID: "acme"}))
	owned, err := tenancy.Table(acme, &Member{})
	check(err)
	shared, err := tenancy.Table(acme, "countries")
	check(err)
	fmt.Println(owned, shared)
	// Output: t_acme__members countries
}

func ExampleWithSystem() {
	db, done := exampleDB()
	defer done()

	ctx := tenancy.WithSystem(context.Background(), "nightly count of all tenants")
	var tables int64
	err := db.WithContext(ctx).Raw("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name LIKE '%members'").Scan(&tables).Error
	check(err)
	fmt.Println(tables)

	reason, _ := tenancy.SystemReason(ctx)
	fmt.Println(reason)
	// Output:
	// 2
	// nightly count of all tenants
}
