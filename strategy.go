package tenancy

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// Strategy is one way of keeping tenants apart, as configured. It holds no state
// of its own, so one value may serve several handles.
type Strategy interface {
	// Name is a short word for messages: "schema", "database", "shared".
	Name() string
	// Install checks that the strategy can work on this installation and returns
	// its working form. It is called once, by db.Use. An error that it returns
	// is returned by db.Use.
	Install(in *Installation) (Provider, error)
}

// Provider is the working form of a [Strategy] on one database handle. All
// methods may be called from several goroutines at once.
type Provider interface {
	// Bind answers where a tenant's statements run and how they are narrowed. It
	// sends no SQL and does not ask whether the tenant exists. The answer for an
	// equal tenant is always equal, so it is remembered with the context.
	Bind(t Tenant) (Binding, error)
	// Provision creates the tenant's structures and brings them to the models. It
	// is safe to repeat, and safe to call at once from several processes. When it
	// fails, a tenant that lived before lives on unharmed.
	Provision(ctx context.Context, t Tenant) error
	// Destroy removes everything of the tenant for good, and nothing else.
	// Destroying a tenant that is not there is no error.
	Destroy(ctx context.Context, t Tenant) error
	// Verify asks the database whether the tenant's isolation holds. It returns
	// [ErrNotProvisioned] or [ErrDrifted] with all that differs.
	Verify(ctx context.Context, t Tenant) error
	// Group names the structures that t uses: tenants of an equal group share
	// them, so they are migrated once for all.
	Group(t Tenant) string
	// Close gives back what the provider opened. It waits until nothing uses it.
	Close() error
}

// SharedBinder is a [Provider] that says where the shared models are.
type SharedBinder interface {
	// SharedBinding is the binding of statements on shared models that belong to no
	// tenant. Its Settings hold while they are migrated.
	SharedBinding() Binding
}

// Settle applies the settings of a binding to a transaction, for as long as it lasts.
func Settle(ctx context.Context, tx gorm.ConnPool, b Binding) error {
	return routing.Settle(ctx, tx, b.Settings)
}

// Binding is what a strategy answers for one tenant. It is data: the plugin, and
// only the plugin, applies it. The zero value sends statements to the base pool
// under their logical names, narrowed where the column exists.
type Binding struct {
	// Pool is the tenant's own pool. nil: the base pool, which GORM opened.
	Pool Pool
	// Settings hold while a statement or a transaction of the tenant lasts, and not a
	// moment longer. PostgreSQL only.
	Settings []Setting
	// Pipeline sends Settings and one statement in one round trip, where it can. nil, and
	// where it cannot: in a transaction, which takes four.
	Pipeline Pipeline
	// Names makes the physical names of tables.
	Names Names
	// Filter says how statements are narrowed by the tenant column.
	Filter Filter
}

// Pool lends the connection pool of one tenant. Implementations may be called
// from several goroutines.
type Pool interface {
	// Acquire lends the pool until release is called, by the end of a call or of a
	// transaction. It returns [ErrNotProvisioned] for a tenant whose database does
	// not exist. See [Installation.Pool] for the ConnPool of a *sql.DB.
	Acquire(ctx context.Context) (pool gorm.ConnPool, release func(), err error)
}

// Setting is a setting of PostgreSQL: its name and its value, which is bound and
// never pasted.
type Setting = routing.Setting

// Pipeline sends settings and one statement in one round trip.
type Pipeline = routing.Pipeline

// Names makes the physical name of a table from its logical one. At most one of
// Prefix and Schema is set; with neither, both names are the same.
type Names struct {
	Prefix string // precedes the table's name: t_acme__ and users make t_acme__users
	Schema string // qualifies the table's name: tenant_acme and users make tenant_acme.users
	Shared string // qualifies the tables of shared models that name no schema themselves
}

// Table returns the physical name of an owned table, unquoted.
func (n Names) Table(logical string) string {
	if n.Schema != "" {
		return n.Schema + "." + logical
	}
	return n.Prefix + logical
}

// SharedTable returns the physical name of a shared table, unquoted.
func (n Names) SharedTable(logical string) string {
	if n.Shared == "" || strings.Contains(logical, ".") {
		return logical
	}
	return n.Shared + "." + logical
}

// Logical reports whether the names of owned tables stay as they are.
func (n Names) Logical() bool { return n.Schema == "" && n.Prefix == "" }

// Filter says how much weight the tenant column bears.
type Filter uint8

const (
	// FilterWhereColumn narrows the models that have the tenant column: defence in
	// depth behind the strategy's own wall.
	FilterWhereColumn Filter = iota
	// FilterNone narrows nothing: the strategy's wall is enough. Rows are stamped
	// all the same where there is a column.
	FilterNone
	// FilterRequired says that the tenant column is a wall that the database guards. Every
	// owned table must have it; raw SQL is the database's to narrow.
	FilterRequired
	// FilterOnly says that the tenant column is the only wall. Every owned table must have
	// it, and raw SQL is refused.
	FilterOnly
)

// requires reports whether each owned table must have the column.
func (f Filter) requires() bool { return f == FilterRequired || f == FilterOnly }
