package migrate

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gormtenancy/tenancy"
)

// Up brings all tenants to the models, several at a time: those that are there are
// migrated, those that are missing are provisioned. Tenants that share structures are
// migrated once. A run that was killed is simply repeated.
//
// The report names every tenant. The error is nil when all are done, and a
// [*PartialError] otherwise. The sequence is read to its end, or to its first error,
// before the work begins; the tenants before an error are worked on.
func (m *Migrator) Up(ctx context.Context, tenants iter.Seq2[tenancy.Tenant, error]) (*Report, error) {
	if err := m.in.MigrateShared(ctx); err != nil {
		return &Report{}, m.failed(err, "up", tenancy.Tenant{})
	}
	groups := &groups{provision: m.in.Provider().Provision}
	return m.run(ctx, "up", tenants, func(ctx context.Context, t tenancy.Tenant) (State, error) {
		if _, err := m.in.Bind(t); err != nil {
			return Failed, m.complete(err, "up", t)
		}
		if err := groups.do(ctx, m.in.Provider().Group(t), t); err != nil {
			return Failed, m.failed(err, "up", t)
		}
		return Done, nil
	})
}

// Status verifies all tenants, several at a time. Tenants that are missing or drifted
// are the report's business; the error is for those that could not be asked.
func (m *Migrator) Status(ctx context.Context, tenants iter.Seq2[tenancy.Tenant, error]) (*Report, error) {
	return m.run(ctx, "status", tenants, func(ctx context.Context, t tenancy.Tenant) (State, error) {
		err := m.Verify(ctx, t)
		return stateOf(err), err
	})
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

// work does one tenant's part of a run.
type work func(context.Context, tenancy.Tenant) (State, error)

// run does the work for every tenant and keeps the report.
func (m *Migrator) run(ctx context.Context, name string, tenants iter.Seq2[tenancy.Tenant, error], do work) (*Report, error) {
	r := &run{do: do, stopAfter: m.stop, began: time.Now()}
	source := r.collect(tenants)
	bar := newProgress(m.out, name, len(r.results))
	var workers errgroup.Group
	workers.SetLimit(m.workers)
	for at := range r.results {
		workers.Go(func() error {
			if r.one(ctx, at) {
				bar.done(r.results[at])
			}
			return nil
		})
	}
	_ = workers.Wait() // a worker's failure is in the report
	bar.finish()
	if source == nil {
		source = context.Cause(ctx)
	}
	report := &Report{Results: r.results, Took: time.Since(r.began)}
	err := report.err(source)
	return report, err
}

// run is a run under way.
type run struct {
	do        work
	stopAfter int
	began     time.Time

	results []Result // each written by the worker of its tenant
	failed  atomic.Int64
}

// collect notes the tenants, up to the first error of their sequence.
func (r *run) collect(tenants iter.Seq2[tenancy.Tenant, error]) error {
	for t, err := range tenants {
		if err != nil {
			return err
		}
		r.results = append(r.results, Result{Tenant: t, State: Skipped})
	}
	return nil
}

func (r *run) stopped() bool {
	return r.stopAfter > 0 && r.failed.Load() >= int64(r.stopAfter)
}

// one does one tenant's part, and reports whether it was begun.
func (r *run) one(ctx context.Context, at int) bool {
	result := &r.results[at]
	if result.Err = ctx.Err(); result.Err != nil || r.stopped() {
		return false
	}
	began := time.Now()
	result.State, result.Err = r.do(ctx, result.Tenant)
	result.Took = time.Since(began)
	if result.State == Failed {
		r.failed.Add(1)
	}
	return true
}
