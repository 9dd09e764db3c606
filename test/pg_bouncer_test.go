package test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/test/servers"
)

const (
	bounceServers = 2
	bounceClients = 50
	bounceTenants = 20
)

// TestPGBouncer lets 50 clients of 20 tenants share two connections of the server: each
// statement and each transaction may be on another one, that somebody else had before.
func TestPGBouncer(t *testing.T) {
	server := newPG(t)
	bounced := server
	bounced.DSN = servers.NewPgBouncer(t, server.Postgres, bounceServers)
	for _, k := range pgKinds {
		direct := openPG(t, server, k, pgSetup{models: []any{&fragile{}}, settings: map[string]string{"application_name": "direct"}})
		for i := range bounceTenants {
			id := fmt.Sprint("t", i)
			direct.provision(t, id)
			for n := range int64(20) {
				must(t, direct.as(id).Create(&fragile{ID: n, Owner: id}).Error)
			}
		}
		for _, mode := range []string{"exec", "simple_protocol"} {
			t.Run(k.name+"/"+mode, func(t *testing.T) {
				s := openPG(t, bounced, k, pgSetup{models: []any{&fragile{}}, conns: bounceClients, settings: map[string]string{"default_query_exec_mode": mode}})
				b := &bounce{site: s}
				b.run(t, pgDuration(time.Second, 10*time.Second))
				t.Logf("%d operations, %d cancelled, %d crossings", b.operations.Load(), b.cancelled.Load(), b.crossings.Load())
				if b.crossings.Load() > 0 || b.operations.Load() < bounceClients {
					t.Fail()
				}
				for i := range bounceTenants {
					b.whole(t, fmt.Sprint("t", i))
				}
				b.settled(t)
			})
		}
	}
}

type bounce struct {
	site                             *pgSite
	operations, cancelled, crossings atomic.Int64
}

func (b *bounce) run(t *testing.T, d time.Duration) {
	t.Helper()
	end := time.Now().Add(d)
	var clients sync.WaitGroup
	for i := range bounceClients {
		clients.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 1))
			for time.Now().Before(end) {
				id := fmt.Sprint("t", rnd.IntN(bounceTenants))
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				hurried := rnd.IntN(20) == 0
				if hurried {
					cancel()
					ctx, cancel = context.WithTimeout(context.Background(), time.Duration(rnd.IntN(3000))*time.Microsecond)
				}
				rows, err := bounceUses[rnd.IntN(len(bounceUses))](b.site.in(ctx, id), int64(1000+i))
				b.operations.Add(1)
				if hurried && err != nil {
					b.cancelled.Add(1)
				} else if err != nil && !errors.Is(err, errDeliberate) {
					t.Errorf("%s: %v", id, err)
				}
				cancel()
				for _, row := range rows {
					if row.Owner != id || row.TenantID != id {
						b.crossings.Add(1)
						t.Errorf("%s read %+v", id, row)
					}
				}
			}
		})
	}
	clients.Wait()
}

// bounceUses leave the rows below 1000 as they are.
var bounceUses = []func(db *gorm.DB, id int64) ([]fragile, error){
	fragileUses[0], fragileUses[1], fragileUses[7], fragileUses[9],
	func(db *gorm.DB, id int64) ([]fragile, error) {
		row := fragile{TenantID: tenantIn(db), ID: id, Owner: tenantIn(db)}
		if err := db.Save(&row).Error; err != nil {
			return nil, err
		}
		return []fragile{row}, nil
	},
	func(db *gorm.DB, _ int64) ([]fragile, error) {
		return nil, db.Exec("UPDATE fragiles SET body = ?", tenantIn(db)).Error
	},
	func(db *gorm.DB, id int64) (rows []fragile, err error) {
		return rows, db.Transaction(func(tx *gorm.DB) error {
			for range 3 {
				var more []fragile
				if err := tx.Raw("SELECT * FROM fragiles WHERE id <> ? LIMIT 5", id).Scan(&more).Error; err != nil {
					return err
				}
				rows = append(rows, more...)
			}
			if id%2 == 0 {
				return errDeliberate
			}
			return tx.Exec("UPDATE fragiles SET body = ? WHERE id < 3", tenantIn(tx)).Error
		})
	},
}

// whole fails unless a tenant has what it had, and nobody else's words in it.
func (b *bounce) whole(t *testing.T, id string) {
	t.Helper()
	var rows []fragile
	must(t, b.site.as(id).Where("id < 1000").Find(&rows).Error)
	if len(rows) != 20 {
		t.Errorf("%s has %d rows, want 20", id, len(rows))
	}
	for _, row := range rows {
		if row.Owner != id || row.Body != "" && row.Body != id {
			t.Errorf("%s has the row %+v", id, row)
		}
	}
}

// settled asks what the connections of the server have kept.
func (b *bounce) settled(t *testing.T) {
	t.Helper()
	for range 10 * bounceServers {
		var path, tenant string
		must(t, b.site.pool.QueryRow(`SELECT current_setting('search_path'), coalesce(current_setting('app.current_tenant', true), '')`).Scan(&path, &tenant))
		if path != `"$user", public` || tenant != "" {
			t.Errorf("a connection of the server has the search_path %s and the tenant %q", path, tenant)
		}
	}
	backends := b.site.server.ask(t, "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() AND usename = $1 AND application_name <> 'direct'", b.site.server.Name)
	if len(backends) > bounceServers {
		t.Errorf("%d connections to the server, want at most %d", len(backends), bounceServers)
	}
	must(t, b.site.migrate.Verify(t.Context(), tenancy.Tenant{ID: "t1"}))
}
