package tenancy_test

import (
	"errors"
	"path/filepath"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

type account struct {
	ID    uint
	OrgID string `gorm:"column:org"`
	Name  string
}

// openBase opens a database for a test.
func openBase(t testing.TB) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "base.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if base, err := db.DB(); err == nil {
			_ = base.Close()
		}
	})
	return db
}

// TestColumn uses another tenant column.
func TestColumn(t *testing.T) {
	db := openBase(t)
	if err := db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Shared{}, Models: []any{&account{}}, Column: "org"})); err != nil {
		t.Fatal(err)
	}
	m, err := migrate.New(db)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"acme", "globex"} {
		if err := m.Provision(t.Context(), tenancy.Tenant{ID: id}); err != nil {
			t.Fatal(err)
		}
		tdb := db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: id}))
		row := account{Name: id}
		if err := tdb.Create(&row).Error; err != nil || row.OrgID != id {
			t.Errorf("the row %+v: %v", row, err)
		}
		var rows []account
		if err := tdb.Find(&rows).Error; err != nil || len(rows) != 1 || rows[0].OrgID != id {
			t.Errorf("%s sees %+v: %v", id, rows, err)
		}
		if err := tdb.Where("org = ?", "initech").Find(&rows).Error; !errors.Is(err, tenancy.ErrTenantMismatch) {
			t.Errorf("a condition on another tenant: %v", err)
		}
	}
}

// TestInstallation answers for what was configured.
func TestInstallation(t *testing.T) {
	db := openBase(t)
	if err := db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Schema{}, Models: []any{&account{}}, Shared: []any{&Plan{}}})); err != nil {
		t.Fatal(err)
	}
	for name, handle := range map[string]*gorm.DB{
		"handle": db, "session": db.Session(&gorm.Session{NewDB: true}), "debug": db.Debug(), "context": db.WithContext(t.Context()), "model": db.Model(&account{}),
	} {
		in, err := tenancy.Installed(handle)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if in.Strategy() != "schema" || in.Dialect() != "sqlite" || in.Column() != tenancy.DefaultColumn || !in.IsShared("plans") || in.IsShared("accounts") {
			t.Errorf("%s: %q %q %q", name, in.Strategy(), in.Dialect(), in.Column())
		}
	}
}
