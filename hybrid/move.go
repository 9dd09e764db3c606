package hybrid

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// Move moves all rows of a tenant from its tier to another, in either direction: from
// tables of its own into common ones, or out of them. Flip is required: it makes the
// application route the tenant to its new tier.
//
//	report, err := hybrid.Move(ctx, db, acme, "premium", hybrid.Flip(func(ctx context.Context, t tenancy.Tenant) error {
//		return accounts.SetTier(ctx, t.ID, t.Tier) // t.Tier is the new one
//	}))
//
// Meanwhile the tenant reads on, and its writes are refused with [tenancy.ErrMoving] in
// every process, since triggers in the database refuse them. Other tenants are served as
// before. The rows are copied in batches, parents first, under the keys that they have;
// identity columns and sequences go on behind them. Then both sides are compared by count and
// checksum, Flip is called, and the source is removed: see [KeepSource].
//
// A run that fails or is killed can be run again with the same arguments. Before Flip it
// starts over from the frozen source, and from then on it never copies again: Flip is called
// once more, as it may not have ended, and the rest is done. [Abandon] gives up before Flip.
//
// What cannot be moved whole leaves the tenant as it was, able to write, in its old tier:
// [tenancy.ErrDrifted] where the target lacks a column or a table of the source, where it has
// rows of the tenant already, or where the copy differs; [tenancy.ErrTenantMismatch] where
// a key or a unique value that the tenant brings along is taken by another, which is found
// before any row is copied. [tenancy.ErrMoving] means that another Move is at work on the
// tenant, or was killed less than [Lease] ago. What Flip returns comes back unchanged.
//
// The handle's role must own the tables. On PostgreSQL no statement of Move waits longer
// than [LockTimeout] for a lock on a table, so no other tenant waits longer behind it; it is
// tried again until ctx ends. Safe to call from several goroutines and processes.
//
// On MySQL and MariaDB the triggers of common tables are made by Provision, once for all
// tenants, and stay: making them in tables that are in use would hold everybody up. Each row
// that is written there costs two look-ups by key. Provision and Move need the right to make
// triggers (TRIGGER, and where there is a binary log SUPER or
// log_bin_trust_function_creators = 1): where Provision lacks it, it makes none, and Move
// returns [tenancy.ErrConfig]. They run with the rights of the user that made them, who must
// stay. Move waits a second at most for a lock, then others go on, and it tries again. No
// trigger sees what a foreign key does by itself (ON DELETE CASCADE, SET NULL), nor TRUNCATE:
// leave alone meanwhile the shared models that the tenant's rows refer to in that way, and
// do not truncate tables in its own database. MariaDB refuses an INSERT … RETURNING when its rows
// are read: of a text whose rows the application reads itself, by Rows or Scan, the error is the
// driver's, in the same words.
func Move(ctx context.Context, db *gorm.DB, t tenancy.Tenant, to string, options ...MoveOption) (*MoveReport, error) {
	cfg := moveConfig{batch: defaultBatch, lease: Lease}
	for _, option := range options {
		if option != nil {
			option(&cfg)
		}
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	m, err := newMover(db, t, cfg)
	if err != nil {
		return nil, err
	}
	if err := m.move(ctx, to); err != nil {
		return nil, m.complete(err)
	}
	return &m.report, nil
}

// Finish removes the source that [KeepSource] kept. Without one it does nothing. Call it
// when no process routes the tenant to its old tier any more: until then a late write there
// is refused with [tenancy.ErrMoving].
func Finish(ctx context.Context, db *gorm.DB, t tenancy.Tenant) error {
	m, err := newMover(db, t, moveConfig{batch: defaultBatch, lease: Lease})
	if err != nil {
		return err
	}
	return m.complete(m.finish(ctx))
}

// Abandon gives up a move that was not flipped: the source takes writes again, and the copy is
// removed. Without a move it does nothing. [tenancy.ErrMoving] means that Flip was called
// already, or that a Move is at work.
func Abandon(ctx context.Context, db *gorm.DB, t tenancy.Tenant) error {
	m, err := newMover(db, t, moveConfig{batch: defaultBatch, lease: Lease})
	if err != nil {
		return err
	}
	return m.complete(m.abandon(ctx))
}

// MoveReport says what a [Move] has done.
type MoveReport struct {
	// Tenant is the tenant's ID.
	Tenant string
	// From and To are the names of the tiers.
	From, To string
	// Moved is false where the tenant was in the tier already, and nothing was done.
	Moved bool
	// Resumed is the step at which an earlier run had ended. Empty: there was none.
	Resumed string
	// Kept says that the source is still there: see [Finish].
	Kept bool
	// Tables lists what was copied and compared, in the order of copying. It is empty where
	// an earlier run did that.
	Tables []MovedTable
}

// MovedTable is a table of a [MoveReport].
type MovedTable struct {
	// Table is the logical name.
	Table string
	// Rows is how many rows each side has.
	Rows int64
	// Checksum is that of the rows of each side but for their tenant column, whatever their
	// order: the sum of the SHA-256 of each, in hexadecimal digits.
	Checksum string
}

// String is the report on one line.
func (r *MoveReport) String() string {
	if !r.Moved {
		return fmt.Sprintf("tenant %q is in the tier %q already", r.Tenant, r.To)
	}
	text := fmt.Sprintf("tenant %q moved from %q to %q", r.Tenant, r.From, r.To)
	if r.Resumed != "" {
		text += fmt.Sprintf(", resumed at the step %q", r.Resumed)
	}
	switch r.Resumed {
	case stepFlipping, stepCleaning, stepKept:
		text += ": an earlier run has copied and compared the rows"
	default:
		text += ": " + r.copied()
	}
	if r.Kept {
		text += "; the source is kept until hybrid.Finish"
	}
	return text
}

// copied counts what was copied.
func (r *MoveReport) copied() string {
	var rows int64
	for _, table := range r.Tables {
		rows += table.Rows
	}
	return fmt.Sprintf("%d rows in %d tables", rows, len(r.Tables))
}
