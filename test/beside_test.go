package test

import (
	"context"
	"path/filepath"
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

type ballast struct {
	ID       uint
	TenantID string
	Kind     string
}

// beside is a file with rows of two tenants, and a configuration that shares its table.
func beside(t *testing.T) (path string, cfg tenancy.Config) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "base.db")
	db := plainHandle(t, path, &gorm.Config{})
	must(t, db.AutoMigrate(&ballast{}))
	must(t, db.Create([]ballast{{ID: 1, TenantID: "acme"}, {ID: 2, TenantID: "globex"}}).Error)
	return path, tenancy.Config{Strategy: strategies.Shared{}, Models: []any{&ballast{}}}
}

func plainHandle(t *testing.T, path string, cfg *gorm.Config) *gorm.DB {
	t.Helper()
	cfg.Logger = logger.Discard
	db, err := gorm.Open(sqlite.Open(path), cfg)
	must(t, err)
	t.Cleanup(func() {
		pool, err := db.DB()
		must(t, err)
		must(t, pool.Close())
	})
	return db
}

// TestPluginInConfiguration: a plugin that gorm.Open finds in the configuration is installed,
// whatever its key is.
func TestPluginInConfiguration(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"tenancy", "another"} {
		path, cfg := beside(t)
		db := plainHandle(t, path, &gorm.Config{Plugins: map[string]gorm.Plugin{key: tenancy.Plugin(cfg)}})
		var seen []ballast
		wantKind(t, db.Find(&seen).Error, tenancy.ErrNoTenant)
		must(t, db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "acme"})).Find(&seen).Error)
		if len(seen) != 1 {
			t.Errorf("%s: %+v", key, seen)
		}
		_, err := tenancy.Installed(db)
		must(t, err)
	}
	wrong, err := gorm.Open(sqlite.Open(":memory:"), &gorm.Config{Logger: logger.Discard, Plugins: map[string]gorm.Plugin{"tenancy": tenancy.Plugin(tenancy.Config{})}})
	wantKind(t, err, tenancy.ErrConfig)
	pool, err := wrong.DB()
	must(t, err)
	must(t, pool.Close())
	_, err = tenancy.Installed(wrong)
	wantKind(t, err, tenancy.ErrNotInstalled)
}

// TestPluginOfTwoHandles: one plugin works on one handle, and a handle that is opened with
// the configuration of another one runs nothing.
func TestPluginOfTwoHandles(t *testing.T) {
	t.Parallel()
	path, cfg := beside(t)
	plugin, shared := tenancy.Plugin(cfg), &gorm.Config{}
	db := plainHandle(t, path, shared)
	must(t, db.Use(plugin))
	another := plainHandle(t, path, &gorm.Config{})
	wantKind(t, another.Use(plugin), tenancy.ErrConfig)
	if in, err := tenancy.Installed(another); err == nil {
		t.Errorf("the other handle has %v", in)
	}

	cfgOfDB := *db.Config
	clear(db.ClauseBuilders) // as SQL Server's dialect overwrites them
	copied := plainHandle(t, path, &cfgOfDB)
	acme := tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "acme"})
	for _, ctx := range []context.Context{t.Context(), acme} {
		wantKind(t, copied.WithContext(ctx).Find(&[]ballast{}).Error, tenancy.ErrConfig)
		wantKind(t, copied.WithContext(ctx).Exec("DELETE FROM ballasts").Error, tenancy.ErrConfig)
	}
	upsert := db.WithContext(acme).Clauses(clause.OnConflict{UpdateAll: true})
	wantKind(t, upsert.Create(&ballast{ID: 2, Kind: "taken"}).Error, tenancy.ErrTenantMismatch)
}

// TestPoolReplaced: a statement whose pool a callback replaces when its tenant was bound is
// refused, and one whose pool was replaced before goes there.
func TestPoolReplaced(t *testing.T) {
	t.Parallel()
	path, cfg := beside(t)
	other := plainHandle(t, path, &gorm.Config{}).ConnPool
	split := func(db *gorm.DB) { db.Statement.ConnPool = other }
	open := func(t *testing.T, register func(db *gorm.DB) error) *gorm.DB {
		t.Helper()
		db := plainHandle(t, path, &gorm.Config{SkipDefaultTransaction: true})
		must(t, db.Use(tenancy.Plugin(cfg)))
		must(t, register(db))
		return db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "acme"}))
	}
	for name, c := range map[string]struct {
		late, early func(db *gorm.DB) error
		do          func(db *gorm.DB) error
	}{
		"find": {
			func(db *gorm.DB) error { return db.Callback().Query().Before("gorm:query").Register("split", split) },
			func(db *gorm.DB) error { return db.Callback().Query().Before("*").Register("split", split) },
			func(db *gorm.DB) error { return db.Find(&[]ballast{}).Error },
		},
		"row": {
			func(db *gorm.DB) error { return db.Callback().Row().Before("gorm:row").Register("split", split) },
			func(db *gorm.DB) error { return db.Callback().Row().Before("*").Register("split", split) },
			func(db *gorm.DB) error { return db.Model(&ballast{}).Select("kind").Row().Scan(new(string)) },
		},
		"rows": {
			func(db *gorm.DB) error { return db.Callback().Row().Before("gorm:row").Register("split", split) },
			func(db *gorm.DB) error { return db.Callback().Row().Before("*").Register("split", split) },
			func(db *gorm.DB) error {
				rows, err := db.Model(&ballast{}).Rows()
				if err != nil {
					return err
				}
				defer func() { _ = rows.Close() }()
				return rows.Err()
			},
		},
		"create": {
			func(db *gorm.DB) error { return db.Callback().Create().Before("gorm:create").Register("split", split) },
			func(db *gorm.DB) error { return db.Callback().Create().Before("*").Register("split", split) },
			func(db *gorm.DB) error {
				return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&ballast{ID: 1}).Error
			},
		},
		"update": {
			func(db *gorm.DB) error { return db.Callback().Update().Before("gorm:update").Register("split", split) },
			func(db *gorm.DB) error { return db.Callback().Update().Before("*").Register("split", split) },
			func(db *gorm.DB) error { return db.Model(&ballast{}).Where("id > 0").Update("kind", "sand").Error },
		},
		"delete": {
			func(db *gorm.DB) error { return db.Callback().Delete().Before("gorm:delete").Register("split", split) },
			func(db *gorm.DB) error { return db.Callback().Delete().Before("*").Register("split", split) },
			func(db *gorm.DB) error { return db.Where("id > 7").Delete(&ballast{}).Error },
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantKind(t, c.do(open(t, c.late)), tenancy.ErrConfig)
			must(t, c.do(open(t, c.early)))
		})
	}
	t.Run("raw", func(t *testing.T) {
		late := open(t, func(db *gorm.DB) error { return db.Callback().Raw().Before("gorm:raw").Register("split", split) })
		wantKind(t, late.Exec("UPDATE ballasts SET kind = 'sand'").Error, tenancy.ErrConfig)
		early := open(t, func(db *gorm.DB) error { return db.Callback().Raw().Before("*").Register("split", split) })
		wantKind(t, early.Exec("UPDATE ballasts SET kind = 'sand'").Error, tenancy.ErrRawSQL)
	})
	var kinds []string
	plain := plainHandle(t, path, &gorm.Config{})
	must(t, plain.Model(&ballast{}).Where("tenant_id = 'globex'").Pluck("kind", &kinds).Error)
	same(t, "globex's", kinds, []string{""})
}

// caching stands for the plugin that caches queries.
type caching struct{}

func (caching) Name() string                { return "gorm:caches" }
func (caching) Initialize(_ *gorm.DB) error { return nil }

// TestQueryCache: where rows are kept by the text of their query, no tenant's query is answered.
func TestQueryCache(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		path, cfg := beside(t)
		db := plainHandle(t, path, &gorm.Config{})
		for _, plugin := range map[bool][]gorm.Plugin{false: {caching{}, tenancy.Plugin(cfg)}, true: {tenancy.Plugin(cfg), caching{}}}[after] {
			must(t, db.Use(plugin))
		}
		acme := db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "acme"}))
		var seen []ballast
		wantKind(t, acme.Find(&seen).Error, tenancy.ErrConfig)
		wantKind(t, acme.Raw("SELECT * FROM ballasts").Find(&seen).Error, tenancy.ErrConfig)
		must(t, acme.Create(&ballast{ID: 3}).Error)
		must(t, db.WithContext(tenancy.WithSystem(t.Context(), "a test")).Find(&seen).Error)
	}
}

type berthOfOrg struct {
	ID    uint
	OrgID string `gorm:"column:org"`
}

// TestColumnIsNoField: the tenant column is named as the database has it.
func TestColumnIsNoField(t *testing.T) {
	t.Parallel()
	for column, want := range map[string]error{"OrgID": tenancy.ErrConfig, "org": nil, "ORG": tenancy.ErrConfig, "org_id": tenancy.ErrNoTenantColumn} {
		db := plainHandle(t, ":memory:", &gorm.Config{})
		err := db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Shared{}, Models: []any{&berthOfOrg{}}, Column: column}))
		if want == nil {
			must(t, err)
			must(t, tenancy.Close(db))
			continue
		}
		wantKind(t, err, want)
	}
}

// versionAsking is a value that asks MySQL's dialect, as GORM opened it, for the version of its server.
type versionAsking struct{}

func (versionAsking) GormDataType() string { return "varchar(100)" }

func (versionAsking) GormValue(_ context.Context, db *gorm.DB) clause.Expr {
	opened, ok := db.Dialector.(*mysql.Dialector)
	if !ok || opened.ServerVersion == "" {
		return gorm.Expr("'unknown'")
	}
	return gorm.Expr("'known'")
}

type ledgerOfVersions struct {
	ID      uint
	Version versionAsking `gorm:"size:100"`
}

// TestMySQLValuesAsk: a value of a statement may ask for the dialect of MySQL by its Go type.
func TestMySQLValuesAsk(t *testing.T) {
	t.Parallel()
	h := hosts["mysql"](t)
	s := h.site(t, []any{&ledgerOfVersions{}})
	s.up(t, numbered(1))
	db := s.as("ship000")
	must(t, db.Create(&ledgerOfVersions{ID: 1}).Error)
	must(t, db.Model(&ledgerOfVersions{}).Where("version = ?", versionAsking{}).Update("version", versionAsking{}).Error)
	var n int64
	must(t, db.Model(&ledgerOfVersions{}).Where("version = 'known' AND version = ?", versionAsking{}).Count(&n).Error)
	if n != 1 {
		t.Error("a value did not find the dialect")
	}
	if db.Migrator().HasTable("ledgers") {
		t.Error("a table that nobody made")
	}
}
