package strategies_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

type page struct {
	ID       uint
	TenantID string
	Text     string
}

// open opens a base database with a strategy on it.
func open(t testing.TB, strategy tenancy.Strategy) (*gorm.DB, *migrate.Migrator) {
	t.Helper()
	base := filepath.Join(t.TempDir(), "base.db")
	db, err := gorm.Open(sqlite.Open("file:"+url.PathEscape(base)+"?_busy_timeout=10000"), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategy, Models: []any{&page{}}})))
	t.Cleanup(func() {
		must(t, tenancy.Close(db))
		base, err := db.DB()
		must(t, err)
		must(t, base.Close())
	})
	m, err := migrate.New(db)
	must(t, err)
	return db, m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func as(db *gorm.DB, t tenancy.Tenant) *gorm.DB {
	return db.WithContext(tenancy.WithTenant(context.Background(), t))
}

func count(t testing.TB, db *gorm.DB) int64 {
	t.Helper()
	var n int64
	must(t, db.Model(&page{}).Count(&n).Error)
	return n
}

func inDir(dir string) strategies.Database { return strategies.Database{Open: sqlite.Open, Dir: dir} }

// TestDirectoryNames: the directory may be called anything.
func TestDirectoryNames(t *testing.T) {
	for _, name := range []string{"with space", "a?b=c", "a#b", "a%20b", "a&mode=memory", "ünïcode", "semi;colon", "a'b", `a"b`, "deep/er/still"} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, name)
			db, m := open(t, inDir(dir))
			acme := tenancy.Tenant{ID: "acme"}
			must(t, m.Provision(t.Context(), acme))
			must(t, as(db, acme).Create(&page{Text: "x"}).Error)
			if n := count(t, as(db, acme)); n != 1 {
				t.Errorf("%d rows", n)
			}
			if _, err := os.Stat(filepath.Join(dir, "tenant_acme.db")); err != nil {
				t.Error(err)
			}
			entries, err := os.ReadDir(root)
			must(t, err)
			if len(entries) != 1 || !strings.HasPrefix(filepath.ToSlash(name), entries[0].Name()) {
				t.Errorf("beside the directory: %v", entries)
			}
			must(t, m.Destroy(t.Context(), acme))
		})
	}
}

// TestRelativeDirectory stays where it was, wherever the process goes.
func TestRelativeDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	db, m := open(t, inDir("tenants"))
	acme := tenancy.Tenant{ID: "acme"}
	must(t, m.Provision(t.Context(), acme))
	t.Chdir(t.TempDir())
	must(t, as(db, acme).Create(&page{}).Error)
	must(t, m.Provision(t.Context(), tenancy.Tenant{ID: "globex"}))
	if entries, err := os.ReadDir("."); err != nil || len(entries) > 0 {
		t.Errorf("made elsewhere: %v, %v", entries, err)
	}
}

// TestNamesStay: a tenant keeps the name that it was provisioned with, and nobody else
// gets it.
func TestNamesStay(t *testing.T) {
	for name, test := range map[string]struct {
		strategy      tenancy.Strategy
		first, second tenancy.Tenant
		kind          error
	}{
		"prefix, new slug":      {strategies.Schema{}, tenancy.Tenant{ID: "42", Slug: "acme"}, tenancy.Tenant{ID: "42", Slug: "acme_inc"}, tenancy.ErrInvalidTenant},
		"file, taken by choice": {inDir(t.TempDir()), tenancy.Tenant{ID: "acme"}, tenancy.Tenant{ID: "globex", Schema: "tenant_acme"}, tenancy.ErrTenantMismatch},
		"file, chosen twice":    {inDir(t.TempDir()), tenancy.Tenant{ID: "acme", Schema: "mine"}, tenancy.Tenant{ID: "globex", Schema: "mine"}, tenancy.ErrTenantMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			db, m := open(t, test.strategy)
			must(t, m.Provision(t.Context(), test.first))
			must(t, as(db, test.first).Create(&page{Text: "first"}).Error)
			for what, err := range map[string]error{
				"provision": m.Provision(t.Context(), test.second),
				"create":    as(db, test.second).Create(&page{}).Error,
				"find":      as(db, test.second).Find(&[]page{}).Error,
			} {
				if !errors.Is(err, test.kind) && !errors.Is(err, tenancy.ErrNotProvisioned) || what == "provision" && !errors.Is(err, test.kind) {
					t.Errorf("%s: %v, want %v", what, err, test.kind)
				}
			}
			if _, inFiles := test.strategy.(strategies.Database); inFiles {
				fresh, freshM := open(t, test.strategy) // no pool is open there
				for what, err := range map[string]error{
					"find":      as(fresh, test.second).Find(&[]page{}).Error,
					"provision": freshM.Provision(t.Context(), test.second),
					"destroy":   freshM.Destroy(t.Context(), test.second),
				} {
					if !errors.Is(err, test.kind) {
						t.Errorf("%s on a fresh handle: %v, want %v", what, err, test.kind)
					}
				}
			}
			_ = m.Destroy(t.Context(), test.second)
			if n := count(t, as(db, test.first)); n != 1 {
				t.Errorf("the first tenant has %d rows", n)
			}
		})
	}
}

// TestSlugs: one slug, two tenants.
func TestSlugs(t *testing.T) {
	for name, strategy := range map[string]tenancy.Strategy{"prefix": strategies.Schema{}, "file": inDir(t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			db, m := open(t, strategy)
			one, two := tenancy.Tenant{ID: "1", Slug: "acme"}, tenancy.Tenant{ID: "2", Slug: "acme"}
			must(t, m.Provision(t.Context(), one))
			must(t, m.Provision(t.Context(), two))
			must(t, as(db, one).Create(&page{}).Error)
			if count(t, as(db, one)) != 1 || count(t, as(db, two)) != 0 {
				t.Error("the tenants meet")
			}
		})
	}
}

// TestPools: idle pools end, connections are bounded, and what is lent is waited for.
func TestPools(t *testing.T) {
	strategy := inDir(t.TempDir())
	strategy.MaxConns, strategy.IdleTimeout = 2, 20*time.Millisecond
	db, m := open(t, strategy)
	acme := tenancy.Tenant{ID: "acme"}
	must(t, m.Provision(t.Context(), acme))
	in, err := tenancy.Installed(db)
	must(t, err)
	binding, err := in.Bind(acme)
	must(t, err)

	pool, release, err := binding.Pool.Acquire(t.Context())
	must(t, err)
	var n int
	must(t, pool.QueryRowContext(t.Context(), "SELECT count(*) FROM pages").Scan(&n))
	release()
	for range 300 {
		if err = pool.QueryRowContext(t.Context(), "SELECT 1").Scan(&n); err != nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err == nil {
		t.Error("the idle pool stays open")
	}

	first, second := as(db, acme).Begin(), as(db, acme).Session(&gorm.Session{})
	must(t, first.Error)
	rows, err := second.Model(&page{}).Rows()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = db.WithContext(tenancy.WithTenant(ctx, acme)).Find(&[]page{}).Error
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third connection: %v", err)
	}
	must(t, errors.Join(rows.Err(), rows.Close(), first.Rollback().Error))
	must(t, as(db, acme).Find(&[]page{}).Error)
}

// TestDestroyAtOnce: of many that destroy one tenant all succeed, and whoever provisions
// it meanwhile gets a whole tenant or an error.
func TestDestroyAtOnce(t *testing.T) {
	for name, strategy := range map[string]tenancy.Strategy{"prefix": strategies.Schema{}, "file": inDir(t.TempDir()), "shared": strategies.Shared{}} {
		t.Run(name, func(t *testing.T) {
			db, m := open(t, strategy)
			acme := tenancy.Tenant{ID: "acme"}
			must(t, m.Provision(t.Context(), acme))
			var workers sync.WaitGroup
			for range 6 {
				workers.Go(func() {
					if err := m.Destroy(t.Context(), acme); err != nil {
						t.Errorf("destroy: %v", err)
					}
				})
			}
			workers.Wait()
			for range 4 {
				workers.Go(func() { _ = m.Destroy(t.Context(), acme) })
				workers.Go(func() {
					if err := m.Provision(t.Context(), acme); err != nil && !errors.Is(err, tenancy.ErrNotProvisioned) {
						t.Errorf("provision: %v", err)
					}
				})
				workers.Go(func() {
					if err := as(db, acme).Create(&page{}).Error; err != nil && !errors.Is(err, tenancy.ErrNotProvisioned) {
						t.Errorf("create: %v", err)
					}
				})
			}
			workers.Wait()
			if err := m.Verify(t.Context(), acme); err != nil && !errors.Is(err, tenancy.ErrNotProvisioned) {
				t.Errorf("afterwards: %v", err)
			}
			must(t, m.Provision(t.Context(), acme))
			must(t, m.Verify(t.Context(), acme))
			must(t, as(db, acme).Create(&page{}).Error)
		})
	}
}

// TestFileOfAnotherProcess: what another process removes, or puts in the place of a file, is
// noticed by the next lease, though the old file is open.
func TestFileOfAnotherProcess(t *testing.T) {
	strategy := inDir(t.TempDir())
	db, m := open(t, strategy)
	_, elsewhere := open(t, strategy)
	acme := tenancy.Tenant{ID: "acme"}
	must(t, m.Provision(t.Context(), acme))
	must(t, as(db, acme).Create(&page{}).Error)

	must(t, elsewhere.Destroy(t.Context(), acme))
	if err := as(db, acme).Create(&page{}).Error; !errors.Is(err, tenancy.ErrNotProvisioned) {
		t.Errorf("a row for a file that is gone: %v", err)
	}
	must(t, elsewhere.Provision(t.Context(), acme))
	if n := count(t, as(db, acme)); n != 0 {
		t.Errorf("%d rows of the file before", n)
	}
	must(t, as(db, acme).Create(&page{}).Error)
	must(t, elsewhere.Destroy(t.Context(), acme))
	must(t, elsewhere.Provision(t.Context(), acme))
	must(t, as(db, acme).Create(&page{}).Error)
	fresh, _ := open(t, strategy)
	if n := count(t, as(fresh, acme)); n != 1 {
		t.Errorf("%d rows where the tenant's file is", n)
	}
}
