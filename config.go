package tenancy

import (
	"context"
	"reflect"

	"github.com/gormtenancy/tenancy/internal/names"
)

// DefaultColumn is the tenant column where [Config.Column] is empty.
const DefaultColumn = "tenant_id"

// Config says how tenants are kept apart. Only Strategy must be set.
type Config struct {
	// Strategy keeps the tenants apart. Required.
	Strategy Strategy
	// Models lists the owned models: their rows belong to a tenant. Pointers to
	// structs, as for AutoMigrate. A model that is in neither list is owned.
	// List all the same what exists: migrations and Verify go by this list.
	Models []any
	// Shared lists the models that are common to all tenants. They live in the
	// base database under their own names, and need no tenant in the context.
	Shared []any
	// Column is the database name of the tenant column. Empty: "tenant_id".
	Column string
	// Resolve finds the tenant of a context that [WithTenant] has not seen. nil:
	// there is none. An error that it returns reaches the caller unchanged; a
	// zero Tenant means that there is none. It is called for every such
	// statement, on shared models too, from any goroutine, so it should be quick. What it
	// asks of this handle itself it must ask in a context of [WithSystem], or it is called
	// for that in turn.
	Resolve func(context.Context) (Tenant, error)
	// Require refuses the statements of tenants that lack something, with [ErrBehind], and of
	// those that have nothing, with [ErrNotProvisioned]: migrate.Current() asks for these
	// models. A tenant is asked about once in the life of a process, at its first statement,
	// and once after each of its migrations through this handle; one that is behind is asked
	// about again, at most once a second. System contexts and migrations pass, but not a
	// transaction to migrate in. nil: nothing is required, and nothing asked.
	Require Requirement
	// NoPipeline has PostgreSQL's settings and statements sent one by one, each transaction
	// with a beginning of its own, where pgx could send them in one round trip: for a proxy
	// that cannot take several messages at once. The results are the same, at more round
	// trips. false: in one.
	NoPipeline bool
}

// check validates what can be validated without a database.
func (c Config) check() error {
	switch {
	case c.Strategy == nil || missing(c.Strategy):
		return configError("Strategy is nil; choose one, for example strategies.Schema{}")
	case !names.Column(c.column()):
		return configError("Column %q is not a column's name; use letters, digits and underscores", c.Column)
	}
	return nil
}

func (c Config) column() string {
	if c.Column == "" {
		return DefaultColumn
	}
	return c.Column
}

// missing reports whether a strategy is a pointer to none.
func missing(s Strategy) bool {
	rv := reflect.ValueOf(s)
	return rv.Kind() == reflect.Pointer && rv.IsNil()
}
