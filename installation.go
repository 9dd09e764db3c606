package tenancy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// pluginName is the plugin's key in gorm.DB.Plugins.
const pluginName = "tenancy"

// Installation is the plugin as it works on one database handle and its sessions.
// All methods may be called from several goroutines at once.
type Installation struct {
	config   Config
	column   string
	db       *gorm.DB       // the handle, as the plugin left it
	dialect  gorm.Dialector // the handle's own, before the plugin
	models   models
	provider Provider
	pool     *routing.Pool
	prepared *routing.Pool // the same with prepared statements; nil where there can be none
	pins     routing.Pins
	streams  routing.Streams

	transactions routing.Transactions

	builders map[string]clause.ClauseBuilder // the dialect's own, before the plugin

	guard  guard // see Config.Require
	closed atomic.Bool

	columnRequired bool     // see RequireColumn
	commonSchemas  []string // see CommonSchemas

	shared Binding // of shared models, where there is no tenant
	nobody *route  // for shared models in a context without a tenant
	system *route  // for system contexts
}

// Installed returns the plugin's working form on db or any session of it, or
// [ErrNotInstalled].
func Installed(db *gorm.DB) (*Installation, error) {
	if db != nil && db.Config != nil {
		if p, ok := db.Plugins[pluginName].(*plugin); ok && p.installation != nil {
			return p.installation, nil
		}
	}
	return nil, &Error{Kind: ErrNotInstalled, Detail: "call db.Use(tenancy.Plugin(…)) first"}
}

// DB returns the handle that the plugin was installed on.
func (in *Installation) DB() *gorm.DB { return in.db }

// Dialect returns the name of the database's dialect: "sqlite" or "postgres" for instance.
func (in *Installation) Dialect() string { return in.dialect.Name() }

// Dialector returns the dialect as GORM opened it.
func (in *Installation) Dialector() gorm.Dialector { return in.dialect }

// Column returns the database name of the tenant column.
func (in *Installation) Column() string { return in.column }

// Models returns the owned models of the configuration.
func (in *Installation) Models() []any { return in.config.Models }

// Shared returns the shared models of the configuration.
func (in *Installation) Shared() []any { return in.config.Shared }

// Provider returns the working form of the configured strategy.
func (in *Installation) Provider() Provider { return in.provider }

// Strategy returns the name of the configured strategy.
func (in *Installation) Strategy() string { return in.config.Strategy.Name() }

// Base returns the base *sql.DB.
func (in *Installation) Base() (*sql.DB, error) { return in.pool.GetDBConn() }

// Pool makes the ConnPool of a tenant's own database: db, with prepared statements
// where gorm.Config.PrepareStmt asks for them.
func (in *Installation) Pool(db *sql.DB) gorm.ConnPool {
	if in.db.PrepareStmt {
		return routing.Prepare(db)
	}
	return db
}

// Bind returns the binding of a tenant, or [ErrInvalidTenant].
func (in *Installation) Bind(t Tenant) (Binding, error) {
	if err := t.check(); err != nil {
		return Binding{}, err
	}
	return in.bindTenant(t)
}

// Pipelines reports whether settings may travel with statements: see [Config.NoPipeline].
func (in *Installation) Pipelines() bool { return !in.config.NoPipeline }

func (in *Installation) bindTenant(t Tenant) (Binding, error) {
	b, err := in.provider.Bind(t)
	if !in.Pipelines() {
		b.Pipeline = nil
	}
	return in.withShared(b), err
}

// withShared says where the shared models are in a binding that does not.
func (in *Installation) withShared(b Binding) Binding {
	if b.Names.Shared == "" {
		b.Names.Shared = in.shared.Names.Shared
	}
	return b
}

// Close gives back what the strategy opened: pools of tenants, not the base pool,
// which is the application's. It waits until nothing uses them. From then on statements and
// transactions are refused with [ErrClosed], whatever the strategy, and nothing of them is sent;
// transactions that are open go on.
func (in *Installation) Close() error {
	in.closed.Store(true)
	in.pins.Close()
	return errors.Join(in.streams.Close(), in.transactions.Close(), in.provider.Close())
}

func (in *Installation) refuseClosed(owner routing.Owner) error {
	if !in.closed.Load() {
		return nil
	}
	return &Error{Kind: ErrClosed, Op: "statement", Tenant: owner.Tenant, Strategy: in.Strategy(), Detail: "the plugin was closed; open a new handle"}
}

// Close gives back what the plugin on db opened. It is [Installation.Close].
func Close(db *gorm.DB) error {
	in, err := Installed(db)
	if err != nil {
		return err
	}
	return in.Close()
}

// Table returns the physical name of a model's table for the tenant in db's
// context, unquoted: what raw SQL has to say. model is a pointer to a model, or
// the logical name as a string.
func Table(db *gorm.DB, model any) (string, error) {
	in, err := Installed(db)
	if err != nil {
		return "", err
	}
	logical, named := model.(string)
	if !named {
		schemas, err := parse(db, []any{model})
		if err != nil {
			return "", in.complete(err, "table", tenantOf(db.Statement.Context))
		}
		logical = schemas[0].Table
	}
	if known := in.models.find(logical); known != nil && known.shared {
		return in.sharedTable(db.Statement.Context, logical), nil
	}
	r, err := in.route(db.Statement.Context)
	if err != nil {
		return "", in.complete(err, "table", tenantOf(db.Statement.Context))
	}
	return r.binding.Names.Table(logical), nil
}

// problem makes the error of an operation for the tenant in ctx.
func (in *Installation) problem(ctx context.Context, kind error, op, detail string, cause error) error {
	e := &Error{Kind: kind, Op: op, Strategy: in.Strategy(), Detail: detail, Cause: cause}
	if s := scopeOf(ctx); s != nil && !s.system {
		e.Tenant = s.tenant.ID
	}
	return e
}

// complete adds what this package knows to its own errors, and leaves all others alone.
func (in *Installation) complete(err error, op string, t Tenant) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) || e.Op != "" {
		return err
	}
	c := *e
	c.Op, c.Tenant, c.Strategy = op, t.ID, in.Strategy()
	return &c
}

// Plain makes a handle on pool that knows nothing of tenants, for a strategy's own
// tables.
func (in *Installation) Plain(ctx context.Context, pool gorm.ConnPool) (*gorm.DB, error) {
	p, err := in.newPhysical(ctx, pool, Binding{}, in.db)
	if err != nil {
		return nil, err
	}
	// Those tables have the names of this module, whatever the application calls its own columns.
	p.db.NamingStrategy = schema.NamingStrategy{IdentifierMaxLength: 64}
	return p.db, nil
}

// Acquire lends the *sql.DB that a binding's statements run on, until release is called.
// Nothing is added to what is sent there: see [Settle] for the binding's settings.
func (in *Installation) Acquire(ctx context.Context, b Binding) (db *sql.DB, release func(), err error) {
	if b.Pool == nil {
		base, err := in.Base()
		return base, func() {}, err
	}
	pool, release, err := b.Pool.Acquire(ctx)
	if err != nil {
		return nil, nil, err
	}
	if db, err = in.pool.Over(pool).GetDBConn(); err != nil {
		release()
		return nil, nil, err
	}
	return db, release, nil
}

// Ordered returns the schemas of the owned models and of the join tables between them,
// each after those that it refers to.
func (in *Installation) Ordered() ([]*schema.Schema, error) {
	type reorderer interface {
		ReorderModels(values []any, autoAdd bool) []any
	}
	values := in.config.Models
	if _, err := parse(in.db, values); err != nil { // the reorderer panics where it cannot
		return nil, err
	}
	if m, ok := in.dialect.Migrator(in.db.Session(&gorm.Session{NewDB: true})).(reorderer); ok {
		values = m.ReorderModels(values, true)
	}
	schemas, err := parse(in.db, values)
	return slices.DeleteFunc(schemas, func(s *schema.Schema) bool { return in.IsShared(s.Table) }), err
}

// References lists, for each owned table, the owned tables whose keys it holds.
func (in *Installation) References() ([]Reference, error) {
	roots, err := parse(in.db, in.config.Models)
	if err != nil {
		return nil, err
	}
	var references []Reference
	known := map[string]bool{}
	for _, s := range reachable(roots) {
		for _, rel := range s.Relationships.Relations {
			if rel.JoinTable != nil || rel.Polymorphic != nil || in.IsShared(rel.FieldSchema.Table) || in.IsShared(s.Table) {
				continue // a join table's own relations are among the schemas
			}
			r := referenceOf(rel)
			if key := fmt.Sprint(r); !known[key] {
				known[key] = true
				references = append(references, r)
			}
		}
	}
	return references, nil
}

// referenceOf says which side of a relation holds the other's key.
func referenceOf(rel *schema.Relationship) Reference {
	r := Reference{Table: rel.Schema.Table, Parent: rel.FieldSchema.Table}
	for _, ref := range rel.References {
		if ref.OwnPrimaryKey {
			r.Table, r.Parent = rel.FieldSchema.Table, rel.Schema.Table
		}
		r.Columns = append(r.Columns, [2]string{ref.ForeignKey.DBName, ref.PrimaryKey.DBName})
	}
	return r
}

// Reference is a relation by which rows of Table hold the key of a row of Parent.
type Reference struct {
	Table, Parent string      // logical names
	Columns       [][2]string // the column in Table, and the one in Parent that it equals
}

// IsShared reports whether a table, by its logical name, is a shared model's.
func (in *Installation) IsShared(table string) bool {
	known := in.models.find(table)
	return known != nil && known.shared
}

// sharedTable is the physical name of a shared table as ctx's tenant has to say it.
func (in *Installation) sharedTable(ctx context.Context, logical string) string {
	r, err := in.route(ctx)
	if err != nil {
		return logical
	}
	return r.binding.Names.SharedTable(logical)
}
