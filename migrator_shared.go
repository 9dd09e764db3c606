package tenancy

import (
	"errors"
	"slices"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// at returns the migrator and the argument for a model, or a table's name. Shared models are
// in the base database, and need no tenant.
func (m *tenantMigrator) at(dst any) (*tenantMigrator, any, error) {
	to, err := m, m.err
	if m.apart() && m.isShared(dst) {
		to, err = m.common()
	}
	if err != nil {
		return nil, nil, err
	}
	dst = to.value(dst)
	return to, dst, nil
}

// part tells the models, and names, of the common migrator from those of the tenant's own.
func (m *tenantMigrator) part(dst []any) (common, own []any) {
	if !m.apart() {
		return nil, dst
	}
	for _, v := range dst {
		if m.isShared(v) {
			common = append(common, v)
		} else {
			own = append(own, v)
		}
	}
	return common, own
}

// apart reports whether shared models are not where the migrator's own pool leads, or their
// indexes not called as it calls them: there is no tenant, or it has a database or a prefix.
func (m *tenantMigrator) apart() bool {
	if m.err != nil {
		return errors.Is(m.err, ErrNoTenant) && scopeOf(m.db.Statement.Context) == nil && m.db.Statement.TableExpr == nil
	}
	return m.route.binding.Pool != nil || m.route.binding.Names.Prefix != ""
}

// isShared reports whether a migrator's argument is a shared model, or its table's name.
func (m *tenantMigrator) isShared(v any) bool {
	if name, named := v.(string); named {
		return m.in.models.of(name, nil).shared
	}
	schemas, err := parse(m.db, []any{v})
	return err == nil && m.in.models.of(schemas[0].Table, schemas[0]).shared
}

// ownModels lists the owned models among a migrator's arguments.
func (m *tenantMigrator) ownModels(dst []any) []any {
	return slices.DeleteFunc(slices.Clone(dst), func(v any) bool {
		_, named := v.(string)
		return named || m.isShared(v)
	})
}

// common returns the migrator of the shared models in the base database.
func (m *tenantMigrator) common() (*tenantMigrator, error) {
	in := m.in
	owner := in.nobody.scope.owner()
	if m.route != nil {
		owner = m.route.scope.owner()
	}
	b := Binding{Names: Names{Shared: in.shared.Names.Shared}} // and no settings: a transaction has none
	pool := in.direct(m.db, &routing.Target{Owner: owner, Watch: commonTexts{}})
	p, err := in.newPhysical(m.db.Statement.Context, pool, b, m.db)
	if err != nil {
		return nil, err
	}
	return &tenantMigrator{Migrator: p.db.Migrator(), in: in, db: m.db, route: in.nobody, physical: p}, nil
}

// commonTexts is the watch of the common migrator: what its texts name belongs to no tenant.
type commonTexts struct{}

// Inspect implements routing.Watch.
func (commonTexts) Inspect(query string, _ bool, _ []any) (string, error) { return query, nil }

// Explain implements routing.Watch.
func (commonTexts) Explain(err error) error { return err }
