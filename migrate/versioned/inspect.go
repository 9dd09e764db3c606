package versioned

import (
	"context"
	"strings"

	"github.com/gormtenancy/tenancy"
)

// inspect refuses files that lead out of the tenant's schema, where tenants have schemas.
// It returns what the statements are to be measured by when they run; nil where tenants
// have no schemas.
func (m *Migrator) inspect(ctx context.Context) (*place, error) {
	shared, ok := m.in.Provider().(tenancy.SharedBinder)
	if !ok || m.in.Dialect() != "postgres" {
		return nil, nil //nolint:nilnil // there is nothing to measure by
	}
	schemas, err := m.schemas(ctx)
	if err != nil {
		return nil, err
	}
	common, err := m.common(schemas)
	if err != nil {
		return nil, err
	}
	p := &place{common: common, shared: shared.SharedBinding().Names.Shared, isShared: m.in.IsShared, others: schemas}
	return p, inspect(m.texts, p)
}

// schemas lists what schemas there are but PostgreSQL's own.
func (m *Migrator) schemas(ctx context.Context) (map[string]bool, error) {
	base, err := m.in.Base()
	if err != nil {
		return nil, err
	}
	rows, err := base.QueryContext(ctx, `SELECT nspname FROM pg_namespace WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%'`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	found := map[string]bool{"public": true}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		found[name] = true
	}
	return found, rows.Err()
}

// common picks the schemas that every tenant's search_path leads to.
func (m *Migrator) common(schemas map[string]bool) (map[string]bool, error) {
	anyone, err := m.in.Bind(tenancy.Tenant{ID: "anyone"})
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, setting := range anyone.Settings {
		for name := range schemas {
			if name != anyone.Names.Schema && strings.Contains(setting.Value, quoted(m.in, name)) {
				found[name] = true
			}
		}
	}
	return found, nil
}
