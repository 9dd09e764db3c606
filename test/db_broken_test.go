package test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/servers"
)

// slip is a note with no relations: what is done at each of many statements had better be little.
type slip struct {
	ID       uint
	TenantID string `gorm:"size:191;index"`
	Owner    string
	Text     string
}

// slips are the models of a breakable: two, so that something may break between their tables.
func slips() []any { return []any{&slip{}, &reply{}} }

// breakable is a handle with a database for each tenant, all of it over a driver with which
// something may go wrong.
type breakable struct {
	*pair

	faults *faulty
	// left lists what there is of acme: its database or file, and what goes on on the server.
	left func(t testing.TB) []string
	// whole is what left lists of a tenant that is whole and at rest.
	whole []string
	// stride is by how many statements the tests go on, unless they are long ones.
	stride int
	// beside opens another handle on the same, as another process does.
	beside func(t testing.TB) *pair
	// dir is that of the tenants' files, on SQLite.
	dir string
}

// breakables opens one of each kind.
var breakables = map[string]func(testing.TB) *breakable{
	"sqlite": func(t testing.TB) *breakable {
		root := t.TempDir()
		beside := func(t testing.TB) *pair {
			t.Helper()
			s := openSite(t, byDatabase, setup{root: root, driver: faultySQLite, tenancy: tenancy.Config{
				Strategy: strategies.Database{Open: openFaulty, Dir: filepath.Join(root, "tenants")},
				Models:   slips(),
			}})
			return &pair{db: s.db, migrate: s.migrate}
		}
		left := func(t testing.TB) []string {
			t.Helper()
			return slices.DeleteFunc(names(files(t, filepath.Join(root, "tenants"))), func(name string) bool {
				return !strings.HasPrefix(name, "tenant_acme.")
			})
		}
		return &breakable{pair: beside(t), faults: faults[faultySQLite], left: left, whole: []string{"tenant_acme.db"}, stride: 7, beside: beside, dir: filepath.Join(root, "tenants")}
	},
	"postgres": func(t testing.TB) *breakable {
		h := newSecondHost(servers.NewSecondPostgres(t), "pgx")
		h.open = func(dsn string) gorm.Dialector {
			return postgres.New(postgres.Config{DriverName: faultyPgx, DSN: dsn})
		}
		return onServer(t, h, faultyPgx, 37, `
			SELECT 'database' FROM pg_database WHERE datname = $1
			UNION ALL SELECT state || ': ' || query FROM pg_stat_activity WHERE usename = $2 AND state <> 'idle' AND backend_type = 'client backend'
			UNION ALL SELECT 'lock' FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND a.usename = $2`)
	},
	"mysql": func(t testing.TB) *breakable {
		h := newSecondHost(servers.NewSecondMySQL(t), "mysql")
		h.dsn += "&interpolateParams=true" // else the driver prepares, which counts twice
		h.open = func(dsn string) gorm.Dialector {
			return mysql.New(mysql.Config{DriverName: faultyMySQL, DSN: dsn})
		}
		return onServer(t, h, faultyMySQL, 23, `
			SELECT 'database' FROM information_schema.schemata WHERE schema_name = ?
			UNION ALL SELECT CONCAT('statement: ', COALESCE(info, command)) FROM information_schema.processlist WHERE user = ? AND command <> 'Sleep'`)
	},
}

func onServer(t testing.TB, h host, driver string, stride int, left string) *breakable {
	t.Helper()
	beside := func(t testing.TB) *pair { t.Helper(); return openOn(t, h, 0, slips()...) }
	admin := h.superuser(t)
	return &breakable{
		pair: beside(t), faults: faults[driver], whole: []string{"database"}, stride: stride, beside: beside,
		left: func(t testing.TB) []string { t.Helper(); return column(t, admin, left, h.prefix+"acme", h.role) },
	}
}

func eachBreakable(t *testing.T, fn func(t *testing.T, b *breakable)) {
	t.Helper()
	for name, open := range breakables {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			globex := tenancy.Tenant{ID: "globex"}
			must(t, b.migrate.Provision(t.Context(), globex))
			must(t, b.as(t.Context(), globex).Create(&slip{ID: 1, Owner: "globex"}).Error)
			fn(t, b)
			must(t, b.migrate.Verify(t.Context(), globex))
			b.has(t, globex, 1)
		})
	}
}

// leaves waits until there is of acme what is wanted, and no more: a server notices a moment
// later that a client is gone.
func (b *breakable) leaves(t testing.TB, want []string) {
	t.Helper()
	var got []string
	for end := time.Now().Add(quickly); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if got = b.left(t); slices.Equal(got, want) {
			return
		}
	}
	t.Errorf("of acme there is %q, want %q", got, want)
}

// has fails unless a tenant has n slips, all its own.
func (p *pair) has(t testing.TB, tenant tenancy.Tenant, n int) {
	t.Helper()
	var owners []string
	must(t, p.as(t.Context(), tenant).Model(&slip{}).Pluck("owner", &owners).Error)
	same(t, "owners of slips", owners, slices.Repeat([]string{tenant.ID}, n))
}

// usable fails unless acme is whole, registered once, and can be written to.
func (b *breakable) usable(t testing.TB) {
	t.Helper()
	must(t, b.migrate.Verify(t.Context(), acme))
	var names, ids []string
	must(t, b.as(t.Context(), acme).Raw("SELECT tenant_id FROM tenancy_tenants").Scan(&ids).Error)
	same(t, "registered", ids, []string{"acme"})
	must(t, b.as(t.Context(), acme).Raw("SELECT name FROM tenancy_tenants").Scan(&names).Error)
	if strings.Contains(names[0], " ") {
		t.Errorf("the tenant is registered as %q", names[0])
	}
	must(t, b.as(t.Context(), acme).Transaction(func(tx *gorm.DB) error {
		return errors.Join(tx.Create(&slip{ID: 99, Owner: "acme"}).Error, tx.Delete(&slip{ID: 99}).Error)
	}))
}

// defined fails unless acme is whole or not provisioned, and reports which.
func (p *pair) defined(t testing.TB) (whole bool) {
	t.Helper()
	verified, read := p.migrate.Verify(t.Context(), acme), error(nil)
	for range 5 { // a connection that another handle's Destroy has ended fails once, by the driver's own error
		read = p.as(t.Context(), acme).Find(&[]slip{}).Error
		if known := new(tenancy.Error); read == nil || errors.As(read, &known) {
			break
		}
	}
	if verified != nil || read != nil {
		wantKind(t, verified, tenancy.ErrNotProvisioned)
		wantKind(t, read, tenancy.ErrNotProvisioned)
	}
	return verified == nil
}

// eachBreak lets op go wrong at one statement after the other, in every way, until it comes to
// its end. after is told where, and what op answered.
func (b *breakable) eachBreak(t *testing.T, op func(context.Context, tenancy.Tenant) error, before, after func(t *testing.T, n int, err error)) {
	t.Helper()
	stride := b.stride
	if os.Getenv("TENANCY_TEST_LONG") != "" {
		stride = 1
	}
	breaks := 0
	for i, kind := range []struct {
		name  string
		fault fault
	}{
		{"before it is sent", fault{}},
		{"the answer is lost", fault{lostAck: true}},
		{"killed before it is sent", fault{killed: true}},
		{"killed, and the answer is lost", fault{killed: true, lostAck: true}},
		{"cancelled", fault{instead: func() {}}},
	} {
		for n := 1 + i%stride; ; n += stride {
			before(t, n, nil)
			ctx, cancel := context.WithTimeout(t.Context(), 10*quickly)
			if kind.fault.instead != nil {
				kind.fault.instead = cancel
			}
			b.faults.strike(n, kind.fault)
			err := op(ctx, acme)
			cancel()
			if !b.faults.revive() {
				must(t, err)
				break
			}
			breaks++
			after(t, n, err)
			if t.Failed() {
				t.Fatalf("%s, at statement %d; the error was %v", kind.name, n, err)
			}
		}
	}
	t.Logf("%d breaks", breaks)
}

// TestProvisionBroken breaks the provisioning of a new tenant at each statement. Another one
// ends it, or a Destroy removes it.
func TestProvisionBroken(t *testing.T) {
	takesLong(t)
	eachBreakable(t, func(t *testing.T, b *breakable) {
		b.eachBreak(t, b.migrate.Provision, func(t *testing.T, _ int, _ error) {
			must(t, b.migrate.Destroy(t.Context(), acme))
			b.leaves(t, nil)
		}, func(t *testing.T, n int, err error) {
			if whole := b.defined(t); err == nil && !whole {
				t.Error("it succeeded, and the tenant is not there")
			}
			if n%2 == 0 {
				must(t, b.migrate.Destroy(t.Context(), acme))
				b.leaves(t, nil)
			}
			must(t, b.migrate.Provision(t.Context(), acme))
			b.usable(t)
			b.has(t, acme, 0)
		})
		b.leaves(t, b.whole)
	})
}

// TestProvisionAgainBroken breaks the provisioning of a tenant that lives, and that lacks a
// column. It lives on, and another one ends it.
func TestProvisionAgainBroken(t *testing.T) {
	takesLong(t)
	eachBreakable(t, func(t *testing.T, b *breakable) {
		must(t, b.migrate.Provision(t.Context(), acme))
		for id := range uint(3) {
			must(t, b.as(t.Context(), acme).Create(&slip{ID: id + 1, Owner: "acme"}).Error)
		}
		b.eachBreak(t, b.migrate.Provision, func(t *testing.T, _ int, _ error) {
			must(t, b.as(t.Context(), acme).Exec("ALTER TABLE slips DROP COLUMN text").Error)
			wantKind(t, b.migrate.Verify(t.Context(), acme), tenancy.ErrDrifted)
		}, func(t *testing.T, _ int, err error) {
			b.has(t, acme, 3)
			if verified := b.migrate.Verify(t.Context(), acme); verified != nil {
				wantKind(t, verified, tenancy.ErrDrifted)
				if err == nil {
					t.Error("it succeeded, and the column is not there")
				}
			}
			must(t, b.as(t.Context(), acme).Model(&slip{ID: 1}).UpdateColumn("owner", "acme").Error)
			must(t, b.migrate.Provision(t.Context(), acme))
			b.usable(t)
			b.has(t, acme, 3)
			b.leaves(t, b.whole)
		})
	})
}

// TestDestroyBroken breaks a Destroy at each statement: the tenant is whole or gone, and
// another Destroy ends it.
func TestDestroyBroken(t *testing.T) {
	takesLong(t)
	eachBreakable(t, func(t *testing.T, b *breakable) {
		b.eachBreak(t, b.migrate.Destroy, func(t *testing.T, _ int, _ error) {
			must(t, b.migrate.Provision(t.Context(), acme))
			must(t, b.as(t.Context(), acme).Create(&slip{ID: 1, Owner: "acme"}).Error)
		}, func(t *testing.T, _ int, err error) {
			switch whole := b.defined(t); {
			case whole && err == nil:
				t.Error("it succeeded, and the tenant is there")
			case whole:
				b.has(t, acme, 1)
				b.usable(t)
			}
			must(t, b.migrate.Destroy(t.Context(), acme))
			b.leaves(t, nil)
		})
		b.leaves(t, nil)
	})
}

// TestProvisionBesideDestroy has two handles provision one tenant at once, and one destroy it while
// the other provisions: it is whole or gone for both, and can be had and removed again.
func TestProvisionBesideDestroy(t *testing.T) {
	takesLong(t)
	rounds := 2
	if os.Getenv("TENANCY_TEST_LONG") != "" {
		rounds = 50
	}
	eachBreakable(t, func(t *testing.T, b *breakable) {
		other := b.beside(t)
		endings := map[string]int{}
		for round := range rounds {
			atOnce(t, 4, func(i int) error {
				return []*pair{b.pair, other}[i%2].migrate.Provision(t.Context(), acme)
			})
			b.usable(t)
			for _, from := range []string{"whole", "gone"} {
				if from == "gone" {
					must(t, b.migrate.Destroy(t.Context(), acme))
					b.leaves(t, nil)
				}
				var wg sync.WaitGroup
				var provisioned, destroyed error
				wg.Go(func() {
					time.Sleep(time.Duration(round%3) * time.Millisecond)
					provisioned = b.migrate.Provision(t.Context(), acme)
				})
				wg.Go(func() {
					time.Sleep(time.Duration(round) * 10 * time.Millisecond)
					destroyed = other.migrate.Destroy(t.Context(), acme)
				})
				wg.Wait()
				for op, err := range map[string]error{"provision": provisioned, "destroy": destroyed} {
					if err != nil {
						wantTenant(t, err, "", "acme", "database")
						t.Logf("%s: %v", op, err)
					}
				}
				whole := b.defined(t)
				if other.defined(t) != whole {
					t.Error("the handles differ")
				}
				endings[fmt.Sprintf("from %s: whole %v, provisioned %v, destroyed %v", from, whole, provisioned == nil, destroyed == nil)]++
				must(t, other.migrate.Provision(t.Context(), acme))
				b.usable(t)
				b.has(t, acme, 0)
				b.leaves(t, b.whole)
				if t.Failed() {
					t.Fatalf("from %s, round %d: provision %v, destroy %v", from, round, provisioned, destroyed)
				}
			}
		}
		must(t, b.migrate.Destroy(t.Context(), acme))
		b.leaves(t, nil)
		t.Log(endings)
	})
}

// TestDestroySweeps: what a process leaves behind that is killed while it provisions goes with
// the tenant. Such a file may be the tenant's own by another name.
func TestDestroySweeps(t *testing.T) {
	b := breakables["sqlite"](t)
	for _, at := range []string{"before the link", "after the link"} {
		must(t, b.migrate.Provision(t.Context(), acme))
		must(t, b.migrate.Provision(t.Context(), tenancy.Tenant{ID: "acme_db"}))
		b.leaves(t, b.whole)
		draft := filepath.Join(b.dir, "tenant_acme.db.new-KILLED")
		must(t, os.Link(filepath.Join(b.dir, "tenant_acme.db"), draft))
		must(t, os.WriteFile(draft+"-journal", []byte("rows"), 0o600))
		if at == "before the link" {
			must(t, os.Remove(filepath.Join(b.dir, "tenant_acme.db")))
		}
		must(t, b.migrate.Destroy(t.Context(), acme))
		b.leaves(t, nil)
		must(t, b.migrate.Verify(t.Context(), tenancy.Tenant{ID: "acme_db"}))
	}
}
