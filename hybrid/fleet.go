package hybrid

import (
	"context"

	"github.com/gormtenancy/tenancy"
)

var _ tenancy.Tiered = (*provider)(nil)

// Part implements [tenancy.Tiered]: the part is the tier.
func (p *provider) Part(t tenancy.Tenant) (name string, own bool) {
	tier, err := p.of(t)
	if err != nil {
		return "", false
	}
	_, own = tier.provider.(tenancy.Fleet)
	return tier.name, own
}

// Survey implements [tenancy.Fleet]: each tier looks at its own tenants.
func (p *provider) Survey(ctx context.Context, tenants []tenancy.Tenant) (map[string]tenancy.Structure, error) {
	return eachTier(p, tenants, func(fleet tenancy.Fleet, own []tenancy.Tenant) (map[string]tenancy.Structure, error) {
		return fleet.Survey(ctx, own)
	})
}

// Objects implements [tenancy.Fleet].
func (p *provider) Objects(ctx context.Context, tenants []tenancy.Tenant) (map[string]tenancy.Objects, error) {
	return eachTier(p, tenants, func(fleet tenancy.Fleet, own []tenancy.Tenant) (map[string]tenancy.Objects, error) {
		return fleet.Objects(ctx, own)
	})
}

// eachTier asks each tier that is a fleet about its tenants, and names what it answers as
// Group does.
func eachTier[T any](p *provider, tenants []tenancy.Tenant, ask func(tenancy.Fleet, []tenancy.Tenant) (map[string]T, error)) (map[string]T, error) {
	own := map[string][]tenancy.Tenant{} // by tier
	for _, t := range tenants {
		if _, err := p.Bind(t); err != nil {
			continue
		}
		if tier, isFleet := p.Part(t); isFleet {
			own[tier] = append(own[tier], t)
		}
	}
	all := map[string]T{}
	for _, tier := range p.tiers {
		if len(own[tier.name]) == 0 {
			continue
		}
		found, err := ask(tier.provider.(tenancy.Fleet), own[tier.name])
		if err != nil {
			return nil, err
		}
		for group, one := range found {
			all[tier.name+"/"+group] = one
		}
	}
	return all, nil
}

// Apply implements [tenancy.Fleet].
func (p *provider) Apply(ctx context.Context, t tenancy.Tenant, c tenancy.Change) (tenancy.Script, error) {
	tier, err := p.at(t)
	if err != nil {
		return tenancy.Script{}, err
	}
	fleet, ok := tier.(tenancy.Fleet)
	if !ok {
		return tenancy.Script{}, configError("the tier of the tenant %q does not work on many tenants at once; use Provision", t.ID)
	}
	return fleet.Apply(ctx, t, c)
}
