package tenancy

import (
	"context"
	"errors"
	"net"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/freeze"
	"github.com/gormtenancy/tenancy/internal/routing"
	"github.com/gormtenancy/tenancy/internal/sqltext"
	"github.com/gormtenancy/tenancy/scopes"
)

// route is what a plugin makes of a scope: the binding of its tenant, ready to be
// applied. It is made once for a context and never changed.
type route struct {
	in      *Installation
	scope   *scope
	binding Binding
	owned   *routing.Target // for owned models and raw SQL
	shared  *routing.Target // for shared models
	target  routing.Target  // what owned points to
}

// narrows reports whether statements on this route belong to one tenant.
func (r *route) narrows() bool { return r.scope != nil && !r.scope.system }

// route finds the route of a context. Without a tenant and a system context it fails with ErrNoTenant.
func (in *Installation) route(ctx context.Context) (*route, error) {
	s := scopeOf(ctx)
	if s == nil {
		return in.resolve(ctx)
	}
	if s.err != nil {
		return nil, s.err
	}
	if s.system {
		return in.system, nil
	}
	if r := s.route.Load(); r != nil && r.in == in {
		return r, nil
	}
	r, err := in.newRoute(s)
	if err != nil {
		return nil, err
	}
	if in.config.Require == nil { // else admit remembers it
		s.route.Store(r)
	}
	return r, nil
}

// resolve asks the application for the tenant.
func (in *Installation) resolve(ctx context.Context) (*route, error) {
	if in.config.Resolve != nil {
		t, err := in.config.Resolve(ctx)
		if err != nil {
			return nil, err
		}
		if t != (Tenant{}) {
			s := &scope{tenant: t, err: t.check()}
			if s.err != nil {
				return nil, s.err
			}
			return in.newRoute(s)
		}
	}
	return nil, &Error{Kind: ErrNoTenant, Strategy: in.Strategy(), Detail: "put a tenant into the context with WithTenant and pass it with db.WithContext; WithSystem is for work that belongs to none"}
}

func (in *Installation) newRoute(s *scope) (*route, error) {
	binding, err := in.bindTenant(s.tenant)
	if err != nil {
		return nil, in.complete(err, "bind", s.tenant)
	}
	r := &route{in: in, scope: s, binding: binding}
	r.target = routing.Target{Owner: s.owner(), Settings: binding.Settings, Schema: binding.Names.Schema, Pipeline: binding.Pipeline, Watch: ownTexts{r}}
	r.owned = &r.target
	if binding.Pool == nil {
		r.shared = r.owned
	} else {
		r.owned.Acquire = r.acquire
		r.shared = &routing.Target{Owner: s.owner(), Watch: sharedTexts{r}}
	}
	return r, nil
}

func (r *route) acquire(ctx context.Context) (gorm.ConnPool, func(), error) {
	pool, release, err := r.binding.Pool.Acquire(ctx)
	return pool, release, r.in.complete(err, "connect", r.scope.tenant)
}

// commonRoutes makes the routes that belong to no tenant.
func (in *Installation) commonRoutes() {
	system := &scope{system: true}
	target := &routing.Target{Owner: system.owner()}
	in.system = &route{in: in, scope: system, binding: Binding{Filter: FilterNone}, owned: target, shared: target}

	nobody := &route{in: in, binding: Binding{Filter: FilterNone}}
	nobody.shared = &routing.Target{Owner: nobody.scope.owner(), Watch: sharedTexts{nobody}}
	in.nobody = nobody
}

// target is the routing.Router of texts that GORM's callbacks have not seen.
func (in *Installation) target(ctx context.Context) (*routing.Target, error) {
	r, err := in.admit(ctx)
	if err == nil {
		return r.owned, nil
	}
	return nil, err
}

// beginTarget is target for transactions: one may be begun for shared models alone.
func (in *Installation) beginTarget(ctx context.Context) (*routing.Target, error) {
	target, err := in.target(ctx)
	if errors.Is(err, ErrNoTenant) && scopeOf(ctx) == nil {
		return in.nobody.shared, nil
	}
	return target, err
}

// mismatched makes the error for a transaction in the wrong hands.
func (in *Installation) mismatched(owner, user routing.Owner) error {
	hands, tenant := user.String(), user.Tenant
	if owner == user {
		hands += ", with another tier or schema"
	}
	if tenant == "" {
		tenant = owner.Tenant
	}
	return &Error{
		Kind: ErrTenantMismatch, Op: "transaction", Tenant: tenant, Strategy: in.Strategy(),
		Detail: "the transaction belongs to " + owner.String() + " and the context to " + hands + "; begin the transaction with the context that its statements use",
	}
}

// elsewhere makes the error for a transaction in the wrong one of two databases.
func (in *Installation) elsewhere(owner routing.Owner) error {
	return &Error{
		Kind: ErrElsewhere, Op: "transaction", Tenant: owner.Tenant, Strategy: in.Strategy(),
		Detail: "the transaction of " + owner.String() + " is in another database than the statement's table; owned models are in the tenant's own, shared ones in the base",
	}
}

// inspect takes the last look at a text for a tenant.
func (r *route) inspect(query string, built bool, args []any) (string, error) {
	if r.scope.raw != "" && !built {
		return query, nil
	}
	if r.binding.Filter == FilterOnly {
		return query, r.inspectNarrowed(query, built, args)
	}
	if r.binding.Filter == FilterRequired && !built && sqltext.Truncates(query) {
		return "", r.refusal(nil, "TRUNCATE knows no row-level security and empties the table for all tenants; DELETE the tenant's rows, or use WithRawSQL")
	}
	if r.binding.Names.Schema != "" && r.in.qualifies() {
		return query, r.inspectQualified(query, built)
	}
	if r.binding.Names.Schema != "" || len(r.in.commonSchemas) > 0 && r.binding.Pool == nil {
		if !built && sqltext.Repaths(query) || built && sqltext.Configures(query) {
			return "", r.refusal(nil, "the text may change search_path, by which the tenant's tables are found; leave it as it is, or use WithRawSQL")
		}
		return query, r.inspectSchemas(query, built)
	}
	if r.binding.Names.Prefix == "" {
		return query, nil
	}
	text, err := r.rewriter().Rewrite(query)
	if err != nil {
		return "", r.refusal(err, "name the physical table (tenancy.Table), list its model in Config.Models or Config.Shared, or use WithRawSQL")
	}
	return text, nil
}

// inspectNarrowed makes sure that a text is narrowed in each place where it reads an owned table.
func (r *route) inspectNarrowed(query string, built bool, args []any) error {
	if !built {
		if sqltext.Control(query) {
			return nil
		}
		return r.refusal(nil, "nothing but the tenant column keeps tenants apart here, and nothing can add it to a text; use GORM's builder, or WithRawSQL for a text that narrows itself")
	}
	if err := sqltext.Scoped(query, r.in.column, r.ownedTable, r.ownArgument(args)); err != nil {
		return r.refusal(err, "a part of the statement written as text reads an owned table without the tenant column; use a built subquery or relation, or WithRawSQL")
	}
	return nil
}

// ownArgument tells whether an argument is the tenant: only then does a comparison with
// it narrow anything.
func (r *route) ownArgument(args []any) func(int) bool {
	if r.in.Dialect() == "mysql" && strings.EqualFold(r.scope.tenant.ID, r.in.column) {
		return func(int) bool { return false } // "tenant_id" is a text there, and equal to this tenant
	}
	return func(at int) bool {
		return at >= 0 && at < len(args) && scopes.Is(args[at], r.scope.tenant.ID)
	}
}

// inspectShared lets nothing but shared tables through: no tenant is known, or its own
// tables are in another database, and what goes by their names here is somebody else's.
func (r *route) inspectShared(query string, built bool) (string, error) {
	if !built && !sqltext.Control(query) {
		return "", r.in.problemNoTenant()
	}
	rewriter := sqltext.Rewriter{Quote: r.in.quote, Resolve: func(name string) (string, sqltext.Resolution) {
		if r.in.IsShared(name) || r.in.IsShared(r.logicalShared(name)) {
			return name, sqltext.Keep
		}
		return "", sqltext.Unknown
	}}
	if _, err := rewriter.Rewrite(query); err != nil {
		return "", r.refusal(err, "only shared tables can be used together with a shared model here: no tenant is known, or its tables are in a database of its own")
	}
	return query, nil
}

func (in *Installation) problemNoTenant() error {
	return &Error{Kind: ErrNoTenant, Strategy: in.Strategy(), Detail: "raw SQL needs a tenant in the context (WithTenant), or a system context (WithSystem)"}
}

func (r *route) refusal(cause error, cure string) error {
	e := &Error{Kind: ErrRawSQL, Op: "inspect", Strategy: r.in.Strategy(), Detail: cure, Cause: cause}
	if r.narrows() {
		e.Tenant = r.scope.tenant.ID
	}
	return e
}

// rewriter gives owned tables in a text the tenant's names.
func (r *route) rewriter() *sqltext.Rewriter {
	return &sqltext.Rewriter{Quote: r.in.quote, Resolve: r.resolveTable, InsertAlias: r.in.insertAlias()}
}

func (r *route) resolveTable(name string) (string, sqltext.Resolution) {
	prefix := r.binding.Names.Prefix
	if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
		return name, sqltext.Keep
	}
	switch known := r.in.models.find(name); {
	case known == nil:
		return "", sqltext.Unknown
	case known.shared:
		return name, sqltext.Keep
	default:
		return r.binding.Names.Table(known.table), sqltext.Rename
	}
}

// logicalShared is the logical name of a table that may be named where shared models are.
func (r *route) logicalShared(name string) string {
	return strings.TrimPrefix(name, r.binding.Names.Shared+".")
}

// ownedTable tells sqltext which tables must be narrowed.
func (r *route) ownedTable(name string) (owned, known bool) {
	m := r.in.models.find(name)
	if m == nil {
		m = r.in.models.find(r.logicalShared(name))
	}
	if m == nil {
		return false, false
	}
	return !m.shared, true
}

// explain makes an error about a missing table, or of a policy, one about the tenant.
func (r *route) explain(err error) error {
	switch {
	case r.binding.Pool != nil && unreachable(err):
		return &Error{
			Kind: ErrUnavailable, Op: "connect", Tenant: r.scope.tenant.ID, Strategy: r.in.Strategy(),
			Detail: "there is no connection to the tenant's database, and nothing was sent; try again later", Cause: err,
		}
	case missingTable(err):
		return &Error{
			Kind: ErrNotProvisioned, Op: "statement", Tenant: r.scope.tenant.ID, Strategy: r.in.Strategy(),
			Detail: "a table is missing; run migrate.Provision for the tenant, or its versioned migrations; if that was done, list the table's model in Config.Models or Shared, or mind its name", Cause: err,
		}
	case freeze.Refused(err):
		return &Error{
			Kind: ErrMoving, Op: "statement", Tenant: r.scope.tenant.ID, Strategy: r.in.Strategy(),
			Detail: "nothing was changed; reads go on, so try the write again after the move", Cause: err,
		}
	case violatesPolicy(err):
		return &Error{
			Kind: ErrTenantMismatch, Op: "statement", Tenant: r.scope.tenant.ID, Strategy: r.in.Strategy(),
			Detail: "the row is another tenant's; nothing was changed", Cause: err,
		}
	default:
		return err
	}
}

// unreachable recognises that no connection could be made: nobody listens, or the server
// does not let anybody in yet (57P03). What breaks later is the driver's to report.
func unreachable(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "dial" || ddl.SQLState(err) == "57P03"
}

// missingTable recognises a complaint that a table, schema or database is not there.
func missingTable(err error) bool {
	var numbered interface{ SQLErrorNumber() int32 } // SQL Server's: 208 is an invalid object name
	if errors.As(err, &numbered) {
		return numbered.SQLErrorNumber() == 208
	}
	switch ddl.SQLState(err) {
	case "":
		return strings.Contains(err.Error(), "no such table") || ddl.MySQLError(err, 1146, 1049)
	case "42P01":
		return !strings.Contains(err.Error(), "FROM") // "missing FROM-clause entry" is a mistake in the text
	case "3F000", "3D000":
		return true
	case "42501": // a table was to be created, and the first schema there is pg_catalog
		return strings.Contains(err.Error(), "pg_catalog")
	default:
		return false
	}
}

// violatesPolicy recognises a row that row-level security refuses.
func violatesPolicy(err error) bool {
	return ddl.SQLState(err) == "42501" && strings.Contains(err.Error(), "row-level security policy")
}

// quote quotes an identifier as the dialect does.
func (in *Installation) quote(name string) string {
	var b strings.Builder
	in.dialect.QuoteTo(&b, name)
	return b.String()
}

// qualifies reports whether nothing but a qualified name leads to a schema: there is no
// search_path.
func (in *Installation) qualifies() bool { return in.Dialect() == "sqlserver" }

// insertAlias reports whether the dialect knows INSERT INTO t AS a.
func (in *Installation) insertAlias() bool {
	return in.Dialect() == "sqlite" || in.Dialect() == "postgres"
}
