package strategies

import (
	"context"
	"database/sql"
	"sync"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// surveyors is how many connections a survey has open at once.
const surveyors = 8

// look is what a survey finds in one database.
type look struct {
	stage   stage
	objects tenancy.Objects
	err     error
}

// Survey implements [tenancy.Fleet]: it looks into several databases at once. On PostgreSQL
// each takes a connection of its own; on MySQL those of one server are read over a few.
func (d *databases) Survey(ctx context.Context, tenants []tenancy.Tenant) (map[string]tenancy.Structure, error) {
	found := make(map[string]tenancy.Structure, len(tenants))
	err := d.eachDatabase(ctx, tenants, func(at place, l look) {
		structure := tenancy.Structure{Fingerprint: fingerprint(l.objects), Err: l.err}
		if l.stage == whole {
			structure.Owner = at.id
		}
		found[at.group] = structure
	})
	return found, err
}

// Objects implements [tenancy.Fleet].
func (d *databases) Objects(ctx context.Context, tenants []tenancy.Tenant) (map[string]tenancy.Objects, error) {
	found := make(map[string]tenancy.Objects, len(tenants))
	err := d.eachDatabase(ctx, tenants, func(at place, l look) { found[at.group] = l.objects })
	return found, err
}

// eachDatabase looks into the tenants' databases and tells what it finds, one by one. What
// is wrong with one database is that database's error.
func (d *databases) eachDatabase(ctx context.Context, tenants []tenancy.Tenant, tell func(place, look)) error {
	var mu sync.Mutex
	told := func(at place, l look) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		mu.Lock()
		defer mu.Unlock()
		tell(at, l)
		return nil
	}
	if d.in.Dialect() == "mysql" {
		return d.eachOnServers(ctx, tenants, told)
	}
	var readers errgroup.Group
	readers.SetLimit(surveyors)
	for _, t := range tenants {
		at, err := d.place(t)
		if err != nil {
			continue
		}
		readers.Go(func() error {
			var l look
			err := d.visit(ctx, at, func(db *sql.DB) error {
				l = d.look(ctx, db, at)
				return l.err
			})
			return told(at, l.or(at, err))
		})
	}
	return readers.Wait()
}

// or is the look, or what kept one from looking. A database that does not exist has nothing.
func (l look) or(at place, err error) look {
	switch {
	case err == nil:
		return l
	case absent(err):
		return look{}
	default:
		return look{err: at.unopened(err)}
	}
}

// look looks into one database.
func (d *databases) look(ctx context.Context, pool gorm.ConnPool, at place) (l look) {
	if l.stage, l.err = d.stage(ctx, pool, at); l.err == nil {
		l.objects, l.err = d.dialect().objects(ctx, pool)
	}
	return l
}

// eachOnServers looks into the databases of each server over a few connections to it.
func (d *databases) eachOnServers(ctx context.Context, tenants []tenancy.Tenant, told func(place, look) error) error {
	servers := map[string][]place{} // by the DSN without a database
	for _, t := range tenants {
		at, err := d.place(t)
		if err != nil {
			continue
		}
		address, err := addressOf(d.in.Dialect(), at.dsn)
		if err != nil {
			continue
		}
		servers[address.with("")] = append(servers[address.with("")], at)
	}
	var readers errgroup.Group
	for dsn, places := range servers {
		readers.Go(func() error { return d.eachOnServer(ctx, dsn, places, told) })
	}
	return readers.Wait()
}

func (d *databases) eachOnServer(ctx context.Context, dsn string, places []place, told func(place, look) error) error {
	var failed error // of telling
	err := d.connected(ctx, dsn, min(surveyors, len(places)), func(db *sql.DB) error {
		var readers errgroup.Group
		readers.SetLimit(surveyors)
		for _, at := range places {
			readers.Go(func() error {
				l, err := d.lookOver(ctx, db, at)
				return told(at, l.or(at, err))
			})
		}
		failed = readers.Wait()
		return nil
	})
	if err == nil || failed != nil {
		return failed
	}
	for _, at := range places { // the server is out of reach
		if err := told(at, look{}.or(at, err)); err != nil {
			return err
		}
	}
	return nil
}

// lookOver looks into one database of MySQL over any connection to its server.
func (d *databases) lookOver(ctx context.Context, db *sql.DB, at place) (l look, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return l, err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "USE "+quoteMySQL(at.name)); err != nil {
		return l, err
	}
	l = d.look(ctx, conn, at)
	return l, l.err
}

// postgresObjects reads the schema in which a tenant's tables are, with the registry left
// out. The server writes all definitions as SQL: numbers of objects differ between
// databases, those of an extension's types for instance.
func postgresObjects(ctx context.Context, pool gorm.ConnPool) (tenancy.Objects, error) {
	beginner, ok := pool.(gorm.TxBeginner)
	if !ok {
		return nil, gorm.ErrInvalidTransaction
	}
	tx, err := beginner.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	schema, err := scalar[string](ctx, tx, "SELECT coalesce(current_schema()::text, '')")
	if err != nil {
		return nil, err
	}
	if err := tenancy.Settle(ctx, tx, tenancy.Binding{Settings: surveyingSettings}); err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, surveyQuery(fewRelations, descriptions, `SELECT object, definition FROM objects`), textArray([]string{schema}))
	if err != nil {
		return nil, err
	}
	objects := tenancy.Objects{}
	return objects, eachRow(rows, func(cells ...string) { objects[cells[0]] = cells[1] })
}
