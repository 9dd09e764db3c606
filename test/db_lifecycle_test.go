package test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// TestDatabaseLifecycle provisions, repeats and destroys on each kind of server.
func TestDatabaseLifecycle(t *testing.T) {
	t.Parallel()
	for name, newHost := range map[string]func(testing.TB) host{"postgres": newPostgresHost, "mysql": newMySQLHost} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			db := h.base(t, &gorm.Config{Logger: logger.Discard})
			must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: h.database(), Models: []any{&note{}}})))
			t.Cleanup(func() { must(t, tenancy.Close(db)) })
			m, err := migrate.New(db)
			must(t, err)
			acme, ctx := tenancy.Tenant{ID: "acme"}, t.Context()
			as := func(tenant tenancy.Tenant) *gorm.DB { return db.WithContext(tenancy.WithTenant(ctx, tenant)) }

			wantKind(t, as(acme).Find(&[]note{}).Error, tenancy.ErrNotProvisioned)
			wantKind(t, m.Verify(ctx, acme), tenancy.ErrNotProvisioned)
			must(t, m.Destroy(ctx, acme))

			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if err := m.Provision(ctx, acme); err != nil {
						t.Errorf("provision at once: %v", err)
					}
				})
			}
			wg.Wait()
			must(t, as(acme).Create(&note{ID: 1}).Error)
			must(t, m.Provision(ctx, acme))
			must(t, m.Verify(ctx, acme))
			var kept int64
			must(t, as(acme).Model(&note{}).Count(&kept).Error)
			if kept != 1 {
				t.Errorf("%d rows after provisioning again", kept)
			}

			thief := tenancy.Tenant{ID: "thief", DSN: h.dsnOf(h.prefix + "acme")}
			wantKind(t, as(thief).Find(&[]note{}).Error, tenancy.ErrTenantMismatch)
			for op, run := range map[string]func() error{
				"provision": func() error { return m.Provision(ctx, thief) },
				"verify":    func() error { return m.Verify(ctx, thief) },
				"destroy":   func() error { return m.Destroy(ctx, thief) },
			} {
				t.Log(op)
				wantKind(t, run(), tenancy.ErrTenantMismatch)
			}
			h.keepsBase(t)

			must(t, m.Destroy(ctx, acme))
			must(t, m.Destroy(ctx, acme))
			wantKind(t, as(acme).Find(&[]note{}).Error, tenancy.ErrNotProvisioned)
			must(t, m.Provision(ctx, acme))
			must(t, as(acme).Create(&note{ID: 1}).Error)
		})
	}
}

// keepsBase makes the base database a tenant's, in every way that a DSN allows.
func (h host) keepsBase(t *testing.T) {
	t.Helper()
	db := h.base(t, &gorm.Config{Logger: logger.Discard})
	strategy := h.database()
	strategy.Prefix = "tenancy_test_" // as the base database's name begins
	must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategy, Models: []any{&note{}}})))
	t.Cleanup(func() { must(t, tenancy.Close(db)) })
	m, err := migrate.New(db)
	must(t, err)
	usurper := tenancy.Tenant{ID: "usurper", DSN: h.dsn}
	for _, run := range []func(context.Context, tenancy.Tenant) error{m.Provision, m.Destroy} {
		err := run(t.Context(), usurper)
		wantKind(t, err, tenancy.ErrInvalidTenant)
		if err != nil && !strings.Contains(err.Error(), "is the base database") {
			t.Errorf("refused for another reason: %v", err)
		}
	}
}
