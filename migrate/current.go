package migrate

import (
	"context"
	"fmt"

	"github.com/gormtenancy/tenancy"
)

// Current is a requirement for [tenancy.Config.Require]: the tenant was brought to these
// very models by [Migrator.Up] or Provision. It is one query of the ledger, which is in
// the base database, and the role needs the right to read it. Tenants that share their
// tables are in no ledger: the tables themselves are compared with the models, once, and so
// are those of a tenant of a hybrid that the ledger does not say to be current.
//
// Models have no order, so that a program of the old models refuses tenants that were
// brought to the new ones as well, when it is started after that; versioned migrations
// do not. What was changed by hand since then is not seen.
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
	recorded := e.Version == version && e.TenantID == t.ID
	switch {
	case tier.Name != "" && !recorded: // a move from another tier tells the ledger nothing
		return conforms(ctx, in, t)
	case e.Version == "" || e.TenantID != t.ID:
		return behind(t, "no run of migrate.Up has brought it to the models "+version+", which are required; run migrate.Up")
	case e.Version != version:
		return behind(t, fmt.Sprintf("it was brought to the models %s, and %s are required; run migrate.Up", e.Version, version))
	default:
		return nil
	}
}

// conforms asks what the tables that a tenant uses lack.
func conforms(ctx context.Context, in *tenancy.Installation, t tenancy.Tenant) error {
	statements, err := pending(ctx, in, t)
	if err != nil || len(statements) == 0 {
		return err
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
