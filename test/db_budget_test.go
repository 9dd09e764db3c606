package test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// sessions is a query for the number of sessions of a role outside the base database.
func (h host) sessions() string {
	if h.driver == "pgx" {
		return "SELECT COUNT(*) FROM pg_stat_activity WHERE usename = '" + h.role + "' AND datname <> current_database()"
	}
	return "SELECT COUNT(*) FROM information_schema.processlist WHERE user = '" + h.role + "' AND db <> DATABASE()"
}

// fleet installs a database per tenant with few connections, and provisions n tenants.
func (h host) fleet(t *testing.T, n int) (*gorm.DB, []tenancy.Tenant) {
	t.Helper()
	db := h.base(t, &gorm.Config{Logger: logger.Discard})
	strategy := h.database()
	strategy.MaxPools, strategy.MaxConns, strategy.MaxServerConns = 16, 4, 40
	must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategy, Models: []any{&note{}}})))
	m, err := migrate.New(db)
	must(t, err)
	tenants := numbered(n)
	_, err = m.Up(t.Context(), migrate.Tenants(tenants...))
	must(t, err)
	return db, tenants
}

// TestDatabaseBudget has more tenants at once than there may be connections.
func TestDatabaseBudget(t *testing.T) {
	takesLong(t)
	const budget, workers = 40, 64
	for name, newHost := range map[string]func(testing.TB) host{"postgres": newPostgresHost, "mysql": newMySQLHost} {
		t.Run(name, func(t *testing.T) {
			n, span := 30, time.Second
			if os.Getenv("TENANCY_TEST_LONG") != "" {
				n, span = 500, 20*time.Second
			}
			h := newHost(t)
			db, tenants := h.fleet(t, n)
			watch := h.count(t)
			var done atomic.Int64
			var wg sync.WaitGroup
			end := time.Now().Add(span)
			for w := range workers {
				wg.Go(func() {
					random := rand.New(rand.NewPCG(7, uint64(w)))
					for time.Now().Before(end) && !t.Failed() {
						tenant := tenants[random.IntN(n)]
						if err := visit(db.WithContext(tenancy.WithTenant(t.Context(), tenant)), tenant.ID, random); err != nil {
							t.Errorf("%s: %v", tenant.ID, err)
						}
						done.Add(1)
					}
				})
			}
			wg.Wait()
			t.Logf("%d tenants, %d visits, up to %d connections", n, done.Load(), watch.most.Load())
			if most := watch.most.Load(); most > budget || most < budget/2 {
				t.Errorf("the server counted up to %d connections; the budget is %d", most, budget)
			}
			must(t, tenancy.Close(db))
			watch.wantNone(t)
		})
	}
}

// visit reads and writes a tenant's notes in one of several ways.
func visit(db *gorm.DB, id string, random *rand.Rand) error {
	pause := time.Duration(random.IntN(3000)) * time.Microsecond
	switch random.IntN(4) {
	case 0:
		return db.Create(&note{Owner: id}).Error
	case 1: // open while other pools push this one out
		return db.Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(&note{Owner: id}).Error; err != nil {
				return err
			}
			time.Sleep(pause)
			return owned(tx, id)
		})
	case 2:
		rows, err := db.Model(&note{}).Limit(20).Rows()
		if err != nil {
			return err
		}
		time.Sleep(pause)
		for rows.Next() {
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return rows.Close()
	default:
		return owned(db, id)
	}
}

// owned reads notes and finds only the tenant's.
func owned(db *gorm.DB, id string) error {
	var notes []note
	err := db.Limit(20).Find(&notes).Error
	for _, n := range notes {
		if n.Owner != id {
			return fmt.Errorf("a note of %s", n.Owner)
		}
	}
	return err
}

// sessionCount is what the server counts.
type sessionCount struct {
	most  atomic.Int64
	now   func() int64
	close func()
}

// count asks the server again and again for its sessions. A server counts a connection for
// a moment after it was closed, so the lower of two looks counts.
func (h host) count(t *testing.T) *sessionCount {
	t.Helper()
	admin, err := sql.Open(h.driver, h.admin)
	must(t, err)
	t.Cleanup(func() { _ = admin.Close() })
	c := &sessionCount{now: func() (n int64) {
		must(t, admin.QueryRow(h.sessions()).Scan(&n))
		return n
	}}
	ctx, cancel := context.WithCancel(context.Background())
	var counting sync.WaitGroup
	counting.Go(func() {
		for ctx.Err() == nil {
			first := c.now()
			time.Sleep(10 * time.Millisecond)
			c.most.Store(max(c.most.Load(), min(first, c.now())))
		}
	})
	c.close = func() { cancel(); counting.Wait() }
	t.Cleanup(c.close)
	return c
}

// wantNone waits until the server has noticed that all are gone.
func (c *sessionCount) wantNone(t *testing.T) {
	t.Helper()
	c.close()
	left := c.now()
	for deadline := time.Now().Add(5 * time.Second); left > 0 && time.Now().Before(deadline); left = c.now() {
		time.Sleep(10 * time.Millisecond)
	}
	if left > 0 {
		t.Errorf("%d connections are left after Close", left)
	}
}

// slow is a statement that takes a while.
func (h host) slow(d time.Duration) string {
	if h.driver == "pgx" {
		return fmt.Sprintf("SELECT pg_sleep(%f)", d.Seconds())
	}
	return fmt.Sprintf("SELECT SLEEP(%f)", d.Seconds())
}

// TestDatabaseTurns lets one tenant wait with many slow queries, and asks how many of them
// end before another's single query does.
func TestDatabaseTurns(t *testing.T) {
	const queries, conns = 200, 4
	for name, newHost := range map[string]func(testing.TB) host{"postgres": newPostgresHost, "mysql": newMySQLHost} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			strategy := h.database()
			strategy.MaxConns, strategy.MaxServerConns = conns, conns+1
			db := h.base(t, &gorm.Config{Logger: logger.Discard})
			must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategy, Models: []any{&note{}}})))
			t.Cleanup(func() { must(t, tenancy.Close(db)) })
			m, err := migrate.New(db)
			must(t, err)
			as := map[string]*gorm.DB{}
			for _, id := range []string{"noisy", "quiet", "third"} {
				must(t, m.Provision(t.Context(), tenancy.Tenant{ID: id}))
				as[id] = db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: id}))
			}
			third := as["third"].Begin()
			must(t, third.Error)
			defer third.Rollback()

			const each = 20 * time.Millisecond
			var ended atomic.Int64
			var wg sync.WaitGroup
			for range queries {
				wg.Go(func() {
					if err := as["noisy"].Exec(h.slow(each)).Error; err != nil {
						t.Error(err)
					}
					ended.Add(1)
				})
			}
			for ended.Load() < conns { // all connections are in use, and the others wait
				time.Sleep(time.Millisecond)
			}
			for range 5 {
				before, start := ended.Load(), time.Now()
				must(t, as["quiet"].Find(&[]note{}).Error)
				during := ended.Load() - before
				t.Logf("%d of %d slow queries ended within the quiet one's %v", during, queries, time.Since(start))
				// One to make place, and its successors while a connection is made.
				if during > 5*conns {
					t.Errorf("the quiet tenant waited for %d slow queries", during)
				}
			}
			wg.Wait()
		})
	}
}
