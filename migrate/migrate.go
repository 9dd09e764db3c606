// Package migrate creates, migrates, verifies and removes the structures of tenants:
// one at a time, or the whole fleet.
//
// Options, plans and reports are plain data: several goroutines may read a value at
// once, as long as nobody changes it.
package migrate

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// Migrator works on the structures of tenants, whatever the strategy. Its methods may
// be called from several goroutines, and from several processes, at once.
type Migrator struct {
	config

	in     *tenancy.Installation
	tiers  []*tier
	ledger ledger

	ordered atomic.Bool // the models have a place in the ledger
}

// New returns a migrator for the handle db, on which the plugin was installed. It
// returns [tenancy.ErrNotInstalled] where it was not.
func New(db *gorm.DB, options ...Option) (*Migrator, error) {
	in, err := tenancy.Installed(db)
	if err != nil {
		return nil, err
	}
	c, err := configured(options)
	if err != nil {
		return nil, err
	}
	m := &Migrator{config: c, in: in, ledger: newLedger(in)}
	m.tiers = m.newTiers()
	return m, nil
}

// Provision creates the tenant's structures, the shared ones too where they are
// missing, and brings both to the models. It may be repeated, and called at once from
// many goroutines and processes: all succeed. When it fails, a tenant that lived
// before lives on unharmed, and a new one leaves nothing behind.
//
// It works on connections of its own. Do not call it inside a transaction of the same database
// that has written: on SQLite it would wait for that transaction, which waits for it, until
// [LockTimeout] ends it, and elsewhere it does not see what that transaction has written.
// Commit first.
func (m *Migrator) Provision(ctx context.Context, t tenancy.Tenant) error {
	tier, err := m.tierOf(t)
	if err != nil {
		return m.complete(err, "provision", t)
	}
	defer m.in.Forget(t)
	ctx = m.limited(ctx)
	if err := m.in.MigrateShared(ctx); err != nil {
		return m.failed(err, "provision", t)
	}
	if tier.fleet != nil {
		return m.failed(tier.onboard(ctx, t), "provision", t)
	}
	return m.failed(m.in.Provider().Provision(ctx, t), "provision", t)
}

// Destroy removes everything of the tenant for good, and nothing else. Destroying a
// tenant that is not there is no error. [tenancy.ErrTenantMismatch] means that the
// structures by the tenant's name belong to another. It waits for locks as [LockTimeout]
// says. What is said of transactions at [Migrator.Provision] holds for it, too.
func (m *Migrator) Destroy(ctx context.Context, t tenancy.Tenant) error {
	tier, err := m.tierOf(t)
	if err != nil {
		return m.complete(err, "destroy", t)
	}
	defer m.in.Forget(t)
	ctx = ddl.Limited(ctx, ddl.Limits{Lock: m.lockTimeout}) // to remove much may take as long as it takes
	if tier.fleet != nil {
		if err := m.ledger.forget(ctx, m.in.Provider().Group(t), t.ID); err != nil {
			return m.failed(err, "destroy", t)
		}
	}
	return m.failed(m.in.Provider().Destroy(ctx, t), "destroy", t)
}

// Verify asks the database whether the tenant's isolation holds. It returns
// [tenancy.ErrNotProvisioned], or [tenancy.ErrDrifted] with all that differs.
func (m *Migrator) Verify(ctx context.Context, t tenancy.Tenant) error {
	if _, err := m.in.Bind(t); err != nil {
		return m.complete(err, "verify", t)
	}
	return m.failed(m.in.Provider().Verify(ctx, t), "verify", t)
}

// failed makes an error of the database one that says whose it was.
func (m *Migrator) failed(err error, op string, t tenancy.Tenant) error {
	var known *tenancy.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return m.complete(err, op, t)
	default:
		return &tenancy.Error{Kind: tenancy.ErrMigration, Op: op, Tenant: t.ID, Strategy: m.in.Strategy(), Cause: err}
	}
}

// complete says whose an error of tenancy was, where it does not say so itself.
func (m *Migrator) complete(err error, op string, t tenancy.Tenant) error {
	known, ok := err.(*tenancy.Error) //nolint:errorlint // one inside another error has said enough
	if !ok || known.Op != "" {
		return err
	}
	named := *known
	named.Op, named.Tenant, named.Strategy = op, t.ID, m.in.Strategy()
	return &named
}

// Tenants makes what [Migrator.Up] takes of a slice.
func Tenants(tenants ...tenancy.Tenant) iter.Seq2[tenancy.Tenant, error] {
	return func(yield func(tenancy.Tenant, error) bool) {
		for _, t := range tenants {
			if !yield(t, nil) {
				return
			}
		}
	}
}
