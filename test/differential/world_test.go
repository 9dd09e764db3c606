package differential

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/servers"
)

// world is one handle with the plugin, and for each tenant a database without it.
type world struct {
	kind  kind
	db    *gorm.DB
	in    *tenancy.Installation
	admin gorm.ConnPool // sees the rows of all tenants
	sides []*side
}

// side is one tenant: under the plugin, and alone.
type side struct {
	id    string
	base  uint // what its keys begin with, where all tenants have one table
	ctx   context.Context
	plain *gorm.DB
}

// kind is a strategy on a dialect.
type kind struct {
	name     string
	postgres bool
	common   bool // one set of tables is all tenants'
	strategy func(dir string) tenancy.Strategy
}

var kinds = []kind{
	{"sqlite/schema", false, false, func(string) tenancy.Strategy { return strategies.Schema{} }},
	{"sqlite/database", false, false, func(dir string) tenancy.Strategy { return strategies.Database{Open: sqlite.Open, Dir: dir} }},
	{"sqlite/shared", false, true, func(string) tenancy.Strategy { return strategies.Shared{} }},
	{"postgres/schema", true, false, func(string) tenancy.Strategy { return strategies.Schema{} }},
	{"postgres/rls", true, true, func(string) tenancy.Strategy { return strategies.RLS{} }},
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a database that goes when the test ends, and returns a pool that sees all of it.
func (k kind) open(t testing.TB, name string) (*gorm.DB, gorm.ConnPool) {
	t.Helper()
	dialector, admin := sqlite.Open("file:"+filepath.Join(t.TempDir(), name)+"?_foreign_keys=on&_journal_mode=WAL&_synchronous=OFF&_busy_timeout=5000&_txlock=immediate"), ""
	if k.postgres {
		server := servers.NewPostgres(t)
		dialector, admin = postgres.Open(server.DSN), server.Admin
	}
	db := dial(t, dialector)
	if admin == "" {
		return db, db.ConnPool
	}
	return db, dial(t, postgres.Open(admin)).ConnPool
}

func dial(t testing.TB, dialector gorm.Dialector) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	must(t, err)
	pool, err := db.DB()
	must(t, err)
	pool.SetMaxOpenConns(4)
	t.Cleanup(func() { must(t, pool.Close()) })
	must(t, db.SetupJoinTable(&member{}, "Teams", &seat{}))
	return db
}

func newWorld(t testing.TB, k kind) *world {
	t.Helper()
	w := &world{kind: k}
	w.db, w.admin = k.open(t, "base.db")
	must(t, w.db.Use(tenancy.Plugin(tenancy.Config{Strategy: k.strategy(filepath.Join(t.TempDir(), "tenants")), Models: models(), Shared: []any{&plan{}}})))
	t.Cleanup(func() { must(t, tenancy.Close(w.db)) })
	var err error
	w.in, err = tenancy.Installed(w.db)
	must(t, err)
	m, err := migrate.New(w.db)
	must(t, err)
	for i, id := range []string{"acme", "globex", "initech"} {
		tenant := tenancy.Tenant{ID: id}
		must(t, m.Provision(t.Context(), tenant))
		s := &side{id: id, ctx: tenancy.WithTenant(context.Background(), tenant)}
		if k.common {
			s.base = uint(i) * 1000
		}
		s.plain, _ = k.open(t, id+".db")
		must(t, s.plain.AutoMigrate(append(models(), &plan{})...))
		must(t, s.plain.Create(plans()).Error)
		w.sides = append(w.sides, s)
	}
	must(t, w.db.Create(plans()).Error)
	return w
}

func plans() []plan { return []plan{{1, "free"}, {2, "paid"}} }

// store lends the database that a tenant's rows are in, and says what its tables are called.
func (w *world) store(t testing.TB, s *side) (pool gorm.ConnPool, physical func(table string) string, release func()) {
	t.Helper()
	b, err := w.in.Bind(tenancy.Tenant{ID: s.id})
	must(t, err)
	pool, release = w.admin, func() {}
	if b.Pool != nil {
		pool, release, err = b.Pool.Acquire(t.Context())
		must(t, err)
	}
	return pool, func(table string) string { return w.db.Statement.Quote(b.Names.Table(table)) }, release
}

// empty removes all rows of all tenants.
func (w *world) empty(t testing.TB) {
	t.Helper()
	for _, s := range w.sides {
		pool, physical, release := w.store(t, s)
		for _, table := range tables {
			_, err := pool.ExecContext(t.Context(), "DELETE FROM "+physical(table))
			must(t, err)
			must(t, s.plain.Exec("DELETE FROM "+table).Error)
		}
		release()
	}
}

// rows reads all rows of a tenant without the plugin, as texts.
func (w *world) rows(t testing.TB, s *side) (got, want []string) {
	t.Helper()
	pool, physical, release := w.store(t, s)
	defer release()
	for _, table := range tables {
		got = append(got, readTable(t, pool, physical(table), table, s.id)...)
		want = append(want, readTable(t, s.plain.ConnPool, table, table, "")...)
	}
	return got, want
}

// readTable reads the rows of a tenant in a table, in any order, without what names the tenant.
func readTable(t testing.TB, pool gorm.ConnPool, physical, table, id string) []string {
	t.Helper()
	found, err := pool.QueryContext(t.Context(), "SELECT * FROM "+physical)
	must(t, err)
	defer func() { must(t, found.Close()) }()
	columns, err := found.Columns()
	must(t, err)
	var texts []string
	for found.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		must(t, found.Scan(into...))
		var fields []string
		own := true
		for i, name := range columns {
			if raw, ok := values[i].([]byte); ok {
				values[i] = string(raw)
			}
			switch {
			case name == "tenant_id":
				own = values[i] == id
			case strings.HasSuffix(name, "tenant_id"):
			case name == "deleted_at":
				fields = append(fields, fmt.Sprint("deleted=", values[i] != nil))
			default:
				fields = append(fields, fmt.Sprint(name, "=", values[i]))
			}
		}
		if own || id == "" {
			slices.Sort(fields)
			texts = append(texts, table+" "+strings.Join(fields, " "))
		}
	}
	must(t, found.Err())
	slices.Sort(texts)
	return texts
}
