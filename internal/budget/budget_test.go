package budget_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gormtenancy/tenancy/internal/budget"
)

func TestNeverMoreThanTotal(t *testing.T) {
	const total, each, keys, workers, rounds = 10, 3, 40, 64, 100
	s := &server{}
	v := visitors{budget: newBudget(t, total, each), server: s, pools: map[string]*sql.DB{}}
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(w)))
			for range rounds {
				if err := v.visit(t, fmt.Sprintf("tenant-%d", random.IntN(keys)), random); err != nil {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
	if most := s.most.Load(); most > total || most < total/2 {
		t.Errorf("up to %d connections were open at once; the budget is %d", most, total)
	}
}

// visitors use pools, and replace them.
type visitors struct {
	budget *budget.Budget
	server *server
	mu     sync.Mutex
	pools  map[string]*sql.DB
}

// pool returns the pool of a key; renew makes it a new one.
func (v *visitors) pool(t *testing.T, key string, renew bool) *sql.DB {
	v.mu.Lock()
	defer v.mu.Unlock()
	db, ok := v.pools[key]
	if ok && !renew {
		return db
	}
	if ok {
		_ = db.Close()
		v.budget.Detach(key, db)
	}
	db = v.server.pool(t)
	v.budget.Attach(key, db)
	v.pools[key] = db
	return db
}

// visit uses a pool in one of the ways there are.
func (v *visitors) visit(t *testing.T, key string, random *rand.Rand) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	use, err := v.budget.Acquire(ctx, key)
	if err != nil {
		return err
	}
	db := v.pool(t, key, random.IntN(20) == 0)
	a := time.Duration(random.IntN(100)) * time.Microsecond
	switch random.IntN(4) {
	case 0: // the use ends, and then the rows are read
		rows, err := db.QueryContext(ctx, "")
		use.Release()
		if err != nil {
			return unlessClosed(err)
		}
		time.Sleep(a)
		return errors.Join(rows.Close(), rows.Err())
	case 1: // the context of a transaction ends
		defer use.Release()
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return unlessClosed(err)
		}
		cancel()
		_ = tx.Rollback()
		return nil
	case 2: // somebody gives up waiting
		use.Release()
		time.AfterFunc(a, cancel)
		use, err := v.budget.Acquire(ctx, key)
		if err == nil {
			use.Release()
		} else if !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	default:
		defer use.Release()
		_, err := db.ExecContext(ctx, "")
		time.Sleep(a)
		return unlessClosed(err)
	}
}

// unlessClosed forgives what a pool says that was replaced.
func unlessClosed(err error) error {
	if err != nil && err.Error() == "sql: database is closed" {
		return nil
	}
	return err
}

func TestTenantsTakeTurns(t *testing.T) {
	const each = 4
	s := &server{}
	b := newBudget(t, each+1, each)
	attached(t, b, s, "noisy")
	attached(t, b, s, "quiet")
	holding := make([]*budget.Use, 0, each+1)
	for range each {
		holding = append(holding, acquire(t, b, "noisy"))
	}
	holding = append(holding, acquire(t, b, "third"))

	var order struct {
		sync.Mutex
		got []string
	}
	var waiting sync.WaitGroup
	wait := func(key string) {
		waiting.Go(func() {
			use := acquire(t, b, key)
			order.Lock()
			order.got = append(order.got, key)
			order.Unlock()
			time.Sleep(time.Millisecond)
			use.Release()
		})
	}
	for range 50 {
		wait("noisy")
	}
	for b.Waiting() < 50 {
		time.Sleep(time.Millisecond)
	}
	wait("quiet")
	for b.Waiting() < 51 {
		time.Sleep(time.Millisecond)
	}
	holding[0].Release()
	waiting.Wait()
	if got := order.got[:2]; got[0] != "quiet" && got[1] != "quiet" {
		t.Errorf("the quiet tenant was not among the first two: %v", order.got)
	}
	for _, use := range holding[1:] {
		use.Release()
	}
}

func TestOneKeyGetsEachAtMost(t *testing.T) {
	b := newBudget(t, 10, 2)
	acquire(t, b, "a")
	acquire(t, b, "a")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.Acquire(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third use of two: %v", err)
	}
	acquire(t, b, "b")
}

func TestRowsThatAreReadCount(t *testing.T) {
	s := &server{}
	b := newBudget(t, 2, 1)
	db := attached(t, b, s, "a")
	use := acquire(t, b, "a")
	rows, err := db.QueryContext(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	use.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := b.Acquire(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("another use while rows are read: %v", err)
	}
	time.AfterFunc(20*time.Millisecond, func() { _ = rows.Close() })
	acquire(t, b, "a").Release() // nobody tells the budget of it
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
}

func TestWaitingEnds(t *testing.T) {
	b := budget.New(budget.Config{Total: 1, Each: 1, Wait: 20 * time.Millisecond})
	use := acquire(t, b, "a")
	if _, err := b.Acquire(t.Context(), "b"); !errors.Is(err, budget.ErrTimeout) {
		t.Errorf("with nothing free in time: %v", err)
	}
	time.AfterFunc(5*time.Millisecond, b.Close)
	if _, err := b.Acquire(t.Context(), "b"); !errors.Is(err, budget.ErrClosed) {
		t.Errorf("while the budget is closed: %v", err)
	}
	use.Release()
	if _, err := b.Acquire(t.Context(), "b"); !errors.Is(err, budget.ErrClosed) {
		t.Errorf("after that: %v", err)
	}
}

func TestHold(t *testing.T) {
	b := newBudget(t, 1, 1)
	use := acquire(t, b, "a")
	if !use.Hold() {
		t.Fatal("a use that goes on cannot be held")
	}
	use.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := b.Acquire(ctx, "b"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("another while the use is held: %v", err)
	}
	use.Release()
	if use.Hold() {
		t.Error("a use that has ended was held")
	}
	acquire(t, b, "b").Release()
}

func BenchmarkAcquire(b *testing.B) {
	s := &server{}
	budget := newBudget(b, 64, 4)
	attached(b, budget, s, "a")
	b.ReportAllocs()
	for b.Loop() {
		acquire(b, budget, "a").Release()
	}
}
