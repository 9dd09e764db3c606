package migrate

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/gormtenancy/tenancy"
)

// tier is the part of the tenants that one provider serves: all of them, unless the
// strategy is a hybrid. Structures are compared, and statements replayed, within a tier.
type tier struct {
	*Migrator

	name     string // empty: there is no other
	provider tenancy.Provider
	fleet    tenancy.Fleet // nil: tenants share their tables, or are worked on one by one

	baseline atomic.Pointer[baseline] // makes a new tenant of nothing, once one was made
}

func (m *Migrator) newTiers() []*tier {
	var all []*tier
	for _, one := range m.in.Tiers() {
		fleet, _ := one.Provider.(tenancy.Fleet)
		all = append(all, &tier{Migrator: m, name: one.Name, provider: one.Provider, fleet: fleet})
	}
	return all
}

// tierOf returns the tier of a tenant that can be bound.
func (m *Migrator) tierOf(t tenancy.Tenant) (*tier, error) {
	if _, err := m.in.Bind(t); err != nil {
		return nil, err
	}
	of, err := m.in.TierOf(t)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(m.tiers, func(one *tier) bool { return one.name == of.Name })
	if at < 0 {
		return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Tenant: t.ID, Detail: fmt.Sprintf("the strategy names the tier %q, and does not list it", of.Name)}
	}
	return m.tiers[at], nil
}

// keeps reports whether runs are noted in the ledger: those of tenants with structures
// that can be compared.
func (m *Migrator) keeps() bool {
	return slices.ContainsFunc(m.tiers, func(one *tier) bool { return one.fleet != nil })
}

// split sorts tenants by their tiers. Those that can have none are left out.
func (m *Migrator) split(tenants []tenancy.Tenant) map[*tier][]tenancy.Tenant {
	parts := map[*tier][]tenancy.Tenant{}
	for _, t := range tenants {
		if of, err := m.tierOf(t); err == nil {
			parts[of] = append(parts[of], t)
		}
	}
	return parts
}

// apart reports whether the tables of a tenant are its own.
func (m *tier) apart(t tenancy.Tenant) bool {
	b, err := m.in.Bind(t)
	return err == nil && (b.Pool != nil || !b.Names.Logical())
}

// prefix begins the names of the tier's entries in the ledger, and no others.
func (m *tier) prefix() string {
	if m.name == "" {
		return ""
	}
	return m.name + "/"
}
