package hybrid

import (
	"github.com/gormtenancy/tenancy"
)

// Strategy is two strategies, each for some of the tenants: see [New]. It never
// changes, so it may be used from several goroutines and for several handles.
//
// Raw SQL and transactions are what the tenant's own tier makes of them. Where one of the tiers
// needs the tenant column in all owned tables, it is required of all models, and join
// tables that GORM makes itself get it in both tiers. Shared models have one place.
//
// Provisioning, destroying and migrating act in the tenant's tier alone; a Tenant with
// another Tier stands for what it has there. Verify looks at all: a tenant whose rows are in
// two tiers is [tenancy.ErrDrifted].
//
// On PostgreSQL the tables of a tier that has no schemas of its own are where the
// role's search_path leads, so no tenant of another tier may have a schema that is on it
// ([tenancy.ErrInvalidTenant]). Texts of a tenant with a schema may not name the common
// tables, and the other way round ([tenancy.ErrRawSQL]).
type Strategy struct {
	tiers     [2]tier // premium, standard
	listed    map[string]bool
	isPremium func(tenancy.Tenant) bool
	fault     error
}

// tier is a strategy under the name that Tenant.Tier has for it.
type tier struct {
	name     string
	strategy tenancy.Strategy
}

// Name returns "hybrid".
func (*Strategy) Name() string { return "hybrid" }

// Premium returns the strategy of the premium tier.
func (s *Strategy) Premium() tenancy.Strategy { return s.tiers[0].strategy }

// Standard returns the strategy of the standard tier.
func (s *Strategy) Standard() tenancy.Strategy { return s.tiers[1].strategy }

// Tiers lists the names that Tenant.Tier may have, those of hybrids within included.
func (s *Strategy) Tiers() []string {
	var all []string
	for _, t := range s.tiers {
		all = append(all, t.name)
		if inner, ok := t.strategy.(*Strategy); ok && inner != nil {
			all = append(all, inner.Tiers()...)
		}
	}
	return all
}

// leaves lists the tiers that are no hybrids themselves.
func (s *Strategy) leaves() []tier {
	var all []tier
	for _, t := range s.tiers {
		if inner, ok := t.strategy.(*Strategy); ok {
			all = append(all, inner.leaves()...)
		} else {
			all = append(all, t)
		}
	}
	return all
}

// Install implements [tenancy.Strategy]: it installs the strategy of each tier.
func (s *Strategy) Install(in *tenancy.Installation) (tenancy.Provider, error) {
	if err := s.wrong(); err != nil {
		return nil, err
	}
	p := &provider{in: in, strategy: s}
	for _, leaf := range s.leaves() {
		inner, err := leaf.strategy.Install(in)
		if err != nil {
			return nil, p.abandon(err)
		}
		p.tiers = append(p.tiers, installed{leaf.name, inner})
	}
	if err := p.fit(); err != nil {
		return nil, p.abandon(err)
	}
	return p, nil
}
