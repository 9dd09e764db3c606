package test

import (
	"context"
	"slices"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// harbor is a shared model, and harborLater what it becomes.
type harbor struct {
	ID   uint
	Name string `gorm:"size:50"`
}

type harborLater struct {
	ID    uint
	Name  string `gorm:"size:50"`
	Depth int
}

func (harborLater) TableName() string { return "harbors" }

// barge is a model with a tenant column, and bargeLater what it becomes.
type barge struct {
	ID       uint
	TenantID string `gorm:"size:64;index"`
}

type bargeLater struct {
	ID       uint
	TenantID string `gorm:"size:64;index"`
	Label    string `gorm:"size:50"`
}

func (bargeLater) TableName() string { return "barges" }

// commonTables open handles of one database, by what migrates the tables that tenants have in
// common there.
var commonTables = map[string]func(t *testing.T) func(models, shared []any) *gorm.DB{
	"postgres schema": func(t *testing.T) func(models, shared []any) *gorm.DB {
		t.Helper()
		return postgresHandles(t, strategies.Schema{})
	},
	"postgres rls": func(t *testing.T) func(models, shared []any) *gorm.DB {
		t.Helper()
		return postgresHandles(t, strategies.RLS{})
	},
	"mysql database": func(t *testing.T) func(models, shared []any) *gorm.DB {
		t.Helper()
		h := newMySQLHost(t)
		return handlesOf(t, func() *gorm.DB { return h.base(t, &gorm.Config{Logger: logger.Discard}) }, h.database())
	},
	"mysql shared": func(t *testing.T) func(models, shared []any) *gorm.DB {
		t.Helper()
		h := newMySQLHost(t)
		return handlesOf(t, func() *gorm.DB { return h.base(t, &gorm.Config{Logger: logger.Discard}) }, strategies.Shared{})
	},
}

func postgresHandles(t *testing.T, strategy tenancy.Strategy) func(models, shared []any) *gorm.DB {
	t.Helper()
	server := newPG(t)
	return handlesOf(t, func() *gorm.DB {
		db, err := gorm.Open(postgres.Open(server.DSN), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		pool, err := db.DB()
		must(t, err)
		t.Cleanup(func() { _ = pool.Close() })
		return db
	}, strategy)
}

func handlesOf(t *testing.T, open func() *gorm.DB, strategy tenancy.Strategy) func(models, shared []any) *gorm.DB {
	t.Helper()
	return func(models, shared []any) *gorm.DB {
		db := open()
		must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategy, Models: models, Shared: shared})))
		t.Cleanup(func() { must(t, tenancy.Close(db)) })
		return db
	}
}

// TestCommonTablesHeld: somebody who reads a table that tenants have in common costs those who
// migrate it the lock timeout, and others who read it meanwhile no more.
func TestCommonTablesHeld(t *testing.T) {
	const patience = time.Second // MySQL counts in seconds
	acme := tenancy.Tenant{ID: "acme"}
	for name, open := range commonTables {
		for what, model := range map[string]any{"shared model": &harbor{}, "owned model": &barge{}} {
			if what == "owned model" && name != "postgres rls" && name != "mysql shared" {
				continue // of a tenant's own
			}
			t.Run(name+", "+what, func(t *testing.T) {
				handles := open(t)
				db := handles([]any{&barge{}}, []any{&harbor{}})
				before, err := migrate.New(db)
				must(t, err)
				must(t, before.Provision(t.Context(), acme))
				later := handles([]any{&bargeLater{}}, []any{&harborLater{}})
				m, err := migrate.New(later, migrate.LockTimeout(patience), migrate.StatementTimeout(2*pgWait))
				must(t, err)
				reader := db.Begin() // in the base database
				if what == "owned model" {
					must(t, reader.Rollback().Error)
					reader = db.WithContext(tenancy.WithTenant(t.Context(), acme)).Begin()
				}
				must(t, reader.Error)
				must(t, reader.Limit(1).Find(model).Error)
				for op, run := range map[string]func(ctx context.Context) error{
					"provision": func(ctx context.Context) error { return m.Provision(ctx, acme) },
					"up":        func(ctx context.Context) error { _, err := m.Up(ctx, migrate.Tenants(acme)); return err },
				} {
					ctx, cancel := context.WithTimeout(t.Context(), 2*pgWait)
					began := time.Now()
					err := run(ctx)
					cancel()
					wantKind(t, err, tenancy.ErrMigration)
					if took := time.Since(began); took < patience || took > pgWait {
						t.Errorf("%s took %v: %v", op, took, err)
					}
				}
				must(t, reader.Rollback().Error)
				must(t, m.Provision(t.Context(), acme))
				unlimited(t, later)
			})
		}
	}
}

// unlimited fails unless the connections of a handle wait for locks as those of others do.
func unlimited(t *testing.T, db *gorm.DB) {
	t.Helper()
	if db.Name() != "mysql" {
		return // limits are the transaction's
	}
	const limits = " VARIABLES WHERE Variable_name IN ('lock_wait_timeout', 'innodb_lock_wait_timeout', 'max_statement_time')"
	type variable struct {
		Name  string `gorm:"column:Variable_name"`
		Value string
	}
	var own, others []variable
	system := db.WithContext(tenancy.WithSystem(t.Context(), "a test looks at its session"))
	must(t, system.Raw("SHOW SESSION"+limits).Scan(&own).Error)
	must(t, system.Raw("SHOW GLOBAL"+limits).Scan(&others).Error)
	if len(own) == 0 || !slices.Equal(own, others) {
		t.Errorf("a connection has the limits %v, and others %v", own, others)
	}
}
