package test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
)

const (
	loadWorkers = 32
	loadPause   = 4 * time.Millisecond // between a worker's requests: the disk is not the subject
)

// load is requests of all tenants at once, and what they were told.
type load struct {
	*moving
	ledgers []*ledger
	barrier sync.RWMutex // held for reading during each request
	refused atomic.Int64
	locked  atomic.Int64 // requests that InnoDB has ended for a deadlock, as it may at any time

	mu     sync.Mutex
	others []time.Duration // how long the requests of tenants took that are not moved
}

// TestMoveUnderLoad moves a tenant there and back while all tenants read and write: nothing
// crosses, nothing acknowledged is lost, and others are served as before.
func TestMoveUnderLoad(t *testing.T) {
	takesLong(t)
	span := 700 * time.Millisecond
	if os.Getenv("TENANCY_TEST_LONG") != "" {
		span = 15 * time.Second
	}
	eachMoving(t, func(t *testing.T, s *moving) {
		l := &load{moving: s}
		for _, id := range []string{"acme", "globex", "initech", "umbrella"} {
			s.provision(t, id)
			must(t, s.as(id).Create(&folio{ID: counter, Owner: id}).Error)
			l.ledgers = append(l.ledgers, newLedger(id))
		}
		quiet := l.run(t, span, nil)
		moves := 0
		busy := l.run(t, span, func(ctx context.Context) {
			for to := hybrid.TierPremium; moves < 2 || ctx.Err() == nil; moves++ {
				s.move(t, to, hybrid.KeepSource(), hybrid.BatchSize(20))
				l.barrier.Lock() // until nobody is on the old way
				l.barrier.Unlock()
				must(t, hybrid.Finish(context.WithoutCancel(ctx), s.db, acme))
				to = map[string]string{hybrid.TierPremium: hybrid.TierStandard, hybrid.TierStandard: hybrid.TierPremium}[to]
			}
		})
		t.Logf("%d moves, %d writes refused meanwhile; others' p99: %v quiet (%d requests), %v during moves (%d requests)",
			moves, l.refused.Load(), percentile(quiet), len(quiet), percentile(busy), len(busy))
		if n := l.locked.Load(); n > int64(len(quiet)+len(busy))/100 {
			t.Errorf("%d requests met a deadlock", n)
		}
		for _, led := range l.ledgers {
			var rows []folio
			must(t, s.as(led.id).Find(&rows).Error)
			for _, wrong := range led.compare(rows) {
				t.Errorf("%s: %s", led.id, wrong)
			}
			must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: led.id}))
		}
		same(t, "triggers", s.triggers(t), nil)
	})
}

// run makes requests for a while, besides what else is to be done, and returns how long
// others' took.
func (l *load) run(t *testing.T, span time.Duration, besides func(context.Context)) []time.Duration {
	t.Helper()
	l.others = nil
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	var workers sync.WaitGroup
	done := make(chan struct{})
	for i := range loadWorkers {
		workers.Go(func() {
			for n := i; ; n++ {
				select {
				case <-done:
					return
				case <-time.After(time.Duration(rand.Int64N(int64(2 * loadPause)))):
				}
				l.request(t, l.ledgers[n%len(l.ledgers)])
			}
		})
	}
	func() {
		defer workers.Wait()
		defer close(done)
		if besides != nil {
			besides(ctx)
		}
		<-ctx.Done()
	}()
	return l.others
}

// deadlocked recognises the error of a transaction that InnoDB rolls back for others' sake.
func deadlocked(err error) bool {
	var known *mysql.MySQLError
	return errors.As(err, &known) && known.Number == 1213
}

func (l *load) request(t *testing.T, led *ledger) {
	l.barrier.RLock()
	defer l.barrier.RUnlock()
	begin := time.Now()
	e, err := l.act(t, l.as(led.id), led)
	took := time.Since(begin)
	led.settle(e, err == nil)
	switch {
	case err == nil:
	case led.id == "acme" && errors.Is(err, tenancy.ErrMoving):
		l.refused.Add(1)
	case deadlocked(err):
		l.locked.Add(1)
	default:
		t.Errorf("%s: %v", led.id, err)
	}
	if led.id != "acme" {
		l.mu.Lock()
		l.others = append(l.others, took)
		l.mu.Unlock()
	}
}

// act makes one request, and says what it has done if it is acknowledged. What is refused
// must have done nothing.
func (l *load) act(t *testing.T, db *gorm.DB, led *ledger) (*effect, error) {
	switch what := rand.IntN(10); {
	case what < 4:
		var rows []folio
		err := db.Preload("Sheets").Limit(50).Find(&rows).Error
		for _, row := range rows {
			if row.Owner != led.id || row.TenantID != led.id || slices.ContainsFunc(row.Sheets, func(s sheet) bool { return s.Owner != led.id }) {
				t.Errorf("%s reads %+v", led.id, row)
			}
		}
		return &effect{}, err
	case what < 6:
		id := led.last.Add(1)
		err := db.Create(&folio{ID: id, Owner: led.id, Body: "first", Sheets: []sheet{{ID: id, Owner: led.id}}}).Error
		if err != nil {
			return &effect{voided: []int64{id}}, err
		}
		return &effect{made: map[int64]string{id: "first"}}, nil
	case what < 7:
		err := db.Model(&folio{}).Where("id = ?", counter).Update("hits", gorm.Expr("hits + 1")).Error
		if err != nil {
			return &effect{}, err
		}
		return &effect{hits: 1}, nil
	}
	id, was, ok := led.takeBody()
	if !ok {
		return &effect{}, nil
	}
	changed := db.Model(&folio{}).Where("id = ?", id)
	if id%3 == 0 {
		if changed = changed.Delete(&folio{}); changed.Error == nil {
			return &effect{gone: []int64{id}}, wantOne(changed)
		}
		return &effect{kept: map[int64]string{id: was}}, changed.Error
	}
	body := fmt.Sprint("body ", rand.Int64())
	if changed = changed.Update("body", body); changed.Error == nil {
		return &effect{made: map[int64]string{id: body}}, wantOne(changed)
	}
	return &effect{kept: map[int64]string{id: was}}, changed.Error
}

// takeBody is take, with what the row says.
func (l *ledger) takeBody() (int64, string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, body := range l.alive {
		delete(l.alive, id)
		return id, body, true
	}
	return 0, "", false
}

// wantOne fails for a write that was acknowledged and met no row.
func wantOne(changed *gorm.DB) error {
	if changed.RowsAffected == 0 {
		return errors.New("a write met no row")
	}
	return nil
}

func percentile(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*99/100].Round(10 * time.Microsecond)
}
