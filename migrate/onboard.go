package migrate

import (
	"context"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// baseline makes a tenant of nothing.
type baseline struct {
	script tenancy.Script
	after  string // the fingerprint of a tenant that it has made
}

// onboard provisions one tenant: a new one by the statements that made the one before,
// if there was one, and any other by AutoMigrate. The ledger is made by the first who
// succeeds.
func (m *tier) onboard(ctx context.Context, t tenancy.Tenant) error {
	base, err := m.in.Base()
	if err != nil {
		return err
	}
	kept, err := m.ledger.exists(ctx, base)
	if err != nil {
		return err
	}
	if kept {
		if err := m.order(ctx); err != nil {
			return err
		}
	}
	version, err := m.version()
	if err != nil {
		return err
	}
	e := entry{Name: m.in.Provider().Group(t), TenantID: t.ID, Version: version}
	known := m.baseline.Load()
	did, told, err := m.provision(ctx, t, known, e, kept)
	if err != nil {
		return err
	}
	if e.Fingerprint, err = m.fingerprint(ctx, t); err != nil {
		return err
	}
	replayed := known != nil && did.New
	if replayed && e.Fingerprint != known.after {
		if did, _, err = m.provision(ctx, t, nil, e, kept); err != nil {
			return err
		}
		if e.Fingerprint, err = m.fingerprint(ctx, t); err != nil {
			return err
		}
	} else if replayed && told {
		return nil // the ledger, too
	}
	if err := m.ground(ctx, t, baseline{did, e.Fingerprint}); err != nil {
		return err
	}
	if err := m.ledger.create(ctx); err != nil {
		return err
	}
	if err := m.order(ctx); err != nil {
		return err
	}
	return m.ledger.record(ctx, e)
}

// ground makes what was done for a new tenant the baseline of the next ones, if there is
// none yet and AutoMigrate would send no more.
func (m *tier) ground(ctx context.Context, t tenancy.Tenant, did baseline) error {
	if m.baseline.Load() != nil || !did.script.New || did.script.Doubt != "" {
		return nil
	}
	more, err := m.unsettled(ctx, t, did.script)
	if err == nil && more == "" {
		m.baseline.CompareAndSwap(nil, &did)
	}
	return err
}

// provision makes the tenant as a baseline says, or as AutoMigrate does where there is
// none or it fails, and tells the ledger if there is one: all that there is to say, where
// that is in the transaction of the change.
func (m *tier) provision(ctx context.Context, t tenancy.Tenant, known *baseline, e entry, kept bool) (did tenancy.Script, told bool, err error) {
	change := m.change(nil)
	e.Fingerprint = ""
	if known != nil {
		change, e.Fingerprint = m.change(&known.script), known.after
	}
	if kept {
		change.Begun = func(ctx context.Context, base gorm.ConnPool) (bool, error) {
			if apart(base) {
				return false, nil
			}
			return false, m.ledger.write(ctx, base, e)
		}
		did, told, err = m.apply(ctx, t, change, e)
	} else {
		err = m.retried(ctx, func() (err error) {
			did, err = m.fleet.Apply(ctx, t, change)
			return err
		})
	}
	if err != nil && known != nil && !locked(err) && ctx.Err() == nil {
		return m.provision(ctx, t, nil, e, kept)
	}
	return did, told, err
}

func (m *tier) fingerprint(ctx context.Context, t tenancy.Tenant) (string, error) {
	found, err := m.fleet.Survey(ctx, []tenancy.Tenant{t})
	return found[m.provider.Group(t)].Fingerprint, err
}
