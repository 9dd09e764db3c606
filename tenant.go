package tenancy

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/gormtenancy/tenancy/internal/names"
	"github.com/gormtenancy/tenancy/internal/routing"
)

// Tenant is one customer, whose data must never meet another's. It is a plain
// value: copy it, compare it, store it.
type Tenant struct {
	// ID identifies the tenant for ever: printable, 1 to 255 bytes. It is the
	// value in the tenant column and the source of every physical name.
	ID string
	// Slug makes physical names readable where the ID is not (a UUID, say):
	// lower-case letters, digits and single underscores. Empty: the ID serves.
	// A name made from a slug carries a hash of the ID as well, so two tenants
	// with one slug still never meet.
	Slug string
	// Tier is what the hybrid strategy chooses by. Empty: the standard tier.
	Tier string
	// Schema is the exact name of the tenant's schema or database, for those that
	// exist already. Empty: the name is made from Slug and ID.
	Schema string
	// DSN is the address of the tenant's own database, under the database strategy.
	// Empty: the strategy makes it.
	DSN string
}

// String returns the ID: a DSN, which may hold a password, gets into no log by accident.
func (t Tenant) String() string { return t.ID }

// LogValue implements [slog.LogValuer] like String.
func (t Tenant) LogValue() slog.Value { return slog.StringValue(t.ID) }

// check says what is wrong with the tenant's ID.
func (t Tenant) check() error {
	if err := names.Valid(t.ID); err != nil {
		return &Error{Kind: ErrInvalidTenant, Tenant: t.ID, Detail: err.Error()}
	}
	return nil
}

// scope is what a context says of tenancy: a tenant, or that the work is the system's.
type scope struct {
	tenant Tenant
	system bool   // the work belongs to no tenant
	reason string // why
	raw    string // why raw SQL is let through
	err    error  // why the scope cannot be used

	route atomic.Pointer[route] // what the plugin that saw this scope last made of it
}

// clone copies everything but the memory of a plugin.
func (s *scope) clone() *scope {
	return &scope{tenant: s.tenant, system: s.system, reason: s.reason, raw: s.raw, err: s.err}
}

type scopeKey struct{}

func scopeOf(ctx context.Context) *scope {
	if ctx == nil {
		return nil
	}
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

// WithTenant returns a context whose statements belong to t. It replaces the
// tenant or the system context that ctx carried. A tenant that cannot be used
// makes every statement fail with [ErrInvalidTenant].
func WithTenant(ctx context.Context, t Tenant) context.Context {
	return context.WithValue(ctx, scopeKey{}, &scope{tenant: t, err: t.check()})
}

// FromContext returns the tenant that [WithTenant] put into ctx.
func FromContext(ctx context.Context) (Tenant, bool) {
	s := scopeOf(ctx)
	if s == nil || s.system {
		return Tenant{}, false
	}
	return s.tenant, true
}

// WithSystem returns a context for work that belongs to no tenant: statements go
// to the base pool, unnarrowed and unstamped, with the logical names of tables.
// The reason is for people and logs; an empty one makes every statement fail
// with [ErrNoTenant]. Use it where the way out is meant, and nowhere else. Under row-level
// security the policies bind the pool's role here, too: it sees no rows, which is no error, unless
// it has BYPASSRLS.
func WithSystem(ctx context.Context, reason string) context.Context {
	s := &scope{system: true, reason: reason}
	if reason == "" {
		s.err = &Error{Kind: ErrNoTenant, Detail: "a system context needs a reason; give WithSystem one"}
	}
	return context.WithValue(ctx, scopeKey{}, s)
}

// SystemReason returns the reason that was given to [WithSystem].
func SystemReason(ctx context.Context) (string, bool) {
	s := scopeOf(ctx)
	if s == nil || !s.system || s.err != nil {
		return "", false
	}
	return s.reason, true
}

// WithRawSQL returns a context in which texts of SQL that the plugin can neither
// rewrite nor check are sent as they are, still for ctx's tenant: on the tenant's
// connection and with its settings, but with nothing added. Under the shared
// strategy that means without any wall. The reason is for people and logs; an
// empty one changes nothing.
func WithRawSQL(ctx context.Context, reason string) context.Context {
	s := scopeOf(ctx)
	if s == nil || reason == "" {
		return ctx
	}
	c := s.clone()
	c.raw = reason
	return context.WithValue(ctx, scopeKey{}, c)
}

// owner names who a statement or a transaction belongs to.
func (s *scope) owner() routing.Owner {
	switch {
	case s == nil:
		return routing.Owner{Other: "nobody"}
	case s.system:
		return routing.Owner{Other: "the system"}
	default:
		return routing.Owner{Tenant: s.tenant.ID}
	}
}
