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
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

const (
	huntTenants    = 20
	huntGoroutines = 24
)

// TestPGHunt looks for a leak: many requests of many tenants on four connections, by every
// path, while contexts end, hooks panic and backends are killed. Each read is checked,
// and at the end what was acknowledged is compared with what is there.
func TestPGHunt(t *testing.T) {
	d := pgDuration(10*time.Second, time.Minute) / 4
	type trial struct {
		kind pgKind
		gorm gorm.Config
		mode string
	}
	trials := []trial{
		{pgSchema, gorm.Config{}, "cache_statement"},
		{pgRLS, gorm.Config{PrepareStmt: true}, "cache_statement"},
	}
	if thorough() {
		trials = append(trials, trial{pgSchema, gorm.Config{}, noPipeline}, trial{pgRLS, gorm.Config{}, noPipeline})
	} else {
		t.Log("TENANCY_TEST_MODES=all hunts without the pipeline as well")
	}
	for _, mode := range otherModes(t) {
		if mode != noPipeline {
			trials = append(trials, trial{pgSchema, gorm.Config{}, mode}, trial{pgRLS, gorm.Config{}, mode})
		}
	}
	for _, run := range trials {
		t.Run(fmt.Sprintf("%s/%s prepared=%v", run.mode, run.kind.name, run.gorm.PrepareStmt), func(t *testing.T) {
			setup := pgSetup{gorm: run.gorm, slow: run.mode == noPipeline}
			if !setup.slow {
				setup.settings = map[string]string{"default_query_exec_mode": run.mode}
			}
			server := newPG(t)
			s := openPG(t, server, run.kind, setup)
			h := &hunt{world: newWorld(t, s.site, huntTenants), site: s}
			h.run(d)
			s.clean(t, `"$user", public`)
			h.compare(t)
			lost := h.lost(t)
			t.Logf("%d operations, %d cancelled, %d killed backends, %d panics, %d crossings, %d lost writes",
				h.operations.Load(), h.cancelled.Load(), h.kills.Load(), h.panics.Load(), h.crossings.Load(), lost)
			for text, n := range h.excuses {
				t.Logf("%d × %s", n, text)
			}
			if h.crossings.Load() > 0 || lost > 0 {
				t.Fail()
			}
			if h.cancelled.Load() == 0 || h.kills.Load() == 0 || h.panics.Load() == 0 {
				t.Error("the run did not do what it is for")
			}
		})
	}
}

// hunt is a world whose connections are killed as well.
type hunt struct {
	*world
	site  *pgSite
	kills atomic.Int64
}

func (h *hunt) run(d time.Duration) {
	end := time.Now().Add(d)
	var workers sync.WaitGroup
	for i := range huntGoroutines {
		workers.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), uint64(d)))
			for time.Now().Before(end) {
				h.one(rnd)
			}
		})
	}
	workers.Go(func() {
		for time.Now().Before(end) {
			time.Sleep(4 * pgMoment)
			n, _ := h.site.server.kill(context.Background(), "pid % 4 = 0")
			h.kills.Add(int64(n))
		}
	})
	workers.Wait()
}

// one runs one request. One whose context ended, or whose connection was lost, may have
// been done.
func (h *hunt) one(rnd *rand.Rand) {
	l := h.ledgers[rnd.IntN(len(h.ledgers))]
	ctx, cancel := whim(rnd)
	defer cancel()
	name, op := huntUse(rnd)
	r := &request{w: h.world, l: l, rnd: rnd, ctx: ctx}
	r.db = h.site.in(ctx, l.id)
	err := r.do(op)
	h.operations.Add(1)
	l.settle(&r.effect, err == nil)
	switch {
	case err == nil:
	case over(ctx):
		h.cancelled.Add(1)
	case pgLost(err):
		h.excuse(err)
	default:
		h.failed.Add(1)
		h.problem("%s for %s: %v", name, l.id, err)
	}
}

// huntUse chooses what a request does. Two of the operations for SQLite rely on its
// having one writer at a time; here they lock what they read.
func huntUse(rnd *rand.Rand) (string, func(*request) error) {
	n := rnd.IntN(len(operations) + len(huntOperations))
	if n >= len(operations) {
		own := huntOperations[n-len(operations)]
		return own.name, own.run
	}
	switch op := operations[n]; op.name {
	case "read, then write", "begin and commit":
		return huntOperations[0].name, huntOperations[0].run
	default:
		return op.name, op.run
	}
}

var huntOperations = []struct {
	name string
	run  func(*request) error
}{
	{"lock, then write", func(r *request) error {
		r.hits = 1
		row := r.fresh("")
		r.made[row.ID] = row.Body
		return r.db.Transaction(func(tx *gorm.DB) error {
			return r.readWrite(tx.Clauses(clause.Locking{Strength: "UPDATE"}).Session(&gorm.Session{}), row)
		})
	}},
	{"begin and commit by database/sql", func(r *request) error {
		r.hits = 1
		ctx := r.db.Statement.Context
		tx, err := tenancy.BeginTx(ctx, r.db, nil)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE folios SET hits = hits + 1 WHERE id = $1", counter)
		if err == nil {
			err = tenancy.WithTx(ctx, r.db, tx).First(&folio{}, "id = ?", counter).Error
		}
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return tx.Commit()
	}},
	{"raw rows", func(r *request) error {
		rows, err := tenancy.DBTX(r.db).QueryContext(r.db.Statement.Context, "SELECT owner, tenant_id FROM folios ORDER BY id")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() && r.rnd.IntN(20) > 0 {
			var owner, tenant string
			if err := rows.Scan(&owner, &tenant); err != nil {
				return err
			}
			r.mine("raw rows", nil, owner, tenant)
		}
		return rows.Err()
	}},
	{"raw write", func(r *request) error {
		row := r.fresh("")
		r.made[row.ID] = row.Body
		return r.db.Exec("INSERT INTO folios (tenant_id, id, owner, body, hits) VALUES (?, ?, ?, ?, 0)", r.l.id, row.ID, row.Owner, row.Body).Error
	}},
	{"update returning", func(r *request) error {
		var rows []folio
		err := r.db.Raw("UPDATE folios SET owner = owner WHERE id < 5 RETURNING *").Scan(&rows).Error
		r.check("update returning", err, rows...)
		return err
	}},
}

// lost counts acknowledged rows that are not there, through the superuser's eyes.
func (h *hunt) lost(t *testing.T) int {
	t.Helper()
	lost := 0
	for _, l := range h.ledgers {
		table, condition := "folios", " WHERE tenant_id = $1"
		if h.site.kind.name == "schema" {
			b, err := tenancy.Table(h.site.as(l.id), "folios")
			must(t, err)
			table = b
		}
		there := map[string]bool{}
		for _, id := range h.site.server.ask(t, "SELECT id::text FROM "+table+condition, l.id) {
			there[id] = true
		}
		for id := range l.alive {
			if !there[fmt.Sprint(id)] {
				lost++
			}
		}
	}
	return lost
}
