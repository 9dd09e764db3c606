package test

import (
	"context"
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// hosts are the kinds of server on which tenants have databases.
var hosts = map[string]func(testing.TB) host{"postgres": newPostgresHost, "mysql": newMySQLHost}

// eachHost runs a test on each kind of server.
func eachHost(t *testing.T, fn func(t *testing.T, h host)) {
	t.Helper()
	for name, newHost := range hosts {
		t.Run(name, func(t *testing.T) { fn(t, newHost(t)) })
	}
}

// tenants opens a handle with a database per tenant on the host, for notes if nothing else.
func (h host) tenants(t testing.TB, strategy strategies.Database, models ...any) (*gorm.DB, *migrate.Migrator) {
	t.Helper()
	db := h.base(t, &gorm.Config{Logger: logger.Discard})
	if models == nil {
		models = []any{&note{}}
	}
	must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategy, Models: models})))
	t.Cleanup(func() { must(t, tenancy.Close(db)) })
	m, err := migrate.New(db)
	must(t, err)
	return db, m
}

// elsewhere is the address of a database on a server that is not there, written so that
// nothing before the question mark tells it from the host's own.
func (h host) elsewhere(t testing.TB, database string) string {
	t.Helper()
	if h.driver == "mysql" {
		return "root@tcp(127.0.0.1:1)/" + database
	}
	return "postgres:///" + database + "?host=/nowhere&connect_timeout=3"
}

// here is the address of a database on the host's server, written as elsewhere writes it.
func (h host) here(t testing.TB, database string) string {
	t.Helper()
	if h.driver == "mysql" {
		return h.dsnOf(database) + "&maxAllowedPacket=1000000"
	}
	u := parsed(t, h.dsn)
	query := u.Query()
	query.Set("host", u.Hostname())
	query.Set("port", u.Port())
	u.Host, u.Path, u.RawQuery = "", "/"+database, query.Encode()
	return u.String()
}

func parsed(t testing.TB, dsn string) *url.URL {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	return u
}

// TestRemovalsApart: while a tenant's database is being removed, the removal of another tenant
// that was given its name, or its name on another server, has its own outcome.
func TestRemovalsApart(t *testing.T) {
	t.Parallel()
	eachHost(t, func(t *testing.T, h host) {
		_, m := h.tenants(t, h.database())
		acme := tenancy.Tenant{ID: "acme", DSN: h.here(t, h.prefix+"acme")}
		must(t, m.Provision(t.Context(), acme))
		held, removed := make(chan struct{}), make(chan error, 1)
		must(t, ddl.Exclusive(t.Context(), h.maintenance(t), strings.Replace(h.driver, "pgx", "postgres", 1), "database "+h.prefix+"acme", func(gorm.ConnPool) error {
			go func() {
				close(held)
				removed <- m.Destroy(context.Background(), acme)
			}()
			<-held
			time.Sleep(200 * time.Millisecond) // it waits for the lock by now, and if not, the rest proves less
			for kind, other := range map[error]tenancy.Tenant{
				tenancy.ErrTenantMismatch: {ID: "thief", DSN: acme.DSN},
				tenancy.ErrUnavailable:    {ID: "far", DSN: h.elsewhere(t, h.prefix+"acme")},
			} {
				outcome := make(chan error, 1)
				go func() { outcome <- m.Destroy(context.Background(), other) }()
				select {
				case err := <-outcome:
					wantKind(t, err, kind)
				case <-time.After(10 * time.Second):
					t.Errorf("the removal of %s waits for acme's", other.ID)
				}
			}
			select {
			case err := <-removed:
				t.Errorf("acme was removed while its name was locked: %v", err)
			default:
			}
			return nil
		}))
		must(t, <-removed)
		wantKind(t, m.Verify(t.Context(), acme), tenancy.ErrNotProvisioned)
	})
}

// TestRemovalByAnotherDSN: a tenant's pools end with its database, whatever the DSN by which
// they were opened. One that stayed would connect to the next database of the name.
func TestRemovalByAnotherDSN(t *testing.T) {
	t.Parallel()
	eachHost(t, func(t *testing.T, h host) {
		db, m := h.tenants(t, h.database())
		acme := tenancy.Tenant{ID: "acme"}
		respelled := tenancy.Tenant{ID: "acme", DSN: h.here(t, h.prefix+"acme")}
		next := tenancy.Tenant{ID: "next", Schema: h.prefix + "acme"}
		as := func(tenant tenancy.Tenant) *gorm.DB { return db.WithContext(tenancy.WithTenant(t.Context(), tenant)) }
		must(t, m.Provision(t.Context(), acme))
		must(t, as(acme).Create(&note{ID: 1, Owner: "acme"}).Error)
		must(t, as(respelled).First(&note{}).Error)
		must(t, m.Destroy(t.Context(), respelled))
		must(t, m.Provision(t.Context(), next))
		must(t, as(next).Create(&note{ID: 1, Owner: "next"}).Error)
		for _, tenant := range []tenancy.Tenant{acme, respelled} {
			var notes []note
			if wantKind(t, as(tenant).Find(&notes).Error, tenancy.ErrTenantMismatch); len(notes) > 0 {
				t.Errorf("acme reads %v", notes)
			}
		}
	})
}

// maintenance opens the database from which others are created and dropped.
func (h host) maintenance(t testing.TB) *sql.DB {
	t.Helper()
	name := map[string]string{"pgx": "postgres"}[h.driver]
	db, err := sql.Open(h.driver, h.dsnOf(name))
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}
