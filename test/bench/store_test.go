package bench

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

const (
	tenants  = 100 // that take turns
	items    = 100 // of each tenant, before any is created
	parts    = 5   // of each of the first items
	withPart = 10  // items that have parts
	maxConns = 4   // of each file, as the database strategy sets it
)

// Item is what is read and written.
type Item struct {
	ID       uint
	TenantID string `gorm:"size:64;index"`
	Name     string
	Quantity int
	Parts    []Part
}

// Part is what is preloaded with an Item.
type Part struct {
	ID       uint
	TenantID string `gorm:"size:64;index:idx_parts_item"`
	ItemID   uint   `gorm:"index:idx_parts_item"`
	Name     string
}

// strategy is a strategy under its name; dir is where it may keep files.
type strategy struct {
	name string
	make func(dir string) tenancy.Strategy
}

func allStrategies() []strategy {
	return []strategy{
		{"schema", func(string) tenancy.Strategy { return strategies.Schema{} }},
		{"database", func(dir string) tenancy.Strategy {
			return strategies.Database{Open: sqlite.Open, Dir: dir, MaxPools: tenants, MaxConns: maxConns}
		}},
		{"shared", func(string) tenancy.Strategy { return strategies.Shared{} }},
	}
}

// store is the same data twice: under plain GORM and under the plugin.
type store struct {
	plain   *gorm.DB
	tenancy *gorm.DB
	ids     []string          // of the tenants
	kept    []context.Context // one for each tenant, made once
}

// open makes and fills a store.
func open(b *testing.B, s strategy) *store {
	b.Helper()
	dir := b.TempDir()
	st := &store{plain: openFile(b, dir, "plain.db"), tenancy: openFile(b, dir, "base.db")}
	check(b, st.plain.AutoMigrate(&Item{}, &Part{}))
	check(b, st.tenancy.Use(tenancy.Plugin(tenancy.Config{
		Strategy: s.make(filepath.Join(dir, "tenants")),
		Models:   []any{&Item{}, &Part{}},
	})))
	b.Cleanup(func() { check(b, tenancy.Close(st.tenancy)) })

	m, err := migrate.New(st.tenancy)
	check(b, err)
	for i := range tenants {
		t := tenancy.Tenant{ID: fmt.Sprintf("tenant_%03d", i)}
		check(b, m.Provision(b.Context(), t))
		st.add(b, i, t)
	}
	return st
}

// add gives both sides the rows of a tenant.
func (st *store) add(b *testing.B, i int, t tenancy.Tenant) {
	b.Helper()
	st.ids = append(st.ids, t.ID)
	st.kept = append(st.kept, tenancy.WithTenant(endless(), t))
	stamped := rowsOf(i, t.ID)
	check(b, st.plain.Create(&stamped).Error)
	rows := rowsOf(i, "")
	check(b, st.tenancy.WithContext(st.kept[i]).Create(&rows).Error)
}

// openFile opens a file with the settings of the database strategy's files.
func openFile(b *testing.B, dir, name string) *gorm.DB {
	b.Helper()
	settings := url.Values{
		"_txlock":       {"immediate"},
		"_foreign_keys": {"on"},
		"_journal_mode": {"WAL"},
		"_busy_timeout": {"10000"},
	}
	path := url.URL{Path: filepath.ToSlash(filepath.Join(dir, name))}
	db, err := gorm.Open(sqlite.Open("file:"+path.EscapedPath()+"?"+settings.Encode()), &gorm.Config{Logger: logger.Discard})
	check(b, err)
	pool, err := db.DB()
	check(b, err)
	pool.SetMaxOpenConns(maxConns)
	pool.SetMaxIdleConns(maxConns)
	b.Cleanup(func() { check(b, pool.Close()) })
	return db
}

// itemID is the key of an item. No two tenants share one, so that the rows are
// the same whether they share a table or not.
func itemID(tenant, item int) uint { return uint(tenant*items + item + 1) }

// rowsOf makes the items of a tenant, with id in the tenant column.
func rowsOf(tenant int, id string) []Item {
	rows := make([]Item, items)
	for i := range rows {
		key := itemID(tenant, i)
		rows[i] = Item{ID: key, TenantID: id, Name: fmt.Sprintf("item %d", i), Quantity: i}
		if i >= withPart {
			continue
		}
		for j := range parts {
			rows[i].Parts = append(rows[i].Parts, Part{ID: key*parts + uint(j), TenantID: id, Name: fmt.Sprintf("part %d", j)})
		}
	}
	return rows
}

// endless is the context of every statement. One that can be cancelled, as that of a
// benchmark is, makes the driver start a goroutine for each query, on both sides.
func endless() context.Context { return context.Background() }

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
