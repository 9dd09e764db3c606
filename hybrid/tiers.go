package hybrid

import (
	"github.com/gormtenancy/tenancy"
)

// Tiers implements [tenancy.Tiered].
func (p *provider) Tiers() []tenancy.Tier {
	all := make([]tenancy.Tier, len(p.tiers))
	for i, tier := range p.tiers {
		all[i] = tenancy.Tier{Name: tier.name, Provider: tier.provider}
	}
	return all
}

// TierOf implements [tenancy.Tiered].
func (p *provider) TierOf(t tenancy.Tenant) (tenancy.Tier, error) {
	tier, err := p.of(t)
	return tenancy.Tier{Name: tier.name, Provider: tier.provider}, err
}
