package hybrid

import (
	"fmt"
	"slices"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/names"
)

// For returns the strategy that serves a tenant, which is never a hybrid. It does no I/O
// and does not ask whether the tenant exists. It returns [tenancy.ErrInvalidTenant] for a
// tier that there is not, and what db.Use would return where the configuration is wrong.
func (s *Strategy) For(t tenancy.Tenant) (tenancy.Strategy, error) {
	if err := s.wrong(); err != nil {
		return nil, err
	}
	if err := names.Valid(t.ID); err != nil {
		return nil, &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Detail: err.Error()}
	}
	leaf, err := s.leaf(t)
	return leaf.strategy, err
}

// leaf finds the tier of a tenant through all hybrids.
func (s *Strategy) leaf(t tenancy.Tenant) (tier, error) {
	side, ok := s.named(t.Tier)
	switch {
	case t.Tier == "":
		side = s.unnamed(t)
	case !ok:
		return tier{}, &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Detail: fmt.Sprintf("there is no tier %q; leave Tier empty, or set it to one of %s", t.Tier, quotedList(s.Tiers()))}
	}
	inner, nested := side.strategy.(*Strategy)
	if !nested {
		return side, nil
	}
	if side.name == t.Tier {
		t.Tier = "" // the name of the whole hybrid; within, it is one tenant of many
	}
	return inner.leaf(t)
}

// named finds the side that a tier is, or is in.
func (s *Strategy) named(name string) (tier, bool) {
	for _, side := range s.tiers {
		inner, nested := side.strategy.(*Strategy)
		if side.name == name || nested && slices.Contains(inner.Tiers(), name) {
			return side, true
		}
	}
	return tier{}, false
}

// unnamed finds the side of a tenant that names no tier.
func (s *Strategy) unnamed(t tenancy.Tenant) tier {
	if s.listed[t.ID] || s.isPremium != nil && s.isPremium(t) {
		return s.tiers[0]
	}
	return s.tiers[1]
}
