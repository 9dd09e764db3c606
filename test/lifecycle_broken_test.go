package test

import (
	"errors"
	"slices"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// Models for the table of note that cannot be had: not with rows in it, or not at all.

type noteWithoutDefault struct {
	ID       uint
	TenantID string
	Must     string `gorm:"not null"`
}

func (noteWithoutDefault) TableName() string { return "notes" }

type noteUnique struct {
	ID       uint
	TenantID string `gorm:"uniqueIndex:idx_one_note"`
	Owner    string
}

func (noteUnique) TableName() string { return "notes" }

type noteChecked struct {
	ID       uint
	TenantID string
	Owner    string
	Text     string `gorm:"check:chk_no_text,length(text) > 1000"`
}

func (noteChecked) TableName() string { return "notes" }

type noteBadIndex struct {
	ID       uint
	TenantID string
	Owner    string `gorm:"index:idx_bad,expression:no_such_function(owner)"`
}

func (noteBadIndex) TableName() string { return "notes" }

// extra is a model that works, and comes before the broken ones.
type extra struct {
	ID       uint
	TenantID string
	Text     string
}

// folioMore is folio with a new column.
type folioMore struct {
	TenantID string `gorm:"primaryKey;size:191"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	More     string
}

func (folioMore) TableName() string { return "folios" }

// withModels is a setup for the same place with other models.
func withModels(root string, models ...any) setup {
	return setup{root: root, tenancy: tenancy.Config{Models: models, Shared: sharedModels()}}
}

// TestBrokenModelSparesTheLiving: provisioning again with a model that cannot work is an
// error, and the tenant is as it was.
func TestBrokenModelSparesTheLiving(t *testing.T) {
	t.Parallel()
	broken := map[string]any{
		"column without default": &noteWithoutDefault{},
		"index not unique":       &noteUnique{},
		"check fails":            &noteChecked{},
		"invalid index":          &noteBadIndex{},
	}
	eachKind(t, func(t *testing.T, k kind) {
		for name, model := range broken {
			t.Run(name, func(t *testing.T) {
				root := t.TempDir()
				good := openSite(t, k, setup{root: root})
				good.provision(t, "acme", "globex")
				good.fill(t, "acme", 3)
				good.fill(t, "globex", 2)
				before := good.trace(t, "acme")

				bad := openSite(t, k, withModels(root, &extra{}, &folioMore{}, model))
				err := bad.migrate.Provision(t.Context(), tenancy.Tenant{ID: "acme"})
				wantKind(t, err, tenancy.ErrMigration)
				wantTenant(t, err, "provision", "acme", k.name)

				after := good.trace(t, "acme")
				same(t, "structures", after.structures, before.structures)
				same(t, "registrations", after.registered, before.registered)
				same(t, "files", after.files, before.files)
				for id, rows := range map[string]int{"acme": 3, "globex": 2} {
					good.holds(t, id, rows)
					must(t, good.migrate.Verify(t.Context(), tenancy.Tenant{ID: id}))
				}
				wantKind(t, bad.migrate.Verify(t.Context(), tenancy.Tenant{ID: "acme"}), tenancy.ErrDrifted)
				good.enforces(t, "acme")
			})
		}
	})
}

// TestBrokenModelLeavesNothing: provisioning a new tenant with a model that cannot work
// leaves no table, no file and no registration.
func TestBrokenModelLeavesNothing(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		for _, first := range []bool{true, false} {
			t.Run(map[bool]string{true: "first tenant", false: "next tenant"}[first], func(t *testing.T) {
				root := t.TempDir()
				good := openSite(t, k, setup{root: root})
				must(t, good.db.AutoMigrate(&tariff{}))
				if !first {
					good.provision(t, "globex")
				}
				before := trace{good.objects(t), good.registered(t), files(t, good.tenants)}
				bad := openSite(t, k, withModels(root, &extra{}, &folio{}, &sheet{}, &noteBadIndex{}))
				acme := tenancy.Tenant{ID: "acme"}
				wantKind(t, bad.migrate.Provision(t.Context(), acme), tenancy.ErrMigration)
				if err := bad.as("acme").AutoMigrate(&noteBadIndex{}); err == nil {
					t.Error("AutoMigrate made an index that cannot be made")
				}

				same(t, "objects", good.objects(t), before.structures)
				same(t, "registrations", good.registered(t), before.registered)
				same(t, "files", names(files(t, good.tenants)), names(before.files))
				if k.name != "shared" {
					wantKind(t, good.migrate.Verify(t.Context(), acme), tenancy.ErrNotProvisioned)
				}
				good.provision(t, "acme")
				good.fill(t, "acme", 1)
				good.holds(t, "acme", 1)
			})
		}
	})
}

// wantTenant fails unless err is a *tenancy.Error that says what, whose and how.
func wantTenant(t testing.TB, err error, op, id, strategy string) {
	t.Helper()
	var e *tenancy.Error
	switch {
	case !errors.As(err, &e):
		t.Errorf("the error %v is no *tenancy.Error", err)
	case op != "" && e.Op != op || e.Op == "" || e.Tenant != id || e.Strategy != strategy:
		t.Errorf("the error %q says operation %q, tenant %q, strategy %q; want %q, %q, %q", err, e.Op, e.Tenant, e.Strategy, op, id, strategy)
	}
}

// enforces fails unless the database enforces foreign keys for the tenant, on each of
// some connections.
func (s *site) enforces(t testing.TB, id string) {
	t.Helper()
	db := s.as(id)
	if s.kind.name != "database" {
		db = s.system()
	}
	for range 2 {
		must(t, db.Transaction(func(outer *gorm.DB) error {
			return db.Connection(func(inner *gorm.DB) error {
				for _, conn := range []*gorm.DB{outer, inner} {
					var on bool
					if err := conn.Raw("PRAGMA foreign_keys").Scan(&on).Error; err != nil {
						return err
					}
					if !on {
						t.Error("foreign keys are off on a connection")
					}
				}
				return nil
			})
		}))
	}
	wrong := &sheet{ID: 1000, FolioID: 1000, Owner: id}
	if err := s.as(id).Create(wrong).Error; err == nil {
		t.Error("a sheet of no folio was taken")
	}
}

// Models that change a column in a way for which SQLite has to build the table anew.

type folioWide struct {
	TenantID string  `gorm:"primaryKey;size:191"`
	ID       int64   `gorm:"primaryKey;autoIncrement:false"`
	Owner    string  `gorm:"index"`
	Body     string  `gorm:"type:varchar(900);not null;default:'none'"`
	Hits     float64 `gorm:"type:numeric"`
}

func (folioWide) TableName() string { return "folios" }

// TestRebuildingATableLosesNothing changes a column of a table that others refer to, with
// foreign keys on and ON DELETE CASCADE.
func TestRebuildingATableLosesNothing(t *testing.T) {
	t.Parallel()
	migrations := map[string]func(*testing.T, *site){
		"Provision": func(t *testing.T, s *site) {
			t.Helper()
			must(t, s.migrate.Provision(t.Context(), tenancy.Tenant{ID: "acme"}))
		},
		"AutoMigrate": func(t *testing.T, s *site) {
			t.Helper()
			must(t, s.as("acme").AutoMigrate(&folioWide{}))
		},
	}
	eachKind(t, func(t *testing.T, k kind) {
		for name, migrate := range migrations {
			t.Run(name, func(t *testing.T) {
				root := t.TempDir()
				s := openSite(t, k, setup{root: root})
				s.provision(t, "acme", "globex")
				s.fill(t, "acme", 5)
				s.fill(t, "globex", 4)
				before := s.structures(t, "acme")
				migrate(t, openSite(t, k, withModels(root, &folioWide{})))
				if slices.Equal(before, s.structures(t, "acme")) {
					t.Error("nothing was changed")
				}
				s.holds(t, "acme", 5)
				s.holds(t, "globex", 4)
				s.enforces(t, "acme")
				s.enforces(t, "globex")
			})
		}
	})
}

// TestAutoMigrateAtOnce migrates one new tenant from many goroutines.
func TestAutoMigrateAtOnce(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		want := onceProvisioned(t, k)
		s := openSite(t, k, setup{})
		atOnce(t, crowd, func(int) error { return s.as("acme").AutoMigrate(ownedModels()...) })
		must(t, s.db.AutoMigrate(&tariff{}))
		same(t, "structures", s.structures(t, "acme"), want.structures)
		atOnce(t, crowd, func(int) error { return s.as("acme").AutoMigrate(&extra{}) })
		must(t, s.as("acme").Create(&extra{Text: "unlisted"}).Error)
		must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "acme"}))
		s.fill(t, "acme", 2)
		s.holds(t, "acme", 2)
	})
}
