package versioned

import (
	"context"

	"github.com/gormtenancy/tenancy"
)

// Current is a requirement for [tenancy.Config.Require]: the tenant has all migrations of
// the configuration. It is one query of the tenant's table of versions. A tenant that is
// further than that is let through, and one of whom the database knows nothing is
// [tenancy.ErrNotProvisioned]. The error is [tenancy.ErrConfig] where the migrations cannot be
// read.
func Current(config Config) (tenancy.Requirement, error) {
	s, err := newSet(config)
	if err != nil {
		return nil, err
	}
	return current{s}, nil
}

type current struct{ set *set }

// Met implements [tenancy.Requirement].
func (c current) Met(ctx context.Context, in *tenancy.Installation, t tenancy.Tenant) error {
	if _, known := dialects[in.Dialect()]; !known {
		return unsupported(in.Dialect())
	}
	b, err := bindingOf(in, t)
	if err != nil {
		return err
	}
	h, err := c.set.applied(ctx, in, b)
	if err != nil {
		return err
	}
	if len(h.versions) == 0 {
		if err := owned(ctx, in, t); err != nil {
			return err
		}
	}
	return c.set.behind(h, t)
}
