package migrate

import (
	"context"
	"io"
	"runtime"
	"time"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// config is what options say.
type config struct {
	workers          int
	stop             int
	out              io.Writer
	lockTimeout      time.Duration
	statementTimeout time.Duration
	retries          int
	trust            bool
}

const (
	defaultLockTimeout = 5 * time.Second
	defaultRetries     = 3
)

func defaults() config {
	return config{workers: runtime.GOMAXPROCS(0), lockTimeout: defaultLockTimeout, retries: defaultRetries}
}

// configured is what options say. One that is nil says nothing.
func configured(options []Option) (config, error) {
	c := defaults()
	for _, option := range options {
		if option != nil {
			option(&c)
		}
	}
	err := c.check()
	return c, err
}

func (c *config) check() error {
	for _, option := range []struct {
		wrong bool
		cure  string
	}{
		{c.workers < 1, "migrate.Workers needs at least one worker"},
		{c.lockTimeout < 0, "migrate.LockTimeout cannot be negative; 0 waits for ever"},
		{c.statementTimeout < 0, "migrate.StatementTimeout cannot be negative; 0 sets none"},
		{c.retries < 0, "migrate.Retries cannot be negative; 0 tries once"},
	} {
		if option.wrong {
			return &tenancy.Error{Kind: tenancy.ErrConfig, Detail: option.cure}
		}
	}
	return nil
}

// limited is ctx for changes of structures, which keep to the limits of the options.
func (c *config) limited(ctx context.Context) context.Context {
	return ddl.Limited(ctx, ddl.Limits{Lock: c.lockTimeout, Statement: c.statementTimeout})
}

// Option changes how a [Migrator] works.
type Option func(*config)

// Workers sets how many tenants are worked on at once, each on a connection of its own.
// It holds for all servers together, and so for each. A look at many tenants' structures takes up
// to eight connections, whatever n is, or as many as the pool has. Default: the number of CPUs.
func Workers(n int) Option { return func(c *config) { c.workers = n } }

// StopAfter makes a run of many tenants stop after n failures; tenants not begun by
// then are reported as skipped. Default 0: never.
func StopAfter(n int) Option { return func(c *config) { c.stop = n } }

// Progress shows the progress of a run on w: a bar on a terminal, a line now and then
// elsewhere. Default: none.
func Progress(w io.Writer) Option { return func(c *config) { c.out = w } }

// LockTimeout sets how long a migration of a tenant or of the shared models, and the
// destruction of a tenant, wait for each lock that somebody else holds, before they fail. One is
// the lock by which only one at a time works on the same structures: the error says who has it.
// Others are those of tables, on PostgreSQL, MySQL and MariaDB, and everybody who wants the same
// table waits behind the migration meanwhile; MySQL counts these in whole seconds, rounded up.
// Default: 5 seconds. 0: none is set.
func LockTimeout(d time.Duration) Option { return func(c *config) { c.lockTimeout = d } }

// StatementTimeout sets how long one statement of a migration may last, on PostgreSQL, and on
// MariaDB except in versioned migrations. On PostgreSQL a script that was recorded from another
// tenant counts as one. Default 0: none is set.
func StatementTimeout(d time.Duration) Option { return func(c *config) { c.statementTimeout = d } }

// Retries sets how often a tenant is tried again after an error that may pass: a
// deadlock, a serialization failure, a lost connection. A lock timeout is none of
// them. Default: 3.
func Retries(n int) Option { return func(c *config) { c.retries = n } }

// Trust makes [Migrator.Up] believe its ledger, which is one query: a tenant that a run has
// brought to these models is not looked at, and one that a run has left with others is taken
// to be as it was left. What was changed by hand since then is found in the first tenant of
// each structure, which is looked at, and in tables that are changed, and nowhere else.
// Default: every tenant's structures are surveyed.
func Trust() Option { return func(c *config) { c.trust = true } }
