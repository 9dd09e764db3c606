package hybrid

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gormtenancy/tenancy"
)

// fit makes sure that the tiers do not share what they must not, and share what they must.
func (p *provider) fit() error {
	if err := p.distinct(); err != nil {
		return err
	}
	if err := p.combineShared(); err != nil {
		return err
	}
	return p.guardPath()
}

// probe is any tenant. No statement is sent for it.
var probe = tenancy.Tenant{ID: "probe"}

// distinct refuses two tiers that would keep a tenant in the same tables.
func (p *provider) distinct() error {
	for i, a := range p.tiers {
		for _, b := range p.tiers[i+1:] {
			x, errX := a.provider.Bind(probe)
			y, errY := b.provider.Bind(probe)
			if errX == nil && errY == nil && samePlace(x, y) {
				return equalTiers(a.name, b.name)
			}
		}
	}
	return nil
}

// placed is a pool that can say which database it leads to.
type placed interface{ Place() string }

func samePlace(a, b tenancy.Binding) bool {
	const table = "t"
	return a.Names.Table(table) == b.Names.Table(table) && samePool(a.Pool, b.Pool)
}

func samePool(a, b tenancy.Pool) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	x, ok := a.(placed)
	y, both := b.(placed)
	if ok && both {
		return x.Place() == y.Place()
	}
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// combineShared finds the one place of the shared models.
func (p *provider) combineShared() error {
	from := ""
	for _, tier := range p.tiers {
		binder, ok := tier.provider.(tenancy.SharedBinder)
		if !ok {
			continue
		}
		binding := binder.SharedBinding()
		if from != "" && !reflect.DeepEqual(binding, p.shared) {
			return configError("the tiers %q and %q have the shared models in different places; give both the same", from, tier.name)
		}
		from, p.shared = tier.name, binding
	}
	return nil
}

// guardPath keeps tenants with a schema of their own apart from those who find their
// tables by the role's search_path, where both are.
func (p *provider) guardPath() error {
	var schemas, common bool
	for _, tier := range p.tiers {
		b, err := tier.provider.Bind(probe)
		schemas = schemas || err == nil && b.Names.Schema != ""
		common = common || err == nil && b.Pool == nil && b.Names.Table("t") == "t"
	}
	if !schemas || !common || p.in.Dialect() != "postgres" {
		return nil
	}
	base, err := p.in.Base()
	if err != nil {
		return err
	}
	if p.path, err = searchPath(context.Background(), base); err != nil {
		return err
	}
	p.in.CommonSchemas(p.path...)
	return nil
}

// searchPath lists the schemas on the role's search_path, whether they exist or not.
func searchPath(ctx context.Context, base *sql.DB) (path []string, err error) {
	rows, err := base.QueryContext(ctx, `
		SELECT lower(replace(btrim(s, ' "'), '$user', current_user::text))
		FROM unnest(string_to_array(current_setting('search_path'), ',')) s`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var schema string
		if err := rows.Scan(&schema); err != nil {
			return nil, err
		}
		path = append(path, schema)
	}
	return path, rows.Err()
}

// apart refuses a tenant whose schema other tenants look for their tables in.
func (p *provider) apart(t tenancy.Tenant, b tenancy.Binding) error {
	if b.Names.Schema == "" || !slices.Contains(p.path, strings.ToLower(b.Names.Schema)) {
		return nil
	}
	return &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Detail: fmt.Sprintf("the schema %q is on the search_path of the role, where tenants of another tier find their tables; choose another schema, or another role", b.Names.Schema)}
}
