package strategies

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/budget"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/names"
	"github.com/gormtenancy/tenancy/internal/pools"
)

// databases keeps each tenant in a database of its own on a server.
type databases struct {
	in     *tenancy.Installation
	cfg    Database
	pools  *pools.Cache[opened]
	slots  slots // of the servers' connections
	claims *lru.Cache[claimant, *databasePool]
	dying  sync.Map // the places of tenants that are being destroyed

	removals singleflight.Group
	openings *openings
}

func newDatabases(in *tenancy.Installation, cfg Database) (*databases, error) {
	cfg.Prefix = cmp.Or(cfg.Prefix, names.SchemaPrefix)
	if err := cfg.checkPrefix(); err != nil {
		return nil, err
	}
	if cfg.DSN != "" {
		if _, err := addressOf(in.Dialect(), cfg.DSN); err != nil {
			return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Detail: "Database.DSN cannot be read", Cause: err}
		}
		if made := cfg.Open(cfg.DSN).Name(); made != in.Dialect() {
			return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Detail: fmt.Sprintf("Database.Open makes the dialect %q, but the base database is %q; use the same driver for both", made, in.Dialect())}
		}
	}
	slots, err := cfg.slots()
	if err != nil {
		return nil, err
	}
	claims, err := lru.New[claimant, *databasePool](maxKnown)
	if err != nil {
		return nil, err
	}
	return &databases{in: in, cfg: cfg, pools: cfg.cache(), slots: slots, claims: claims, openings: newOpenings(cfg.OpenTimeout)}, nil
}

func (d Database) checkPrefix() error {
	letters := strings.Trim(d.Prefix, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
	if !letters || d.Prefix[0] >= '0' && d.Prefix[0] <= '9' || strings.HasPrefix(d.Prefix, "pg_") {
		return &tenancy.Error{Kind: tenancy.ErrConfig, Detail: fmt.Sprintf("Database.Prefix is %q; use lower-case letters, digits and underscores, not beginning with a digit or pg_", d.Prefix)}
	}
	return nil
}

// place is where a tenant's database is.
type place struct {
	id     string // the tenant's
	name   string // the database's
	dsn    string
	server string
	group  string // the database and its server, for people
	one    string // the group, the same for names that may be one
	key    string // one, and what else is in the DSN
	given  bool   // the tenant names the database itself
}

// claimant is what a place is found by.
type claimant struct {
	tenant tenancy.Tenant
	dsn    string
}

// maxKnown is how many tenants' pools are remembered by what they are found by, so that no
// statement has to read a DSN.
const maxKnown = 4096

// pool finds the pool of a tenant.
func (d *databases) pool(t tenancy.Tenant) (*databasePool, error) {
	dsn, err := d.dsn(t)
	if err != nil {
		return nil, err
	}
	claim := claimant{t, dsn}
	if pool, ok := d.claims.Get(claim); ok {
		return pool, nil
	}
	at, err := d.placed(t, dsn)
	if err != nil {
		return nil, err
	}
	pool := &databasePool{databases: d, at: at}
	d.claims.Add(claim, pool)
	return pool, nil
}

func (d *databases) place(t tenancy.Tenant) (place, error) {
	pool, err := d.pool(t)
	if err != nil {
		return place{}, err
	}
	return pool.at, nil
}

func (d *databases) placed(t tenancy.Tenant, dsn string) (place, error) {
	address, err := addressOf(d.in.Dialect(), dsn)
	if err != nil {
		return place{}, &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Cause: err}
	}
	name, err := d.name(t, address)
	if err != nil {
		return place{}, err
	}
	at := place{id: t.ID, name: name, dsn: address.with(name), server: address.server()}
	at.group = name + "@" + at.server
	at.one = at.group
	if d.in.Dialect() == "mysql" { // no two names there differ in case alone
		at.one = strings.ToLower(name) + "@" + at.server
	}
	at.given = t.Schema != "" || t.DSN != "" && address.database() != ""
	at.key = fmt.Sprintf("%s#%x", at.one, sha256.Sum256([]byte(at.dsn)))
	return at, nil
}

// removal names the removal of one tenant from one place. Two tenants may have been given one
// place, and what holds for one of them does not for the other. No ID has a NUL.
func (at place) removal() string { return at.id + "\x00" + at.one }

// dsn is the address of the tenant's server, or of its database where the tenant says.
func (d *databases) dsn(t tenancy.Tenant) (string, error) {
	dsn := t.DSN
	switch {
	case dsn != "":
	case d.cfg.DSNOf != nil:
		var err error
		if dsn, err = d.cfg.DSNOf(t); err != nil {
			return "", &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Detail: "Database.DSNOf has no address", Cause: err}
		}
	default:
		dsn = d.cfg.DSN
	}
	if dsn == "" {
		return "", &tenancy.Error{Kind: tenancy.ErrConfig, Tenant: t.ID, Detail: "there is no address for the tenant's database; set Database.DSN to that of the server, or the tenant's own DSN"}
	}
	return dsn, nil
}

// name is the name of the tenant's database.
func (d *databases) name(t tenancy.Tenant, at address) (string, error) {
	name := t.Schema
	if name == "" && t.DSN != "" {
		name = at.database()
	}
	if name == "" {
		base, err := baseOf(t)
		if err != nil {
			return "", err
		}
		name = d.cfg.Prefix + base
	}
	if err := errors.Join(d.allowed(name), names.Fits(d.in.Dialect(), name)); err != nil {
		return "", &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Cause: err}
	}
	return name, nil
}

// allowed says why a tenant's database cannot have a name, whoever chose it: a prefix and an
// ID may well make "mysql" together.
func (d *databases) allowed(name string) error {
	for _, other := range []string{d.cfg.Maintenance, d.cfg.Template} {
		if other != "" && strings.EqualFold(name, other) {
			return fmt.Errorf("the database %q is the one that others are made in or from: choose another name", other)
		}
	}
	if rest, ours := strings.CutPrefix(name, d.cfg.Prefix); ours && names.Reserved(d.cfg.Prefix+"x") {
		name = names.SchemaPrefix + rest // all that begin so are the application's, since it says so
	}
	return names.Override(name, 0)
}

func (d *databases) Bind(t tenancy.Tenant) (tenancy.Binding, error) {
	pool, err := d.pool(t)
	if err != nil {
		return tenancy.Binding{}, err
	}
	return pool.binding(), nil
}

func (d *databases) binding(at place) tenancy.Binding {
	return (&databasePool{databases: d, at: at}).binding()
}

func (p *databasePool) binding() tenancy.Binding {
	return tenancy.Binding{Pool: p, Filter: tenancy.FilterNone}
}

func (d *databases) Group(t tenancy.Tenant) string {
	at, err := d.place(t)
	if err != nil {
		return "invalid " + t.ID
	}
	return at.group
}

// databasePool lends the pool of one tenant's database.
type databasePool struct {
	databases *databases
	at        place
}

// Acquire implements [tenancy.Pool].
func (p *databasePool) Acquire(ctx context.Context) (gorm.ConnPool, func(), error) {
	lent, release, err := p.lease(ctx)
	return lent.pool, release, err
}

// Place says where the database is, as far as its DSN does: pools of one place lead to one database.
func (p *databasePool) Place() string { return p.at.one }

// lease lends the pool for one connection's use.
func (p *databasePool) lease(ctx context.Context) (opened, func(), error) {
	slot, err := p.databases.slots.take(ctx, p.at)
	if err != nil {
		return opened{}, func() {}, err
	}
	lent, giveBack, err := p.databases.pools.Acquire(ctx, p.at.key, func(ctx context.Context) (opened, error) {
		return p.openWith(ctx, slot)
	})
	release := func() { giveBack(); slot.Release() }
	switch {
	case errors.Is(err, pools.ErrClosed):
		err = closedError(p.at.id)
	case errors.Is(err, context.DeadlineExceeded):
		err = p.at.unopened(err)
	case err == nil && lent.owner != p.at.id:
		err = belongs(p.at.id, lent.owner, p.at.name)
	}
	if err != nil {
		release()
		return opened{}, func() {}, err
	}
	return lent, release, nil
}

// openWith opens the pool with the slot of whoever asked for it. They may be gone by now.
func (p *databasePool) openWith(ctx context.Context, slot *budget.Use) (opened, error) {
	slot, err := p.databases.slots.keep(ctx, slot, p.at)
	if err != nil {
		return opened{}, err
	}
	defer slot.Release()
	pool, err := p.open(ctx)
	if err == nil {
		pool.after = p.databases.slots.lend(p.at, pool.db)
	}
	return pool, err
}

// open opens the pool, and asks the database once whose it is.
func (p *databasePool) open(ctx context.Context) (opened, error) {
	d := p.databases
	if _, dying := d.dying.Load(p.at.one); dying {
		return opened{}, missing(tenancy.Tenant{ID: p.at.id}, nil)
	}
	pool, err := d.connect(ctx, p.at.dsn)
	if err != nil {
		return opened{}, p.at.unopened(err)
	}
	stage, err := d.stage(ctx, pool.db, p.at)
	if err == nil && stage != whole {
		err = missing(tenancy.Tenant{ID: p.at.id}, nil)
	}
	if err != nil {
		return opened{}, joined(p.at.unopened(err), pool.Close())
	}
	pool.owner = p.at.id
	return pool, nil
}

// unopened makes an error of a database that cannot be opened one about the tenant.
func (at place) unopened(err error) error {
	var known *tenancy.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case absent(err):
		return &tenancy.Error{Kind: tenancy.ErrNotProvisioned, Tenant: at.id, Detail: fmt.Sprintf("the database %s does not exist; run migrate.Provision", at.group), Cause: err}
	default:
		return &tenancy.Error{Kind: tenancy.ErrUnavailable, Tenant: at.id, Detail: fmt.Sprintf("the database %s cannot be opened", at.group), Cause: err}
	}
}

// absent recognises a server's complaint that a database does not exist.
func absent(err error) bool {
	return ddl.SQLState(err) == "3D000" || ddl.MySQLError(err, 1049)
}

// Verify asks the database whose it is, and compares its tables with the models: on a new
// connection, since those of the pool remember what tables were like.
func (d *databases) Verify(ctx context.Context, t tenancy.Tenant) error {
	pool, err := d.pool(t)
	if err != nil {
		return err
	}
	_, release, err := pool.lease(ctx)
	if err != nil {
		return err
	}
	release()
	at := pool.at
	var compared error
	err = d.visit(ctx, at, func(db *sql.DB) error {
		if stage, err := d.stage(ctx, db, at); err != nil || stage != whole { // not only when the pool was opened
			return missing(t, err)
		}
		differences, err := pending(ctx, d.in, db, pool.binding())
		if compared = err; err == nil {
			compared = drifted(t, differences)
		}
		return nil
	})
	if err != nil {
		return at.unopened(err)
	}
	return compared
}

func (d *databases) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	d.slots.close()
	return d.pools.Close(ctx)
}
