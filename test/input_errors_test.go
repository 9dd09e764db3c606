package test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// TestUseTwice: a handle takes the plugin once, be it the same or another.
func TestUseTwice(t *testing.T) {
	t.Parallel()
	db := openPlain(t, &gorm.Config{})
	cfg := tenancy.Config{Strategy: strategies.Schema{}, Models: []any{&folio{}}}
	plugin := tenancy.Plugin(cfg)
	must(t, db.Use(plugin))
	if err := db.Use(plugin); err == nil {
		t.Error("the same plugin was taken twice")
	}
	err := db.Use(tenancy.Plugin(cfg))
	wellMade(t, err, tenancy.ErrConfig, "once")
	wantKind(t, err, gorm.ErrRegistered)
	if err := db.Session(&gorm.Session{}).Use(tenancy.Plugin(cfg)); err == nil {
		t.Error("a session took another plugin")
	}
	wantKind(t, db.Find(&[]folio{}).Error, tenancy.ErrNoTenant)
}

// TestWithoutPlugin: what needs the plugin says so.
func TestWithoutPlugin(t *testing.T) {
	t.Parallel()
	for name, db := range map[string]*gorm.DB{"plain": openPlain(t, &gorm.Config{}), "nil": nil, "empty": {}} {
		t.Run(name, func(t *testing.T) {
			_, newErr := migrate.New(db)
			_, installedErr := tenancy.Installed(db)
			_, tableErr := tenancy.Table(db, &folio{})
			for _, err := range []error{newErr, installedErr, tableErr, tenancy.Close(db)} {
				wellMade(t, err, tenancy.ErrNotInstalled, "db.Use(tenancy.Plugin(")
			}
		})
	}
}

// TestUnlistedModelWithoutColumn: under the shared strategy a model that nobody listed
// and that has no tenant column is refused when it is first used.
func TestUnlistedModelWithoutColumn(t *testing.T) {
	t.Parallel()
	s := openSite(t, byShared, setup{})
	s.provision(t, "acme")
	must(t, s.system().AutoMigrate(&bare{}))
	for name, use := range map[string]func(*gorm.DB) error{
		"Find":   func(db *gorm.DB) error { return db.Find(&[]bare{}).Error },
		"Create": func(db *gorm.DB) error { return db.Create(&bare{Name: "x"}).Error },
		"Delete": func(db *gorm.DB) error { return db.Where("id = 1").Delete(&bare{}).Error },
		"Update": func(db *gorm.DB) error { return db.Model(&bare{}).Where("id = 1").Update("name", "x").Error },
		"Table":  func(db *gorm.DB) error { return db.Table("bares").Find(&[]map[string]any{}).Error },
		"Row":    func(db *gorm.DB) error { return db.Model(&bare{}).Select("name").Row().Scan(new(string)) },
		"Joins": func(db *gorm.DB) error {
			return db.Model(&folio{}).Joins("JOIN bares ON bares.id = folios.id").Find(&[]folio{}).Error
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := calmly(func() error { return use(s.as("acme")) })
			if !errors.Is(err, tenancy.ErrNoTenantColumn) && !errors.Is(err, tenancy.ErrRawSQL) {
				t.Errorf("got %v", err)
			}
			wantTenant(t, err, "", "acme", "shared")
		})
	}
	must(t, s.system().Find(&[]bare{}).Error)
}

// errResolve is the application's own.
type errResolve struct{ secret int }

func (*errResolve) Error() string { return "Not A Message Of This Module." }

type resolveKey struct{}

// TestResolve finds the tenant by the application's function; its error comes back as it is.
func TestResolve(t *testing.T) {
	t.Parallel()
	mine := &errResolve{7}
	resolve := func(ctx context.Context) (tenancy.Tenant, error) {
		switch id, _ := ctx.Value(resolveKey{}).(string); id {
		case "error":
			return tenancy.Tenant{ID: "acme"}, mine
		case "none":
			return tenancy.Tenant{}, nil
		default:
			return tenancy.Tenant{ID: id}, nil
		}
	}
	in := func(id string) context.Context { return context.WithValue(context.Background(), resolveKey{}, id) }
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{tenancy: tenancy.Config{Resolve: resolve}})
		s.provision(t, "acme", "globex")
		s.fill(t, "acme", 2)
		t.Run("error", func(t *testing.T) {
			db := s.db.WithContext(in("error"))
			for _, use := range uses {
				if err := calmly(func() error { return use.run(db) }); err != error(mine) {
					t.Errorf("%s: the error came back as %#v", use.name, err)
				}
			}
			if tx := db.Begin(); tx.Error != error(mine) {
				t.Errorf("Begin: the error came back as %#v", tx.Error)
			}
		})
		t.Run("none", func(t *testing.T) { refuses(t, s.db.WithContext(in("none")), tenancy.ErrNoTenant, "WithTenant") })
		t.Run("bad", func(t *testing.T) { refuses(t, s.db.WithContext(in("\x00")), tenancy.ErrInvalidTenant, "remove it") })
		t.Run("good", func(t *testing.T) {
			var rows []folio
			must(t, s.db.WithContext(in("acme")).Find(&rows).Error)
			if len(rows) != 2 || rows[0].Owner != "acme" {
				t.Errorf("the resolved tenant sees %+v", rows)
			}
			must(t, s.db.WithContext(in("globex")).Find(&rows).Error)
			if len(rows) != 0 {
				t.Errorf("the other tenant sees %+v", rows)
			}
		})
		t.Run("WithTenant wins", func(t *testing.T) {
			var rows []folio
			must(t, s.db.WithContext(tenancy.WithTenant(in("error"), tenancy.Tenant{ID: "acme"})).Find(&rows).Error)
			if len(rows) != 2 {
				t.Errorf("acme sees %d rows", len(rows))
			}
		})
	})
}

// TestCallersErrors: what a caller's own function returns comes back as the very same.
func TestCallersErrors(t *testing.T) {
	t.Parallel()
	mine := &errResolve{8}
	fail := func(*gorm.DB) error { return mine }
	eachKind(t, func(t *testing.T, k kind) {
		for name, skip := range map[string]bool{"default transactions": false, "no default transactions": true} {
			t.Run(name, func(t *testing.T) {
				s := openSite(t, k, setup{gorm: gorm.Config{SkipDefaultTransaction: skip}})
				s.provision(t, "acme")
				s.fill(t, "acme", 2)
				db := s.as("acme")
				for name, run := range map[string]func() error{
					"Transaction": func() error { return db.Transaction(fail) },
					"nested":      func() error { return db.Transaction(func(tx *gorm.DB) error { return tx.Transaction(fail) }) },
					"Connection":  func() error { return db.Connection(fail) },
					"FindInBatches": func() error {
						return db.FindInBatches(&[]folio{}, 1, func(tx *gorm.DB, _ int) error { return mine }).Error
					},
					"hook on create": func() error { return db.Create(&hooked{ID: 5, fails: mine}).Error },
					"hook on update": func() error { return db.Model(&hooked{ID: 1, fails: mine}).Update("body", "x").Error },
					"hook on delete": func() error { return db.Delete(&hooked{ID: 1, TenantID: "acme", fails: mine}).Error },
					"hook on find":   func() error { return db.First(&hooked{fails: mine}).Error },
					"scope": func() error {
						return db.Scopes(func(tx *gorm.DB) *gorm.DB { _ = tx.AddError(mine); return tx }).Find(&[]folio{}).Error
					},
				} {
					if err := run(); err != error(mine) {
						t.Errorf("%s: the error came back as %#v", name, err)
					}
				}
				s.holds(t, "acme", 2)
			})
		}
	})
}

// hooked is folio with hooks that fail.
type hooked struct {
	TenantID string `gorm:"primaryKey;size:191"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	Body     string
	fails    error
}

func (hooked) TableName() string              { return "folios" }
func (h *hooked) BeforeCreate(*gorm.DB) error { return h.fails }
func (h *hooked) BeforeUpdate(*gorm.DB) error { return h.fails }
func (h *hooked) BeforeDelete(*gorm.DB) error { return h.fails }
func (h *hooked) AfterFind(*gorm.DB) error    { return h.fails }

// TestSystemContext: the way out is named, and leads to the base database alone.
func TestSystemContext(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{})
		s.provision(t, "acme")
		s.fill(t, "acme", 1)
		ctx := tenancy.WithSystem(context.Background(), "a report")
		if reason, ok := tenancy.SystemReason(ctx); !ok || reason != "a report" {
			t.Errorf("the reason is %q, %v", reason, ok)
		}
		if _, ok := tenancy.SystemReason(tenancy.WithSystem(context.Background(), "")); ok {
			t.Error("no reason is one")
		}
		if _, ok := tenancy.FromContext(ctx); ok {
			t.Error("a system context names a tenant")
		}
		var rows []folio
		err := s.system().Find(&rows).Error
		if k.name == "shared" {
			must(t, err)
			if len(rows) != 1 {
				t.Errorf("the system sees %d rows", len(rows))
			}
		} else if err == nil {
			t.Errorf("the base database has %d folios", len(rows))
		}
	})
}

// TestClosedRefuses: when the plugin was closed, nothing is sent that the caller would be told
// has failed, and an open transaction goes on.
func TestClosedRefuses(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, s *site, wait bool) {
		t.Helper()
		s.provision(t, "acme")
		must(t, s.as("acme").Create(&folio{ID: 1}).Error)
		if !wait { // else Close waits for it
			tx := s.as("acme").Begin()
			must(t, tx.Create(&folio{ID: 2}).Error)
			must(t, tenancy.Close(s.db))
			must(t, tx.Create(&folio{ID: 3}).Error)
			must(t, tx.Commit().Error)
		}
		must(t, tenancy.Close(s.db))
		for name, err := range map[string]error{
			"find":    s.as("acme").Find(&[]folio{}).Error,
			"create":  s.as("acme").Session(&gorm.Session{SkipDefaultTransaction: true}).Create(&folio{ID: 4}).Error,
			"created": s.as("acme").Create(&folio{ID: 5}).Error,
			"delete":  s.as("acme").Session(&gorm.Session{SkipDefaultTransaction: true}).Where("id > 0").Delete(&folio{}).Error,
			"begin":   s.as("acme").Begin().Error,
			"row":     s.as("acme").Model(&folio{}).Select("id").Row().Scan(new(int)),
			"system":  s.system().Exec("SELECT 1").Error,
		} {
			wantKind(t, err, tenancy.ErrClosed)
			var known *tenancy.Error
			if !errors.As(err, &known) {
				t.Errorf("%s: %v is no *tenancy.Error", name, err)
			}
		}
		must(t, s.close())
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			s, err := newSite(k, setup{root: t.TempDir()})
			must(t, err)
			run(t, s, k.name == byDatabase.name)
		})
	}
	for _, k := range pgKinds {
		t.Run("postgres/"+k.name, func(t *testing.T) {
			server := newPG(t)
			s := openPG(t, server, k, pgSetup{})
			run(t, s.site, false)
			again := openPG(t, server, k, pgSetup{})
			var ids []string
			must(t, again.as("acme").Model(&folio{}).Order("id").Pluck("id::text", &ids).Error)
			same(t, "rows", ids, []string{"1", "2", "3"})
		})
	}
}

// TestClosed: a plugin that was closed says so, and Close may be repeated.
func TestClosed(t *testing.T) {
	t.Parallel()
	s, err := newSite(byDatabase, setup{root: t.TempDir()})
	must(t, err)
	s.provision(t, "acme")
	must(t, tenancy.Close(s.db))
	err = s.as("acme").Find(&[]folio{}).Error
	wellMade(t, err, tenancy.ErrClosed, "open a new handle")
	wantTenant(t, err, "statement", "acme", "database")
	for name, run := range map[string]func(context.Context, tenancy.Tenant) error{
		"provision": s.migrate.Provision, "verify": s.migrate.Verify, "destroy": s.migrate.Destroy,
	} {
		for _, id := range []string{"acme", "new"} {
			err := run(t.Context(), tenancy.Tenant{ID: id})
			if name == "destroy" && id == "new" {
				continue // there is nothing to do
			}
			if !errors.Is(err, tenancy.ErrClosed) {
				t.Errorf("%s of %s after Close: %v", name, id, err)
			}
		}
	}
	must(t, s.close())
}

// TestUnsupportedDialect: a dialect that a strategy does not know is refused.
func TestUnsupportedDialect(t *testing.T) {
	t.Parallel()
	for name, strategy := range map[string]tenancy.Strategy{
		"database": strategies.Database{Open: sqlite.Open, Dir: t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := gorm.Open(strange{sqlite.Open(":memory:")}, &gorm.Config{})
			must(t, err)
			defer func() {
				base, err := db.DB()
				must(t, err)
				must(t, base.Close())
			}()
			err = db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategy}))
			wellMade(t, err, tenancy.ErrUnsupportedDialect, "sqlite")
			if !strings.Contains(err.Error(), "strange") {
				t.Errorf("%q does not name the dialect", err)
			}
		})
	}
}

// strange is a dialect that nobody knows.
type strange struct{ gorm.Dialector }

func (strange) Name() string { return "strange" }
