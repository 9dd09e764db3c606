package versioned

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// Status asks each tenant for its version, and changes nothing. Tenants are
// [migrate.UpToDate], [migrate.Behind] with [tenancy.ErrBehind], or [migrate.Missing] with
// [tenancy.ErrNotProvisioned]. The report's error is for those that could not be asked.
func (m *Migrator) Status(ctx context.Context, tenants iter.Seq2[tenancy.Tenant, error]) (*migrate.Report, error) {
	return m.runner.Run(ctx, "status", tenants, func(ctx context.Context, result *migrate.Result) {
		result.State, result.Version, result.Err = m.status(ctx, result.Tenant)
		result.Err = m.failed(result.Err, "status", result.Tenant)
	})
}

func (m *Migrator) status(ctx context.Context, t tenancy.Tenant) (migrate.State, int64, error) {
	b, err := m.bind(t)
	if err != nil {
		return migrate.Failed, 0, err
	}
	if err := owned(ctx, m.in, t); errors.Is(err, tenancy.ErrNotProvisioned) {
		return migrate.Missing, 0, err
	} else if err != nil {
		return migrate.Failed, 0, err
	}
	h, err := m.applied(ctx, b)
	if err != nil {
		return migrate.Failed, 0, err
	}
	if err := m.set.behind(h, t); err != nil {
		return migrate.Behind, h.latest, err
	}
	return migrate.UpToDate, h.latest, nil
}

// owned returns nil where the structures by a tenant's name are there and its own.
func owned(ctx context.Context, in *tenancy.Installation, t tenancy.Tenant) error {
	tier, err := in.TierOf(t)
	if err != nil {
		return err
	}
	fleet, own := tier.Provider.(tenancy.Fleet)
	if !own {
		return nil
	}
	found, err := fleet.Survey(ctx, []tenancy.Tenant{t})
	if err != nil {
		return err
	}
	switch structure := found[tier.Provider.Group(t)]; {
	case structure.Err != nil:
		return structure.Err
	case structure.Owner == "":
		return &tenancy.Error{Kind: tenancy.ErrNotProvisioned, Tenant: t.ID, Detail: "the database knows nothing of the tenant; run Up of package versioned"}
	case structure.Owner != t.ID:
		return &tenancy.Error{Kind: tenancy.ErrTenantMismatch, Tenant: t.ID, Detail: fmt.Sprintf("%q belongs to the tenant %q; give each tenant a name of its own", tier.Provider.Group(t), structure.Owner)}
	default:
		return nil
	}
}

// behind makes the error for a tenant that lacks versions.
func (s *set) behind(h history, t tenancy.Tenant) error {
	lacking := s.lacking(h.versions, s.latest())
	if len(lacking) == 0 {
		return nil
	}
	return &tenancy.Error{Kind: tenancy.ErrBehind, Tenant: t.ID, Detail: fmt.Sprintf("it is at version %d and lacks %d of the migrations up to %d, which are required; run Up of package versioned", h.latest, len(lacking), s.latest())}
}
