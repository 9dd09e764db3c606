package hybrid

import (
	"context"
	"errors"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
)

// provider passes everything on to the provider of the tenant's tier.
type provider struct {
	in       *tenancy.Installation
	strategy *Strategy
	tiers    []installed
	shared   tenancy.Binding
	path     []string // schemas in which tables of tenants without one are found

	closing sync.Once
	closed  error
}

// installed is a tier at work.
type installed struct {
	name     string
	provider tenancy.Provider
}

func (p *provider) of(t tenancy.Tenant) (installed, error) {
	leaf, err := p.strategy.leaf(t)
	if err != nil {
		return installed{}, err
	}
	for _, tier := range p.tiers {
		if tier.name == leaf.name {
			return tier, nil
		}
	}
	return installed{}, configError("the tier %q was not installed", leaf.name)
}

// Bind returns the tier's binding.
func (p *provider) Bind(t tenancy.Tenant) (tenancy.Binding, error) {
	tier, err := p.of(t)
	if err != nil {
		return tenancy.Binding{}, err
	}
	b, err := tier.provider.Bind(t)
	if err == nil {
		err = p.apart(t, b)
	}
	if err != nil {
		return tenancy.Binding{}, err
	}
	return b, nil
}

// Provision provisions the tenant in its tier, and makes what a move will need there.
func (p *provider) Provision(ctx context.Context, t tenancy.Tenant) error {
	tier, err := p.at(t)
	if err != nil {
		return err
	}
	if err := tier.Provision(ctx, t); err != nil {
		return err
	}
	return p.expectMove(ctx, t)
}

// Destroy removes what the tenant has in its tier, unless a move has something of it in two.
func (p *provider) Destroy(ctx context.Context, t tenancy.Tenant) error {
	tier, err := p.at(t)
	if err != nil {
		return err
	}
	if kept, err := p.underWay(ctx, t); err != nil {
		return err
	} else if kept {
		return &tenancy.Error{Kind: tenancy.ErrMoving, Tenant: t.ID, Detail: "its source of a move is kept; call hybrid.Finish first"}
	}
	if err := tier.Destroy(ctx, t); err != nil {
		return err
	}
	return p.forgetFreeze(ctx, t)
}

// Verify asks the tenant's tier, and makes sure that the others have nothing of the tenant.
func (p *provider) Verify(ctx context.Context, t tenancy.Tenant) error {
	tier, err := p.at(t)
	if err != nil {
		return err
	}
	if err := tier.Verify(ctx, t); err != nil {
		return err
	}
	return p.verifyElsewhere(ctx, t)
}

// at returns the provider of a tenant that can be bound.
func (p *provider) at(t tenancy.Tenant) (tenancy.Provider, error) {
	if _, err := p.Bind(t); err != nil {
		return nil, err
	}
	tier, err := p.of(t)
	return tier.provider, err
}

// Group is the tier's own with its name before it: two tiers may call different things
// by one name.
func (p *provider) Group(t tenancy.Tenant) string {
	tier, err := p.of(t)
	if err != nil {
		return "invalid " + t.ID
	}
	return tier.name + "/" + tier.provider.Group(t)
}

// SharedBinding implements [tenancy.SharedBinder].
func (p *provider) SharedBinding() tenancy.Binding { return p.shared }

// Attest implements [tenancy.Attester]: each tier looks for itself.
func (p *provider) Attest(ctx context.Context, pool gorm.ConnPool, owned []*schema.Schema) error {
	for _, tier := range p.tiers {
		attester, ok := tier.provider.(tenancy.Attester)
		if !ok {
			continue
		}
		if err := attester.Attest(ctx, pool, owned); err != nil {
			return err
		}
	}
	return nil
}

// Close closes each tier, once.
func (p *provider) Close() error {
	p.closing.Do(func() {
		var all []error
		for _, tier := range p.tiers {
			all = append(all, tier.provider.Close())
		}
		p.closed = errors.Join(all...)
	})
	return p.closed
}

// abandon closes what was installed before err.
func (p *provider) abandon(err error) error {
	if closeErr := p.Close(); closeErr != nil {
		return errors.Join(err, closeErr)
	}
	return err
}
