package strategies

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/pipeline"
)

// RLS keeps all tenants in the same tables, and lets PostgreSQL's row-level security
// tell them apart: each owned table has policies that compare its tenant column with a
// setting, which the plugin sets for the length of each statement or transaction
// (https://www.postgresql.org/docs/current/ddl-rowsecurity.html). Raw SQL, functions and
// whatever else runs on the connection is narrowed as well. GORM's statements carry the
// predicate besides: it lets the planner use an index where a policy alone would not.
//
// Every owned table must have the tenant column; its type may be text, uuid or an
// integer, and its collation a deterministic one: db.Use and Provision refuse a listed model's
// table with another, in which acme and ACME may be one tenant, with [tenancy.ErrConfig]. Join
// tables that GORM makes itself are given the column. Partitions, and tables that inherit from an
// owned one, are given policies as well, where the role owns them; one that is made later has none
// until the next Provision. Verify names those that the role may use and that have none, and the
// tables above. It takes two connections at a time.
//
// Row-level security does not bind superusers, roles with BYPASSRLS, and owners of tables
// without FORCE: db.Use refuses such a role. It protects against a statement that
// forgets the tenant, and not against somebody who can run SQL of his own: he can set
// the setting. The zero value is ready. It is a value; one may serve several handles.
type RLS struct {
	// Setting is the name of the setting. Empty: "app.current_tenant".
	Setting string
	// AllowUnsafeRole lets a role through to which the policies do not apply: for a
	// handle that only migrates, or reports in the context of tenancy.WithSystem, never for one
	// that serves tenants.
	AllowUnsafeRole bool
}

const defaultSetting = "app.current_tenant"

// Name returns "rls".
func (RLS) Name() string { return "rls" }

func (r RLS) setting() string {
	if r.Setting == "" {
		return defaultSetting
	}
	return r.Setting
}

// Install implements [tenancy.Strategy]. It asks the database whether its policies bind
// the role that it is used with.
func (r RLS) Install(in *tenancy.Installation) (tenancy.Provider, error) {
	if in.Dialect() != "postgres" {
		return nil, &tenancy.Error{Kind: tenancy.ErrUnsupportedDialect, Detail: fmt.Sprintf("row-level security is PostgreSQL's, and this is %q; use Schema, Database or Shared", in.Dialect())}
	}
	if !settingName(r.setting()) {
		return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Detail: fmt.Sprintf("RLS.Setting %q is not the name of a setting; use two words with a dot between, like %q", r.Setting, defaultSetting)}
	}
	in.RequireColumn()
	p := &policies{in: in, cfg: r}
	if !r.AllowUnsafeRole {
		if err := p.attestRole(context.Background()); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// settingName reports whether name is that of a customized option: a dot, and words.
func settingName(name string) bool {
	dots := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.' && i > 0 && i < len(name)-1:
			dots++
		case c == '_', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', i > 0 && '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return dots == 1
}

// policies keeps tenants apart by row-level security.
type policies struct {
	in  *tenancy.Installation
	cfg RLS
}

func (p *policies) Bind(t tenancy.Tenant) (tenancy.Binding, error) {
	_, err := baseOf(t)
	return tenancy.Binding{
		Settings: []tenancy.Setting{{Name: p.cfg.setting(), Value: t.ID}},
		Pipeline: pipeline.Pgx{},
		Filter:   tenancy.FilterRequired,
	}, err
}

func (p *policies) Group(tenancy.Tenant) string { return "rls" }

// Provision creates the tables, their policies, an index that leads with the tenant
// column, and a default that stamps rows which raw SQL inserts.
func (p *policies) Provision(ctx context.Context, t tenancy.Tenant) error {
	if _, err := p.Bind(t); err != nil {
		return err
	}
	base, err := p.in.Base()
	if err != nil {
		return err
	}
	return ddl.Exclusive(ctx, base, p.in.Dialect(), p.Group(t), func(tx gorm.ConnPool) error {
		if err := p.in.Migrate(ctx, tx, tenancy.Binding{Filter: tenancy.FilterRequired}, p.in.Models()); err != nil {
			return err
		}
		if err := p.Attest(ctx, tx, p.in.Owned()); err != nil {
			return err
		}
		return p.Protect(ctx, tx)
	})
}

// Protect gives the owned tables that are there what keeps tenants apart in them. tx is a
// transaction. It is for tables that something else than Provision made.
func (p *policies) Protect(ctx context.Context, tx gorm.ConnPool) error {
	owned, err := p.in.Ordered()
	if err != nil {
		return err
	}
	return p.ProtectMade(ctx, tx, owned)
}

// ProtectMade implements [tenancy.Protector].
func (p *policies) ProtectMade(ctx context.Context, tx gorm.ConnPool, made []*schema.Schema) error {
	statements, err := p.lacking(ctx, tx, made)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Lacking lists the statements that Protect would send. tx is a transaction.
func (p *policies) Lacking(ctx context.Context, tx gorm.ConnPool) ([]string, error) {
	owned, err := p.in.Ordered()
	if err != nil {
		return nil, err
	}
	return p.lacking(ctx, tx, owned)
}

func (p *policies) lacking(ctx context.Context, tx gorm.ConnPool, owned []*schema.Schema) ([]string, error) {
	tables, err := p.found(ctx, tx, owned)
	if err != nil {
		return nil, err
	}
	var statements []string
	right := expectations{}
	for _, t := range tables {
		if t.typ == "" {
			return nil, fmt.Errorf("the table %s has no column %s", t.name, t.column)
		}
		if !t.mine {
			continue
		}
		expected, err := right.of(ctx, tx, t.guardedTable)
		if err != nil {
			return nil, err
		}
		if len(t.differences(expected)) > 0 {
			statements = append(statements, t.statements()...)
		}
	}
	return statements, nil
}

// Destroy deletes the tenant's rows, children first, and counts what is left.
func (p *policies) Destroy(ctx context.Context, t tenancy.Tenant) error {
	if _, err := p.Bind(t); err != nil {
		return err
	}
	return deleteRows(ctx, p.in, t)
}

// Verify compares the tables, the policies and the role with what they should be, and
// makes sure that two tenants in two sessions do not see each other's setting.
func (p *policies) Verify(ctx context.Context, t tenancy.Tenant) error {
	if _, err := p.Bind(t); err != nil {
		return err
	}
	base, err := p.in.Base()
	if err != nil {
		return err
	}
	differences, err := p.compare(ctx, base)
	if err != nil {
		return err
	}
	if !p.cfg.AllowUnsafeRole {
		if err := p.attestRole(ctx); errors.Is(err, tenancy.ErrConfig) {
			differences = append(differences, err.Error())
		} else if err != nil {
			return err
		}
	}
	if len(differences) == 0 {
		if differences, err = p.crossing(ctx, base, t); err != nil {
			return err
		}
	}
	mixed, err := canary(ctx, base, p.cfg.setting())
	if err != nil {
		return err
	}
	if mixed {
		differences = append(differences, "two transactions saw each other's setting: the pooler mixes sessions; use its transaction mode")
	}
	return absentOrDrifted(p.in, t, differences)
}

// crossing finds the tenant's rows whose foreign keys lead to rows that the tenant does
// not see: foreign keys are checked without policies.
func (p *policies) crossing(ctx context.Context, base beginner, t tenancy.Tenant) ([]string, error) {
	b, err := p.Bind(t)
	if err != nil {
		return nil, err
	}
	references, err := p.in.References()
	if err != nil {
		return nil, err
	}
	tx, err := base.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	if err := tenancy.Settle(ctx, tx, b); err != nil {
		return nil, err
	}
	var found []string
	for _, ref := range references {
		rows, err := scalar[int](ctx, tx, danglingQuery(ref))
		if err != nil {
			return nil, err
		}
		if rows > 0 {
			found = append(found, fmt.Sprintf("%d rows of %s refer to rows of another tenant in %s, or to none", rows, ref.Table, ref.Parent))
		}
	}
	return found, nil
}

// danglingQuery counts the rows whose reference is set and leads to no row in sight.
func danglingQuery(ref tenancy.Reference) string {
	var set, equal []string
	for _, columns := range ref.Columns {
		child, parent := "c."+quoteIdent(columns[0]), "p."+quoteIdent(columns[1])
		set = append(set, child+" IS NOT NULL")
		equal = append(equal, child+" = "+parent)
	}
	return fmt.Sprintf("SELECT count(*) FROM %s c WHERE %s AND NOT EXISTS (SELECT 1 FROM %s p WHERE %s)",
		quoteIdent(ref.Table), strings.Join(set, " AND "), quoteIdent(ref.Parent), strings.Join(equal, " AND "))
}

func (p *policies) compare(ctx context.Context, base beginner) ([]string, error) {
	tx, err := base.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // the probe's temporary table goes with it
	differences, err := pending(ctx, p.in, tx, tenancy.Binding{Filter: tenancy.FilterRequired})
	if err != nil {
		return nil, err
	}
	held, err := heldColumns(ctx, p.in, tx, p.in.Owned())
	if err != nil {
		return nil, err
	}
	differences = append(differences, p.inexact(held, p.in.Owned())...)
	owned, err := p.in.Ordered()
	if err != nil {
		return nil, err
	}
	tables, err := p.found(ctx, tx, owned)
	if err != nil {
		return nil, err
	}
	open, err := p.unguarded(ctx, tx, tables)
	return append(differences, open...), err
}

// unguarded says how tables differ from what they should be.
func (p *policies) unguarded(ctx context.Context, tx gorm.ConnPool, tables []foundTable) ([]string, error) {
	var differences []string
	right := expectations{}
	for _, t := range tables {
		if t.typ == "" {
			continue // pending says so
		}
		expected, err := right.of(ctx, tx, t.guardedTable)
		if err != nil {
			return nil, err
		}
		found := t.differences(expected)
		if len(found) > 0 && !t.mine {
			found = []string{fmt.Sprintf("table %s: it has rows of an owned table and not its policies, which this role cannot give; revoke the role's rights on it, or let its owner run migrate.Provision", t.name)}
		}
		differences = append(differences, found...)
	}
	open, err := above(ctx, tx, tables)
	for _, name := range open {
		differences = append(differences, fmt.Sprintf("table %s: rows of an owned table are seen in it, and it has no row-level security; revoke the role's rights on it, or list its model", name))
	}
	return differences, err
}

func (p *policies) Close() error { return nil }
