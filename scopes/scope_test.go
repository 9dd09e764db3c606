package scopes_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy/scopes"
)

type item struct {
	ID       uint
	TenantID string `gorm:"index"`
	Name     string
	Price    int
}

type parcel struct {
	ID       uint
	TenantID string
	Name     string
	Deleted  gorm.DeletedAt
}

type pair struct {
	TenantID string `gorm:"primaryKey"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
	Name     string
}

type homeless struct{ ID uint }

// open returns a database with the same rows for two tenants.
func open(t testing.TB, models ...any) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "scopes.db")), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	base, err := db.DB()
	must(t, err)
	t.Cleanup(func() { must(t, base.Close()) })
	models = append(models, &item{}, &parcel{}, &pair{}, &homeless{})
	must(t, db.AutoMigrate(models...))
	for i, id := range []string{"acme", "globex", "acme", "globex"} {
		name := []string{"first", "first", "second", "second"}[i]
		must(t, db.Create(&item{TenantID: id, Name: name, Price: i}).Error)
		must(t, db.Create(&parcel{TenantID: id, Name: name}).Error)
		must(t, db.Create(&pair{TenantID: id, ID: uint(i / 2), Name: name}).Error)
	}
	return db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// left counts the rows of a tenant, deleted ones too where there is a soft delete and
// they were not really deleted.
func left(t testing.TB, db *gorm.DB, model any, id string) int64 {
	t.Helper()
	var n int64
	must(t, db.Model(model).Where("tenant_id = ?", id).Count(&n).Error)
	return n
}

// TestReads narrows what is read, whatever the conditions are.
func TestReads(t *testing.T) {
	db := open(t)
	acme := scopes.Tenant("acme")
	for name, test := range map[string]struct {
		run  func(*gorm.DB) *gorm.DB
		want int
	}{
		"all":              {func(db *gorm.DB) *gorm.DB { return db }, 2},
		"where":            {func(db *gorm.DB) *gorm.DB { return db.Where("name = ?", "first") }, 1},
		"or":               {func(db *gorm.DB) *gorm.DB { return db.Where("name = ?", "first").Or("name = ?", "second") }, 2},
		"or of everything": {func(db *gorm.DB) *gorm.DB { return db.Where("name = 'first'").Or("1 = 1") }, 2},
		"or in a text":     {func(db *gorm.DB) *gorm.DB { return db.Where("name = 'x' OR 1 = 1") }, 2},
		"or first":         {func(db *gorm.DB) *gorm.DB { return db.Or("1 = 1") }, 2},
		"not":              {func(db *gorm.DB) *gorm.DB { return db.Not("name = ?", "first") }, 1},
		"struct":           {func(db *gorm.DB) *gorm.DB { return db.Where(&item{Name: "second"}) }, 1},
		"map":              {func(db *gorm.DB) *gorm.DB { return db.Where(map[string]any{"name": []string{"first", "second"}}) }, 2},
		"own tenant":       {func(db *gorm.DB) *gorm.DB { return db.Where("tenant_id = ?", "acme") }, 2},
		"limit and order":  {func(db *gorm.DB) *gorm.DB { return db.Order("id DESC").Limit(1) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for order, scoped := range map[string]*gorm.DB{
				"scope first": test.run(db.Scopes(acme)),
				"scope last":  test.run(db.Session(&gorm.Session{})).Scopes(acme),
			} {
				var rows []item
				must(t, scoped.Find(&rows).Error)
				if len(rows) != test.want {
					t.Errorf("%s: %d rows, want %d", order, len(rows), test.want)
				}
				for _, row := range rows {
					if row.TenantID != "acme" {
						t.Errorf("%s: a row of %q", order, row.TenantID)
					}
				}
			}
		})
	}
}

// TestOtherTenantsConditions are refused.
func TestOtherTenantsConditions(t *testing.T) {
	db := open(t)
	for name, where := range map[string]func(*gorm.DB) *gorm.DB{
		"text":      func(db *gorm.DB) *gorm.DB { return db.Where("tenant_id = ?", "globex") },
		"qualified": func(db *gorm.DB) *gorm.DB { return db.Where("items.tenant_id = ?", "globex") },
		"struct":    func(db *gorm.DB) *gorm.DB { return db.Where(&item{TenantID: "globex"}) },
		"map":       func(db *gorm.DB) *gorm.DB { return db.Where(map[string]any{"tenant_id": "globex"}) },
		"list":      func(db *gorm.DB) *gorm.DB { return db.Where(map[string]any{"tenant_id": []string{"acme", "globex"}}) },
		"in an or":  func(db *gorm.DB) *gorm.DB { return db.Where("name = 'x'").Or("tenant_id = ?", "globex") },
		"clause":    func(db *gorm.DB) *gorm.DB { return db.Where(clause.Eq{Column: "tenant_id", Value: "globex"}) },
	} {
		t.Run(name, func(t *testing.T) {
			err := where(db.Session(&gorm.Session{})).Scopes(scopes.Tenant("acme")).Find(&[]item{}).Error
			if !errors.Is(err, scopes.ErrTenantMismatch) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestSoftDelete keeps its own condition, and Unscoped lifts that one alone.
func TestSoftDelete(t *testing.T) {
	db := open(t)
	acme := scopes.Tenant("acme")
	must(t, db.Scopes(acme).Where("name = ?", "first").Delete(&parcel{}).Error)
	for name, test := range map[string]struct {
		db   *gorm.DB
		want int64
	}{
		"living":          {db.Scopes(acme), 1},
		"living, or":      {db.Scopes(acme).Where("1 = 0").Or("1 = 1"), 1},
		"all":             {db.Scopes(acme).Unscoped(), 2},
		"of the other":    {db.Scopes(scopes.Tenant("globex")), 2},
		"all, with an or": {db.Scopes(acme).Unscoped().Where("1 = 0").Or("1 = 1"), 2},
	} {
		t.Run(name, func(t *testing.T) {
			var n int64
			must(t, test.db.Model(&parcel{}).Count(&n).Error)
			if n != test.want {
				t.Errorf("%d rows, want %d", n, test.want)
			}
		})
	}
}

// TestMissingWhere: the predicate is no condition of the user's, so updates and deletes
// of everything are still refused.
func TestMissingWhere(t *testing.T) {
	db := open(t)
	acme := scopes.Tenant("acme")
	for name, run := range map[string]func() error{
		"update":              func() error { return db.Scopes(acme).Model(&item{}).Update("name", "x").Error },
		"updates":             func() error { return db.Scopes(acme).Model(&item{}).Updates(map[string]any{"name": "x"}).Error },
		"delete":              func() error { return db.Scopes(acme).Delete(&item{}).Error },
		"update, soft delete": func() error { return db.Scopes(acme).Model(&parcel{}).Update("name", "x").Error },
		"delete, soft delete": func() error { return db.Scopes(acme).Delete(&parcel{}).Error },
		"unscoped delete":     func() error { return db.Scopes(acme).Unscoped().Delete(&parcel{}).Error },
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(); !errors.Is(err, gorm.ErrMissingWhereClause) {
				t.Errorf("got %v", err)
			}
		})
	}
	for _, id := range []string{"acme", "globex"} {
		if n := left(t, db, &item{}, id) + left(t, db, &parcel{}, id); n != 4 {
			t.Errorf("%d rows are left of %s", n, id)
		}
	}
	t.Run("asked for", func(t *testing.T) {
		all := db.Session(&gorm.Session{AllowGlobalUpdate: true})
		must(t, all.Scopes(acme).Delete(&item{}).Error)
		must(t, all.Scopes(acme).Delete(&parcel{}).Error)
		if left(t, db, &item{}, "acme") != 0 || left(t, db, &item{}, "globex") != 2 || left(t, db, &parcel{}, "globex") != 2 {
			t.Error("the wrong rows were deleted")
		}
	})
}

// TestChanges narrows updates and deletes that have conditions.
func TestChanges(t *testing.T) {
	db := open(t)
	acme := scopes.Tenant("acme")
	done := db.Scopes(acme).Model(&item{}).Where("name = 'first'").Or("name = 'second'").Update("price", 50)
	must(t, done.Error)
	if done.RowsAffected != 2 {
		t.Errorf("%d rows were updated", done.RowsAffected)
	}
	done = db.Scopes(acme).Where("price = 50").Or("1 = 1").Delete(&item{})
	must(t, done.Error)
	if done.RowsAffected != 2 || left(t, db, &item{}, "globex") != 2 {
		t.Errorf("%d rows were deleted", done.RowsAffected)
	}
	done = db.Scopes(acme).Where("id = 2").Delete(&item{}) // globex's
	must(t, done.Error)
	if done.RowsAffected != 0 {
		t.Error("another tenant's row was deleted by its key")
	}
}

// TestStamp writes the tenant into rows of all shapes, and refuses another tenant's.
func TestStamp(t *testing.T) {
	db := open(t)
	acme := scopes.Tenant("acme")
	for name, test := range map[string]struct {
		make func(id string) any
		rows int64
	}{
		"struct":            {func(id string) any { return &item{TenantID: id, Name: "new"} }, 1},
		"slice":             {func(id string) any { return &[]item{{Name: "new"}, {TenantID: id, Name: "new"}} }, 2},
		"slice of pointers": {func(id string) any { return []*item{{TenantID: id, Name: "new"}, {Name: "new"}} }, 2},
		"array":             {func(id string) any { return &[2]item{{Name: "new"}, {TenantID: id, Name: "new"}} }, 2},
		"map":               {func(id string) any { return map[string]any{"name": "new", "tenant_id": id} }, 1},
		"map by field":      {func(id string) any { return map[string]any{"Name": "new", "TenantID": id} }, 1},
		"maps":              {func(id string) any { return &[]map[string]any{{"name": "new"}, {"name": "new", "tenant_id": id}} }, 2},
		"pointer to maps":   {func(id string) any { return &[]map[string]any{{"name": "new", "tenant_id": id}} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, id := range []string{"", "acme"} {
				must(t, db.Session(&gorm.Session{AllowGlobalUpdate: true}).Where("name = 'new'").Delete(&item{}).Error)
				must(t, db.Scopes(acme).Model(&item{}).Create(test.make(id)).Error)
				var rows []item
				must(t, db.Where("name = 'new'").Find(&rows).Error)
				if int64(len(rows)) != test.rows {
					t.Errorf("%d rows, want %d", len(rows), test.rows)
				}
				for _, row := range rows {
					if row.TenantID != "acme" {
						t.Errorf("with the tenant %q the row is %q's", id, row.TenantID)
					}
				}
			}
			before := left(t, db, &item{}, "acme") + left(t, db, &item{}, "globex")
			err := db.Scopes(acme).Model(&item{}).Create(test.make("globex")).Error
			if !errors.Is(err, scopes.ErrTenantMismatch) {
				t.Errorf("a row of another tenant: %v", err)
			}
			if after := left(t, db, &item{}, "acme") + left(t, db, &item{}, "globex"); after != before {
				t.Errorf("%d rows, there were %d", after, before)
			}
		})
	}
}

// TestUpsert changes no row of another tenant.
func TestUpsert(t *testing.T) {
	acme := scopes.Tenant("acme")
	foreign, own := uint(2), uint(1)
	for name, conflict := range map[string]clause.OnConflict{
		"all":         {UpdateAll: true},
		"some":        {Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"name", "tenant_id"})},
		"with where":  {Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"name"}), Where: clause.Where{Exprs: []clause.Expression{clause.Or(clause.Expr{SQL: "1 = 1"})}}},
		"tenant only": {Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"tenant_id"})},
		"nothing":     {DoNothing: true},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			must(t, db.Clauses(conflict).Scopes(acme).Create(&[]item{{ID: foreign, Name: "stolen"}, {ID: own, Name: "changed"}}).Error)
			var row item
			must(t, db.First(&row, foreign).Error)
			if row.TenantID != "globex" || row.Name != "first" {
				t.Errorf("globex's row is now %+v", row)
			}
			row = item{}
			must(t, db.First(&row, own).Error)
			if changed := row.Name == "changed"; row.TenantID != "acme" || changed != (name == "some" || name == "with where" || name == "all") {
				t.Errorf("acme's row is now %+v", row)
			}
		})
	}
}

// TestUpsertGivesNothingAway refuses an assignment of another tenant, as an update does.
func TestUpsertGivesNothingAway(t *testing.T) {
	db := open(t)
	err := db.Scopes(scopes.Tenant("acme")).Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "id"}},
		DoUpdates: clause.Assignments(map[string]any{"tenant_id": "globex"}),
	}).Create(&item{ID: 1, Name: "given"}).Error
	if !errors.Is(err, scopes.ErrTenantMismatch) {
		t.Errorf("want %v, got %v", scopes.ErrTenantMismatch, err)
	}
}

// TestModelWithoutColumn is an error that says what to do.
func TestModelWithoutColumn(t *testing.T) {
	db := open(t)
	err := db.Scopes(scopes.Tenant("acme")).Find(&[]homeless{}).Error
	if err == nil || !strings.Contains(err.Error(), "tenant_id") || !strings.Contains(err.Error(), "add it to the model") {
		t.Errorf("got %v", err)
	}
	must(t, db.Scopes(scopes.By("name", "first")).Find(&[]item{}).Error)
}
