package test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/servers"
)

// quickly is how long an operation on a server that is down may take. A refused connection
// takes a millisecond; the rest is for a machine that is busy.
const quickly = 3 * time.Second

// pair is a handle whose tenants are on two servers: those whose IDs begin with far on the
// second, which may be stopped, all others on the first.
type pair struct {
	near, far host
	second    *servers.Second
	db        *gorm.DB
	migrate   *migrate.Migrator
}

func isFar(t tenancy.Tenant) bool { return strings.HasPrefix(t.ID, "far") }

// eachPair runs a test on two servers of each kind.
func eachPair(t *testing.T, fn func(t *testing.T, p *pair)) {
	t.Helper()
	for name, kind := range map[string]struct {
		near   func(testing.TB) host
		second func(testing.TB) *servers.Second
		open   func(string) gorm.Dialector
	}{
		"postgres": {newPostgresHost, servers.NewSecondPostgres, postgres.Open},
		"mysql":    {newMySQLHost, servers.NewSecondMySQL, mysql.Open},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pair{near: kind.near(t), second: kind.second(t)}
			p.far = newSecondHost(p.second, p.near.driver)
			if near, far := p.near.product(t), p.far.product(t); near != far {
				t.Skipf("skipped: the servers are %s and %s, which GORM's dialect treats differently", near, far)
			}
			p.far.prefix = p.near.prefix
			p.use(t, strategies.Database{DSNOf: func(tenant tenancy.Tenant) (string, error) {
				if isFar(tenant) {
					return p.far.dsn, nil
				}
				return p.near.dsn, nil
			}}, &note{}, &reply{}, &mark{})
			fn(t, p)
		})
	}
}

// product is what kind of server it is.
func (h host) product(t testing.TB) string {
	t.Helper()
	if version := column(t, h.superuser(t), "SELECT version()")[0]; h.driver == "mysql" && !strings.Contains(version, "MariaDB") {
		return "MySQL"
	}
	return h.driver
}

// use opens the handle with a strategy that says where the tenants are.
func (p *pair) use(t testing.TB, strategy strategies.Database, models ...any) {
	t.Helper()
	strategy.Open, strategy.Prefix, strategy.MaxConns = p.near.open, p.near.prefix, 3
	p.db = p.near.base(t, &gorm.Config{Logger: logger.Discard})
	must(t, p.db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategy, Models: models})))
	t.Cleanup(func() { must(t, tenancy.Close(p.db)) })
	var err error
	p.migrate, err = migrate.New(p.db)
	must(t, err)
}

func (p *pair) as(ctx context.Context, tenant tenancy.Tenant) *gorm.DB {
	return p.db.WithContext(tenancy.WithTenant(ctx, tenant))
}

// sites lists the databases of the test on a server, whoever made them.
func (h host) sites(t testing.TB) []string {
	t.Helper()
	query := "SELECT datname FROM pg_database WHERE left(datname, length($1)) = $1"
	args := []any{h.prefix}
	if h.driver == "mysql" {
		query, args = "SELECT schema_name FROM information_schema.schemata WHERE LEFT(schema_name, CHAR_LENGTH(?)) = ?", []any{h.prefix, h.prefix}
	}
	return column(t, h.superuser(t), query, args...)
}

// told asks a tenant's database as the administrator, and not through the plugin.
func (h host) told(t testing.TB, database, query string) []string {
	t.Helper()
	db, err := sql.Open(h.driver, withDatabase(h.admin, database))
	must(t, err)
	defer func() { must(t, db.Close()) }()
	return column(t, db, query)
}

// column reads the one column of a query, as texts.
func column(t testing.TB, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.Query(query, args...)
	must(t, err)
	defer func() { must(t, rows.Close()) }()
	var all []string
	for rows.Next() {
		var one string
		must(t, rows.Scan(&one))
		all = append(all, one)
	}
	must(t, rows.Err())
	return all
}

// TestTwoServers: tenants on two servers, whose databases even have the same name, do not meet.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	takesLong(t)
	eachPair(t, func(t *testing.T, p *pair) {
		for name, tenants := range map[string][2]tenancy.Tenant{
			"by DSNOf, one name": {{ID: "acme", Schema: p.near.prefix + "one"}, {ID: "far_acme", Schema: p.near.prefix + "one"}},
			"by DSN, two names":  {{ID: "acme", DSN: p.near.dsn, Schema: p.near.prefix + "own"}, {ID: "globex", DSN: p.far.dsn, Schema: p.near.prefix + "other"}},
			"by DSN, one name":   {{ID: "acme", DSN: p.near.dsnOf(p.near.prefix + "own")}, {ID: "globex", DSN: p.far.dsnOf(p.near.prefix + "own")}},
		} {
			t.Run(name, func(t *testing.T) { p.apart(t, tenants) })
		}
		t.Run("down", p.down)
	})
}

// apart goes through the lives of two tenants, one on each server.
func (p *pair) apart(t *testing.T, tenants [2]tenancy.Tenant) {
	ctx, on := t.Context(), [2]host{p.near, p.far}
	base := len(p.near.sites(t))
	for i, tenant := range tenants {
		wantKind(t, p.migrate.Verify(ctx, tenant), tenancy.ErrNotProvisioned)
		must(t, p.migrate.Provision(ctx, tenant))
		same(t, "databases on the second server", []string{fmt.Sprint(len(p.far.sites(t)))}, []string{fmt.Sprint(i)})
		must(t, p.migrate.Verify(ctx, tenant))
		must(t, p.as(ctx, tenant).Create(&note{ID: 1, Owner: tenant.ID}).Error)
	}
	for i, tenant := range tenants {
		must(t, p.as(ctx, tenant).Model(&note{ID: 1}).Update("text", "by "+tenant.ID).Error)
		must(t, p.as(ctx, tenant).Transaction(func(tx *gorm.DB) error {
			return tx.Create(&note{ID: 2, Owner: tenant.ID, Text: "by " + tenant.ID}).Error
		}))
		var read []note
		must(t, p.as(ctx, tenant).Find(&read).Error)
		var raw []string
		must(t, p.as(ctx, tenant).Raw("SELECT owner FROM notes").Scan(&raw).Error)
		same(t, "raw", raw, []string{tenant.ID, tenant.ID})
		for _, row := range read {
			if row.Owner != tenant.ID || row.TenantID != tenant.ID {
				t.Errorf("%s reads %+v", tenant.ID, row)
			}
		}
		same(t, "rows on its server", on[i].told(t, p.name(t, tenant), "SELECT DISTINCT owner FROM notes"), []string{tenant.ID})
		same(t, "registry", on[i].told(t, p.name(t, tenant), "SELECT tenant_id FROM tenancy_tenants"), []string{tenant.ID})
	}
	// Each tenant is destroyed where it is, and there alone.
	must(t, p.migrate.Destroy(ctx, tenants[1]))
	same(t, "databases on the second server", p.far.sites(t), nil)
	wantKind(t, p.migrate.Verify(ctx, tenants[1]), tenancy.ErrNotProvisioned)
	wantKind(t, p.as(ctx, tenants[1]).Find(&[]note{}).Error, tenancy.ErrNotProvisioned)
	must(t, p.migrate.Verify(ctx, tenants[0]))
	var count int64
	must(t, p.as(ctx, tenants[0]).Model(&note{}).Count(&count).Error)
	if count != 2 {
		t.Errorf("%d rows are left of the tenant on the first server", count)
	}
	must(t, p.migrate.Destroy(ctx, tenants[0]))
	if n := len(p.near.sites(t)); n != base {
		t.Errorf("%d databases on the first server, want %d", n, base)
	}
}

// name is the name of a tenant's database, from the database itself.
func (p *pair) name(t testing.TB, tenant tenancy.Tenant) string {
	t.Helper()
	query := "SELECT current_database()"
	if p.near.driver == "mysql" {
		query = "SELECT DATABASE()"
	}
	var name string
	must(t, p.as(t.Context(), tenant).Raw(query).Scan(&name).Error)
	return name
}

// down stops the second server: its tenants' errors are clear and quick, those of the first
// notice nothing, and all is well when it comes back.
func (p *pair) down(t *testing.T) {
	ctx := t.Context()
	near := make([]tenancy.Tenant, 4)
	for i := range near {
		near[i].ID = fmt.Sprintf("near_%d", i)
		must(t, p.migrate.Provision(ctx, near[i]))
	}
	warm, cold := tenancy.Tenant{ID: "far_warm"}, tenancy.Tenant{ID: "far_cold"}
	for _, tenant := range []tenancy.Tenant{warm, cold} {
		must(t, p.migrate.Provision(ctx, tenant))
	}
	must(t, p.as(ctx, warm).Create(&note{ID: 1, Owner: warm.ID}).Error)
	inUse := p.as(ctx, warm).Begin()
	must(t, inUse.Error)
	must(t, inUse.Create(&note{ID: 2}).Error)

	stop := p.busy(t, near)
	p.second.Stop(t)
	broken := inUse.Create(&note{ID: 3}).Error
	if broken == nil || errors.Is(broken, tenancy.ErrUnavailable) {
		t.Errorf("a transaction whose server is gone has the error %v, want the driver's own", broken)
	}
	inUse.Rollback()
	// Connections that were idle when the server stopped are noticed one by one, each by the
	// driver's own error.
	for range 3 {
		_ = p.as(ctx, warm).Find(&[]note{}).Error
	}
	for _, tenant := range []tenancy.Tenant{warm, cold, {ID: "far_new"}} {
		for name, run := range p.operations(ctx, tenant) {
			began := time.Now()
			err := run()
			if took := time.Since(began); took > quickly {
				t.Errorf("%s of %s took %v", name, tenant.ID, took)
			}
			p.unavailable(t, name, tenant, err)
		}
	}
	stop(t)
	p.second.Start(t)
	for _, tenant := range []tenancy.Tenant{warm, cold} {
		must(t, p.as(ctx, tenant).Find(&[]note{}).Error)
		must(t, p.migrate.Verify(ctx, tenant))
		must(t, p.migrate.Provision(ctx, tenant))
		must(t, p.as(ctx, tenant).Create(&note{ID: 4, Owner: tenant.ID}).Error)
		must(t, p.migrate.Destroy(ctx, tenant))
	}
	same(t, "databases on the second server", p.far.sites(t), nil)
	for _, tenant := range near {
		must(t, p.migrate.Destroy(ctx, tenant))
	}
}

// operations are what may be asked for a tenant whose server is down.
func (p *pair) operations(ctx context.Context, tenant tenancy.Tenant) map[string]func() error {
	return map[string]func() error{
		"read":        func() error { return p.as(ctx, tenant).Find(&[]note{}).Error },
		"row":         func() error { return p.as(ctx, tenant).Raw("SELECT 1").Row().Scan(new(int)) },
		"write":       func() error { return p.as(ctx, tenant).Create(&note{ID: 9}).Error },
		"transaction": func() error { return p.as(ctx, tenant).Transaction(func(*gorm.DB) error { return nil }) },
		"provision":   func() error { return p.migrate.Provision(ctx, tenant) },
		"verify":      func() error { return p.migrate.Verify(ctx, tenant) },
		"destroy":     func() error { return p.migrate.Destroy(ctx, tenant) },
	}
}

// unavailable fails unless an error says which tenant's server is out of reach, and no secret.
func (p *pair) unavailable(t testing.TB, name string, tenant tenancy.Tenant, err error) {
	t.Helper()
	wantKind(t, err, tenancy.ErrUnavailable)
	wantTenant(t, err, "", tenant.ID, "database")
	if err == nil {
		return
	}
	_, port, _ := strings.Cut(p.second.DSN, "127.0.0.1:")
	port = port[:strings.IndexAny(port, "/)")]
	if !strings.Contains(err.Error(), "127.0.0.1:"+port) {
		t.Errorf("%s: the error does not name the server: %v", name, err)
	}
	if strings.Contains(err.Error(), p.second.Password) {
		t.Errorf("%s: the error shows the password: %v", name, err)
	}
}

// busy has 16 goroutines work for tenants on the first server, of which none may fail, until
// the answered function is called. That one waits until they have done something.
func (p *pair) busy(t testing.TB, tenants []tenancy.Tenant) func(testing.TB) {
	t.Helper()
	var wg sync.WaitGroup
	var done atomic.Int64
	stop := make(chan struct{})
	for g := range 16 {
		tenant := tenants[g%len(tenants)]
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(2 * time.Millisecond):
				}
				row := note{ID: uint(1000*g + i%1000 + 1), Owner: tenant.ID}
				err := p.as(context.Background(), tenant).Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&row).Error, tx.First(&note{}, row.ID).Error, tx.Unscoped().Delete(&row).Error)
				})
				if err != nil {
					t.Errorf("%s, whose server is up: %v", tenant.ID, err)
					return
				}
				done.Add(1)
			}
		})
	}
	return func(t testing.TB) {
		t.Helper()
		const enough = 100
		for end := time.Now().Add(10 * quickly); done.Load() < enough && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		close(stop)
		wg.Wait()
		if n := done.Load(); n < enough {
			t.Errorf("only %d transactions of tenants on the first server", n)
		}
	}
}
