package migrate

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/gormtenancy/tenancy"
)

// Up brings all tenants to the models, several at a time: those that are there are
// migrated, those that are missing are provisioned. Tenants that share structures are
// migrated once. Of tenants that have equal structures each, one is migrated by GORM's
// AutoMigrate, and the others by the statements that it found to send; afterwards they are
// looked at again, of schemas on PostgreSQL only the tables that the statements name where
// that is all they change, and whoever did not end like the first is migrated by itself. The
// tiers of a hybrid are treated each by itself.
// Tenants that are as they should be are not touched. A run that was killed is
// simply repeated.
//
// Nothing is ever dropped: what a tenant has beyond the models is reported.
//
// The report names every tenant. The error is nil when all are done, and a
// [*PartialError] otherwise. The sequence is read to its end, or to its first error,
// before the work begins; the tenants before an error are worked on. What fails before the
// first of them, as the migration of the shared models may, leaves all of them skipped.
func (m *Migrator) Up(ctx context.Context, tenants iter.Seq2[tenancy.Tenant, error]) (*Report, error) {
	r := m.begin("up", tenants)
	ctx = m.limited(ctx)
	parts, err := m.prepare(ctx, r.tenants())
	if err != nil {
		return r.abandon(ctx, m.failed(err, "up", tenancy.Tenant{}))
	}
	r.each(ctx, func(ctx context.Context, result *Result) {
		t := result.Tenant
		of, err := m.tierOf(t)
		if err != nil {
			result.Err = m.complete(err, "up", t)
			return
		}
		part, known := parts[of]
		if !known {
			result.Err = m.complete(movedAway(t), "up", t)
			return
		}
		did := part.once(ctx, t)
		result.Note, result.Changed, result.Err = did.note, did.changed, m.failed(did.err, "up", t)
	})
	for _, part := range parts {
		if err := part.finish(ctx, r); err != nil {
			r.fail(m.failed(err, "up", tenancy.Tenant{}))
		}
	}
	for _, t := range r.tenants() { // now that the ledger has been told
		m.in.Forget(t)
	}
	return r.report()
}

// part is a run of Up over the tenants of one tier.
type part interface {
	// once brings one tenant to the models, however often it is named.
	once(ctx context.Context, t tenancy.Tenant) outcome
	// finish ends the run, and completes its report.
	finish(ctx context.Context, r *run) error
}

// prepare looks at everything before the first change to a tenant.
func (m *Migrator) prepare(ctx context.Context, tenants []tenancy.Tenant) (map[*tier]part, error) {
	if m.keeps() {
		if err := m.ledger.create(ctx); err != nil {
			return nil, err
		}
		if err := m.order(ctx); err != nil {
			return nil, err
		}
	}
	known, err := m.recall(ctx, tenants)
	if err != nil {
		return nil, err
	}
	split := m.split(tenants)
	pictures, err := m.look(ctx, known, split)
	if err != nil {
		return nil, err
	}
	if err := m.shared(ctx, known); err != nil {
		return nil, err
	}
	parts := make(map[*tier]part, len(split))
	for of, list := range split {
		if of.fleet == nil {
			parts[of] = &groups{tier: of}
		} else if parts[of], err = newUpgrade(ctx, pictures[of], list); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// Status looks at all tenants. Tenants that are behind, missing or drifted are the
// report's business; the error, a [*PartialError], is for those that could not be asked.
//
// A tenant is behind, with [tenancy.ErrBehind], when it is as a run of Up or Provision left it
// and the models have changed since, and drifted, with [tenancy.ErrDrifted], when somebody else
// has changed it. Where tenants have structures of their own, Status compares them, with a few
// queries for all where they are in one database; else it is [Migrator.Verify] for each. Of a
// hybrid, each tier is treated so, and whether a tenant has rows in another tier as well is
// Verify's question alone where structures are compared.
func (m *Migrator) Status(ctx context.Context, tenants iter.Seq2[tenancy.Tenant, error]) (*Report, error) {
	r := m.begin("status", tenants)
	views, err := m.compare(ctx, r.tenants())
	if err != nil {
		return r.abandon(ctx, m.failed(err, "status", tenancy.Tenant{}))
	}
	r.each(ctx, func(ctx context.Context, result *Result) {
		t := result.Tenant
		of, err := m.tierOf(t)
		if err != nil {
			result.State, result.Err = Failed, m.complete(err, "status", t)
			return
		}
		if view, compared := views[of]; compared {
			view.report(result)
			return
		}
		result.Err = m.Verify(ctx, t)
		result.State = stateOf(result.Err)
	})
	return r.report()
}

// movedAway is the error for a tenant that nobody knew to be in its tier when a run began.
func movedAway(t tenancy.Tenant) error {
	return &tenancy.Error{Kind: tenancy.ErrMoving, Tenant: t.ID, Detail: "the tenant has come to another tier since the run began; repeat the run"}
}

// groups is a run of Up over a tier's tenants whose structures cannot be compared: what
// they share is migrated once, and the others are migrated one by one.
type groups struct {
	*tier

	done sync.Map // group → func() error
}

func (g *groups) once(ctx context.Context, t tenancy.Tenant) outcome {
	provider := g.in.Provider()
	once, _ := g.done.LoadOrStore(provider.Group(t), sync.OnceValue(func() error { return provider.Provision(ctx, t) }))
	did := outcome{err: once.(func() error)()}
	if g.name != "" && g.apart(t) {
		did.note = byItself + fmt.Sprintf("the strategy of the tier %q does not compare its tenants", g.name)
	}
	return did
}

func (*groups) finish(context.Context, *run) error { return nil }
