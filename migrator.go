package tenancy

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

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
		err = in.complete(errOtherTable, "migrate", tenantOf(db.Statement.Context))
	}
	m := &tenantMigrator{in: in, db: db, route: r, err: err}
	pool := routing.Failed(err)
	if err == nil {
		pool = in.direct(db, r)
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

// direct returns the tenant's pool without the last look at texts: the migrator's
// texts carry physical names already, and read the database's catalog.
func (in *Installation) direct(db *gorm.DB, r *route) gorm.ConnPool {
	target := *r.owned
	target.Watch = migratorTexts{r}
	h, err := in.handleOf(db.Statement.ConnPool)
	if err != nil {
		return routing.Failed(err)
	}
	if h.tx != nil {
		return h.tx.Fixed(&target)
	}
	return h.pool.Fixed(&target)
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
		return err
	}
	if len(owned) > 0 && m.err != nil {
		return m.in.complete(m.err, "migrate", Tenant{})
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
			if m.in.qualifies() {
				return m.physical.binding.Names.SharedTable(name)
			}
			return name
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
		if schemas, err := parse(m.physical.db, []any{dst}); err != nil || schemas[0].LookIndex(prefix+name) == nil {
			return name // a field's name, or one that nobody knows
		}
	}
	return prefix + name
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

// The rest of gorm.Migrator, with the tenant's names.

// CreateTable makes tables, and what protects them, in one transaction.
func (m *tenantMigrator) CreateTable(dst ...any) error {
	if m.err == nil && m.protects() && !m.inTransaction() {
		return m.db.Transaction(func(tx *gorm.DB) error { return tx.Migrator().CreateTable(dst...) })
	}
	if err := m.Migrator.CreateTable(m.values(dst)...); err != nil || m.err != nil {
		return err
	}
	return m.guard(slices.DeleteFunc(slices.Clone(dst), m.named))
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

// named reports whether a migrator's argument is the name of a table, or no owned model.
func (m *tenantMigrator) named(v any) bool {
	if _, name := v.(string); name {
		return true
	}
	schemas, err := parse(m.db, []any{v})
	return err != nil || m.in.models.of(schemas[0].Table, schemas[0]).shared
}

func (m *tenantMigrator) DropTable(dst ...any) error { return m.Migrator.DropTable(m.values(dst)...) }
func (m *tenantMigrator) HasTable(dst any) bool      { return m.Migrator.HasTable(m.value(dst)) }

// RenameTable leaves a table in its schema, so PostgreSQL takes the new name without one.
func (m *tenantMigrator) RenameTable(oldName, newName any) error {
	from, to := m.value(oldName), m.value(newName)
	if m.in.Dialect() != "postgres" {
		return m.Migrator.RenameTable(from, to)
	}
	name, named := to.(string)
	if !named {
		schemas, err := parse(m.physical.db, []any{to})
		if err != nil {
			return err
		}
		name = schemas[0].Table
	}
	return m.Migrator.RenameTable(from, name[strings.LastIndexByte(name, '.')+1:])
}

func (m *tenantMigrator) TableType(dst any) (gorm.TableType, error) {
	return m.Migrator.TableType(m.value(dst))
}

func (m *tenantMigrator) AddColumn(dst any, field string) error {
	return m.Migrator.AddColumn(m.value(dst), field)
}

func (m *tenantMigrator) DropColumn(dst any, field string) error {
	return m.Migrator.DropColumn(m.value(dst), field)
}

func (m *tenantMigrator) AlterColumn(dst any, field string) error {
	return m.Migrator.AlterColumn(m.value(dst), field)
}

func (m *tenantMigrator) MigrateColumn(dst any, field *schema.Field, columnType gorm.ColumnType) error {
	return m.Migrator.MigrateColumn(m.value(dst), field, columnType)
}

func (m *tenantMigrator) MigrateColumnUnique(dst any, field *schema.Field, columnType gorm.ColumnType) error {
	return m.Migrator.MigrateColumnUnique(m.value(dst), field, columnType)
}

func (m *tenantMigrator) HasColumn(dst any, field string) bool {
	return m.Migrator.HasColumn(m.value(dst), field)
}

func (m *tenantMigrator) RenameColumn(dst any, oldName, field string) error {
	return m.Migrator.RenameColumn(m.value(dst), oldName, field)
}

func (m *tenantMigrator) ColumnTypes(dst any) ([]gorm.ColumnType, error) {
	return m.Migrator.ColumnTypes(m.value(dst))
}

func (m *tenantMigrator) CreateView(name string, option gorm.ViewOption) error {
	return m.Migrator.CreateView(m.physical.binding.Names.Table(name), option)
}

func (m *tenantMigrator) DropView(name string) error {
	return m.Migrator.DropView(m.physical.binding.Names.Table(name))
}

func (m *tenantMigrator) CreateConstraint(dst any, name string) error {
	return m.Migrator.CreateConstraint(m.value(dst), name)
}

func (m *tenantMigrator) DropConstraint(dst any, name string) error {
	return m.Migrator.DropConstraint(m.value(dst), name)
}

func (m *tenantMigrator) HasConstraint(dst any, name string) bool {
	return m.Migrator.HasConstraint(m.value(dst), name)
}

func (m *tenantMigrator) CreateIndex(dst any, name string) error {
	return m.Migrator.CreateIndex(m.value(dst), m.index(dst, name))
}

func (m *tenantMigrator) DropIndex(dst any, name string) error {
	return m.Migrator.DropIndex(m.value(dst), m.index(dst, name))
}

func (m *tenantMigrator) HasIndex(dst any, name string) bool {
	return m.Migrator.HasIndex(m.value(dst), m.index(dst, name))
}

func (m *tenantMigrator) RenameIndex(dst any, oldName, newName string) error {
	return m.Migrator.RenameIndex(m.value(dst), m.index(dst, oldName), m.physical.binding.Names.Prefix+newName)
}

func (m *tenantMigrator) GetIndexes(dst any) ([]gorm.Index, error) {
	return m.Migrator.GetIndexes(m.value(dst))
}
