package test

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

// quay and bollard have keys that begin with the tenant column.
type quay struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
	Name     string
	Bollards []bollard `gorm:"foreignKey:TenantID,QuayID;references:TenantID,ID"`
	Charts   []chart   `gorm:"many2many:quay_charts"`
}

type bollard struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
	QuayID   uint
}

type chart struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
}

// mooring refers to a quay by another column than its own tenant's.
type mooring struct {
	QuayTenant string `gorm:"primaryKey;size:64"`
	QuayID     uint   `gorm:"primaryKey;autoIncrement:false"`
	TenantID   string `gorm:"size:64"`
	Quay       *quay  `gorm:"foreignKey:QuayTenant,QuayID;references:TenantID,ID"`
}

// TestKeysWithoutTenant: what is found by a key that lacks its tenant alone is the context's
// tenant's, or an error, and never silently nothing.
func TestKeysWithoutTenant(t *testing.T) {
	t.Parallel()
	models := []any{&quay{}, &bollard{}, &chart{}, &mooring{}}
	run := func(t *testing.T, s *site) {
		s.provision(t, "acme", "globex")
		for _, id := range []string{"acme", "globex"} {
			must(t, s.as(id).Create(&[]quay{{ID: 1, Name: id, Bollards: []bollard{{ID: 1}}, Charts: []chart{{ID: 1}}}, {ID: 2, Name: id}, {ID: 3, Name: id}}).Error)
		}
		acme := s.as("acme")
		for _, c := range []struct {
			name string
			do   func() *gorm.DB
			rows int64 // -1: an error
		}{
			{"update of a slice", func() *gorm.DB { return acme.Model([]quay{{ID: 1}, {ID: 2}}).Update("name", "changed") }, 2},
			{"update of one", func() *gorm.DB { return acme.Model(&quay{ID: 1}).Update("name", "again") }, 1},
			{"updates", func() *gorm.DB { return acme.Updates(&quay{ID: 1, Name: "more"}) }, 1},
			{"delete of a pointer", func() *gorm.DB { return acme.Delete(&quay{ID: 2}) }, 1},
			{"delete of a slice", func() *gorm.DB { return acme.Delete([]quay{{ID: 3}}) }, 1},
			{"delete of a value", func() *gorm.DB { return acme.Delete(quay{ID: 1}) }, -1},
			{"delete of another's", func() *gorm.DB { return acme.Delete(&quay{TenantID: "globex", ID: 1}) }, -1},
			{"delete by a tuple", func() *gorm.DB { return acme.Where([]quay{{TenantID: "globex", ID: 1}}).Delete(&quay{}) }, -1},
			{"delete without a key", func() *gorm.DB { return acme.Delete(&quay{}) }, -1},
			{"delete of empty rows", func() *gorm.DB { return acme.Delete(&[]quay{{}, {}}) }, -1},
			{"update without a key", func() *gorm.DB { return acme.Model(&quay{}).Update("name", "all") }, -1},
			{"delete by a condition", func() *gorm.DB { return acme.Delete(&quay{}, "id = ?", 77) }, 0},
			{"a condition of nobody", func() *gorm.DB { return acme.Where(map[string]any{"tenant_id": ""}).Find(&[]quay{}) }, -1},
		} {
			tx := c.do()
			if failed := tx.Error != nil; failed != (c.rows < 0) || !failed && tx.RowsAffected != c.rows {
				t.Errorf("%s: %d rows, %v, want %d", c.name, tx.RowsAffected, tx.Error, c.rows)
			}
		}
		var names []string
		must(t, s.as("globex").Model(&quay{}).Order("id").Pluck("name", &names).Error)
		same(t, "globex's", names, []string{"globex", "globex", "globex"})

		must(t, acme.Create(&mooring{QuayID: 1}).Error)
		var moored mooring
		must(t, acme.Preload("Quay").First(&moored).Error)
		if moored.Quay == nil || moored.Quay.Name != "more" {
			t.Errorf("moored at %+v", moored.Quay)
		}
		wantKind(t, acme.Create(&mooring{QuayTenant: "globex", QuayID: 1}).Error, tenancy.ErrTenantMismatch)
		must(t, acme.Delete(&moored).Error)

		parent := func() *gorm.Association { return acme.Model(&quay{ID: 1}).Association("Charts") }
		wantKind(t, parent().Append(&chart{ID: 2}), nil)
		var charts []chart
		must(t, acme.Model(&quay{TenantID: "acme", ID: 1}).Association("Charts").Find(&charts))
		if len(charts) != 2 {
			t.Errorf("%d charts of a quay whose tenant was not set when one was added", len(charts))
		}
		wantKind(t, parent().Find(&charts), tenancy.ErrTenantMismatch)
		wantKind(t, parent().Clear(), tenancy.ErrTenantMismatch)
		wantKind(t, acme.Model(&quay{ID: 1}).Association("Bollards").Find(&[]bollard{}), tenancy.ErrTenantMismatch)
		if n := acme.Model(&quay{TenantID: "acme", ID: 1}).Association("Charts").Count(); n != 2 {
			t.Errorf("%d charts are left", n)
		}
		must(t, acme.Select(clause.Associations).Delete(&quay{ID: 1}).Error)
		var left []bollard
		must(t, acme.Find(&left).Error)
		if len(left) != 0 {
			t.Errorf("left: %+v", left)
		}
	}
	for _, k := range []kind{bySchema, byDatabase, byShared} {
		t.Run(k.name, func(t *testing.T) {
			run(t, openSite(t, k, setup{root: t.TempDir(), tenancy: tenancy.Config{Models: models}}))
		})
	}
	for _, k := range pgKinds {
		t.Run("postgres/"+k.name, func(t *testing.T) {
			run(t, openPG(t, newPG(t), k, pgSetup{models: models}).site)
		})
	}
	t.Run("mysql", func(t *testing.T) { run(t, hosts["mysql"](t).site(t, models)) })
}

// guild is a shared model whose key is a tenant, and ally refers to any of them.
type guild struct {
	TenantID string `gorm:"primaryKey;size:64"`
}

type ally struct {
	ID       uint
	TenantID string `gorm:"size:64"`
	GuildID  string `gorm:"size:64"`
	Guild    *guild `gorm:"references:TenantID"`
}

// TestKeysOfSharedRows: a shared row is everybody's, whatever its key is called.
func TestKeysOfSharedRows(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{bySchema, byShared} {
		t.Run(k.name, func(t *testing.T) {
			s := openSite(t, k, setup{root: t.TempDir(), tenancy: tenancy.Config{Models: []any{&ally{}}, Shared: []any{&guild{}}}})
			s.provision(t, "acme")
			must(t, s.system().Create(&guild{TenantID: "globex"}).Error)
			must(t, s.as("acme").Create(&ally{GuildID: "globex"}).Error)
			var one ally
			must(t, s.as("acme").Preload("Guild").First(&one, "guild_id = ?", "globex").Error)
			if one.Guild == nil {
				t.Error("the guild is not found")
			}
		})
	}
}

// TestOuterJoins: a join that keeps rows without a partner keeps them, where the tables are the
// tenant's by more than their column.
func TestOuterJoins(t *testing.T) {
	t.Parallel()
	models := []any{&quay{}, &bollard{}, &chart{}, &mooring{}}
	run := func(t *testing.T, s *site) {
		s.provision(t, "acme", "globex")
		for _, id := range []string{"acme", "globex"} {
			must(t, s.as(id).Create(&[]quay{{ID: 1, Name: id}, {ID: 2, Name: id}}).Error)
			must(t, s.as(id).Create(&bollard{ID: 1, QuayID: 1}).Error)
		}
		for _, join := range []string{
			"RIGHT JOIN quays ON quays.id = bollards.quay_id AND quays.tenant_id = bollards.tenant_id",
			"right outer join quays on quays.id = bollards.quay_id and quays.tenant_id = bollards.tenant_id",
			"FULL JOIN quays ON quays.id = bollards.quay_id AND quays.tenant_id = bollards.tenant_id",
		} {
			var names []string
			must(t, s.as("acme").Model(&bollard{}).Joins(join).Order("quays.id").Pluck("quays.name", &names).Error)
			same(t, join, names, []string{"acme", "acme"})
		}
		var inner int64
		must(t, s.as("acme").Model(&bollard{}).Joins("JOIN quays ON quays.id = bollards.quay_id").Count(&inner).Error)
		if inner != 1 {
			t.Errorf("%d bollards", inner)
		}
		var moored []mooring
		must(t, s.as("acme").Model(&mooring{}).Joins("Quay").Find(&moored).Error)
	}
	for _, k := range []kind{bySchema, byDatabase} {
		t.Run(k.name, func(t *testing.T) {
			run(t, openSite(t, k, setup{root: t.TempDir(), tenancy: tenancy.Config{Models: models}}))
		})
	}
	for _, k := range pgKinds {
		t.Run("postgres/"+k.name, func(t *testing.T) {
			run(t, openPG(t, newPG(t), k, pgSetup{models: models}).site)
		})
	}
	t.Run("shared", func(t *testing.T) {
		s := openSite(t, byShared, setup{root: t.TempDir(), tenancy: tenancy.Config{Models: models}})
		s.provision(t, "acme")
		err := s.as("acme").Model(&bollard{}).Joins("RIGHT JOIN quays ON quays.id = bollards.quay_id").Find(&[]bollard{}).Error
		wantKind(t, err, tenancy.ErrRawSQL)
	})
}
