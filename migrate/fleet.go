package migrate

import (
	"context"
	"iter"
	"sync"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// Up brings all tenants to the models, several at a time: those that are there are
// migrated, those that are missing are provisioned. Tenants that share structures are
// migrated once. Of tenants that have equal structures each, one is migrated by GORM's
// AutoMigrate, and the others by the statements that it found to send; afterwards all are
// looked at again, and whoever did not end like the first is migrated by itself.
// Tenants that are as they should be are not touched. A run that was killed is
// simply repeated.
//
// Nothing is ever dropped: what a tenant has beyond the models is reported.
//
// The report names every tenant. The error is nil when all are done, and a
// [*PartialError] otherwise. The sequence is read to its end, or to its first error,
// before the work begins; the tenants before an error are worked on.
func (m *Migrator) Up(ctx context.Context, tenants iter.Seq2[tenancy.Tenant, error]) (*Report, error) {
	r := m.begin("up", tenants)
	ctx = ddl.Patient(ctx, m.lockTimeout)
	if m.fleet != nil {
		return m.upgrade(ctx, r)
	}
	if err := m.in.MigrateShared(ctx); err != nil {
		return &Report{}, m.failed(err, "up", tenancy.Tenant{})
	}
	groups := &groups{provision: m.in.Provider().Provision}
	r.each(ctx, func(ctx context.Context, result *Result) {
		t := result.Tenant
		result.State = Failed
		if _, err := m.in.Bind(t); err != nil {
			result.Err = m.complete(err, "up", t)
		} else if err := groups.do(ctx, m.in.Provider().Group(t), t); err != nil {
			result.Err = m.failed(err, "up", t)
		} else {
			result.State = Done
		}
	})
	return r.report()
}

// Status looks at all tenants. Tenants that are behind, missing or drifted are the
// report's business; the error is for those that could not be asked.
//
// A tenant is behind when it is as a run of Up or Provision left it and the models have
// changed since, and drifted when somebody else has changed it. Where tenants have
// structures of their own, Status compares them, with one query for all; else it is
// [Migrator.Verify] for each.
func (m *Migrator) Status(ctx context.Context, tenants iter.Seq2[tenancy.Tenant, error]) (*Report, error) {
	r := m.begin("status", tenants)
	if m.fleet != nil {
		return m.compare(ctx, r)
	}
	r.each(ctx, func(ctx context.Context, result *Result) {
		result.Err = m.Verify(ctx, result.Tenant)
		result.State = stateOf(result.Err)
	})
	return r.report()
}

// groups does the work of tenants that share structures once.
type groups struct {
	provision func(context.Context, tenancy.Tenant) error
	done      sync.Map // group → func() error
}

func (g *groups) do(ctx context.Context, group string, t tenancy.Tenant) error {
	once, _ := g.done.LoadOrStore(group, sync.OnceValue(func() error { return g.provision(ctx, t) }))
	return once.(func() error)()
}
