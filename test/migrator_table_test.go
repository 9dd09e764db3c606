package test

import (
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// TestMigratorOfOtherTable: a migrator that is told another table than its model's changes and
// drops none.
func TestMigratorOfOtherTable(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, s *site) {
		s.provision(t, "acme")
		must(t, s.as("acme").Create(&folio{ID: 1}).Error)
		other := func() *gorm.DB { return s.as("acme").Table("folios_of_2024") }
		for _, err := range []error{
			other().AutoMigrate(&folio{}),
			other().Migrator().CreateTable(&folio{}),
			other().Migrator().DropTable(&folio{}),
			other().Migrator().DropColumn(&folio{}, "hits"),
			other().Migrator().RenameColumn(&folio{}, "hits", "strikes"),
		} {
			if err == nil {
				t.Error("a migration of another table passed")
			}
		}
		wantKind(t, other().Migrator().DropTable(&folio{}), tenancy.ErrConfig)
		if other().Migrator().HasTable(&folio{}) {
			t.Error("there is a table that nobody made")
		}
		var n int64
		must(t, s.as("acme").Model(&folio{}).Where("hits = 0").Count(&n).Error)
		if n != 1 {
			t.Errorf("%d rows are left", n)
		}
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { run(t, openSite(t, k, setup{root: t.TempDir()})) })
	}
	for _, k := range pgKinds {
		t.Run("postgres/"+k.name, func(t *testing.T) { run(t, openPG(t, newPG(t), k, pgSetup{}).site) })
	}
}
