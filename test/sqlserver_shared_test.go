package test

import (
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// msNote has a hook that lets it go to another tenant.
type msNote struct {
	ID       uint
	TenantID string `gorm:"size:64"`
	Text     string `gorm:"size:64"`
	Stray    string `gorm:"-"`
}

func (msNote) TableName() string { return "notes" }

// BeforeCreate comes after the rows were stamped.
func (n *msNote) BeforeCreate(*gorm.DB) error {
	switch n.Stray {
	case "":
	case "nobody":
		n.TenantID = ""
	default:
		n.TenantID = n.Stray
	}
	return nil
}

// TestSQLServerShared: where the tenant column is the only wall, it is written last, and a
// MERGE that meets another tenant's row changes nothing and is an error.
func TestSQLServerShared(t *testing.T) {
	t.Parallel()
	config := tenancy.Config{Strategy: strategies.Shared{}, Models: []any{&msNote{}}}
	var text strings.Builder
	for _, c := range []struct {
		name    string
		foreign int64
		run     func(db *gorm.DB) *gorm.DB
		want    error
	}{
		{"create", 0, func(db *gorm.DB) *gorm.DB { return db.Create(&msNote{Text: "a"}) }, nil},
		{"create without the tenant", 0, func(db *gorm.DB) *gorm.DB { return db.Omit("TenantID").Create(&msNote{Text: "a"}) }, nil},
		{"create some columns", 0, func(db *gorm.DB) *gorm.DB { return db.Select("Text").Create(&msNote{Text: "a"}) }, nil},
		{"create from a map", 0, func(db *gorm.DB) *gorm.DB { return db.Model(&msNote{}).Create(map[string]any{"text": "a"}) }, nil},
		{"create by a hook for another", 0, func(db *gorm.DB) *gorm.DB { return db.Create(&msNote{Text: "a", Stray: "globex"}) }, tenancy.ErrTenantMismatch},
		{"create by a hook for nobody", 0, func(db *gorm.DB) *gorm.DB { return db.Create(&msNote{Text: "a", Stray: "nobody"}) }, nil},
		{"upsert", 0, func(db *gorm.DB) *gorm.DB {
			return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&[]msNote{{ID: 1, Text: "up"}, {ID: 2, Text: "up"}})
		}, nil},
		{"upsert that meets another's row", 1, func(db *gorm.DB) *gorm.DB {
			return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&msNote{ID: 1, Text: "up"})
		}, tenancy.ErrTenantMismatch},
		{"upsert nothing that meets another's row", 1, func(db *gorm.DB) *gorm.DB {
			return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&msNote{ID: 1, Text: "up"})
		}, tenancy.ErrTenantMismatch},
		{"upsert that sets the tenant", 0, func(db *gorm.DB) *gorm.DB {
			return db.Clauses(clause.OnConflict{DoUpdates: clause.Assignments(map[string]any{"text": gorm.Expr("UPPER(?)", "x"), "tenant_id": "globex"})}).Create(&msNote{ID: 1, Text: "up"})
		}, tenancy.ErrRawSQL},
		{"raw", 0, func(db *gorm.DB) *gorm.DB { return db.Exec("DELETE FROM notes") }, tenancy.ErrRawSQL},
		{"provision", 0, func(db *gorm.DB) *gorm.DB {
			m, err := migrate.New(db)
			must(t, err)
			_ = db.AddError(m.Provision(db.Statement.Context, tenancy.Tenant{ID: "acme"}))
			return db
		}, nil},
	} {
		db, rolls := openTapeWith(t, config, rowOf(`^SELECT count`, "n", c.foreign), rowOf(`OUTPUT INSERTED`, "id", int64(7)), rowOf(`DB_NAME\(\)`, "name", "app"))
		err := c.run(db.Session(&gorm.Session{Context: tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "acme"})})).Error
		if c.want == nil {
			must(t, err)
		} else {
			wantKind(t, err, c.want)
		}
		fmt.Fprintf(&text, "-- %s\n", c.name)
		for _, statement := range rolls.take() {
			fmt.Fprintln(&text, statement)
		}
		if err != nil {
			fmt.Fprintf(&text, "-- %v\n", err)
		}
		fmt.Fprintln(&text)
	}
	golden(t, "sqlserver/shared.sql", text.String())
}
