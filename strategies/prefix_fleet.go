package strategies

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// prefixFleet is prefix on SQLite, where it knows the catalog.
type prefixFleet struct{ *prefix }

// Survey implements [tenancy.Fleet]: one query of the catalog for all tenants.
func (p *prefixFleet) Survey(ctx context.Context, tenants []tenancy.Tenant) (map[string]tenancy.Structure, error) {
	objects, err := p.Objects(ctx, tenants)
	if err != nil {
		return nil, err
	}
	base, err := p.in.Base()
	if err != nil {
		return nil, err
	}
	owners, err := registered(ctx, p.in, base)
	if err != nil {
		return nil, err
	}
	found := make(map[string]tenancy.Structure, len(objects))
	for of, parts := range objects {
		found[of] = tenancy.Structure{Owner: owners[of], Fingerprint: fingerprint(parts)}
	}
	return found, nil
}

// Objects implements [tenancy.Fleet]. The prefix is left out.
func (p *prefixFleet) Objects(ctx context.Context, tenants []tenancy.Tenant) (map[string]tenancy.Objects, error) {
	base, err := p.in.Base()
	if err != nil {
		return nil, err
	}
	found := make(map[string]tenancy.Objects, len(tenants))
	for _, t := range tenants {
		if of, err := prefixOf(t); err == nil {
			found[of] = tenancy.Objects{}
		}
	}
	parts, err := sqliteParts(ctx, base)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		of := prefixIn(part.owner)
		if objects, wanted := found[of]; wanted {
			objects[strings.ReplaceAll(part.object, of, "")] = strings.ReplaceAll(part.definition, of, "")
		}
	}
	return found, nil
}

// prefixIn is the prefix of a table's name: there are no two underscores in it but at its end.
func prefixIn(table string) string {
	of, _, found := strings.Cut(table, "__")
	if !found {
		return ""
	}
	return strings.ToLower(of) + "__"
}

// Apply implements [tenancy.Fleet].
func (p *prefixFleet) Apply(ctx context.Context, t tenancy.Tenant, c tenancy.Change) (script tenancy.Script, err error) {
	b, err := p.Bind(t)
	if err != nil {
		return script, err
	}
	if c.Dry {
		return p.dry(ctx, b, c)
	}
	err = p.exclusively(ddl.Patient(ctx, c.LockTimeout), func(tx gorm.ConnPool) error {
		if done, err := begun(ctx, tx, c); done || err != nil {
			return err
		}
		if err := claim(ctx, p.in, tx, b.Names.Prefix, t.ID); err != nil {
			return err
		}
		if script, err = p.change(ctx, tx, b, c); err != nil {
			return err
		}
		return ended(ctx, tx, c)
	})
	return script, err
}

func (p *prefixFleet) change(ctx context.Context, tx gorm.ConnPool, b tenancy.Binding, c tenancy.Change) (tenancy.Script, error) {
	empty, err := p.empty(ctx, tx, b)
	if err != nil {
		return tenancy.Script{}, err
	}
	if c.Script == nil || c.Script.New && !empty {
		tee := &ddl.Tee{ConnPool: tx}
		if err := p.in.Migrate(ctx, tee, b, modelsOf(p.in, c, !empty)); err != nil {
			return tenancy.Script{}, err
		}
		return portable(tee, b.Names.Prefix, empty), nil
	}
	statements := make([]string, len(c.Script.Statements))
	for i, statement := range c.Script.Statements {
		statements[i] = strings.ReplaceAll(statement, anyPrefix, b.Names.Prefix)
	}
	return *c.Script, runScript(ctx, tx, statements)
}

// empty reports whether the tenant has no tables.
func (p *prefixFleet) empty(ctx context.Context, tx gorm.ConnPool, b tenancy.Binding) (bool, error) {
	there, err := scalar[bool](ctx, tx, "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(substr(name, 1, ?)) = ?)", len(b.Names.Prefix), b.Names.Prefix)
	return !there, err
}

// dry asks what AutoMigrate would do.
func (p *prefixFleet) dry(ctx context.Context, b tenancy.Binding, c tenancy.Change) (tenancy.Script, error) {
	base, err := p.in.Base()
	if err != nil {
		return tenancy.Script{}, err
	}
	empty, err := p.empty(ctx, base, b)
	if err != nil {
		return tenancy.Script{}, err
	}
	statements, err := p.in.Pending(ctx, base, b, modelsOf(p.in, c, !empty))
	return tenancy.Script{Statements: statements, New: empty}, err
}

// anyPrefix stands for a tenant's prefix in a script.
const anyPrefix = "\x00"

// portable makes a script of what was recorded, in which the prefix is any tenant's. A
// prefix that does not begin a quoted name is in doubt: it may be the user's own text.
func portable(tee *ddl.Tee, of string, empty bool) tenancy.Script {
	script := tenancy.Script{New: empty, Doubt: tee.Doubt}
	for _, statement := range tee.Statements {
		parts := strings.Split(statement, of)
		for _, before := range parts[:len(parts)-1] {
			if !strings.HasSuffix(before, "`") && !strings.HasSuffix(before, `"`) && script.Doubt == "" {
				script.Doubt = fmt.Sprintf("a statement has the tenant's prefix outside a quoted name: %s", strings.TrimSpace(statement))
			}
		}
		script.Statements = append(script.Statements, strings.Join(parts, anyPrefix))
	}
	return script
}

// registered lists the owners of all names in the registry.
func registered(ctx context.Context, in *tenancy.Installation, pool gorm.ConnPool) (map[string]string, error) {
	db, err := in.Plain(ctx, pool)
	if err != nil || !db.Migrator().HasTable(&registration{}) {
		return nil, err
	}
	var all []registration
	if err := db.Find(&all).Error; err != nil {
		return nil, err
	}
	owners := make(map[string]string, len(all))
	for _, one := range all {
		owners[one.Name] = one.TenantID
	}
	return owners, nil
}
