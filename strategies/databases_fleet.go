package strategies

import (
	"context"
	"database/sql"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// Apply implements [tenancy.Fleet]. The base database is another than the tenant's. On
// PostgreSQL the change is one transaction. MySQL commits after each statement: one that was
// cut short leaves a structure of its own, which AutoMigrate is asked about the next time.
func (d *databases) Apply(ctx context.Context, t tenancy.Tenant, c tenancy.Change) (script tenancy.Script, err error) {
	at, err := d.place(t)
	if err != nil {
		return script, err
	}
	if c.Dry {
		return d.dry(ctx, at, c)
	}
	known := false
	err = d.visit(ctx, at, func(db *sql.DB) error {
		found, err := d.stage(ctx, db, at)
		if known = err == nil && found == whole; !known {
			return err
		}
		script, err = d.alter(ctx, db, at, c)
		return err
	})
	switch {
	case known:
		return script, err
	case err != nil && !absent(err):
		return script, at.unopened(err)
	}
	err = d.exclusively(ddl.Patient(ctx, c.LockTimeout), at, func(server server) error {
		return d.establish(ctx, server, at, func() error {
			return d.visit(ctx, at, func(db *sql.DB) (err error) {
				script, err = d.alter(ctx, db, at, c)
				return err
			})
		})
	})
	return script, err
}

// alter changes a database that is there.
func (d *databases) alter(ctx context.Context, db *sql.DB, at place, c tenancy.Change) (script tenancy.Script, err error) {
	if err := d.notBase(ctx, db, at); err != nil {
		return script, err
	}
	base, err := d.in.Base()
	if err != nil {
		return script, err
	}
	err = ddl.Exclusive(limited(ctx, c), db, d.in.Dialect(), ddl.OwnDatabase, func(tx gorm.ConnPool) error {
		if done, err := begun(ctx, base, c); done || err != nil {
			return err
		}
		err := d.fill(ctx, tx, at, func() (err error) {
			script, err = d.change(ctx, tx, at, c)
			return err
		})
		if err != nil {
			return err
		}
		return ended(ctx, base, c)
	})
	return script, err
}

// change runs the change's script where it fits, and asks AutoMigrate where it does not.
func (d *databases) change(ctx context.Context, tx gorm.ConnPool, at place, c tenancy.Change) (tenancy.Script, error) {
	tables, err := d.dialect().tables(ctx, tx)
	if err != nil {
		return tenancy.Script{}, err
	}
	empty := tables == 0
	if c.Script != nil && (empty || !c.Script.New) {
		script := *c.Script
		script.New = empty
		return script, d.run(ctx, tx, script.Statements)
	}
	tee := &ddl.Tee{ConnPool: tx}
	if err := d.in.Migrate(ctx, tee, d.binding(at), modelsOf(d.in, c, !empty)); err != nil {
		return tenancy.Script{}, err
	}
	script := tenancy.Script{Statements: tee.Statements, New: empty, Doubt: tee.Doubt}
	if script.Doubt == "" && d.in.Dialect() == "mysql" { // elsewhere no statement reaches another database
		script.Doubt = naming(script.Statements, at.name)
	}
	return script, nil
}

// run runs statements: as one text, unless the driver of MySQL may not be told to take more
// than one.
func (d *databases) run(ctx context.Context, tx gorm.ConnPool, statements []string) error {
	if d.in.Dialect() != "mysql" {
		return runScript(ctx, tx, statements)
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// dry asks what AutoMigrate would do. Where there is no database yet, it is asked about a
// place in which nobody has a table.
func (d *databases) dry(ctx context.Context, at place, c tenancy.Change) (script tenancy.Script, err error) {
	opened := false
	err = d.visit(ctx, at, func(db *sql.DB) error {
		opened = true
		if _, err := d.stage(ctx, db, at); err != nil {
			return err
		}
		tables, err := d.dialect().tables(ctx, db)
		if err != nil {
			return err
		}
		script.New = tables == 0
		script.Statements, err = d.in.Pending(ctx, db, d.binding(at), modelsOf(d.in, c, !script.New))
		return err
	})
	switch {
	case opened, err == nil:
		return script, err
	case absent(err):
		script.New = true
		script.Statements, err = d.nowhere(ctx, at)
		return script, err
	default:
		return script, at.unopened(err)
	}
}

// nowhere asks AutoMigrate about a tenant without a database.
func (d *databases) nowhere(ctx context.Context, at place) (statements []string, err error) {
	b := d.binding(at)
	if d.in.Dialect() == "mysql" {
		address, err := addressOf(d.in.Dialect(), at.dsn)
		if err != nil {
			return nil, err
		}
		err = d.connected(ctx, address.with("information_schema"), 1, func(db *sql.DB) (err error) {
			statements, err = d.in.Pending(ctx, db, b, d.in.Models())
			return err
		})
		return statements, err
	}
	base, err := d.in.Base()
	if err != nil {
		return nil, err
	}
	tx, err := base.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	b.Settings = []tenancy.Setting{{Name: "search_path", Value: "pg_catalog, pg_temp"}}
	return d.in.Pending(ctx, tx, b, d.in.Models())
}
