package tenancy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gormtenancy/tenancy/scopes"
)

// The sentinels. Every error that this module makes wraps exactly one of them.
var (
	// ErrConfig: the configuration of the plugin or of a strategy cannot work.
	ErrConfig = errors.New("invalid configuration")
	// ErrUnsupportedDialect: the strategy cannot keep tenants apart on this database.
	ErrUnsupportedDialect = errors.New("unsupported dialect")
	// ErrNotInstalled: the handle has no tenancy plugin.
	ErrNotInstalled = errors.New("plugin not installed")
	// ErrNoTenant: the context names no tenant.
	ErrNoTenant = errors.New("no tenant")
	// ErrInvalidTenant: a tenant's ID, slug or override cannot be used.
	ErrInvalidTenant = errors.New("invalid tenant")
	// ErrNotProvisioned: the tenant's structures are missing, all or some.
	ErrNotProvisioned = errors.New("not provisioned")
	// ErrTenantMismatch: a row, a condition or a transaction belongs to another tenant.
	ErrTenantMismatch = scopes.ErrTenantMismatch
	// ErrNoTenantColumn: the strategy needs a tenant column that the table does not have.
	ErrNoTenantColumn = errors.New("no tenant column")
	// ErrRawSQL: a text of SQL that cannot be kept within the tenant with certainty.
	ErrRawSQL = errors.New("raw SQL refused")
	// ErrDrifted: the database is not what the models and the strategy say it should be.
	ErrDrifted = errors.New("isolation not proven")
	// ErrElsewhere: a shared model is in the base database, and what is asked needs it
	// in the tenant's own.
	ErrElsewhere = errors.New("in another database")
	// ErrUnavailable: the tenant's own database cannot be reached now. Trying again later may
	// help, and repeats nothing: a statement with this error was not sent. A connection that
	// breaks under a statement is the driver's own error, since the statement may be done.
	ErrUnavailable = errors.New("unavailable")
	// ErrMigration: structures could not be created, changed or removed.
	ErrMigration = errors.New("migration failed")
	// ErrMoving: the tenant is being moved to another tier, and its writes are refused
	// until it is there.
	ErrMoving = errors.New("being moved")
	// ErrBehind: the tenant's structures are older than the program requires.
	ErrBehind = errors.New("behind")
	// ErrClosed: the plugin was closed.
	ErrClosed = errors.New("closed")
)

// Error says which operation failed for which tenant, and why. It unwraps to
// its Kind, a sentinel of this package, and to its Cause, if there is one.
type Error struct {
	Kind     error  // one of the sentinels
	Op       string // what was attempted: "query", "create", "begin", "provision", …
	Tenant   string // the tenant's ID; empty when there is none
	Strategy string // the name of the strategy
	Detail   string // what is wrong and what to do
	Cause    error  // the error underneath; nil when this package found the fault
}

// Error reads "tenancy: query: tenant "acme" (schema): not provisioned: detail: cause".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("tenancy: ")
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	if e.Tenant != "" {
		b.WriteString("tenant " + quoted(e.Tenant))
		if e.Strategy != "" {
			b.WriteString(" (" + e.Strategy + ")")
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Kind.Error())
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	return b.String()
}

// Unwrap returns the sentinel and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// quoted shows an ID in a message: quoted, and no longer than a line bears.
func quoted(id string) string {
	const most = 64
	if len(id) > most {
		return strconv.Quote(id[:most]) + "…"
	}
	return strconv.Quote(id)
}

func configError(format string, args ...any) error {
	return &Error{Kind: ErrConfig, Detail: fmt.Sprintf(format, args...)}
}

func configCause(cause error, format string, args ...any) error {
	return &Error{Kind: ErrConfig, Detail: fmt.Sprintf(format, args...), Cause: cause}
}
