package tenancy

// Tiered is a [Provider] that passes each tenant on to one of several others. What it
// answers as a tenant's [Provider.Group] begins with the name of the tier and a slash,
// for the tenants of that tier alone. Each tier is migrated by itself.
type Tiered interface {
	// Tiers lists all. It always answers the same.
	Tiers() []Tier
	// TierOf returns the one that serves a tenant. [ErrInvalidTenant]: there is none.
	TierOf(t Tenant) (Tier, error)
}

// Tier is what serves some of the tenants.
type Tier struct {
	// Name is unique. Empty where one provider serves all tenants.
	Name string
	// Provider is the tier's own, no [Tiered] itself. Its groups are named without the tier.
	Provider Provider
}

// Tiers lists what serves the tenants: the tiers of the configured strategy, or the
// strategy as the only one.
func (in *Installation) Tiers() []Tier {
	if tiered, ok := in.provider.(Tiered); ok {
		return tiered.Tiers()
	}
	return []Tier{{Provider: in.provider}}
}

// TierOf returns the one of the Tiers that serves a tenant, or [ErrInvalidTenant].
func (in *Installation) TierOf(t Tenant) (Tier, error) {
	if err := t.check(); err != nil {
		return Tier{}, err
	}
	if tiered, ok := in.provider.(Tiered); ok {
		return tiered.TierOf(t)
	}
	return Tier{Provider: in.provider}, nil
}
