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
// if there was one, and any other by AutoMigrate.
func (m *Migrator) onboard(ctx context.Context, t tenancy.Tenant) error {
	if err := m.ledger.create(ctx); err != nil {
		return err
	}
	version, err := m.version()
	if err != nil {
		return err
	}
	e := entry{Name: m.in.Provider().Group(t), TenantID: t.ID, Version: version}
	known := m.baseline.Load()
	did, err := m.provision(ctx, t, known, e)
	if err != nil {
		return err
	}
	if did.New && known != nil {
		e.Fingerprint, err = m.fingerprint(ctx, t)
		if err != nil || e.Fingerprint == known.after {
			return err
		}
		if did, err = m.provision(ctx, t, nil, e); err != nil {
			return err
		}
	}
	if e.Fingerprint, err = m.fingerprint(ctx, t); err != nil {
		return err
	}
	if known == nil && did.New && did.Doubt == "" {
		more, err := m.unsettled(ctx, t, did)
		if err != nil {
			return err
		}
		if more == "" {
			m.baseline.Store(&baseline{did, e.Fingerprint})
		}
	}
	base, err := m.in.Base()
	if err != nil {
		return err
	}
	return m.ledger.write(ctx, base, e)
}

// provision makes the tenant as a baseline says, or as AutoMigrate does where there is
// none or it fails, and tells the ledger.
func (m *Migrator) provision(ctx context.Context, t tenancy.Tenant, known *baseline, e entry) (did tenancy.Script, err error) {
	change := m.change(nil)
	if known != nil {
		change, e.Fingerprint = m.change(&known.script), known.after
	}
	change.Ended = func(ctx context.Context, base gorm.ConnPool) error { return m.ledger.write(ctx, base, e) }
	err = m.retried(ctx, func() (err error) {
		did, err = m.fleet.Apply(ctx, t, change)
		return err
	})
	if err != nil && known != nil && !locked(err) && ctx.Err() == nil {
		e.Fingerprint = ""
		return m.provision(ctx, t, nil, e)
	}
	return did, err
}

func (m *Migrator) fingerprint(ctx context.Context, t tenancy.Tenant) (string, error) {
	found, err := m.fleet.Survey(ctx, []tenancy.Tenant{t})
	return found[m.in.Provider().Group(t)].Fingerprint, err
}
