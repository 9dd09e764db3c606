package hybrid

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/gormtenancy/tenancy"
)

// MoveOption changes how [Move] works.
type MoveOption func(*moveConfig)

const (
	// Lease is how long a Move that was killed still counts as at work. The clocks of all
	// processes that move tenants must agree to within it.
	Lease = 10 * time.Second
	// LockTimeout bounds each wait for a lock on a table, on PostgreSQL. On MySQL and MariaDB
	// it is one second, the least there is.
	LockTimeout = 100 * time.Millisecond

	defaultBatch = 1000
)

type moveConfig struct {
	flip     func(context.Context, tenancy.Tenant) error
	keep     bool
	batch    int
	progress func(MoveProgress)
	lease    time.Duration
}

func (c *moveConfig) check() error {
	switch {
	case c.flip == nil:
		return configError("hybrid.Move needs the option Flip, which makes the application route the tenant to its new tier")
	case c.batch < 1:
		return configError("hybrid.BatchSize(%d) moves nothing; give it at least 1", c.batch)
	}
	return nil
}

// Flip gives the callback that makes the application route the tenant to its new tier, in
// all processes: it writes to where the tenant's tier is looked up. Its tenant has the new
// tier in Tenant.Tier. It must bear to be called again, as it is when a run was killed
// around it. When it returns nil, writes to the new tier are let through, as they are from the
// moment on at which it routes them there.
func Flip(fn func(ctx context.Context, t tenancy.Tenant) error) MoveOption {
	return func(c *moveConfig) { c.flip = fn }
}

// KeepSource keeps the source whole, and frozen, until [Finish]. It is for two cases: to have
// something to look up for a while, and where processes remember the tier of a tenant.
// What such a process writes late to the old tier is refused as long as the source is
// kept. Without KeepSource, when Flip returns, no process may write to the old tier any more:
// in tables of the tenant's own that would fail with [tenancy.ErrNotProvisioned], and in
// common tables it would leave a row where nobody looks, but Verify.
//
// A Move back to the tier of a kept source takes along what was written since.
func KeepSource() MoveOption { return func(c *moveConfig) { c.keep = true } }

// BatchSize sets how many rows are read at a time. Default: 1000.
func BatchSize(n int) MoveOption { return func(c *moveConfig) { c.batch = n } }

// MoveProgress says how far a move has come.
type MoveProgress struct {
	// Step is what is done: "freezing", "checking", "copying", "comparing", "flipping", "cleaning".
	Step string
	// Table is the table that it is done to, by its logical name. Empty: to all.
	Table string
	// Done and Total count the rows of the table.
	Done, Total int64
}

// String is the progress on one line.
func (p MoveProgress) String() string {
	if p.Table == "" {
		return p.Step
	}
	return fmt.Sprintf("%s %s: %d of %d rows", p.Step, p.Table, p.Done, p.Total)
}

// Progress gives a function that is told of each step, and of each batch of rows. It is called
// by the goroutine that called [Move].
func Progress(fn func(MoveProgress)) MoveOption {
	return func(c *moveConfig) { c.progress = fn }
}

// ProgressTo writes a line for each step, and for each batch of rows.
func ProgressTo(w io.Writer) MoveOption {
	return Progress(func(p MoveProgress) { _, _ = fmt.Fprintln(w, p) })
}
