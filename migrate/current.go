package migrate

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// Current is a requirement for [tenancy.Config.Require]: the tenant was brought to these
// models, or to others that came to the installation after them, by [Migrator.Up] or
// Provision. So a program of old models goes on while a new one takes its place: nothing is
// ever dropped from under it. It is one query of the ledger, which is in the base database,
// and the role needs the right to read it; another one for tenants of other models. Tenants
// that share their tables, those whom the ledger does not know, and those of a hybrid that it
// does not say to be current, have the tables themselves compared with the models, once.
//
// Models came after others when a run of Up or Provision was first given them later. Of two
// programs whose models grew apart, the older is let through where it may lack something.
// What was changed by hand since then is not seen.
func Current() tenancy.Requirement { return current{} }

type current struct{}

// Met implements [tenancy.Requirement].
func (current) Met(ctx context.Context, in *tenancy.Installation, t tenancy.Tenant) error {
	tier, err := in.TierOf(t)
	if err != nil {
		return err
	}
	if _, own := tier.Provider.(tenancy.Fleet); !own {
		return conforms(ctx, in, t)
	}
	schemas, err := in.Ordered()
	if err != nil {
		return err
	}
	e, err := newLedger(in).find(ctx, in.Provider().Group(t))
	if err != nil {
		return err
	}
	version := versionOf(in, schemas)
	switch {
	case e.Version == version && e.TenantID == t.ID:
		return nil
	case e.Version == "", tier.Name != "": // a move from another tier tells the ledger nothing
		return conforms(ctx, in, t)
	case e.TenantID != t.ID:
		return behind(t, "no run of migrate.Up has brought it to the models "+version+", which are required; run migrate.Up")
	}
	newer, err := isNewer(ctx, in, e.Version, version)
	if err != nil || newer {
		return err
	}
	return behind(t, fmt.Sprintf("it was brought to the models %s, and %s are required; run migrate.Up", e.Version, version))
}

// isNewer reports whether a version came to the installation after another one.
func isNewer(ctx context.Context, in *tenancy.Installation, version, than string) (bool, error) {
	base, err := in.Base()
	if err != nil {
		return false, err
	}
	known, err := newLedger(in).lineage(ctx, base)
	old := known.places[than]
	return old > 0 && known.places[version] > old, err
}

// conforms asks what the tables that a tenant uses lack, if it has any.
func conforms(ctx context.Context, in *tenancy.Installation, t tenancy.Tenant) error {
	var none bool
	var statements []string
	err := looking(ctx, in, t, func(tx gorm.ConnPool, b tenancy.Binding) (err error) {
		if none, err = bare(ctx, in, tx, b); err != nil || none {
			return err
		}
		statements, err = in.Pending(ctx, tx, b, in.Models())
		return err
	})
	switch {
	case err != nil:
		return err
	case none:
		return &tenancy.Error{Kind: tenancy.ErrNotProvisioned, Tenant: t.ID, Detail: "the database has no tables of the tenant; run migrate.Provision"}
	case len(statements) == 0:
		return nil
	}
	return behind(t, fmt.Sprintf("the tables are not as the models require, beginning with: %s; run migrate.Up", statements[0]))
}

func behind(t tenancy.Tenant, detail string) error {
	return &tenancy.Error{Kind: tenancy.ErrBehind, Tenant: t.ID, Detail: detail}
}

// find returns one tenant's entry: an empty one where there is none, or no ledger.
func (l ledger) find(ctx context.Context, name string) (entry, error) {
	base, err := l.in.Base()
	if err != nil {
		return entry{}, err
	}
	e, err := l.one(ctx, base, name)
	if err == nil {
		return e, nil
	}
	if there, existsErr := l.exists(ctx, base); existsErr == nil && !there {
		return entry{}, nil
	}
	return entry{}, err
}
