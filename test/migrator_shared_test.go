package test

import (
	"context"
	"errors"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

// rate is common to all tenants, and has an index.
type rate struct {
	ID   uint
	Name string `gorm:"size:64;index:idx_rate"`
}

// folder and its papers have an index, a relation and a check.
type folder struct {
	ID       uint
	TenantID string  `gorm:"size:191"`
	Name     string  `gorm:"size:64;index:idx_folder;check:name_set,name <> ''"`
	Papers   []paper `gorm:"constraint:OnDelete:CASCADE"`
}

type paper struct {
	ID       uint
	TenantID string `gorm:"size:191"`
	FolderID uint
}

// TestMigratorShared: shared models are migrated where they are, with and without a tenant.
func TestMigratorShared(t *testing.T) {
	t.Parallel()
	config := tenancy.Config{Models: []any{&folder{}}, Shared: []any{&rate{}}}
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{tenancy: config})
		s.provision(t, "acme")
		sharedMigrators(t, s.db, s.as("acme"), k.name == byDatabase.name)
	})
	t.Run("postgres schema", func(t *testing.T) {
		db, err := gorm.Open(postgres.Open(newPG(t).DSN), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		config.Strategy = strategies.Schema{}
		must(t, db.Use(tenancy.Plugin(config)))
		t.Cleanup(func() {
			base, err := db.DB()
			must(t, err)
			must(t, errors.Join(tenancy.Close(db), base.Close()))
		})
		acme := tenantDB(t, db, "acme")
		must(t, acme.AutoMigrate(&rate{}, &folder{}))
		sharedMigrators(t, db, acme, false)
	})
}

// sharedMigrators works on the shared model in each way that there is: transactions of a tenant
// with a database of its own are in that one.
func sharedMigrators(t *testing.T, db, acme *gorm.DB, apart bool) {
	t.Helper()
	system := db.WithContext(tenancy.WithSystem(context.Background(), "a test"))
	work := func(db *gorm.DB) error {
		m := db.Migrator()
		if !m.HasTable(&rate{}) || !m.HasTable("rates") || !m.HasColumn(&rate{}, "Name") || !m.HasIndex(&rate{}, "idx_rate") || !m.HasIndex("rates", "idx_rate") {
			t.Error("the table, its column or its index is not found")
		}
		must(t, m.DropIndex(&rate{}, "idx_rate"))
		must(t, m.CreateIndex(&rate{}, "Name"))
		must(t, m.DropTable(&rate{}))
		must(t, m.CreateTable(&rate{}))
		return db.Create(&rate{Name: "one"}).Error
	}
	for name, db := range map[string]*gorm.DB{"without a tenant": db, "of a tenant": acme, "of the system": system} {
		must(t, work(db))
		if apart && db == acme {
			wantKind(t, db.Transaction(func(tx *gorm.DB) error { return tx.Migrator().DropTable(&rate{}) }), tenancy.ErrElsewhere)
		} else {
			must(t, db.Transaction(work))
		}
		if !system.Migrator().HasTable(&rate{}) {
			t.Errorf("%s: the table is elsewhere", name)
		}
	}
	var refusal *tenancy.Error
	for name, err := range map[string]error{
		"DropColumn": db.Migrator().DropColumn(&folder{}, "name"), "DropTable": db.Migrator().DropTable(&folder{}),
		"DropView": db.Migrator().DropView("x"), "CreateIndex": db.Migrator().CreateIndex(&folder{}, "Name"),
	} {
		if !errors.As(err, &refusal) || !errors.Is(err, tenancy.ErrNoTenant) || refusal.Op != "migrate" {
			t.Errorf("%s without a tenant: want the operation and %v, got %v", name, tenancy.ErrNoTenant, err)
		}
	}
}

// TestMigratorOwnNames: indexes and constraints are known by the names that the models give
// them, whatever they are called for a tenant.
func TestMigratorOwnNames(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{tenancy: tenancy.Config{Models: []any{&folder{}, &paper{}}}})
		s.provision(t, "acme")
		m := s.as("acme").Migrator()
		for _, name := range []string{"Papers", "fk_folders_papers", "name_set"} {
			if !m.HasConstraint(&folder{}, name) {
				t.Errorf("there is no constraint %s", name)
			}
		}
		must(t, m.RenameIndex(&folder{}, "idx_folder", "idx_other"))
		if m.HasIndex(&folder{}, "idx_folder") || !m.HasIndex(&folder{}, "idx_other") {
			t.Error("the index is not known by its new name")
		}
		must(t, m.RenameIndex(&folder{}, "idx_other", "idx_folder"))
		must(t, s.migrate.Verify(context.Background(), tenancy.Tenant{ID: "acme"}))
	})
}
