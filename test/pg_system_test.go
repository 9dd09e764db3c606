package test

import (
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

// TestPGRLSReports: under row-level security a system context sees what the role does: nothing,
// or, with BYPASSRLS and a handle that lets such a role through, everybody's rows.
func TestPGRLSReports(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgRLS, pgSetup{models: []any{&logplain{}}})
	s.provision(t, "acme", "globex")
	for _, id := range []string{"acme", "globex"} {
		must(t, s.as(id).Create(&logplain{}).Error)
	}
	report, err := gorm.Open(postgres.Open(server.Admin), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	must(t, report.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.RLS{AllowUnsafeRole: true}, Models: []any{&logplain{}}})))
	t.Cleanup(func() {
		must(t, tenancy.Close(report))
		pool, err := report.DB()
		must(t, err)
		must(t, pool.Close())
	})
	reporting := report.WithContext(tenancy.WithSystem(t.Context(), "a report"))
	for want, db := range map[int64]*gorm.DB{0: s.system(), 2: reporting} {
		var n int64
		must(t, db.Model(&logplain{}).Count(&n).Error)
		if n != want {
			t.Errorf("%d rows, want %d", n, want)
		}
	}
}
