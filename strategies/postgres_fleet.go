package strategies

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// Apply implements [tenancy.Fleet]. All is one transaction; a script is sent as one text. What
// is asked of the registry and the ledger is asked under the same search_path for every
// tenant: under another, the server would plan it anew.
func (s *schemas) Apply(ctx context.Context, t tenancy.Tenant, c tenancy.Change) (script tenancy.Script, err error) {
	b, err := s.Bind(t)
	if err != nil {
		return script, err
	}
	if c.Dry {
		return s.dry(ctx, b, c)
	}
	base, err := s.in.Base()
	if err != nil {
		return script, err
	}
	opening := s.opening(b, s.SharedBinding().Settings)
	err = opening.Exclusive(limited(ctx, c), base, b.Names.Schema, func(tx gorm.ConnPool) error {
		if done, err := begun(ctx, tx, c); done || err != nil {
			return err
		}
		if script, err = s.change(ctx, tx, b, t, c); err != nil {
			return err
		}
		return ended(ctx, tx, c)
	})
	return script, err
}

// change runs the change's script where it fits, and asks AutoMigrate where it does not.
func (s *schemas) change(ctx context.Context, tx gorm.ConnPool, b tenancy.Binding, t tenancy.Tenant, c tenancy.Change) (tenancy.Script, error) {
	if c.Script == nil {
		return s.record(ctx, tx, b, t, c)
	}
	if len(c.Script.Statements) == 0 { // perhaps for the first tenant of all
		there, err := s.found(ctx, tx, b, t)
		return tenancy.Script{New: !there}, err
	}
	there, err := s.own(ctx, tx, b.Names.Schema, t)
	if err != nil {
		return tenancy.Script{}, err
	}
	if c.Script.New && there {
		return s.record(ctx, tx, b, t, c)
	}
	_, err = s.fence(tx, b.Names.Schema).ExecContext(ctx, s.text(c.Script.Statements, b.Names.Schema, there))
	return *c.Script, err
}

// text is a script as it is sent to a schema.
func (s *schemas) text(script []string, schema string, there bool) string {
	statements := []string{"SET LOCAL search_path TO " + s.searchPath(schema)}
	if !there {
		statements = append(statements, createSchema(schema))
	}
	statements = append(statements, script...)
	return strings.Join(append(statements, "SET LOCAL search_path TO "+s.sharedPath()), ";\n")
}

// record does what Provision does, and writes it down.
func (s *schemas) record(ctx context.Context, tx gorm.ConnPool, b tenancy.Binding, t tenancy.Tenant, c tenancy.Change) (tenancy.Script, error) {
	there, err := s.found(ctx, tx, b, t)
	if err != nil {
		return tenancy.Script{}, err
	}
	if err := tenancy.Settle(ctx, tx, lookingUp); err != nil {
		return tenancy.Script{}, err
	}
	tee := &ddl.Tee{ConnPool: s.fence(tx, b.Names.Schema), Before: "SET LOCAL enable_seqscan = on", After: "SET LOCAL enable_seqscan = off"}
	if err := s.in.Migrate(ctx, tee, b, modelsOf(s.in, c, there)); err != nil {
		return tenancy.Script{}, err
	}
	script := tenancy.Script{Statements: tee.Statements, New: !there, Doubt: tee.Doubt}
	if script.Doubt == "" {
		script.Doubt = naming(script.Statements, b.Names.Schema)
	}
	return script, nil
}

// found registers the schema as the tenant's and makes it where it is missing. It reports
// whether it was there.
func (s *schemas) found(ctx context.Context, tx gorm.ConnPool, b tenancy.Binding, t tenancy.Tenant) (there bool, err error) {
	if err := claim(ctx, s.in, tx, b.Names.Schema, t.ID); err != nil {
		return false, err
	}
	there, err = schemaExists(ctx, tx, b.Names.Schema)
	if err != nil || there {
		return there, err
	}
	_, err = tx.ExecContext(ctx, createSchema(b.Names.Schema))
	return false, err
}

// lookingUp makes the server look its catalog up by index. AutoMigrate asks about one
// table at a time, by views over the whole catalog, and where that holds a thousand
// schemas the planner reads it all again for each column. What it asks of each table in the
// same words is planned once. A change of the tables themselves is planned as ever.
var lookingUp = tenancy.Binding{Settings: []tenancy.Setting{
	{Name: "enable_seqscan", Value: "off"}, {Name: "jit", Value: "off"}, {Name: "plan_cache_mode", Value: "force_generic_plan"},
}}

// dry asks what record would do, in a transaction that changes nothing.
func (s *schemas) dry(ctx context.Context, b tenancy.Binding, c tenancy.Change) (tenancy.Script, error) {
	base, err := s.in.Base()
	if err != nil {
		return tenancy.Script{}, err
	}
	tx, err := base.BeginTx(ctx, nil)
	if err != nil {
		return tenancy.Script{}, err
	}
	defer func() { _ = tx.Rollback() }()
	there, err := schemaExists(ctx, tx, b.Names.Schema)
	if err != nil {
		return tenancy.Script{}, err
	}
	if err := tenancy.Settle(ctx, tx, lookingUp); err != nil {
		return tenancy.Script{}, err
	}
	statements, err := s.in.Pending(ctx, s.fence(tx, b.Names.Schema), b, modelsOf(s.in, c, there))
	return tenancy.Script{Statements: statements, New: !there}, err
}

// own registers the schema as the tenant's, in one round trip, and reports whether the
// schema is there.
func (s *schemas) own(ctx context.Context, tx gorm.ConnPool, name string, t tenancy.Tenant) (there bool, err error) {
	var held bool
	err = tx.QueryRowContext(ctx, `
		WITH added AS (INSERT INTO `+s.registry()+` (name, tenant_id, created_at) VALUES ($1::text, $2::text, now()) ON CONFLICT DO NOTHING RETURNING 1)
		SELECT EXISTS (SELECT 1 FROM added) OR EXISTS (SELECT 1 FROM `+s.registry()+` WHERE name = $1::text AND tenant_id = $2::text),
		       EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1::text)`, name, t.ID).Scan(&held, &there)
	if err != nil || held {
		return there, err
	}
	return there, claim(ctx, s.in, tx, name, t.ID) // it says why
}

func schemaExists(ctx context.Context, tx gorm.ConnPool, name string) (bool, error) {
	return scalar[bool](ctx, tx, "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)", name)
}

func createSchema(name string) string { return "CREATE SCHEMA IF NOT EXISTS " + quoteIdent(name) }

// naming says which of the statements names a schema, by whatever way of quoting. A
// statement that finds its tables by search_path names none.
func naming(statements []string, schema string) string {
	name := regexp.MustCompile(`(?i)(^|[^\w-])` + regexp.QuoteMeta(schema) + `($|[^\w-])`)
	for _, statement := range statements {
		if name.MatchString(statement) {
			return fmt.Sprintf("a statement names the tenant's schema: %s", strings.TrimSpace(statement))
		}
	}
	return ""
}

// limited is ctx for a change, which keeps to its limits.
func limited(ctx context.Context, c tenancy.Change) context.Context {
	return ddl.Limited(ctx, ddl.Limits{Lock: c.LockTimeout, Statement: c.StatementTimeout})
}

func begun(ctx context.Context, base gorm.ConnPool, c tenancy.Change) (bool, error) {
	if c.Begun == nil {
		return false, nil
	}
	return c.Begun(ctx, base)
}

func ended(ctx context.Context, base gorm.ConnPool, c tenancy.Change) error {
	if c.Ended == nil {
		return nil
	}
	return c.Ended(ctx, base)
}

// modelsOf lists the models that AutoMigrate is asked about: all, where nothing is there.
func modelsOf(in *tenancy.Installation, c tenancy.Change, there bool) []any {
	if there && c.Only != nil {
		return c.Only
	}
	return in.Models()
}
