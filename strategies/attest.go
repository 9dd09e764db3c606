package strategies

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/gormtenancy/tenancy"
)

// beginner is a *sql.DB, as far as it is needed here.
type beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// attestRole refuses a role to which row-level security does not apply. The check is
// the server's own: what binds the role depends on superuser, BYPASSRLS, ownership,
// inherited too, and FORCE.
func (p *policies) attestRole(ctx context.Context) error {
	base, err := p.in.Base()
	if err != nil {
		return err
	}
	var role string
	var super, bypass bool
	if err := base.QueryRowContext(ctx, `SELECT rolname::text, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user`).Scan(&role, &super, &bypass); err != nil {
		return err
	}
	const cure = "connect as an ordinary role, or set RLS.AllowUnsafeRole on a handle that only migrates"
	switch {
	case super:
		return unsafeRole("the role %q is a superuser, whom no policy binds; %s", role, cure)
	case bypass:
		return unsafeRole("the role %q has BYPASSRLS, so no policy binds it; %s", role, cure)
	}
	unbound, err := p.unbound(ctx, base)
	if err != nil {
		return err
	}
	if len(unbound) > 0 {
		return unsafeRole("the role %q owns %s, where row-level security is enabled and not forced, so no policy binds it there; run migrate.Provision, which forces it", role, strings.Join(unbound, ", "))
	}
	return nil
}

// unbound lists the owned tables that have row-level security which is not active for
// the role.
func (p *policies) unbound(ctx context.Context, base *sql.DB) ([]string, error) {
	owned, err := p.in.Ordered()
	if err != nil {
		return nil, err
	}
	var unbound []string
	for _, s := range owned {
		var passes sql.NullBool
		err := base.QueryRowContext(ctx, `
			SELECT bool_or(c.relrowsecurity AND NOT row_security_active(c.oid))
			FROM pg_class c WHERE c.oid = to_regclass($1)`, quoteIdent(s.Table)).Scan(&passes)
		if err != nil {
			return nil, err
		}
		if passes.Bool {
			unbound = append(unbound, s.Table)
		}
	}
	return unbound, nil
}

func unsafeRole(format string, args ...any) error {
	return &tenancy.Error{Kind: tenancy.ErrConfig, Detail: fmt.Sprintf(format, args...)}
}

// canary lets two transactions set the setting in turn, and reports whether one sees
// the other's, or a third one sees any.
func canary(ctx context.Context, base beginner, setting string) (mixed bool, err error) {
	a, err := perch(ctx, base, setting, "tenancy-canary-a")
	if err != nil {
		return false, err
	}
	defer func() { _ = a.Rollback() }()
	b, err := perch(ctx, base, setting, "tenancy-canary-b")
	if err != nil {
		return false, err
	}
	defer func() { _ = b.Rollback() }()
	for tx, value := range map[*sql.Tx]string{a: "tenancy-canary-a", b: "tenancy-canary-b"} {
		seen, err := scalar[sql.NullString](ctx, tx, "SELECT current_setting($1, true)", setting)
		if err != nil || seen.String != value {
			return err == nil, err
		}
		if err := tx.Rollback(); err != nil {
			return false, err
		}
	}
	after, err := base.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = after.Rollback() }()
	seen, err := scalar[sql.NullString](ctx, after, "SELECT current_setting($1, true)", setting)
	return seen.String != "", err
}

// perch begins a transaction with a value of the setting.
func perch(ctx context.Context, base beginner, setting, value string) (*sql.Tx, error) {
	tx, err := base.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, "SELECT set_config($1, $2, true)", setting, value); err != nil {
		_ = tx.Rollback()
		return nil, err
	}
	return tx, nil
}
