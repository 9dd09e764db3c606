package hybrid

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
)

// verifyElsewhere makes sure that a tenant has rows in no tier but its own: with the
// tenant's own eyes, as if it were in the other.
func (p *provider) verifyElsewhere(ctx context.Context, t tenancy.Tenant) error {
	own, err := p.of(t)
	if err != nil {
		return err
	}
	owned, err := p.in.Ordered()
	if err != nil {
		return err
	}
	var found []string
	for _, tier := range p.tiers {
		if tier.name == own.name {
			continue
		}
		stray, err := p.rowsIn(ctx, tier.name, t, owned)
		if err != nil {
			return err
		}
		found = append(found, stray...)
	}
	if len(found) == 0 {
		return nil
	}
	if kept, err := p.underWay(ctx, t); err != nil || kept {
		return err
	}
	return &tenancy.Error{Kind: tenancy.ErrDrifted, Tenant: t.ID, Detail: fmt.Sprintf("%s; the tenant is in the tier %q, so destroy it with that Tier where those are not needed any more", strings.Join(found, "; "), own.name)}
}

// underWay reports whether a finished move of the tenant has kept its source, and fails with
// [tenancy.ErrMoving] for one that is not finished.
func (p *provider) underWay(ctx context.Context, t tenancy.Tenant) (kept bool, err error) {
	row, err := (&moves{in: p.in, shared: p.shared}).of(ctx, t.ID)
	if err != nil || row == nil {
		return false, err
	}
	if row.Step != stepKept {
		return false, &tenancy.Error{Kind: tenancy.ErrMoving, Tenant: t.ID, Detail: fmt.Sprintf("the move from %q to %q is at the step %q; run it to its end first", row.FromTier, row.ToTier, row.Step)}
	}
	return true, nil
}

// rowsIn lists the tables in which a tier has rows of the tenant.
func (p *provider) rowsIn(ctx context.Context, tier string, t tenancy.Tenant, owned []*schema.Schema) ([]string, error) {
	t.Tier = tier
	if reachable, err := p.reachable(ctx, t); err != nil || !reachable {
		return nil, err
	}
	db := p.in.DB().WithContext(p.in.Exempt(ctx, t)).Session(&gorm.Session{SkipHooks: true})
	var found []string
	for _, s := range owned {
		var rows int64
		err := db.Unscoped().Model(reflect.New(s.ModelType).Interface()).Count(&rows).Error
		switch {
		case errors.Is(err, tenancy.ErrNotProvisioned):
			continue // this table is not there
		case err != nil:
			return nil, err
		case rows > 0:
			found = append(found, fmt.Sprintf("%d rows of %s are in the tier %q", rows, s.Table, tier))
		}
	}
	return found, nil
}

// reachable reports whether a tenant could have tables in its tier: its name fits there, and
// a database of its own is there.
func (p *provider) reachable(ctx context.Context, t tenancy.Tenant) (bool, error) {
	b, err := p.Bind(t)
	if err == nil && b.Pool != nil {
		var release func()
		if _, release, err = b.Pool.Acquire(ctx); err == nil {
			release()
		}
	}
	if errors.Is(err, tenancy.ErrInvalidTenant) || errors.Is(err, tenancy.ErrNotProvisioned) {
		return false, nil
	}
	return err == nil, err
}
