package tenancy

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/names"
	"github.com/gormtenancy/tenancy/internal/routing"
)

// migrator returns GORM's migrator for the tenant, or the system, in db's context.
func (in *Installation) migrator(db *gorm.DB) gorm.Migrator {
	r, err := in.route(db.Statement.Context)
	if r == in.system {
		return in.dialect.Migrator(db)
	}
	if err == nil && db.Statement.TableExpr != nil {
		err = errOtherTable
	}
	err = in.complete(err, "migrate", tenantOf(db.Statement.Context))
	m := &tenantMigrator{in: in, db: db, route: r, err: err}
	pool := routing.Failed(err)
	if err == nil {
		target := *r.owned
		target.Watch = migratorTexts{r}
		pool = in.direct(db, &target)
	} else {
		r = in.nobody
	}
	p, openErr := in.newPhysical(db.Statement.Context, pool, r.binding, db)
	if openErr != nil {
		return in.dialect.Migrator(db)
	}
	m.physical = p
	m.Migrator = p.db.Migrator()
	return m
}

// errOtherTable is for a table that a migration names beside its model: it would be the model's
// own that is changed, or dropped.
var errOtherTable = configError("the migrator of a tenant knows tables by their models, and not by gorm.DB.Table; give it a model whose TableName is that table")

// direct returns the pool of a target whose watch takes no last look at texts: the migrator's
// texts carry physical names already, and read the database's catalog.
func (in *Installation) direct(db *gorm.DB, target *routing.Target) gorm.ConnPool {
	h, err := in.handleOf(db.Statement.ConnPool)
	if err != nil {
		return routing.Failed(err)
	}
	if h.tx != nil {
		return h.tx.Fixed(target)
	}
	return h.pool.Fixed(target)
}

// tenantMigrator is GORM's migrator under the physical names of one tenant.
type tenantMigrator struct {
	gorm.Migrator
	in       *Installation
	db       *gorm.DB
	route    *route // nil without a tenant
	err      error  // why there is none
	physical *physical
}

// AutoMigrate migrates shared models in the base database, and the others for the
// tenant, which it provisions where that was not done yet. Inside a transaction it
// only migrates.
func (m *tenantMigrator) AutoMigrate(values ...any) error {
	shared, owned, err := m.split(values)
	if err != nil {
		return m.in.complete(err, "migrate", tenantOf(m.db.Statement.Context))
	}
	if len(owned) > 0 && m.err != nil {
		return m.err
	}
	ctx := m.db.Statement.Context
	if err := m.in.migrateShared(ctx, shared, m.db); err != nil {
		return err
	}
	if len(owned) == 0 {
		return nil
	}
	if m.inTransaction() {
		if err := m.physical.autoMigrate(owned); err != nil {
			return err
		}
		return m.guard(owned)
	}
	t := m.route.scope.tenant
	defer m.in.Forget(t)
	if err := m.in.provider.Provision(ctx, t); err != nil {
		return m.in.complete(err, "migrate", t)
	}
	return m.in.complete(m.autoMigrateUnlisted(ctx, owned), "migrate", t)
}

// autoMigrateUnlisted migrates the models that provisioning did not.
func (m *tenantMigrator) autoMigrateUnlisted(ctx context.Context, values []any) error {
	values = slices.DeleteFunc(values, func(value any) bool {
		return slices.ContainsFunc(m.in.config.Models, func(listed any) bool { return reflect.TypeOf(listed) == reflect.TypeOf(value) })
	})
	if len(values) == 0 {
		return nil
	}
	pool, release, err := m.in.Acquire(ctx, m.route.binding)
	if err != nil {
		return err
	}
	defer release()
	return m.in.Exclusive(ctx, pool, m.route.scope.tenant, m.route.binding, func(tx gorm.ConnPool) error {
		if err := routing.Settle(ctx, tx, m.route.binding.Settings); err != nil {
			return err
		}
		p, err := m.in.newPhysical(ctx, tx, m.route.binding, m.db)
		if err != nil {
			return err
		}
		if err := p.autoMigrate(values); err != nil {
			return err
		}
		return m.in.guardMade(ctx, tx, m.route.scope.tenant, values)
	})
}

// guard looks at the tables that were made on the migrator's own handle, and has them protected.
func (m *tenantMigrator) guard(values []any) error {
	t := m.route.scope.tenant
	return m.in.complete(m.in.guardMade(m.db.Statement.Context, m.physical.db.Statement.ConnPool, t, values), "migrate", t)
}

func (m *tenantMigrator) split(values []any) (shared, owned []any, err error) {
	schemas, err := parse(m.db, values)
	if err != nil {
		return nil, nil, err
	}
	for i, s := range schemas {
		if m.in.models.of(s.Table, s).shared {
			shared = append(shared, values[i])
		} else {
			owned = append(owned, values[i])
		}
	}
	return shared, owned, nil
}

// value makes a migrator's argument the tenant's: a logical name becomes the physical
// one, a model's schema is prepared.
func (m *tenantMigrator) value(v any) any {
	if name, ok := v.(string); ok {
		if m.in.models.of(name, nil).shared {
			return m.physical.binding.Names.SharedTable(name)
		}
		return m.physical.binding.Names.Table(name)
	}
	if err := m.physical.prepare(v); err != nil {
		_ = m.physical.db.AddError(err)
	}
	return v
}

func (m *tenantMigrator) values(vs []any) []any {
	made := make([]any, len(vs))
	for i, v := range vs {
		made[i] = m.value(v)
	}
	return made
}

// index makes the name of an index the tenant's.
func (m *tenantMigrator) index(dst any, name string) string {
	prefix := m.physical.binding.Names.Prefix
	if prefix == "" || strings.HasPrefix(name, prefix) {
		return name
	}
	if _, named := dst.(string); !named {
		schemas, err := parse(m.physical.db, []any{dst})
		if err != nil || schemas[0].LookIndex(prefix+name) == nil && (schemas[0].LookIndex(name) != nil || !m.Migrator.HasIndex(dst, prefix+name)) {
			return name // a field's name, or one that nobody knows
		}
	}
	return prefix + name
}

// constraint makes the name of a constraint the tenant's. Those of relations have the prefix.
func (m *tenantMigrator) constraint(dst any, name string) string {
	prefix := m.physical.binding.Names.Prefix
	if prefix == "" {
		return name
	}
	schemas, err := parse(m.physical.db, []any{dst})
	if err != nil {
		return name
	}
	for _, rel := range schemas[0].Relationships.Relations {
		if c := rel.ParseConstraint(); c != nil && c.Name == prefix+name {
			return c.Name
		}
	}
	return name
}

// GetTables lists the tenant's tables by their logical names.
func (m *tenantMigrator) GetTables() ([]string, error) {
	all, err := m.Migrator.GetTables()
	prefix := m.physical.binding.Names.Prefix
	var own []string
	for _, table := range all {
		if logical, ok := strings.CutPrefix(table, prefix); ok && (prefix != "" || !m.prefixed(table)) {
			own = append(own, logical)
		}
	}
	return own, err
}

// prefixed reports whether a table is that of a tenant with a prefix.
func (m *tenantMigrator) prefixed(table string) bool {
	logical, ok := names.Logical(table)
	known := m.in.models.find(logical)
	return ok && known != nil && !known.shared
}

func (m *tenantMigrator) inTransaction() bool {
	_, is := m.db.Statement.ConnPool.(gorm.TxCommitter)
	return is
}

// protects reports whether the tenant's tables are given something that keeps tenants apart.
func (m *tenantMigrator) protects() bool {
	tier, err := m.in.TierOf(m.route.scope.tenant)
	_, protects := tier.Provider.(Protector)
	return err == nil && protects
}
