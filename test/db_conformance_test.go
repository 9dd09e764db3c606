package test

import (
	"database/sql"
	"strings"
	"sync"
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/conformance"
	"github.com/gormtenancy/tenancy/test/servers"
)

// TestDatabaseServers runs the suite with a database per tenant on servers, and with
// schemas where those are databases.
func TestDatabaseServers(t *testing.T) {
	t.Parallel()
	for n, run := range []struct {
		name    string
		subject func() conformance.Subject
	}{
		{"postgres/database", func() conformance.Subject { return databasesOn(conformance.Subject{}, newPostgresHost) }},
		{"mysql/database", func() conformance.Subject { return databasesOn(conformance.Subject{}, newMySQLHost) }},
		{"mysql/schema", func() conformance.Subject {
			s := databasesOn(conformance.Subject{}, newMySQLHost)
			database := s.Strategy
			s.Strategy = func(t testing.TB) tenancy.Strategy {
				return strategies.Schema{Database: database(t).(strategies.Database)}
			}
			return s
		}},
	} {
		t.Run(run.name, func(t *testing.T) {
			t.Parallel()
			s := run.subject()
			s.Configs = serverConfigs(t, n)
			conformance.Run(t, s)
		})
	}
}

// host is a server for a database per tenant, with an ordinary role that may create them.
type host struct {
	open   func(dsn string) gorm.Dialector
	dsn    string // of the base database
	admin  string // of the same, as the administrator
	driver string
	prefix string
	role   string
}

func newPostgresHost(t testing.TB) host {
	t.Helper()
	p := servers.NewPostgresServer(t)
	return host{open: postgres.Open, dsn: p.DSN, admin: p.Admin, driver: "pgx", prefix: p.Prefix, role: p.Name}
}

func newMySQLHost(t testing.TB) host {
	t.Helper()
	return mysqlHost(servers.NewMySQL(t))
}

func mysqlHost(m servers.MySQL) host {
	return host{open: mysql.Open, dsn: m.DSN, admin: m.Admin, driver: "mysql", prefix: m.Prefix, role: m.Name}
}

// newSecondHost is a server that no other test keeps busy.
func newSecondHost(s *servers.Second, driver string) host {
	return host{dsn: s.DSN, admin: s.Admin, driver: driver, prefix: "tenancy_test_", role: s.Name}
}

func (h host) database() strategies.Database {
	return strategies.Database{Open: h.open, DSN: h.dsn, Prefix: h.prefix, MaxConns: 3}
}

// base opens the base database.
func (h host) base(t testing.TB, cfg *gorm.Config) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(h.open(h.dsn), cfg)
	must(t, err)
	pool, err := db.DB()
	must(t, err)
	pool.SetMaxOpenConns(2)
	t.Cleanup(func() { _ = pool.Close() })
	return db
}

// superuser opens one connection of the administrator's.
func (h host) superuser(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(h.driver, h.admin)
	must(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// databasesOn completes a subject with databases of a test's own.
func databasesOn(s conformance.Subject, newHost func(testing.TB) host) conformance.Subject {
	var hosts sync.Map // testing.TB → its host
	s.Columnless = true
	s.Open = func(t testing.TB, cfg *gorm.Config) *gorm.DB {
		h := newHost(t)
		if h.driver == "mysql" && cfg.PrepareStmt { // rows that are found count, not only those that change
			h.dsn += "&clientFoundRows=true"
		}
		hosts.Store(t, h)
		return h.base(t, cfg)
	}
	s.Strategy = func(t testing.TB) tenancy.Strategy {
		if h, ok := hosts.Load(t); ok {
			return h.(host).database()
		}
		return strategies.Database{Open: postgres.Open} // for a handle that has one already
	}
	return s
}

// dsnOf is the role's DSN with another database.
func (h host) dsnOf(database string) string { return withDatabase(h.dsn, database) }

// withDatabase is a DSN with another database. A test's names need no escaping.
func withDatabase(dsn, database string) string {
	front, _, _ := strings.Cut(dsn, "?")
	slash := strings.LastIndexByte(front, '/')
	return dsn[:slash+1] + database + dsn[len(front):]
}
