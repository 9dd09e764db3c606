package migrate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/caught"
)

// run is a run under way.
type run struct {
	*config
	name   string
	began  time.Time
	source error // of the sequence of tenants, and whatever else is no tenant's own

	results []Result // each written by the worker of its tenant
	failed  atomic.Int64
}

// work does one tenant's part of a run, and fills in what became of it. Where it leaves the
// state out, the tenant is done, or failed if there is an error.
type work func(ctx context.Context, result *Result)

// begin notes the tenants of a run, up to the first error of their sequence.
func (c *config) begin(name string, tenants iter.Seq2[tenancy.Tenant, error]) *run {
	r := &run{config: c, name: name, began: time.Now()}
	for t, err := range tenants {
		if r.source = err; err != nil {
			break
		}
		r.results = append(r.results, Result{Tenant: t, State: Skipped})
	}
	return r
}

// tenants lists the tenants of the run.
func (r *run) tenants() []tenancy.Tenant {
	list := make([]tenancy.Tenant, len(r.results))
	for i := range r.results {
		list[i] = r.results[i].Tenant
	}
	return list
}

// each does the work for every tenant, several at a time.
func (r *run) each(ctx context.Context, do work) {
	bar := newProgress(r.out, r.name, len(r.results))
	var workers errgroup.Group
	workers.SetLimit(r.workers)
	for at := range r.results {
		workers.Go(func() error {
			if r.one(ctx, &r.results[at], do) {
				bar.done(r.results[at])
			}
			return nil
		})
	}
	_ = workers.Wait() // a worker's failure is in the report
	bar.finish()
	if cause := context.Cause(ctx); cause != nil {
		r.fail(cause)
	}
}

// one does one tenant's part, and reports whether it was begun.
func (r *run) one(ctx context.Context, result *Result, do work) bool {
	if result.Err = ctx.Err(); result.Err != nil {
		return false
	}
	if r.stopped() {
		result.Err = &tenancy.Error{Kind: tenancy.ErrMigration, Op: r.name, Tenant: result.Tenant.ID, Detail: fmt.Sprintf("not begun, since the run was stopped after %d failures; mend those and repeat it", r.stop)}
		return false
	}
	began := time.Now()
	r.attempt(ctx, result, do)
	result.Took = time.Since(began)
	if result.State == Failed {
		r.failed.Add(1)
	}
	return true
}

// attempt does the work of one tenant. A panic in it is that tenant's failure: others are at work.
func (r *run) attempt(ctx context.Context, result *Result, do work) {
	defer func() {
		if value := recover(); value != nil {
			result.State = Failed
			result.Err = &tenancy.Error{Kind: tenancy.ErrMigration, Op: r.name, Tenant: result.Tenant.ID, Cause: caught.Panic(value)}
		}
	}()
	result.State = ""
	do(ctx, result)
	switch {
	case result.State != "":
	case result.Err != nil:
		result.State = Failed
	default:
		result.State = Done
	}
}

func (r *run) stopped() bool {
	return r.stop > 0 && r.failed.Load() >= int64(r.stop)
}

// abandon ends a run before the turn of any tenant: all are skipped, and err says why.
func (r *run) abandon(ctx context.Context, err error) (*Report, error) {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) { // some drivers do not tell it
		err = fmt.Errorf("%w; %w", cause, err)
	}
	for i := range r.results {
		r.results[i].Err = err
	}
	r.fail(err)
	return r.report()
}

// fail notes an error that is no tenant's own.
func (r *run) fail(err error) {
	switch {
	case r.source == nil:
		r.source = err
	case errors.Is(r.source, err): // the sequence of tenants may end with the context's error itself
	default:
		r.source = fmt.Errorf("%w; %w", r.source, err)
	}
}

// report ends the run.
func (r *run) report() (*Report, error) {
	report := &Report{Results: r.results, Took: time.Since(r.began)}
	err := report.err(r.source)
	return report, err
}
