package strategies

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/names"
	"github.com/gormtenancy/tenancy/internal/pipeline"
)

// schemas keeps each tenant in a PostgreSQL schema of its own.
type schemas struct {
	in     *tenancy.Installation
	cfg    Schema
	beside string // what follows a tenant's schema in the search_path
}

func newSchemas(in *tenancy.Installation, cfg Schema) *schemas {
	// The first schema of a path that exists is where a table is created. pg_catalog
	// always exists and lets nobody in: for a tenant without a schema, nothing is
	// created where others would find it.
	beside := []string{"", "pg_catalog"}
	for _, extension := range cfg.Extensions {
		beside = append(beside, quoteIdent(extension))
	}
	return &schemas{in: in, cfg: cfg, beside: strings.Join(append(beside, "pg_temp"), ", ")}
}

func (s *schemas) Bind(t tenancy.Tenant) (tenancy.Binding, error) {
	name, err := s.schemaOf(t)
	if err != nil {
		return tenancy.Binding{}, err
	}
	return tenancy.Binding{
		Settings: []tenancy.Setting{{Name: "search_path", Value: s.searchPath(name)}},
		Pipeline: pipeline.Pgx{},
		Names:    tenancy.Names{Schema: name, Shared: s.cfg.sharedSchema()},
	}, nil
}

// schemaOf is the name of a tenant's schema. It is none that tenants have in common.
func (s *schemas) schemaOf(t tenancy.Tenant) (string, error) {
	name := t.Schema
	if name == "" {
		base, err := baseOf(t)
		if err != nil {
			return "", err
		}
		name = names.Container(base)
	} else if err := names.Override(name, names.Limit("postgres")); err != nil {
		return "", &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Cause: err}
	}
	if name == s.cfg.sharedSchema() || slices.Contains(s.cfg.Extensions, name) {
		return "", &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Detail: fmt.Sprintf("the schema %q is common to all tenants; choose another", name)}
	}
	return name, nil
}

// searchPath is the value of search_path for a schema: the schema, the extensions', and
// temporary objects last, where they can hide nothing. public is not in it, so a
// table that a tenant lacks is missing, and not public's. The value is a list, which
// PostgreSQL parses, so names are quoted inside it.
func (s *schemas) searchPath(name string) string { return quoteIdent(name) + s.beside }

// quoteIdent quotes an identifier for PostgreSQL.
func quoteIdent(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func (s *schemas) Group(t tenancy.Tenant) string {
	name, err := s.schemaOf(t)
	if err != nil {
		return "invalid " + t.ID
	}
	return name
}

// Provision creates the schema and its tables in one transaction.
func (s *schemas) Provision(ctx context.Context, t tenancy.Tenant) error {
	b, err := s.Bind(t)
	if err != nil {
		return err
	}
	return s.exclusively(ctx, b, func(tx gorm.ConnPool) error {
		if err := claim(ctx, s.in, tx, b.Names.Schema, t.ID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, createSchema(b.Names.Schema)); err != nil {
			return err
		}
		return s.in.Migrate(ctx, s.fence(tx, b.Names.Schema), b, s.in.Models())
	})
}

func (s *schemas) exclusively(ctx context.Context, b tenancy.Binding, fn func(tx gorm.ConnPool) error) error {
	base, err := s.in.Base()
	if err != nil {
		return err
	}
	return s.opening(b, s.SharedBinding().Settings).Exclusive(ctx, base, b.Names.Schema, fn)
}

// opening is how a transaction begins that changes what b is bound to.
func (s *schemas) opening(b tenancy.Binding, settings []tenancy.Setting) ddl.Opening {
	if !s.in.Pipelines() {
		b.Pipeline = nil
	}
	return ddl.Opening{Settings: settings, Pipeline: b.Pipeline}
}

// SharedBinding implements tenancy.SharedBinder: the shared models, and the registry, have one
// place, whatever the search_path of the role.
func (s *schemas) SharedBinding() tenancy.Binding {
	return tenancy.Binding{
		Settings: []tenancy.Setting{{Name: "search_path", Value: s.sharedPath()}},
		Names:    tenancy.Names{Shared: s.cfg.sharedSchema()},
	}
}

func (s *schemas) sharedPath() string {
	return quoteIdent(s.cfg.sharedSchema()) + ", pg_catalog, pg_temp"
}

// enterShared makes a transaction find the registry.
func (s *schemas) enterShared(ctx context.Context, tx gorm.ConnPool) error {
	return tenancy.Settle(ctx, tx, s.SharedBinding())
}

// Destroy drops the schema with all that is in it. CASCADE would also take what leans
// on it from outside, so there must be nothing of that kind.
func (s *schemas) Destroy(ctx context.Context, t tenancy.Tenant) error {
	b, err := s.Bind(t)
	if err != nil {
		return err
	}
	return s.exclusively(ctx, b, func(tx gorm.ConnPool) error {
		if held, err := claimed(ctx, s.in, tx, b.Names.Schema, t.ID); err != nil || !held {
			return err
		}
		leaning, err := s.crossing(ctx, tx, b.Names.Schema, incoming)
		if err != nil {
			return err
		}
		if len(leaning) > 0 {
			return drifted(t, append(leaning, "remove those first"))
		}
		if _, err := tx.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+quoteIdent(b.Names.Schema)+" CASCADE"); err != nil {
			return err
		}
		return disclaim(ctx, s.in, tx, b.Names.Schema)
	})
}

// Verify asks the catalog, inside a transaction that changes nothing.
func (s *schemas) Verify(ctx context.Context, t tenancy.Tenant) error {
	b, err := s.Bind(t)
	if err != nil {
		return err
	}
	base, err := s.in.Base()
	if err != nil {
		return err
	}
	tx, err := base.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := s.enterShared(ctx, tx); err != nil {
		return err
	}
	if held, err := claimed(ctx, s.in, tx, b.Names.Schema, t.ID); err != nil || !held {
		return missing(t, err)
	}
	differences, err := s.crossing(ctx, tx, b.Names.Schema, incoming+" OR "+s.outgoing())
	if err != nil {
		return err
	}
	there, err := schemaExists(ctx, tx, b.Names.Schema)
	if err != nil || !there {
		return missing(t, err)
	}
	drift, err := pending(ctx, s.in, tx, b)
	if err != nil {
		return err
	}
	return drifted(t, append(drift, differences...))
}

const incoming = "(parent_schema = $1 AND child_schema <> $1)"

// outgoing finds references to schemas that are neither the tenant's nor the shared models'.
func (s *schemas) outgoing() string {
	return "(child_schema = $1 AND parent_schema NOT IN ($1, $2, 'pg_catalog', 'information_schema'))"
}

// crossing lists what leads from one schema to another: foreign keys, inheritance,
// defaults and views.
func (s *schemas) crossing(ctx context.Context, tx gorm.ConnPool, schema, condition string) ([]string, error) {
	rows, err := tx.QueryContext(ctx, `
		WITH links AS (
			SELECT 'foreign key ' || conname AS link, conrelid AS child, confrelid AS parent
			FROM pg_constraint WHERE contype = 'f'
			UNION ALL
			SELECT 'inheritance', inhrelid, inhparent FROM pg_inherits
			UNION ALL
			SELECT 'default', a.adrelid, d.refobjid FROM pg_depend d JOIN pg_attrdef a ON a.oid = d.objid
			WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
			UNION ALL
			SELECT 'view', r.ev_class, d.refobjid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
			WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
			UNION ALL
			SELECT 'row type', d.objid, t.typrelid FROM pg_depend d JOIN pg_type t ON t.oid = d.refobjid
			WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_type'::regclass AND t.typrelid <> 0
		), named AS (
			SELECT DISTINCT l.link, cn.nspname::text AS child_schema, c.relname::text AS child,
			                pn.nspname::text AS parent_schema, p.relname::text AS parent
			FROM links l
			JOIN pg_class c ON c.oid = l.child JOIN pg_namespace cn ON cn.oid = c.relnamespace
			JOIN pg_class p ON p.oid = l.parent JOIN pg_namespace pn ON pn.oid = p.relnamespace
			WHERE $2::text IS NOT NULL
		)
		SELECT link, child_schema || '.' || child, parent_schema || '.' || parent FROM named
		WHERE `+condition+` ORDER BY 1, 2, 3`, schema, s.cfg.sharedSchema())
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var found []string
	for rows.Next() {
		var link, child, parent string
		if err := rows.Scan(&link, &child, &parent); err != nil {
			return nil, err
		}
		found = append(found, fmt.Sprintf("%s: %s leans on %s", link, child, parent))
	}
	return found, rows.Err()
}

// scalar reads one value.
func scalar[T any](ctx context.Context, pool gorm.ConnPool, query string, args ...any) (T, error) {
	var value T
	err := pool.QueryRowContext(ctx, query, args...).Scan(&value)
	return value, err
}

func (s *schemas) Close() error { return nil }
