package test

import (
	"strings"
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/conformance"
	"github.com/gormtenancy/tenancy/test/servers"
)

// TestMySQLCase: IDs that the server's own collation takes for one are two tenants.
func TestMySQLCase(t *testing.T) {
	t.Parallel()
	s := onMySQL(conformance.Subject{Strategy: func(testing.TB) tenancy.Strategy { return strategies.Shared{} }})
	ids := []string{"acme", "ACME", "Acme", "acmé", "ac me", "ac  me", "straße", "strasse"}
	w := conformance.Open(t, s, gorm.Config{}, tenancy.Config{Models: conformance.Models(), Shared: conformance.Shared()})
	for i, id := range ids {
		db := w.DB.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: id}))
		must(t, db.Create(&conformance.Item{Name: id, Parts: []conformance.Part{{Name: id}}}).Error)
		must(t, db.Save(&conformance.Setting{Code: "theme", Value: id}).Error)
		must(t, db.Create(&conformance.User{ID: 1, Name: id, Email: "common", Tags: []conformance.Tag{{ID: uint(i)}}}).Error)
	}
	for _, id := range ids {
		db := w.DB.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: id}))
		var items []conformance.Item
		must(t, db.Preload("Parts").Find(&items).Error)
		var settings []conformance.Setting
		must(t, db.Find(&settings).Error)
		var users []conformance.User
		must(t, db.Preload("Tags").Find(&users).Error)
		if len(items) != 1 || items[0].Name != id || len(items[0].Parts) != 1 || len(settings) != 1 || settings[0].Value != id || len(users) != 1 || len(users[0].Tags) != 1 {
			t.Errorf("%q reads %v, %v, %v", id, items, settings, users)
		}
	}
	m, err := migrate.New(w.DB)
	must(t, err)
	must(t, m.Destroy(t.Context(), tenancy.Tenant{ID: "ACME"}))
	var left int64
	must(t, w.DB.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "acme"})).Model(&conformance.Item{}).Count(&left).Error)
	if left != 1 {
		t.Errorf("acme has %d items after ACME was destroyed", left)
	}
}

// looseItem is conformance.Item as an application made it before it had tenants.
type looseItem struct {
	ID       uint
	TenantID string `gorm:"size:64"`
}

// TableName is that of looseItem's successor.
func (looseItem) TableName() string { return "items" }

// TestMySQLLooseCollation: a table in which two tenants may be one is refused.
func TestMySQLLooseCollation(t *testing.T) {
	t.Parallel()
	dsn := servers.NewMySQL(t).DSN
	open := func() *gorm.DB {
		db, err := gorm.Open(mysql.Open(dsn), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		pool, err := db.DB()
		must(t, err)
		t.Cleanup(func() { _ = pool.Close() })
		return db
	}
	config := tenancy.Config{Strategy: strategies.Shared{}, Models: []any{&looseItem{}}}
	early, plain := open(), open()
	must(t, early.Use(tenancy.Plugin(config)))
	must(t, plain.AutoMigrate(&looseItem{}))
	err := open().Use(tenancy.Plugin(config))
	if err == nil {
		t.Fatal("the table is taken")
	}
	wantKind(t, err, tenancy.ErrConfig)
	m, newErr := migrate.New(early)
	must(t, newErr)
	wantKind(t, m.Provision(t.Context(), tenancy.Tenant{ID: "acme"}), tenancy.ErrConfig)
	wantKind(t, m.Verify(t.Context(), tenancy.Tenant{ID: "acme"}), tenancy.ErrDrifted)

	_, cure, _ := strings.Cut(err.Error(), "ALTER TABLE")
	cure, _, _ = strings.Cut(cure, ", and the columns")
	must(t, plain.Exec("ALTER TABLE"+cure).Error)
	must(t, open().Use(tenancy.Plugin(config)))
	must(t, m.Provision(t.Context(), tenancy.Tenant{ID: "acme"}))
	must(t, m.Verify(t.Context(), tenancy.Tenant{ID: "acme"}))
}

// ownID is a Go type of tenant columns that says itself what the database's is, and looseID one
// that asks for a collation for which two IDs may be one.
type (
	ownID   string
	looseID string
)

// GormDBDataType is how GORM asks for the type of a column.
func (ownID) GormDBDataType(*gorm.DB, *schema.Field) string { return "varchar(40)" }

// GormDBDataType is how GORM asks for the type of a column.
func (looseID) GormDBDataType(*gorm.DB, *schema.Field) string {
	return "varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
}

type crate[T ~string] struct {
	ID       int64
	TenantID T
}

func (crate[T]) TableName() string { return "crates" }

// TestMySQLOwnTypes: a tenant column is exact whatever its Go type says, or refused, by the
// Provision that makes it.
func TestMySQLOwnTypes(t *testing.T) {
	t.Parallel()
	open := func(model any) (*gorm.DB, error) {
		db := newMySQLHost(t).base(t, &gorm.Config{Logger: logger.Discard})
		must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Shared{}, Models: []any{model}})))
		t.Cleanup(func() { must(t, tenancy.Close(db)) })
		m, err := migrate.New(db)
		must(t, err)
		return db, m.Provision(t.Context(), tenancy.Tenant{ID: "acme"})
	}
	as := func(db *gorm.DB, id string) *gorm.DB {
		return db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: id}))
	}
	db, err := open(&crate[ownID]{})
	must(t, err)
	must(t, as(db, "acme").Create(&crate[ownID]{}).Error)
	types, err := as(db, "acme").Migrator().ColumnTypes(&crate[ownID]{})
	must(t, err)
	if kind, _ := types[1].ColumnType(); kind != "varchar(40)" {
		t.Errorf("the column %s is a %s", types[1].Name(), kind)
	}
	for id, want := range map[string]int64{"acme": 1, "ACME": 0, "acmé": 0} {
		var found int64
		must(t, as(db, id).Model(&crate[ownID]{}).Count(&found).Error)
		if found != want {
			t.Errorf("%q finds %d rows, want %d", id, found, want)
		}
	}
	_, err = open(&crate[looseID]{})
	wellMade(t, err, tenancy.ErrConfig, "crates has the collation utf8mb4_general_ci")
}
