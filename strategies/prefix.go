package strategies

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/names"
)

// prefix keeps tenants apart by the names of their tables.
type prefix struct {
	in   *tenancy.Installation
	turn chan struct{} // on SQLite, who changes structures has it: one may write, and others would poll
}

func (p *prefix) Bind(t tenancy.Tenant) (tenancy.Binding, error) {
	of, err := prefixOf(t)
	return tenancy.Binding{Names: tenancy.Names{Prefix: of}}, err
}

func prefixOf(t tenancy.Tenant) (string, error) {
	if t.Schema != "" {
		return "", &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Detail: fmt.Sprintf("Schema is %q, but this database has no schemas and prefixes cannot be chosen; leave Schema empty", t.Schema)}
	}
	base, err := baseOf(t)
	if err != nil {
		return "", err
	}
	return names.Prefix(base), nil
}

// baseOf is the name from which a tenant's physical names are made.
func baseOf(t tenancy.Tenant) (string, error) {
	base, err := names.Base(t.ID, t.Slug)
	if err != nil {
		return "", &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Cause: err}
	}
	return base, nil
}

func (p *prefix) Group(t tenancy.Tenant) string {
	of, err := prefixOf(t)
	if err != nil {
		return "invalid " + t.ID
	}
	return of
}

func (p *prefix) Provision(ctx context.Context, t tenancy.Tenant) error {
	b, err := p.Bind(t)
	if err != nil {
		return err
	}
	return p.exclusively(ctx, func(tx gorm.ConnPool) error {
		if err := claim(ctx, p.in, tx, b.Names.Prefix, t.ID); err != nil {
			return err
		}
		return p.in.Migrate(ctx, tx, b, p.in.Models())
	})
}

func (p *prefix) Destroy(ctx context.Context, t tenancy.Tenant) error {
	of, err := prefixOf(t)
	if err != nil {
		return err
	}
	return p.exclusively(ctx, func(tx gorm.ConnPool) error {
		if held, err := claimed(ctx, p.in, tx, of, t.ID); err != nil || !held {
			return err
		}
		if err := p.drop(ctx, tx, of); err != nil {
			return err
		}
		return disclaim(ctx, p.in, tx, of)
	})
}

// drop removes the tables with a prefix, and makes sure that none is left.
func (p *prefix) drop(ctx context.Context, tx gorm.ConnPool, of string) error {
	db, err := p.in.Plain(ctx, tx)
	if err != nil {
		return err
	}
	tables, err := tablesWith(db, of)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := db.Migrator().DropTable(table); err != nil {
			return err
		}
	}
	left, err := tablesWith(db, of)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("the tables %s are still there", strings.Join(left, ", "))
	}
	return err
}

// tablesWith lists tables by whole prefix: a LIKE would take its underscores for wildcards.
func tablesWith(db *gorm.DB, of string) ([]string, error) {
	all, err := db.Migrator().GetTables()
	var own []string
	for _, table := range all {
		if hasPrefix(table, of) {
			own = append(own, table)
		}
	}
	return own, err
}

// hasPrefix compares as databases do that take the case of names for nothing.
func hasPrefix(table, of string) bool {
	return len(table) >= len(of) && strings.EqualFold(table[:len(of)], of)
}

func (p *prefix) Verify(ctx context.Context, t tenancy.Tenant) error {
	b, err := p.Bind(t)
	if err != nil {
		return err
	}
	base, err := p.in.Base()
	if err != nil {
		return err
	}
	if held, err := claimed(ctx, p.in, base, b.Names.Prefix, t.ID); err != nil || !held {
		return missing(t, err)
	}
	drift, err := pending(ctx, p.in, base, b)
	if err != nil {
		return err
	}
	crossing, err := p.crossing(ctx, base, b.Names.Prefix)
	if err != nil {
		return err
	}
	return drifted(t, append(drift, crossing...))
}

// crossing lists the foreign keys between the tenant's tables and others that are not shared.
func (p *prefix) crossing(ctx context.Context, pool gorm.ConnPool, of string) ([]string, error) {
	if p.in.Dialect() != "sqlite" {
		return nil, nil
	}
	db, err := p.in.Plain(ctx, pool)
	if err != nil {
		return nil, err
	}
	var keys []struct{ Child, Parent string }
	err = db.Raw(`SELECT m.name AS child, k."table" AS parent FROM sqlite_master m, pragma_foreign_key_list(m.name) k WHERE m.type = 'table'`).Find(&keys).Error
	var found []string
	for _, key := range keys {
		own, theirs := hasPrefix(key.Child, of), hasPrefix(key.Parent, of)
		if own && !theirs && !p.in.IsShared(key.Parent) || theirs && !own {
			found = append(found, fmt.Sprintf("a foreign key leads from %s to %s", key.Child, key.Parent))
		}
	}
	return found, err
}

func (p *prefix) Close() error { return nil }

func (p *prefix) exclusively(ctx context.Context, fn func(tx gorm.ConnPool) error) error {
	base, err := p.in.Base()
	if err != nil {
		return err
	}
	if p.turn == nil {
		return ddl.Exclusive(ctx, base, p.in.Dialect(), "prefix", fn)
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return ddl.Exclusive(ctx, base, p.in.Dialect(), "prefix", fn)
}
