package migrate

import (
	"context"
	"iter"
	"time"

	"github.com/gormtenancy/tenancy"
)

// Runner does work for the tenants of a fleet as [Migrator.Up] does, for migrations of
// another kind. Its methods may be called from several goroutines at once.
type Runner struct{ config }

// NewRunner returns a runner that heeds the options.
func NewRunner(options ...Option) (*Runner, error) {
	c, err := configured(options)
	return &Runner{c}, err
}

// Run does work for each tenant, several at once, under a name that progress is shown by.
// work says in its result what became of the tenant; where it sets no State, the tenant is
// [Done], or [Failed] if it sets Err. A panic in work is a [*PanicError] in the tenant's result.
// The report and the error are as those of [Migrator.Up].
func (r *Runner) Run(ctx context.Context, name string, tenants iter.Seq2[tenancy.Tenant, error], work func(context.Context, *Result)) (*Report, error) {
	run := r.begin(name, tenants)
	run.each(ctx, work)
	return run.report()
}

// Skip reports each tenant as skipped, since err came before the work could begin.
func (r *Runner) Skip(ctx context.Context, name string, tenants iter.Seq2[tenancy.Tenant, error], err error) (*Report, error) {
	return r.begin(name, tenants).abandon(ctx, err)
}

// Retry does work, and does it again while its error may pass; see [Retries].
func (r *Runner) Retry(ctx context.Context, work func() error) error { return r.retried(ctx, work) }

// Limits returns how long a lock is waited for and how long a statement may last. 0: for ever.
func (r *Runner) Limits() (lock, statement time.Duration) {
	return r.lockTimeout, r.statementTimeout
}
