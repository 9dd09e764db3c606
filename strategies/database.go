package strategies

import (
	"database/sql"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/pools"
)

// Database gives each tenant a database of its own: on SQLite a file under Dir. Pools
// are opened when a tenant is first used, by one goroutine, and kept in a bounded
// cache, the least recently used going first; a pool that is in use is closed
// when its last use ends.
//
// The models in Config.Shared stay in the base database, which is the one that GORM
// opened. A tenant's tables have no foreign keys to them.
type Database struct {
	// Open makes the dialect for a DSN: sqlite.Open, for instance. Required.
	Open func(dsn string) gorm.Dialector
	// Dir is the directory of the tenants' files on SQLite. It is made with
	// permissions for its owner alone. Required on SQLite.
	Dir string
	// MaxPools is how many tenants' pools stay open while nobody uses them. 0: 32.
	MaxPools int
	// MaxConns is how many connections one tenant may have open. 0: 4.
	MaxConns int
	// IdleTimeout is how long a pool stays open unused. 0: 5 minutes. Negative: for ever.
	IdleTimeout time.Duration
	// OpenTimeout bounds the opening of a pool. 0: 30 seconds.
	OpenTimeout time.Duration
}

const (
	defaultMaxConns = 4
	// closeTimeout is how long Close waits for what is still in use.
	closeTimeout = 30 * time.Second
)

// Name returns "database".
func (Database) Name() string { return "database" }

// Install implements [tenancy.Strategy].
func (d Database) Install(in *tenancy.Installation) (tenancy.Provider, error) {
	switch {
	case in.Dialect() != "sqlite":
		return nil, &tenancy.Error{Kind: tenancy.ErrUnsupportedDialect, Detail: fmt.Sprintf("the database strategy does not support %q yet; it supports sqlite", in.Dialect())}
	case d.Open == nil:
		return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Detail: "strategies.Database needs Open; set it to the function that makes your dialect, for example sqlite.Open"}
	case d.Dir == "":
		return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Detail: "strategies.Database needs Dir on SQLite; set it to the directory for the tenants' files"}
	}
	if d.MaxConns <= 0 {
		d.MaxConns = defaultMaxConns
	}
	return newFiles(in, d)
}

// opened is the pool of one tenant.
type opened struct {
	pool  gorm.ConnPool
	db    *sql.DB
	owner string // the tenant's ID
}

// Close closes the pool's idle connections at once and the others as they come back.
func (o opened) Close() error { return o.db.Close() }

// open opens the pool at a DSN.
func (d Database) open(in *tenancy.Installation, dsn string) (opened, error) {
	handle, err := gorm.Open(d.Open(dsn), &gorm.Config{Logger: logger.Discard})
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
