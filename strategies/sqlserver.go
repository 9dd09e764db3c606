package strategies

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/names"
)

// sqlServer keeps each tenant in a schema of SQL Server of its own. Structures change in
// transactions there, so provisioning and destroying are each one.
type sqlServer struct {
	in  *tenancy.Installation
	cfg Schema
}

const sqlServerLimit = 128

func newSQLServer(in *tenancy.Installation, cfg Schema) (tenancy.Provider, error) {
	if len(cfg.Extensions) > 0 {
		return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Detail: "Schema.Extensions is for PostgreSQL; leave it empty on SQL Server"}
	}
	s := &sqlServer{in: in, cfg: cfg}
	if err := names.Fits("sqlserver", s.shared()); err != nil {
		return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Cause: err}
	}
	return s, nil
}

func (s *sqlServer) shared() string {
	if s.cfg.SharedSchema == "" {
		return "dbo"
	}
	return s.cfg.SharedSchema
}

func (s *sqlServer) Bind(t tenancy.Tenant) (tenancy.Binding, error) {
	name := t.Schema
	if name == "" {
		base, err := baseOf(t)
		if err != nil {
			return tenancy.Binding{}, err
		}
		name = names.Container(base)
	} else if err := names.Override(name, sqlServerLimit); err != nil {
		return tenancy.Binding{}, &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Cause: err}
	}
	if strings.EqualFold(name, s.shared()) {
		return tenancy.Binding{}, &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Detail: fmt.Sprintf("the schema %q is common to all tenants; choose another", name)}
	}
	return tenancy.Binding{Names: tenancy.Names{Schema: name, Shared: s.shared()}}, nil
}

// SharedBinding implements tenancy.SharedBinder.
func (s *sqlServer) SharedBinding() tenancy.Binding {
	return tenancy.Binding{Names: tenancy.Names{Shared: s.shared()}}
}

func (s *sqlServer) Group(t tenancy.Tenant) string {
	b, err := s.Bind(t)
	if err != nil {
		return "invalid " + t.ID
	}
	return b.Names.Schema
}

// Provision creates the schema and its tables. CREATE SCHEMA has to be alone in its
// batch, hence EXEC.
func (s *sqlServer) Provision(ctx context.Context, t tenancy.Tenant) error {
	b, err := s.Bind(t)
	if err != nil {
		return err
	}
	return s.exclusively(ctx, b, func(tx gorm.ConnPool) error {
		if err := s.claim(ctx, tx, b.Names.Schema, t.ID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "IF SCHEMA_ID(@p1) IS NULL EXEC (@p2)", b.Names.Schema, "CREATE SCHEMA "+bracketed(b.Names.Schema)); err != nil {
			return err
		}
		return s.in.Migrate(ctx, tx, b, s.in.Models())
	})
}

// Destroy drops the tenant's foreign keys, views, tables and schema, in this order: there is
// no CASCADE. Anything else in the schema makes it fail, and stay whole.
func (s *sqlServer) Destroy(ctx context.Context, t tenancy.Tenant) error {
	b, err := s.Bind(t)
	if err != nil {
		return err
	}
	return s.exclusively(ctx, b, func(tx gorm.ConnPool) error {
		if held, err := s.claimed(ctx, tx, b.Names.Schema, t.ID); err != nil || !held {
			return err
		}
		leaning, err := list(ctx, tx, crossingKeys+incomingKeys, b.Names.Schema)
		if err != nil {
			return err
		}
		if len(leaning) > 0 {
			return drifted(t, append(leaning, "remove those first"))
		}
		for _, objects := range []string{ownKeys, ownViews, ownTables} {
			drops, err := list(ctx, tx, objects, b.Names.Schema)
			if err != nil {
				return err
			}
			for _, drop := range drops {
				if _, err := tx.ExecContext(ctx, drop); err != nil {
					return err
				}
			}
		}
		if _, err := tx.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+bracketed(b.Names.Schema)); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM "+s.registry()+" WHERE [name] = @p1", b.Names.Schema)
		return err
	})
}

// Verify asks the catalog.
func (s *sqlServer) Verify(ctx context.Context, t tenancy.Tenant) error {
	b, err := s.Bind(t)
	if err != nil {
		return err
	}
	base, err := s.in.Base()
	if err != nil {
		return err
	}
	if held, err := s.claimed(ctx, base, b.Names.Schema, t.ID); err != nil || !held {
		return missing(t, err)
	}
	there, err := scalar[bool](ctx, base, "SELECT CAST(CASE WHEN SCHEMA_ID(@p1) IS NULL THEN 0 ELSE 1 END AS bit)", b.Names.Schema)
	if err != nil || !there {
		return missing(t, err)
	}
	drift, err := pending(ctx, s.in, base, b)
	if err != nil {
		return err
	}
	crossing, err := list(ctx, base, crossingKeys+incomingKeys+" OR "+outgoingKeys, b.Names.Schema, s.shared())
	if err != nil {
		return err
	}
	return drifted(t, append(drift, crossing...))
}

func (s *sqlServer) Close() error { return nil }

func (s *sqlServer) exclusively(ctx context.Context, b tenancy.Binding, fn func(tx gorm.ConnPool) error) error {
	base, err := s.in.Base()
	if err != nil {
		return err
	}
	return ddl.Exclusive(ctx, base, s.in.Dialect(), b.Names.Schema, fn)
}

// registry is the table in which the tenants' schemas are registered, beside the shared models.
func (s *sqlServer) registry() string { return bracketed(s.shared(), registration{}.TableName()) }

// claim records that a schema belongs to the tenant id. Names of schemas are compared as the
// database compares them, and IDs letter by letter.
func (s *sqlServer) claim(ctx context.Context, tx gorm.ConnPool, name, id string) error {
	if err := ddl.LockSQLServer(ctx, tx, "registry"); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "IF OBJECT_ID(@p1, 'U') IS NULL CREATE TABLE "+s.registry()+` (
	[name] nvarchar(128) COLLATE DATABASE_DEFAULT NOT NULL PRIMARY KEY,
	[tenant_id] nvarchar(255) COLLATE Latin1_General_100_BIN2 NOT NULL UNIQUE,
	[created_at] datetimeoffset NOT NULL
)`, s.registry())
	if err != nil {
		return err
	}
	held, err := s.claimed(ctx, tx, name, id)
	if err != nil || held {
		return err
	}
	other, err := list(ctx, tx, "SELECT [name] FROM "+s.registry()+" WHERE [tenant_id] = @p1", id)
	if err != nil {
		return err
	}
	if len(other) > 0 {
		return renamed(id, other[0], name)
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO "+s.registry()+" ([name], [tenant_id], [created_at]) VALUES (@p1, @p2, @p3)", name, id, time.Now().UTC())
	return err
}

// claimed reports whether a schema is registered for the tenant id, and fails when it is another's.
func (s *sqlServer) claimed(ctx context.Context, pool gorm.ConnPool, name, id string) (bool, error) {
	there, err := scalar[bool](ctx, pool, "SELECT CAST(CASE WHEN OBJECT_ID(@p1, 'U') IS NULL THEN 0 ELSE 1 END AS bit)", s.registry())
	if err != nil || !there {
		return false, err
	}
	holders, err := list(ctx, pool, "SELECT [tenant_id] FROM "+s.registry()+" WHERE [name] = @p1", name)
	switch {
	case err != nil || len(holders) == 0:
		return false, err
	case holders[0] != id:
		return false, belongs(id, holders[0], name)
	default:
		return true, nil
	}
}

// bracketed quotes a qualified name for SQL Server.
func bracketed(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, part := range parts {
		quoted[i] = "[" + strings.ReplaceAll(part, "]", "]]") + "]"
	}
	return strings.Join(quoted, ".")
}

// What DROPs a schema's own objects, as statements.
const (
	ownKeys = `SELECT 'ALTER TABLE ' + QUOTENAME(OBJECT_SCHEMA_NAME(parent_object_id)) + '.' + QUOTENAME(OBJECT_NAME(parent_object_id)) + ' DROP CONSTRAINT ' + QUOTENAME(name)
FROM sys.foreign_keys WHERE schema_id = SCHEMA_ID(@p1) ORDER BY name`
	ownViews  = `SELECT 'DROP VIEW ' + QUOTENAME(SCHEMA_NAME(schema_id)) + '.' + QUOTENAME(name) FROM sys.views WHERE schema_id = SCHEMA_ID(@p1) ORDER BY create_date DESC, name`
	ownTables = `SELECT 'DROP TABLE ' + QUOTENAME(SCHEMA_NAME(schema_id)) + '.' + QUOTENAME(name) FROM sys.tables WHERE schema_id = SCHEMA_ID(@p1) ORDER BY name`
)

// Foreign keys that lead from one schema to another.
const (
	crossingKeys = `SELECT 'foreign key ' + QUOTENAME(name) + ': ' + QUOTENAME(OBJECT_SCHEMA_NAME(parent_object_id)) + '.' + QUOTENAME(OBJECT_NAME(parent_object_id))
	+ ' leans on ' + QUOTENAME(OBJECT_SCHEMA_NAME(referenced_object_id)) + '.' + QUOTENAME(OBJECT_NAME(referenced_object_id))
FROM sys.foreign_keys WHERE `
	incomingKeys = `(OBJECT_SCHEMA_NAME(referenced_object_id) = @p1 AND OBJECT_SCHEMA_NAME(parent_object_id) <> @p1)`
	outgoingKeys = `(OBJECT_SCHEMA_NAME(parent_object_id) = @p1 AND OBJECT_SCHEMA_NAME(referenced_object_id) NOT IN (@p1, @p2))`
)

// list reads a column of texts.
func list(ctx context.Context, pool gorm.ConnPool, query string, args ...any) (texts []string, err error) {
	rows, err := pool.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, rows.Err()
}
