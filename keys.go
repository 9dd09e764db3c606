package tenancy

import (
	"slices"

	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy/scopes"
)

// tenantKeys are the columns of a table, besides its tenant column, that hold the tenants of the
// rows that it refers to: of a join table between rows whose keys have the tenant column, for
// instance.
type tenantKeys struct {
	columns []scopes.Key
	field   *schema.Field // one of them
}

// keysOf returns those of a schema, or nil. What refers to a shared row may name any tenant.
func (m *models) keysOf(s *schema.Schema) *tenantKeys {
	keys := &tenantKeys{}
	for _, rel := range s.Relationships.Relations {
		for _, ref := range rel.References {
			field := ref.ForeignKey
			if field.Schema.Table != s.Table || ref.PrimaryKey == nil || ref.PrimaryKey.DBName != m.column || field.DBName == m.column {
				continue
			}
			if of := m.find(ref.PrimaryKey.Schema.Table); of != nil && of.shared {
				continue
			}
			keys.field = field
			if key := (scopes.Key{Column: field.DBName, Primary: field.PrimaryKey}); !slices.Contains(keys.columns, key) {
				keys.columns = append(keys.columns, key)
			}
		}
	}
	if keys.field == nil {
		return nil
	}
	return keys
}

// keysFor are the keys of a table as they are for one tenant.
type keysFor struct {
	columns []scopes.Key
	scope   scopes.Scope // of any of them
}

// keysFor returns those of a statement's tenant, or nil.
func (b *bound) keysFor(known *model) (*keysFor, error) {
	if known.keys == nil {
		return nil, nil //nolint:nilnil // there are none
	}
	scope, err := scopes.New(known.keys.field, b.route.scope.tenant.ID)
	if err != nil {
		return nil, &Error{Kind: ErrInvalidTenant, Cause: err}
	}
	return &keysFor{known.keys.columns, scope}, nil
}

// stamp puts the tenant into the rows of an INSERT.
func (k *keysFor) stamp(values clause.Values) error {
	if k == nil {
		return nil
	}
	return k.scope.Keys(values, k.columns)
}

// check fails when a condition on table asks for rows that refer to another tenant, or to none.
func (k *keysFor) check(exprs []clause.Expression, table string) error {
	if k == nil {
		return nil
	}
	for _, key := range k.columns {
		scope := scopes.Scope{Column: key.Column, Value: k.scope.Value}
		if err := scope.Conditions(exprs, table); err != nil {
			return err
		}
	}
	return nil
}
