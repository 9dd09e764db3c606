package strategies

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// undoTimeout bounds what is done after a failure, whose context may have ended.
const undoTimeout = 30 * time.Second

// Provision brings the tenant's database to the models, and creates it where it is not.
// It is made of steps that can be repeated: whatever ends it, the next one goes on. When it
// fails, a database that it has created goes again, unless somebody could have used it.
func (d *databases) Provision(ctx context.Context, t tenancy.Tenant) error {
	at, err := d.place(t)
	if err != nil {
		return err
	}
	known, err := d.known(ctx, at)
	switch {
	case known:
		return d.migrate(ctx, at)
	case err != nil && !absent(err):
		return at.unopened(err)
	}
	return d.exclusively(ctx, at, func(server server) error {
		return d.establish(ctx, server, at, func() error { return d.migrate(ctx, at) })
	})
}

// establish creates the tenant's database where it is not, and has it filled.
func (d *databases) establish(ctx context.Context, server server, at place, fill func() error) error {
	created, err := server.create(ctx, at)
	if err == nil && !created && !at.given && !server.copied { // what it finds may be anybody's
		err = d.free(ctx, at)
	}
	if err != nil {
		return err
	}
	err = fill()
	if err != nil && created {
		return joined(err, d.undo(ctx, server, at))
	}
	return err
}

// known reports whether the database is there and the tenant's.
func (d *databases) known(ctx context.Context, at place) (known bool, err error) {
	err = d.visit(ctx, at, func(db *sql.DB) error {
		found, err := d.stage(ctx, db, at)
		known = found == whole
		return err
	})
	return known, err
}

// migrate registers the tenant in its database and brings the tables to the models.
func (d *databases) migrate(ctx context.Context, at place) error {
	return d.visit(ctx, at, func(db *sql.DB) error {
		if err := d.notBase(ctx, db, at); err != nil {
			return err
		}
		return ddl.Exclusive(ctx, db, d.in.Dialect(), ddl.OwnDatabase, func(tx gorm.ConnPool) error { return d.fill(ctx, tx, at, d.migrating(ctx, tx, at)) })
	})
}

// undo drops a database that was just created, while it is nobody's: a tenant that is
// registered may have been used already.
func (d *databases) undo(ctx context.Context, server server, at place) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	whole, err := d.known(ctx, at)
	if err != nil || whole {
		return err
	}
	return server.drop(ctx, at, false)
}

// Destroy ends all sessions in the tenant's database and drops it. A database that is
// nobody's is dropped if it is empty: a provisioning that was cut short leaves such.
func (d *databases) Destroy(ctx context.Context, t tenancy.Tenant) error {
	at, err := d.place(t)
	if err != nil {
		return err
	}
	_, err, _ = d.removals.Do(at.removal(), func() (any, error) { return nil, d.destroy(ctx, at) })
	return err
}

func (d *databases) destroy(ctx context.Context, at place) error {
	if err := d.free(ctx, at); err != nil {
		if absent(err) {
			return nil
		}
		return at.unopened(err)
	}
	d.dying.Store(at.one, true)
	defer d.dying.Delete(at.one)
	// Those of other DSNs as well: they would connect to the next database of the name.
	there := func(key string) bool { return strings.HasPrefix(key, at.one+"#") }
	if err := d.pools.EvictAll(ctx, there); err != nil && ctx.Err() != nil {
		return err
	}
	return d.exclusively(ctx, at, func(server server) error {
		switch err := d.free(ctx, at); { // it may have become another's
		case absent(err):
			return nil
		case err != nil:
			return err
		}
		return server.drop(ctx, at, true)
	})
}

// free says why a database cannot be taken or dropped for the tenant.
func (d *databases) free(ctx context.Context, at place) error {
	return d.visit(ctx, at, func(db *sql.DB) error {
		if err := d.notBase(ctx, db, at); err != nil {
			return err
		}
		found, err := d.stage(ctx, db, at)
		if err != nil || found != blank {
			return err
		}
		tables, err := d.dialect().tables(ctx, db)
		if err == nil && tables > 0 {
			err = unregistered(at)
		}
		return err
	})
}

// notBase refuses the base database: it is the application's, and not a tenant's.
func (d *databases) notBase(ctx context.Context, db *sql.DB, at place) error {
	base, err := d.in.Base()
	if err != nil {
		return err
	}
	ours, err := scalar[string](ctx, base, d.dialect().identity)
	if err != nil {
		return err
	}
	theirs, err := scalar[string](ctx, db, d.dialect().identity)
	if err == nil && ours == theirs {
		err = &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: at.id, Detail: fmt.Sprintf("the database %s is the base database; give the tenant one of its own", at.group)}
	}
	return err
}

// visit opens the tenant's database for a moment.
func (d *databases) visit(ctx context.Context, at place, fn func(db *sql.DB) error) error {
	return d.connected(ctx, at.dsn, 1, fn)
}

func (d *databases) connected(ctx context.Context, dsn string, connections int, fn func(db *sql.DB) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	pool, err := d.connect(ctx, dsn)
	if err != nil {
		return err
	}
	pool.db.SetMaxOpenConns(connections)
	return joined(fn(pool.db), pool.Close())
}

// exclusively runs fn while nobody else creates or drops the tenant's database, in this
// process or another. The lock is held on one connection, in a transaction on PostgreSQL,
// and databases are created on another, where no transaction is.
func (d *databases) exclusively(ctx context.Context, at place, fn func(server) error) error {
	address, err := addressOf(d.in.Dialect(), at.dsn)
	if err != nil {
		return err
	}
	failed := false // fn, and not the way to it
	err = d.connected(ctx, address.with(d.dialect().maintenance), 2, func(db *sql.DB) error {
		// In lower case: names that differ in case alone may be one, or must not both be.
		return ddl.Exclusive(ctx, db, d.in.Dialect(), "database "+strings.ToLower(at.name), func(gorm.ConnPool) error {
			err := fn(server{d.dialect(), db})
			failed = err != nil
			return err
		})
	})
	if err != nil && !failed && !errors.Is(err, ctx.Err()) && !errors.Is(err, ddl.ErrHeld) {
		return at.unmanaged(err)
	}
	return err
}

// unmanaged makes an error for a server on which no databases can be created or dropped.
func (at place) unmanaged(err error) error {
	return &tenancy.Error{Kind: tenancy.ErrUnavailable, Tenant: at.id, Detail: fmt.Sprintf("the server of %s cannot be reached to create or drop databases", at.group), Cause: err}
}
