package test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

// onePool keeps a single pool open: using another tenant evicts it.
var onePool = kind{"database", func(dir string) tenancy.Strategy {
	return strategies.Database{Open: sqlite.Open, Dir: dir, MaxPools: 1, MaxConns: 3}
}}

const streamed = 500

// openOnePool opens a site with a tenant that has many rows, and some others.
func openOnePool(t *testing.T, prepare bool) *site {
	t.Helper()
	s := openSite(t, onePool, setup{gorm: gorm.Config{PrepareStmt: prepare}})
	s.provision(t, "acme", "globex", "initech")
	rows := make([]folio, streamed)
	for i := range rows {
		rows[i] = folio{ID: int64(i + 1), Owner: "acme"}
	}
	must(t, s.as("acme").CreateInBatches(rows, 100).Error)
	return s
}

// evict uses other tenants until acme's pool is out of the cache.
func (s *site) evict(t *testing.T) {
	t.Helper()
	for range 3 {
		s.holds(t, "globex", 0)
		s.holds(t, "initech", 0)
	}
}

// gone waits until no file of acme is open.
func (s *site) gone(t *testing.T) {
	t.Helper()
	var held []string
	for range 200 {
		held = slices.DeleteFunc(openFiles(t, s.tenants), func(name string) bool { return !strings.Contains(name, "acme") })
		if len(held) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("acme's pool was evicted and is still open: %v", held)
}

// TestEvictionSparesStreams streams the rows of a tenant while its pool is evicted.
func TestEvictionSparesStreams(t *testing.T) {
	t.Parallel()
	for _, prepare := range []bool{false, true} {
		t.Run(fmt.Sprintf("prepared=%v", prepare), func(t *testing.T) {
			s := openOnePool(t, prepare)
			rows, err := s.as("acme").Model(&folio{}).Rows()
			must(t, err)
			defer func() { _ = rows.Close() }()
			n := 0
			for rows.Next() {
				var row folio
				must(t, s.as("acme").ScanRows(rows, &row))
				if row.Owner != "acme" {
					t.Fatalf("a row of %q", row.Owner)
				}
				if n++; n == 3 {
					s.evict(t)
				}
			}
			must(t, rows.Err())
			if n != streamed {
				t.Errorf("the stream ended after %d rows", n)
			}
			s.evict(t)
			s.gone(t)
		})
	}
}

// TestEvictionSparesTransactions evicts the pool of a tenant with a transaction, and a
// stream inside it, and one outside it, under way.
func TestEvictionSparesTransactions(t *testing.T) {
	t.Parallel()
	for _, prepare := range []bool{false, true} {
		t.Run(fmt.Sprintf("prepared=%v", prepare), func(t *testing.T) {
			s := openOnePool(t, prepare)
			outside, err := s.as("acme").Model(&folio{}).Rows()
			must(t, err)
			defer func() { _ = outside.Close() }()
			if !outside.Next() {
				t.Fatal("no row")
			}
			must(t, s.as("acme").Transaction(func(tx *gorm.DB) error {
				must(t, tx.Create(&folio{ID: streamed + 1, Owner: "acme"}).Error)
				inside, err := tx.Model(&folio{}).Rows()
				must(t, err)
				s.evict(t)
				n := 0
				for inside.Next() {
					n++
				}
				must(t, errors.Join(inside.Err(), inside.Close()))
				if n != streamed+1 {
					t.Errorf("the stream in the transaction ended after %d rows", n)
				}
				s.evict(t)
				return tx.Create(&folio{ID: streamed + 2, Owner: "acme"}).Error
			}))
			s.evict(t)
			n := 1
			for outside.Next() {
				n++
			}
			must(t, errors.Join(outside.Err(), outside.Close()))
			if n != streamed {
				t.Errorf("the stream outside the transaction saw %d rows", n)
			}
			s.gone(t)
			var rows int64
			must(t, s.as("acme").Model(&folio{}).Count(&rows).Error)
			if rows != streamed+2 {
				t.Errorf("%d rows after the transaction", rows)
			}
		})
	}
}

// TestConnectionsOfOneTenant has more goroutines hold a connection each, by
// gorm.DB.Connection, than the tenant's pool has: all get their turn.
func TestConnectionsOfOneTenant(t *testing.T) {
	t.Parallel()
	s := openSite(t, onePool, setup{maxConns: 32})
	s.provision(t, "acme")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	db := s.db.WithContext(tenancy.WithTenant(ctx, tenancy.Tenant{ID: "acme"}))
	var failed atomic.Int64
	var workers sync.WaitGroup
	for i := range 12 {
		workers.Go(func() {
			err := db.Connection(func(tx *gorm.DB) error {
				if err := tx.Create(&folio{ID: int64(i), Owner: "acme"}).Error; err != nil {
					return err
				}
				return tx.First(&folio{}, "id = ?", i).Error
			})
			if err != nil {
				failed.Add(1)
				t.Errorf("goroutine %d: %v", i, err)
			}
		})
	}
	workers.Wait()
	var rows int64
	must(t, s.as("acme").Model(&folio{}).Count(&rows).Error)
	if rows != 12-failed.Load() {
		t.Errorf("%d rows, %d failures", rows, failed.Load())
	}
}

// TestConnectionHeedsItsOwnContext: who waits for a connection of one tenant neither
// holds up the others nor outlives its context.
func TestConnectionHeedsItsOwnContext(t *testing.T) {
	s := openSite(t, onePool, setup{maxConns: 32})
	s.provision(t, "acme", "globex")
	hold, held := make(chan struct{}), make(chan struct{}, 3)
	var holders sync.WaitGroup
	for range 3 {
		holders.Go(func() {
			_ = s.as("acme").Connection(func(tx *gorm.DB) error {
				err := tx.Find(&[]folio{}).Error
				held <- struct{}{}
				<-hold
				return err
			})
		})
	}
	for range 3 {
		<-held
	}
	waiting, stop := context.WithCancel(t.Context())
	var waiter sync.WaitGroup
	waiter.Go(func() {
		_ = s.db.WithContext(tenancy.WithTenant(waiting, tenancy.Tenant{ID: "acme"})).Connection(func(tx *gorm.DB) error {
			return tx.Find(&[]folio{}).Error
		})
	})
	time.Sleep(100 * time.Millisecond) // until it waits
	done := make(chan error, 1)
	go func() {
		done <- s.as("globex").Connection(func(tx *gorm.DB) error { return tx.Find(&[]folio{}).Error })
	}()
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(3 * time.Second):
		t.Error("a tenant waits because another has no connection left")
		defer func() { <-done }()
	}
	stop()
	waiter.Wait()
	close(hold)
	holders.Wait()
}
