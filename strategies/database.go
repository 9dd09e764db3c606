package strategies

import (
	"database/sql"
	"fmt"
	"io/fs"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/pools"
)

// Database gives each tenant a database of its own: on PostgreSQL, MySQL and MariaDB one
// on the server at DSN, on SQLite a file under Dir. Pools are opened when a tenant is first
// used, by one goroutine, and kept in a bounded cache, the least recently used going first;
// a pool that is in use is closed when its last use ends.
//
// A tenant may live on a server of its own: by DSNOf, or by [tenancy.Tenant.DSN], which
// names the tenant's own database; where it names none, and for all others, the database
// is called by Prefix and the tenant. [tenancy.Tenant.Schema] is the exact name instead.
// All servers are of one product, as GORM's dialect is: MySQL and MariaDB do not mix.
// Such names are made of letters, digits and underscores, whatever the tenant's ID. On MySQL no
// two of them may differ in case or accents alone, whether the server takes those for one or not.
//
// Other processes notice that a tenant was destroyed when they next open its pool, which stays
// open until it was unused for IdleTimeout. Until then no other tenant may get its database's
// name, by Schema or DSN.
//
// Provisioning, verifying and destroying connect to the tenant's server for a moment, with up to three
// connections besides those of the pools: on PostgreSQL to the database Maintenance, on
// MySQL to none. Their role has to be one that may create databases; an application that
// only uses tenants can do with less.
//
// A server that is down is an [tenancy.ErrUnavailable] for its tenants alone, at once where it
// refuses connections. One that accepts them and does not answer keeps nobody longer than
// OpenTimeout, or their contexts, for a new pool. In a pool that is open, statements wait as the
// driver does: give them deadlines. When the server is back, so are its tenants; each connection
// that had been idle may fail once.
//
// A database says itself whose it is, so a backup may be restored under any name, for its
// tenant. Provisioning takes a database that is there already if it is the tenant's or empty. One
// that has tables and is nobody's is taken, as it is, if the tenant names it by Schema or DSN, and
// where there is a Template: its tables are the tenant's then, and go with it. Otherwise it is
// refused with [tenancy.ErrTenantMismatch].
//
// The models in Config.Shared stay in the base database, which is the one that GORM
// opened. A tenant's tables have no foreign keys to them.
//
// A Database is a value; one may serve several handles.
type Database struct {
	// Open makes the dialect for a DSN: sqlite.Open, for instance. Required.
	Open func(dsn string) gorm.Dialector
	// Dir is the directory of the tenants' files on SQLite. It is made with
	// permissions for its owner alone. Required on SQLite, and for nothing else.
	Dir string
	// DSN is the address of the server on which the tenants' databases are: a URL or
	// keywords for PostgreSQL, the driver's own form for MySQL. The database that it
	// names, if any, is replaced by the tenant's; nothing else in it changes. Empty:
	// DSNOf or the tenants have to say.
	DSN string
	// DSNOf answers instead of DSN, for tenants on several servers. It is called often and
	// by several goroutines at once, and answers the same for equal tenants. An error that
	// it returns is the cause of an [tenancy.ErrInvalidTenant]. nil: DSN.
	DSNOf func(t tenancy.Tenant) (string, error)
	// Prefix begins the names of databases: letters in lower case, digits and
	// underscores. Names are a server's, so two installations on one server need two
	// prefixes. Empty: "tenant_".
	Prefix string
	// Maintenance is the database of PostgreSQL to which one connects to create others.
	// Empty: "postgres".
	Maintenance string
	// Template is the database that new ones are copies of. PostgreSQL only. Empty: the
	// server's own, template1.
	Template string
	// Charset is the character set of new databases. MySQL only. Empty: "utf8mb4".
	Charset string
	// MaxPools is how many tenants' pools stay open while nobody uses them. 0: 32.
	MaxPools int
	// MaxConns is how many connections one tenant may have open. 0: 4.
	MaxConns int
	// MaxServerConns is how many connections all tenants on one server may have open
	// together; it has to be larger than MaxConns, so that no tenant can take them all.
	// When they are all in use, tenants take turns: whoever waits for one of a tenant waits
	// until at most as many have come free as there are other tenants that somebody waits
	// for, however many statements those have waiting. After OpenTimeout, or when its context
	// ends, the waiting ends with an error. Not for SQLite. 0: 64, or twice
	// MaxConns where that is more. Negative: no bound.
	MaxServerConns int
	// IdleTimeout is how long a pool stays open unused. 0: 5 minutes. Negative: for ever.
	IdleTimeout time.Duration
	// OpenTimeout bounds the opening of a pool, and the waiting for a connection while
	// MaxServerConns are in use. What MySQL's dialect asks while it opens goes on behind the
	// back of whoever gave up, until the server hangs up or the DSN's own readTimeout ends it.
	// 0: 30 seconds.
	OpenTimeout time.Duration
}

const (
	defaultMaxConns       = 4
	defaultMaxServerConns = 64
	defaultOpenTimeout    = 30 * time.Second
	// closeTimeout is how long Close waits for what is still in use.
	closeTimeout = 30 * time.Second
)

// Name returns "database".
func (Database) Name() string { return "database" }

// Install implements [tenancy.Strategy].
func (d Database) Install(in *tenancy.Installation) (tenancy.Provider, error) {
	if d.Open == nil {
		return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Detail: "strategies.Database needs Open; set it to the function that makes your dialect, for example sqlite.Open"}
	}
	if d.MaxConns <= 0 {
		d.MaxConns = defaultMaxConns
	}
	if d.OpenTimeout <= 0 {
		d.OpenTimeout = defaultOpenTimeout
	}
	switch in.Dialect() {
	case "sqlite":
		if d.Dir == "" {
			return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Detail: "strategies.Database needs Dir on SQLite; set it to the directory for the tenants' files"}
		}
		return newFiles(in, d)
	case "postgres", "mysql":
		return newDatabases(in, d)
	default:
		return nil, &tenancy.Error{Kind: tenancy.ErrUnsupportedDialect, Detail: fmt.Sprintf("the database strategy does not support %q; it supports postgres, mysql and sqlite", in.Dialect())}
	}
}

// opened is the pool of one tenant.
type opened struct {
	pool  gorm.ConnPool
	db    *sql.DB
	owner string // the tenant's ID
	file  fs.FileInfo
	after func() // called when the pool was closed; may be nil
}

// Close closes the pool's idle connections at once and the others as they come back.
func (o opened) Close() error {
	err := o.db.Close()
	if o.after != nil {
		o.after()
	}
	return err
}

// open opens the pool at a DSN.
func (d Database) open(in *tenancy.Installation, dsn string) (opened, error) {
	handle, err := gorm.Open(d.Open(dsn), &gorm.Config{
		Logger:               logger.Discard,
		DisableAutomaticPing: in.Dialect() != "sqlite", // it has no context; see databases.connect
	})
	if err != nil {
		return opened{}, err
	}
	db, err := handle.DB()
	if err != nil {
		return opened{}, err
	}
	db.SetMaxOpenConns(d.MaxConns)
	db.SetMaxIdleConns(d.MaxConns)
	return opened{pool: in.Pool(db), db: db}, nil
}

// cache makes the cache of pools.
func (d Database) cache() *pools.Cache[opened] {
	return pools.New[opened](pools.Config{Size: d.MaxPools, IdleTimeout: d.IdleTimeout, OpenTimeout: d.OpenTimeout})
}
