package test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// stressEnv sets how long each run of TestStress lasts: 60s, for instance.
const stressEnv = "TENANCY_TEST_STRESS"

func stressTime(t *testing.T, share float64) time.Duration {
	t.Helper()
	if text := os.Getenv(stressEnv); text != "" {
		d, err := time.ParseDuration(text)
		must(t, err)
		return d
	}
	if testing.Short() {
		return time.Second
	}
	whole := 3 * time.Second
	if thorough() {
		whole = 5 * time.Second
	}
	return time.Duration(share * float64(whole))
}

// TestStress drives every path for many tenants at once, while requests are cancelled
// and hooks panic. Each row says whose it is and each read checks each row; at the end
// what was acknowledged is compared with what is there.
func TestStress(t *testing.T) {
	ignored := append(leaks(), goleak.IgnoreCurrent())
	few := strategies.Database{Open: sqlite.Open, MaxPools: 8}
	for _, run := range []struct {
		name    string
		kind    kind
		tenants int
		share   float64
		prepare bool
	}{
		{"database", kind{"database", func(dir string) tenancy.Strategy { few.Dir = dir; return few }}, 200, 1, false},
		{"database prepared", kind{"database", func(dir string) tenancy.Strategy { few.Dir = dir; return few }}, 20, 0.3, true},
		{"schema", bySchema, 8, 0.4, false},
		{"shared", byShared, 8, 0.4, true},
	} {
		t.Run(run.name, func(t *testing.T) {
			root := t.TempDir()
			s, err := newSite(run.kind, setup{root: root, gorm: gorm.Config{PrepareStmt: run.prepare}, maxConns: 8})
			must(t, err)
			w := newWorld(t, s, run.tenants)
			w.run(64, stressTime(t, run.share))
			w.compare(t)
			w.print(t)
			must(t, tenancy.Close(s.db))
			if held := openFiles(t, s.tenants); len(held) > 0 {
				t.Errorf("open after Close: %s", strings.Join(held, ", "))
			}
			must(t, s.close())
			if held := openFiles(t, root); len(held) > 0 {
				t.Errorf("open at the end: %s", strings.Join(held, ", "))
			}
		})
	}
	goleak.VerifyNone(t, ignored...)
}

// world is a site under stress.
type world struct {
	site    *site
	ledgers []*ledger
	raw     bool // raw SQL is let through

	operations, cancelled, panics, crossings, failed atomic.Int64

	mu       sync.Mutex
	problems []string
	excuses  map[string]int
}

func newWorld(t *testing.T, s *site, tenants int) *world {
	t.Helper()
	w := &world{site: s, raw: s.kind.name != "shared", excuses: map[string]int{}}
	must(t, s.db.WithContext(tenancy.WithSystem(t.Context(), "set up")).AutoMigrate(&tariff{}))
	must(t, s.db.Create(&tariff{ID: 1, Name: "common"}).Error)
	var all []tenancy.Tenant
	for i := range tenants {
		id := fmt.Sprintf("tenant-%d", i) // not a slug: its names are hashed
		if i%2 == 0 {
			id = fmt.Sprintf("t%d", i)
		}
		all = append(all, tenancy.Tenant{ID: id})
		w.ledgers = append(w.ledgers, newLedger(id))
	}
	_, err := s.migrate.Up(t.Context(), migrate.Tenants(all...))
	must(t, err)
	one := uint(1)
	for _, l := range w.ledgers {
		must(t, s.as(l.id).Create(&folio{ID: counter, Owner: l.id, TariffID: &one}).Error)
	}
	return w
}

// run runs requests on some goroutines for a while.
func (w *world) run(goroutines int, d time.Duration) {
	end := time.Now().Add(d)
	var workers sync.WaitGroup
	for i := range goroutines {
		workers.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), uint64(d)))
			for time.Now().Before(end) {
				w.one(rnd)
			}
		})
	}
	workers.Wait()
}

// one runs one request of one tenant.
func (w *world) one(rnd *rand.Rand) {
	l := w.ledgers[rnd.IntN(len(w.ledgers))]
	if rnd.IntN(2) == 0 { // some tenants are busier than others
		l = w.ledgers[rnd.IntN(min(6, len(w.ledgers)))]
	}
	ctx, cancel := whim(rnd)
	defer cancel()
	op := operations[rnd.IntN(len(operations))]
	r := &request{w: w, l: l, rnd: rnd, ctx: ctx}
	r.db = w.site.db.WithContext(tenancy.WithTenant(ctx, tenancy.Tenant{ID: l.id}))
	err := r.do(op.run)
	w.operations.Add(1)
	switch {
	case err == nil:
		l.settle(&r.effect, true)
	case explained(ctx, err):
		w.cancelled.Add(1)
		l.settle(&r.effect, false)
		w.excuse(err)
	default:
		w.failed.Add(1)
		l.settle(&r.effect, false)
		w.problem("%s for %s: %v (the context's error: %v)", op.name, l.id, err, ctx.Err())
	}
}

// whim makes a context that may end at any moment.
func whim(rnd *rand.Rand) (context.Context, context.CancelFunc) {
	soon := time.Duration(rnd.Int64N(int64(20 * time.Millisecond)))
	switch rnd.IntN(10) {
	case 0, 1:
		ctx, cancel := context.WithCancel(context.Background())
		timer := time.AfterFunc(soon, cancel)
		return ctx, func() { timer.Stop(); cancel() }
	case 2:
		return context.WithTimeout(context.Background(), soon)
	default: // never ends: nothing is cleaned up on its account
		return context.Background(), func() {}
	}
}

// over reports whether ctx has ended, or is about to: who connects goes by its deadline, and
// may see that pass before ctx does.
func over(ctx context.Context) bool {
	deadline, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && !time.Now().Before(deadline)
}

// explained reports whether the end of ctx is a good reason for err.
func explained(ctx context.Context, err error) bool {
	if ctx.Err() == nil {
		return false
	}
	return errors.Is(err, ctx.Err()) || errors.Is(err, sql.ErrTxDone) || err.Error() == "interrupted" || err.Error() == "sql: Rows are closed"
}

func (w *world) excuse(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.excuses[err.Error()]++
}

func (w *world) problem(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.problems) < 20 {
		w.problems = append(w.problems, fmt.Sprintf(format, args...))
	}
}

// mine checks that what l's request has read is l's.
func (w *world) mine(l *ledger, what string, owners ...string) {
	for _, owner := range owners {
		if owner != l.id {
			w.crossings.Add(1)
			w.problem("%s: %s read a row of %q", what, l.id, owner)
		}
	}
}

// compare compares every tenant's ledger with what the tenant has.
func (w *world) compare(t *testing.T) {
	t.Helper()
	for _, l := range w.ledgers {
		var rows []folio
		must(t, w.site.as(l.id).Preload("Sheets").Find(&rows).Error)
		for _, row := range rows {
			w.mine(l, "the end", row.Owner, row.TenantID)
			for _, s := range row.Sheets {
				w.mine(l, "the end", s.Owner, s.TenantID)
			}
		}
		for _, wrong := range l.compare(rows) {
			t.Errorf("%s: %s", l.id, wrong)
		}
		must(t, w.site.migrate.Verify(t.Context(), tenancy.Tenant{ID: l.id}))
	}
	for _, problem := range w.problems {
		t.Error(problem)
	}
}

func (w *world) print(t *testing.T) {
	t.Helper()
	alive := 0
	for _, l := range w.ledgers {
		alive += len(l.alive)
	}
	t.Logf("%d tenants: %d operations, %d cancelled, %d panics, %d acknowledged rows, %d failed, %d crossings",
		len(w.ledgers), w.operations.Load(), w.cancelled.Load(), w.panics.Load(), alive, w.failed.Load(), w.crossings.Load())
	for text, n := range w.excuses {
		t.Logf("cancelled %d times with %q", n, text)
	}
	if w.panics.Load() == 0 || w.cancelled.Load() == 0 || alive == 0 {
		t.Error("the run did not do what it is for")
	}
}
