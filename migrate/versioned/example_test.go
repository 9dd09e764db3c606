package versioned_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing/fstest"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/migrate/versioned"
	"github.com/gormtenancy/tenancy/strategies"
)

// Member is the model of the examples. Migrations make its table.
type Member struct {
	ID   uint
	Name string
}

// files would be embedded in the program, by go:embed.
var files = fstest.MapFS{
	"00001_members.sql": {Data: []byte("-- +goose Up\nCREATE TABLE members (id integer PRIMARY KEY, name text);\n-- +goose Down\nDROP TABLE members;\n")},
	"00002_index.sql":   {Data: []byte("-- +goose Up\nCREATE UNIQUE INDEX members_name ON members (name);\n-- +goose Down\nDROP INDEX members_name;\n")},
}

func Example() {
	dir, err := os.MkdirTemp("", "example")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()
	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "app.db")), &gorm.Config{Logger: logger.Discard})
	check(err)

	migrations := versioned.Config{Files: files}
	require, err := versioned.Current(migrations)
	check(err)
	check(db.Use(tenancy.Plugin(tenancy.Config{
		Strategy: strategies.Database{Open: sqlite.Open, Dir: filepath.Join(dir, "tenants")},
		Models:   []any{&Member{}},
		Require:  require, // statements of tenants that are behind are refused
	})))
	defer closeAll(db)

	m, err := versioned.New(db, migrations, migrate.Workers(2))
	check(err)
	ctx := context.Background()
	acme, globex := tenancy.Tenant{ID: "acme"}, tenancy.Tenant{ID: "globex"}
	_, err = m.UpTo(ctx, migrate.Tenants(acme), 1)
	check(err)
	err = db.WithContext(tenancy.WithTenant(ctx, acme)).Create(&Member{Name: "Ann"}).Error
	fmt.Println("acme is behind:", errors.Is(err, tenancy.ErrBehind))

	report, err := m.Up(ctx, migrate.Tenants(acme, globex))
	check(err)
	for _, r := range report.Results {
		fmt.Println(r.Tenant.ID, r.State, r.Version)
	}
	check(db.WithContext(tenancy.WithTenant(ctx, globex)).Create(&Member{Name: "Bob"}).Error)
	// Output:
	// acme is behind: true
	// acme done 2
	// globex done 2
}

func closeAll(db *gorm.DB) {
	check(tenancy.Close(db))
	base, err := db.DB()
	check(err)
	check(base.Close())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
