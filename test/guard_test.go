package test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/migrate/versioned"
)

// leaf is a model, and leafLater what it becomes.
type leaf struct {
	ID       uint
	TenantID string `gorm:"size:191;index"`
	Name     string
	Veins    []vein
}

type vein struct {
	ID       uint
	TenantID string `gorm:"size:191;index"`
	LeafID   uint
}

type leafLater struct {
	ID       uint
	TenantID string `gorm:"size:191;index"`
	Name     string
	Color    string
	Veins    []vein `gorm:"foreignKey:LeafID"`
}

func (leafLater) TableName() string { return "leafs" }

// statements are the kinds of statements that GORM has.
func statements() map[string]func(db *gorm.DB) error {
	one := leafLater{ID: 1}
	return map[string]func(db *gorm.DB) error{
		"create":       func(db *gorm.DB) error { return db.Create(&leafLater{Name: "x"}).Error },
		"create batch": func(db *gorm.DB) error { return db.CreateInBatches([]leafLater{{}, {}}, 1).Error },
		"find":         func(db *gorm.DB) error { return db.Find(&[]leafLater{}).Error },
		"preload":      func(db *gorm.DB) error { return db.Preload("Veins").Find(&[]leafLater{}).Error },
		"first or":     func(db *gorm.DB) error { return db.FirstOrCreate(&leafLater{}, leafLater{Name: "y"}).Error },
		"count":        func(db *gorm.DB) error { return db.Model(&leafLater{}).Count(new(int64)).Error },
		"update":       func(db *gorm.DB) error { return db.Model(&one).Update("name", "z").Error },
		"save":         func(db *gorm.DB) error { return db.Save(&leafLater{ID: 9, Name: "s"}).Error },
		"delete":       func(db *gorm.DB) error { return db.Delete(&leafLater{}, 77).Error },
		"association":  func(db *gorm.DB) error { return db.Model(&one).Association("Veins").Find(&[]vein{}) },
		"transaction": func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.Find(&[]leafLater{}).Error })
		},
		"begin": func(db *gorm.DB) error {
			tx := db.Begin()
			if tx.Error != nil {
				return tx.Error
			}
			return tx.Rollback().Error
		},
		"rows": func(db *gorm.DB) error {
			rows, err := db.Model(&leafLater{}).Rows()
			if err != nil {
				return err
			}
			return errors.Join(rows.Err(), rows.Close())
		},
		"row": func(db *gorm.DB) error {
			var n int
			return db.Model(&leafLater{}).Select("count(*)").Row().Scan(&n)
		},
		"generics": func(db *gorm.DB) error {
			_, err := gorm.G[leafLater](db).Find(db.Statement.Context)
			return err
		},
	}
}

// rawStatements are those that the shared strategy refuses anyway.
func rawStatements() map[string]func(db *gorm.DB) error {
	return map[string]func(db *gorm.DB) error{
		"raw":  func(db *gorm.DB) error { return db.Raw("SELECT count(*) FROM leafs").Scan(new(int64)).Error },
		"exec": func(db *gorm.DB) error { return db.Exec("DELETE FROM leafs WHERE 1 = 0").Error },
		"pool": func(db *gorm.DB) error {
			_, err := db.Statement.ConnPool.ExecContext(db.Statement.Context, "DELETE FROM leafs WHERE 1 = 0")
			return err
		},
	}
}

// TestRequireModels: statements of tenants that are behind the models are refused,
// whatever they are, and none once they were brought there.
func TestRequireModels(t *testing.T) {
	old, now := []any{&leaf{}, &vein{}}, []any{&leafLater{}, &vein{}}
	server := newPG(t)
	opens := map[string]func(t *testing.T, root string, models []any, require tenancy.Requirement) *site{}
	for _, k := range kinds {
		opens[k.name] = func(t *testing.T, root string, models []any, require tenancy.Requirement) *site {
			return openSite(t, k, setup{root: root, tenancy: tenancy.Config{Models: models, Require: require}})
		}
	}
	for _, k := range pgKinds {
		opens["postgres "+k.name] = func(t *testing.T, _ string, models []any, require tenancy.Requirement) *site {
			return openPG(t, server, k, pgSetup{models: models, require: require}).site
		}
	}
	for name, open := range opens {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			open(t, root, old, nil).provision(t, "acme", "globex")
			s := open(t, root, now, migrate.Current())
			run := func(refused bool) {
				for _, list := range []map[string]func(*gorm.DB) error{statements(), rawStatements()} {
					for what, do := range list {
						err := do(s.as("acme"))
						if errors.Is(err, tenancy.ErrBehind) != refused || !refused && err != nil && !(name == "shared" && errors.Is(err, tenancy.ErrRawSQL)) {
							t.Errorf("%s: %v", what, err)
						}
						if refused {
							wellMade(t, err, tenancy.ErrBehind, "run migrate.Up")
						}
					}
				}
			}
			run(true)
			must(t, s.system().Exec("SELECT 1").Error)
			_, err := tenancy.Table(s.as("acme"), "leafs")
			must(t, err)
			s.up(t, tenantsOf("acme"))
			run(false) // at once
			if own := s.kind.name != "shared" && s.kind.name != "rls"; own {
				wellMade(t, s.as("nobody").Find(&[]leafLater{}).Error, tenancy.ErrNotProvisioned, "run migrate.Provision")
			}
			s = open(t, root, now, migrate.Current()) // another process, so to say
			run(false)
			if own := s.kind.name != "shared" && s.kind.name != "rls"; own {
				wantKind(t, s.as("globex").Find(&[]leafLater{}).Error, tenancy.ErrBehind)
				must(t, s.as("globex").AutoMigrate(now...))
			}
			_ = s.as("new").Find(&[]leafLater{}).Error // refused, where tenants have tables of their own
			must(t, s.migrate.Provision(t.Context(), tenancy.Tenant{ID: "new"}))
			must(t, s.as("new").Find(&[]leafLater{}).Error)
		})
	}
}

// TestRequireVersions is TestRequireModels for versioned migrations.
func TestRequireVersions(t *testing.T) {
	server := newPG(t)
	config := versioned.Config{Files: keelFiles()}
	require, err := versioned.Current(config)
	must(t, err)
	s := openPG(t, server, pgSchema, pgSetup{models: []any{&keel{}}, require: require})
	m := s.versioned(t, config)
	report, err := m.UpTo(t.Context(), migrate.Tenants(numbered(3)...), 2)
	allDone(t, report, err, 2, true)
	wellMade(t, s.as("ship000").Find(&[]keel{}).Error, tenancy.ErrBehind, "it is at version 2 and lacks 1 of the migrations up to 3")
	wellMade(t, s.as("nobody").Find(&[]keel{}).Error, tenancy.ErrNotProvisioned, "run Up of package versioned")
	report, err = m.Up(t.Context(), migrate.Tenants(numbered(2)...))
	allDone(t, report, err, 3, true)
	must(t, s.as("ship000").Find(&[]keel{}).Error)
	must(t, s.as("ship001").Find(&[]keel{}).Error) // not asked about before
	wantKind(t, s.as("ship002").Find(&[]keel{}).Error, tenancy.ErrBehind)
}

// counting is a requirement that counts how often it is asked.
type counting struct {
	asked atomic.Int64
	err   atomic.Pointer[error]
}

func (c *counting) Met(context.Context, *tenancy.Installation, tenancy.Tenant) error {
	c.asked.Add(1)
	time.Sleep(10 * time.Millisecond)
	if err := c.err.Load(); err != nil {
		return *err
	}
	return nil
}

// TestRequireOnce: a tenant is asked about once, however many statements it has at once;
// one that is behind after a second again; and one that could not be asked about at once.
func TestRequireOnce(t *testing.T) {
	c := &counting{}
	s := openSite(t, bySchema, setup{tenancy: tenancy.Config{Require: c}})
	s.provision(t, "acme", "globex")
	set := func(err error) { c.err.Store(&err) }
	all := func(id string, want error) {
		var users sync.WaitGroup
		for range 8 {
			users.Go(func() {
				for range 5 {
					if err := s.as(id).Find(&[]note{}).Error; !errors.Is(err, want) || want == nil && err != nil {
						t.Errorf("%v, want %v", err, want)
					}
				}
			})
		}
		users.Wait()
	}
	asked := func(what string, least, most int64) {
		t.Helper()
		if n := c.asked.Swap(0); n < least || n > most {
			t.Errorf("%s: asked %d times", what, n)
		}
	}
	set(&tenancy.Error{Kind: tenancy.ErrBehind})
	all("acme", tenancy.ErrBehind)
	asked("behind", 1, 1)
	time.Sleep(1100 * time.Millisecond)
	c.err.Store(nil)
	all("acme", nil)
	asked("no longer behind", 1, 1)
	all("acme", nil)
	asked("known", 0, 0)
	errMine := errors.New("mine")
	set(errMine)
	if err := s.as("globex").Find(&[]note{}).Error; err != errMine {
		t.Errorf("the error came back as %v", err)
	}
	c.err.Store(nil)
	must(t, s.as("globex").Find(&[]note{}).Error)
	asked("failed", 2, 2)
	must(t, s.system().Exec("SELECT 1").Error)
	asked("a system context", 0, 0)
}

// twig is a model, and twigLater one that asks for the same table.
type twig struct {
	ID   uint
	Name string
}

type twigLater struct {
	ID   uint
	Name string `gorm:"comment:what it is called"` // SQLite has none
}

func (twigLater) TableName() string { return "twigs" }

// inquirer asks something whenever it is told how far a run is: for the last time when all tenants
// had their turn, and before the ledger is told of those that needed no change.
type inquirer func()

func (i inquirer) Write(p []byte) (int, error) {
	i()
	return len(p), nil
}

// TestRequireDuringRun: that a tenant was refused during a run does not outlast the run.
func TestRequireDuringRun(t *testing.T) {
	root := t.TempDir()
	openSite(t, bySchema, setup{root: root, tenancy: tenancy.Config{Models: []any{&twig{}}}}).provision(t, "acme", "globex")
	s := openSite(t, bySchema, setup{root: root, tenancy: tenancy.Config{Models: []any{&twigLater{}}, Require: migrate.Current()}})
	refused := 0
	s.up(t, tenantsOf("acme", "globex"), migrate.Workers(1), migrate.Progress(inquirer(func() {
		wantKind(t, s.as("globex").Find(&[]twigLater{}).Error, tenancy.ErrBehind)
		refused++
	})))
	if refused == 0 {
		t.Error("nothing was asked during the run")
	}
	must(t, s.as("globex").Find(&[]twigLater{}).Error)
}
