package tenancy

import (
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// Plugin returns the plugin that keeps tenants apart as cfg says, for db.Use:
//
//	err := db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Schema{}}))
//
// Use it once, right after gorm.Open and before the handle is shared between
// goroutines; another handle needs a plugin of its own. db.Use returns [ErrConfig],
// [ErrUnsupportedDialect] or [ErrNoTenantColumn] for what cannot work, and leaves the handle as
// it was.
func Plugin(cfg Config) gorm.Plugin { return &plugin{config: cfg} }

type plugin struct {
	config       Config
	installation *Installation
}

// Name is different for each plugin made, since GORM would answer a second plugin
// of the same name with a bare "registered"; Initialize says it better.
func (p *plugin) Name() string { return fmt.Sprintf("%s:%p", pluginName, p) }

// Initialize installs the plugin on db. It is called by db.Use.
func (p *plugin) Initialize(db *gorm.DB) error {
	known := db.Plugins[pluginName]
	switch {
	case known != nil && known != p:
		return using(configCause(gorm.ErrRegistered, "the handle has a tenancy plugin already; call db.Use once"))
	case p.installation != nil && p.installation.db == db:
		return nil // gorm.Open has met it under another key already
	case p.installation != nil && known == p: // another plugin opens it for its pool
		p.installation.installBuilders() // its dialect may have put its own in the same map
		return refuseAll(db)
	case p.installation != nil:
		return using(configError("the plugin works on another handle; make one for each by tenancy.Plugin"))
	}
	in, err := newInstallation(db, p.config)
	if err != nil {
		return err
	}
	in.install()
	p.installation = in
	db.Plugins[pluginName] = p
	return nil
}

// using names the operation in an error of this package, where there is no installation to do it.
func using(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Op != "" {
		return err
	}
	c := *e
	c.Op = "use"
	return &c
}

// newInstallation checks and prepares everything, and changes nothing of db yet.
func newInstallation(db *gorm.DB, cfg Config) (*Installation, error) {
	if err := cfg.check(); err != nil {
		return nil, using(err)
	}
	in := &Installation{config: cfg, column: cfg.column(), db: db, dialect: db.Dialector}
	in.models.column = in.column
	in.commonRoutes()
	base := db.ConnPool
	if prepared, ok := base.(*gorm.PreparedStmtDB); ok {
		base = prepared.ConnPool
	}
	in.pool = routing.New(base, in.router())
	if sqlDB, err := in.pool.GetDBConn(); err == nil {
		in.prepared = in.pool.Over(routing.Prepare(sqlDB))
	}

	if err := in.open(); err != nil {
		return nil, err
	}
	if err := in.attest(base); err != nil {
		_ = in.provider.Close()
		return nil, err
	}
	return in, nil
}

// open opens the strategy and reads the models.
func (in *Installation) open() error {
	provider, err := in.config.Strategy.Install(in)
	if err != nil {
		return in.complete(err, "use", Tenant{})
	}
	in.provider = provider
	if binder, ok := provider.(SharedBinder); ok {
		in.shared = binder.SharedBinding()
		in.nobody.binding.Names.Shared = in.shared.Names.Shared
		in.system.binding.Names.Shared = in.shared.Names.Shared
	}
	if err := in.loadModels(in.db, &in.models); err != nil {
		_ = provider.Close()
		return in.complete(err, "use", Tenant{})
	}
	return nil
}

func (in *Installation) router() routing.Router {
	return routing.Router{Statement: in.target, Begin: in.beginTarget, Streams: &in.streams, Transactions: &in.transactions, Mismatch: in.mismatched, Elsewhere: in.elsewhere, Closed: in.refuseClosed}
}

// RequireColumn says that every owned table must have the tenant column. A
// strategy calls it from Install. Join tables that GORM makes itself, which have no
// model to declare the column in, are given it.
func (in *Installation) RequireColumn() { in.columnRequired = true }

// CommonSchemas says that some tenants have a schema of their own while others have their
// rows in common tables, which are found in these schemas. Texts of the ones may then not
// name the tables of the others. A strategy calls it from Install. PostgreSQL only.
func (in *Installation) CommonSchemas(schemas ...string) { in.commonSchemas = schemas }

// loadModels reads the models of the configuration into known, as parsed by db.
func (in *Installation) loadModels(db *gorm.DB, known *models) error {
	if in.columnRequired {
		owned, err := parse(db, in.config.Models)
		if err != nil {
			return err
		}
		for _, s := range reachable(owned) {
			if err := columnJoinTables(db, s, in.column); err != nil {
				return err
			}
		}
	}
	if err := known.load(db, in.config); err != nil {
		return err
	}
	if in.columnRequired {
		return known.checkColumns()
	}
	return nil
}

// install puts the plugin to work.
func (in *Installation) install() {
	db := in.db
	pool := in.pool
	if db.PrepareStmt && in.prepared != nil {
		pool = in.prepared
	}
	in.installClauses()
	in.installCallbacks()
	db.Dialector = dialector{Dialector: in.dialect, in: in}
	db.ConnPool = pool
	db.Statement.ConnPool = pool
}

// installCallbacks registers the plugin's callbacks: bind before everything but
// callbacks that choose a pool ("*"), release after everything.
func (in *Installation) installCallbacks() {
	// GORM reports each replaced callback to the log.
	log := in.db.Logger
	in.db.Logger = logger.Discard
	defer func() { in.db.Logger = log }()

	first := func(withTransaction, without string) string {
		if in.db.SkipDefaultTransaction {
			return without
		}
		return withTransaction
	}
	const begin = "gorm:begin_transaction"
	callbacks := in.db.Callback()

	create := callbacks.Create()
	if in.Dialect() == "sqlserver" {
		_ = create.Replace("gorm:create", in.merging(create.Get("gorm:create")))
	}
	in.guardPanics(create, "gorm:before_create", "gorm:save_before_associations", "gorm:create", "gorm:save_after_associations", "gorm:after_create")
	_ = create.Replace("gorm:create", in.sends(opCreate, create.Get("gorm:create")))
	_ = create.Before(first(begin, "gorm:before_create")).Register("tenancy:bind", in.bind(opCreate))
	_ = create.After("gorm:create").Before("gorm:save_after_associations").Register("tenancy:upserted", in.upserted)
	_ = create.After("tenancy:upserted").Before("gorm:save_after_associations").Register("tenancy:explain", in.explain)
	_ = create.Register("tenancy:release", in.release)

	update := callbacks.Update()
	in.guardPanics(update, "gorm:setup_reflect_value", "gorm:before_update", "gorm:save_before_associations", "gorm:update", "gorm:save_after_associations", "gorm:after_update")
	_ = update.Replace("gorm:update", in.sends(opUpdate, update.Get("gorm:update")))
	_ = update.Before(first(begin, "gorm:setup_reflect_value")).Register("tenancy:bind", in.bind(opUpdate))
	_ = update.After("gorm:update").Before("gorm:save_after_associations").Register("tenancy:explain", in.explain)
	_ = update.Register("tenancy:release", in.release)

	remove := callbacks.Delete()
	in.guardPanics(remove, "gorm:before_delete", "gorm:delete_before_associations", "gorm:delete", "gorm:after_delete")
	_ = remove.Replace("gorm:delete", in.sends(opDelete, remove.Get("gorm:delete")))
	_ = remove.Before(first(begin, "gorm:before_delete")).Register("tenancy:bind", in.bind(opDelete))
	_ = remove.After("gorm:delete").Before("gorm:after_delete").Register("tenancy:explain", in.explain)
	_ = remove.Register("tenancy:release", in.release)

	query := callbacks.Query()
	_ = query.Replace("gorm:query", in.sends(opQuery, query.Get("gorm:query")))
	_ = query.Before("gorm:query").Register("tenancy:bind", in.bind(opQuery))
	_ = query.After("gorm:query").Before("gorm:preload").Register("tenancy:explain", in.explain)
	_ = query.Register("tenancy:release", in.release)

	row := callbacks.Row()
	_ = row.Replace("gorm:row", in.sends(opRow, row.Get("gorm:row")))
	_ = row.Before("gorm:row").Register("tenancy:bind", in.bind(opRow))
	_ = row.Register("tenancy:release", in.release)

	raw := callbacks.Raw()
	_ = raw.Replace("gorm:raw", in.sends(opRaw, raw.Get("gorm:raw")))
	_ = raw.Before("gorm:raw").Register("tenancy:bind", in.bind(opRaw))
	_ = raw.Register("tenancy:release", in.release)
}
