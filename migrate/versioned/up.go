package versioned

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/migrate"
)

// Up brings all tenants to the latest version, several at a time; the options and the
// report are those of [migrate.Migrator.Up]. A tenant that is missing is created, its
// schema or its file and no tables but those that the migrations make; tables that
// tenants share are migrated once. Of two runs at once one waits for the other at each
// tenant, for as long as [migrate.LockTimeout] says. A tenant that fails stays at the version that it came to, and its result
// carries goose's own error ([goose.PartialError]). A run that was killed is simply
// repeated.
//
// On PostgreSQL each migration is a transaction of its own, or runs in none where it says
// NO TRANSACTION. Besides the connection that holds a tenant's lock, a worker opens one
// that starts with the tenant's settings and ends with its migration; nothing is set on
// a connection of the pool. A pooler that does not pass search_path on when a session starts
// is noticed, and the tenant fails. On SQLite all migrations of a tenant are one
// transaction, those that say NO TRANSACTION too, with foreign keys off and checked at
// its end. On MySQL and MariaDB, where each tenant has to have a database of its own, all is
// done on the connection that holds the lock. There every change of structures is committed
// at once: of a migration that fails in the middle, what it did before remains, so let
// each do one thing, or what can be repeated. The DSN needs parseTime=true.
//
// Where tenants have schemas, nothing is done for anybody if a file names a schema, other
// than to read or refer to a shared model's table, or sets search_path:
// [tenancy.ErrRawSQL]. What a migration in Go sends is looked at when it is sent. A text
// that is put together inside the database from pieces is not seen through.
//
// Where tenants are kept apart by prefixes, SQL cannot be made to fit:
// [tenancy.ErrUnsupportedDialect]. Under row-level security the tables of models that the
// migrations made are given their policies afterwards, and a migration sees the rows that
// the role sees without a tenant: none, unless the role is exempt.
func (m *Migrator) Up(ctx context.Context, tenants iter.Seq2[tenancy.Tenant, error]) (*migrate.Report, error) {
	return m.upTo(ctx, tenants, m.set.latest())
}

// UpTo is [Migrator.Up] to a version.
func (m *Migrator) UpTo(ctx context.Context, tenants iter.Seq2[tenancy.Tenant, error], version int64) (*migrate.Report, error) {
	if version < 1 {
		return &migrate.Report{}, badConfig(fmt.Errorf("the version %d; the first is 1", version))
	}
	return m.upTo(ctx, tenants, version)
}

func (m *Migrator) upTo(ctx context.Context, tenants iter.Seq2[tenancy.Tenant, error], version int64) (*migrate.Report, error) {
	p, err := m.inspect(ctx)
	if err != nil {
		return m.runner.Skip(ctx, "up", tenants, m.failed(err, "up", tenancy.Tenant{}))
	}
	var groups sync.Map // group → func() outcome
	return m.runner.Run(m.patient(ctx), "up", tenants, func(ctx context.Context, result *migrate.Result) {
		t := result.Tenant
		if _, err := m.bind(t); err != nil {
			result.Err = m.failed(err, "up", t)
			return
		}
		once, _ := groups.LoadOrStore(m.in.Provider().Group(t), sync.OnceValue(func() outcome { return m.up(ctx, t, version, p) }))
		did := once.(func() outcome)()
		m.in.Forget(t)
		result.Version, result.Changed, result.Err = did.version, did.changed, m.failed(did.err, "up", t)
	})
}

// outcome is what became of one tenant, or of all that share their tables.
type outcome struct {
	version int64
	changed bool
	err     error
}

// DownTo takes one tenant back to a version: the migrations after it are undone, the
// last first. 0 undoes them all. What is said of [Migrator.Up] holds for it, but nothing
// is created: a tenant that is missing is [tenancy.ErrNotProvisioned].
func (m *Migrator) DownTo(ctx context.Context, t tenancy.Tenant, version int64) error {
	b, err := m.bind(t)
	if err != nil {
		return m.failed(err, "down", t)
	}
	if err := owned(ctx, m.in, t); err != nil {
		return m.failed(err, "down", t)
	}
	defer m.in.Forget(t)
	p, err := m.inspect(ctx)
	if err == nil {
		err = m.run(m.patient(ctx), t, b, p, func(ctx context.Context, g *goose.Provider) error {
			_, err := g.DownTo(ctx, version)
			return err
		})
	}
	return m.failed(err, "down", t)
}

// bind is where a tenant's migrations run.
func (m *Migrator) bind(t tenancy.Tenant) (tenancy.Binding, error) {
	return bindingOf(m.in, t)
}

func bindingOf(in *tenancy.Installation, t tenancy.Tenant) (tenancy.Binding, error) {
	b, err := in.Bind(t)
	if err == nil && b.Names.Prefix != "" {
		err = &tenancy.Error{Kind: tenancy.ErrUnsupportedDialect, Detail: "tenants have prefixes here, which the SQL of a migration cannot be given with certainty; use a file for each tenant (strategies.Database), or migrate.Up"}
	}
	if err == nil && in.Dialect() == "mysql" && b.Pool == nil {
		err = &tenancy.Error{Kind: tenancy.ErrUnsupportedDialect, Detail: "on MySQL and MariaDB versioned migrations need a database for each tenant (strategies.Database, or strategies.Schema with its field Database); use migrate.Up for tables that tenants share"}
	}
	return b, err
}

// up brings one tenant to a version.
func (m *Migrator) up(ctx context.Context, t tenancy.Tenant, target int64, p *place) (did outcome) {
	b, err := m.bind(t)
	if err != nil {
		return outcome{err: err}
	}
	ran := false
	err = m.runner.Retry(ctx, func() error {
		if err := m.found(ctx, t); err != nil {
			return err
		}
		before, err := m.applied(ctx, b)
		did.version = before.latest
		if err != nil || len(m.set.lacking(before.versions, target)) == 0 {
			return err
		}
		err = m.run(ctx, t, b, p, func(ctx context.Context, g *goose.Provider) error {
			applied, err := g.UpTo(ctx, target)
			did.changed = did.changed || len(applied) > 0
			return err
		})
		ran = ran || !errors.Is(err, ddl.ErrHeld)
		after, lookErr := m.applied(context.WithoutCancel(ctx), b)
		if lookErr == nil {
			did.changed = did.changed || after.latest != before.latest
			did.version = after.latest
		}
		return err
	})
	if did.err = err; ran || !errors.Is(err, ddl.ErrHeld) { // nothing was done then
		did.err = joined(err, m.protect(ctx, t, b))
	}
	return did
}

// joined keeps an error as it is where nothing else went wrong.
func joined(err, other error) error {
	switch {
	case other == nil:
		return err
	case err == nil:
		return other
	default:
		return errors.Join(err, other)
	}
}

// found makes a tenant's schema or file where it is missing, and makes sure that it is
// this tenant's.
func (m *Migrator) found(ctx context.Context, t tenancy.Tenant) error {
	tier, err := m.in.TierOf(t)
	if err != nil {
		return err
	}
	fleet, own := tier.Provider.(tenancy.Fleet)
	if !own {
		return nil
	}
	lock, statement := m.runner.Limits()
	_, err = fleet.Apply(ctx, t, tenancy.Change{Script: &tenancy.Script{}, LockTimeout: lock, StatementTimeout: statement})
	return err
}

// run lets goose do something for a tenant while nobody else can.
func (m *Migrator) run(ctx context.Context, t tenancy.Tenant, b tenancy.Binding, p *place, do func(context.Context, *goose.Provider) error) error {
	pool, release, err := m.in.Acquire(ctx, b)
	if err != nil {
		return err
	}
	defer release()
	w := &watch{place: p}
	open, err := m.opener(ctx, pool, b, w)
	if err != nil {
		return err
	}
	if ownStructures(b) {
		ctx = tenancy.WithTenant(ctx, t)
	}
	return m.in.Exclusive(ctx, pool, t, b, func(tx gorm.ConnPool) (err error) {
		if err := m.rest(ctx, tx); err != nil {
			return err
		}
		restore, err := m.limit(ctx, tx)
		if err != nil {
			return err
		}
		defer func() { err = joined(err, restore()) }()
		db := open(tx)
		defer func() {
			if closeErr := db.Close(); err == nil {
				err = closeErr
			}
		}()
		g, err := m.set.provider(dialects[m.in.Dialect()], db, m.set.sqlFiles())
		if err != nil {
			return err
		}
		return w.reason(pooled(do(ctx, g)))
	})
}

// limit sets the limits of the options for the session, where nothing less lasts, and
// returns what takes them back.
func (m *Migrator) limit(ctx context.Context, tx gorm.ConnPool) (restore func() error, err error) {
	lock, _ := m.runner.Limits()
	if m.in.Dialect() != "mysql" || lock <= 0 {
		return func() error { return nil }, nil
	}
	const set = "SET SESSION lock_wait_timeout = %d, innodb_lock_wait_timeout = %d"
	var tables, rows int64
	if err := tx.QueryRowContext(ctx, "SELECT @@lock_wait_timeout, @@innodb_lock_wait_timeout").Scan(&tables, &rows); err != nil {
		return nil, err
	}
	seconds := int64(math.Ceil(lock.Seconds()))
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(set, seconds, seconds)); err != nil {
		return nil, err
	}
	return func() error {
		_, err := tx.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf(set, tables, rows))
		return err
	}, nil
}

// rest makes PostgreSQL let go of the snapshot of the last query in tx, which it keeps
// until the next statement: a CREATE INDEX CONCURRENTLY would wait for it.
func (m *Migrator) rest(ctx context.Context, tx gorm.ConnPool) error {
	if m.in.Dialect() != "postgres" {
		return nil
	}
	_, err := tx.ExecContext(ctx, "SET LOCAL lock_timeout = 0")
	return err
}

// ownStructures reports whether a tenant shares its tables with nobody.
func ownStructures(b tenancy.Binding) bool { return b.Names.Schema != "" || b.Pool != nil }

// opener makes what opens a database in which everything is the tenant's. It asks the pool
// now: the lock may take its last connection.
func (m *Migrator) opener(ctx context.Context, pool *sql.DB, b tenancy.Binding, w *watch) (func(tx gorm.ConnPool) *sql.DB, error) {
	switch m.in.Dialect() {
	case "sqlite":
		return pinned, nil
	case "mysql":
		return pinnedSession, nil
	}
	config, err := configOf(ctx, pool)
	if err != nil {
		return nil, err
	}
	settings := limits(m.runner.Limits())
	if b.Names.Schema != "" {
		settings = append(settings, b.Settings...)
	}
	return func(gorm.ConnPool) *sql.DB { return session(config, settings, w) }, nil
}

// patient is ctx for work that waits for others no longer than the options say.
func (m *Migrator) patient(ctx context.Context) context.Context {
	lock, _ := m.runner.Limits()
	return ddl.Patient(ctx, lock)
}

// protector is a provider whose wall is part of the tables.
type protector interface {
	// Protect gives the tables of the owned models, as far as they are there, what keeps
	// tenants apart in them.
	Protect(ctx context.Context, tx gorm.ConnPool) error
}

// protectTimeout bounds protect once its context has ended.
const protectTimeout = 30 * time.Second

// outlasting returns a context that ends protectTimeout after ctx.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(protectTimeout, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}

// protect is called whatever became of the migrations, and of ctx: some may have been
// committed.
func (m *Migrator) protect(ctx context.Context, t tenancy.Tenant, b tenancy.Binding) error {
	ctx, cancel := outlasting(ctx)
	defer cancel()
	tier, err := m.in.TierOf(t)
	if err != nil {
		return err
	}
	guard, guarded := tier.Provider.(protector)
	columns, attested := tier.Provider.(tenancy.Attester)
	if !guarded && !attested {
		return nil
	}
	pool, release, err := m.in.Acquire(ctx, b)
	if err != nil {
		return err
	}
	defer release()
	if guarded {
		protect := func(tx gorm.ConnPool) error { return guard.Protect(ctx, tx) }
		if err := m.in.Exclusive(ctx, pool, t, b, protect); err != nil {
			return err
		}
	}
	if !attested { // after that: what protects the tables stays
		return nil
	}
	return columns.Attest(ctx, pool, m.in.Owned())
}
