package test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// fragileUses are what a request may do with fragile rows. Each returns what it has read.
var fragileUses = []func(db *gorm.DB, id int64) ([]fragile, error){
	func(db *gorm.DB, _ int64) (rows []fragile, err error) {
		return rows, db.Limit(50).Find(&rows).Error
	},
	func(db *gorm.DB, _ int64) (rows []fragile, err error) {
		return rows, db.Raw("SELECT * FROM fragiles LIMIT 20").Scan(&rows).Error
	},
	func(db *gorm.DB, id int64) ([]fragile, error) {
		return nil, db.Create(&fragile{ID: id, Owner: tenantIn(db)}).Error
	},
	func(db *gorm.DB, id int64) ([]fragile, error) {
		return nil, db.Model(&fragile{}).Where("id = ?", id%300).Update("body", "mixed").Error
	},
	func(db *gorm.DB, id int64) ([]fragile, error) {
		return nil, db.Delete(&fragile{}, "id = ?", id-1).Error
	},
	func(db *gorm.DB, _ int64) ([]fragile, error) {
		return nil, db.Exec("UPDATE fragiles SET owner = owner WHERE id < 5").Error
	},
	func(db *gorm.DB, id int64) ([]fragile, error) {
		return nil, db.Transaction(func(tx *gorm.DB) error {
			fails := tx.Transaction(func(tx *gorm.DB) error { return tx.Exec("SELECT 1/0").Error })
			if tx.Find(&[]fragile{}).Error != nil || id%3 == 0 {
				return errors.Join(fails, errDeliberate)
			}
			return nil
		})
	},
	func(db *gorm.DB, id int64) (read []fragile, err error) {
		rows, err := db.Model(&fragile{}).Rows()
		if err != nil {
			return nil, err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() && int64(len(read)) < id%300 {
			var row fragile
			if err := db.ScanRows(rows, &row); err != nil {
				return nil, err
			}
			read = append(read, row)
		}
		return read, rows.Err()
	},
	func(db *gorm.DB, id int64) ([]fragile, error) {
		return nil, db.Connection(func(db *gorm.DB) error { return db.First(&fragile{}, "id = ?", id%300).Error })
	},
	func(db *gorm.DB, _ int64) ([]fragile, error) {
		var n int
		return nil, tenancy.DBTX(db).QueryRowContext(db.Statement.Context, "SELECT count(*) FROM fragiles").Scan(&n)
	},
}

func tenantIn(db *gorm.DB) string {
	t, _ := tenancy.FromContext(db.Statement.Context)
	return t.ID
}

var fragilePlaces = []string{"before save", "after create", "after update", "before delete", "after find", "late queried", "late raw", "late row"}

// TestPGPoolStaysClean mixes statements of two tenants with cancellations, panics and
// killed backends, and then asks every connection of the pool what it has kept.
func TestPGPoolStaysClean(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	for _, run := range []struct {
		name string
		kind pgKind
		gorm gorm.Config
	}{
		{"schema", pgSchema, gorm.Config{}},
		{"schema prepared", pgSchema, gorm.Config{PrepareStmt: true}},
		{"rls", pgRLS, gorm.Config{}},
		{"rls prepared", pgRLS, gorm.Config{PrepareStmt: true}},
	} {
		t.Run(run.name, func(t *testing.T) {
			s := openFragile(t, server, run.kind, pgSetup{gorm: run.gorm})
			s.provision(t, "acme", "globex")
			m := &mixture{site: s}
			m.run(t, pgDuration(time.Second, 10*time.Second))
			s.clean(t, fragilePath)
			t.Logf("%d operations, %d failed, %d panics, %d kills", m.operations.Load(), m.failed.Load(), m.panics.Load(), m.kills.Load())
			if m.operations.Load() == m.failed.Load() || m.failed.Load() == 0 || m.panics.Load() == 0 || m.kills.Load() == 0 {
				t.Error("the run did not do what it is for")
			}
		})
	}
}

// mixture is a run of everything at once.
type mixture struct {
	site                              *pgSite
	last                              atomic.Int64
	operations, failed, panics, kills atomic.Int64
}

func (m *mixture) run(t *testing.T, d time.Duration) {
	t.Helper()
	end := time.Now().Add(d)
	m.last.Store(1000)
	var workers sync.WaitGroup
	for i := range 8 {
		workers.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 0))
			for time.Now().Before(end) {
				m.one(t, rnd)
			}
		})
	}
	workers.Go(func() {
		for time.Now().Before(end) {
			time.Sleep(pgMoment)
			n, _ := m.site.server.kill(context.Background(), "pid % 3 = 0")
			m.kills.Add(int64(n))
		}
	})
	workers.Wait()
}

func (m *mixture) one(t *testing.T, rnd *rand.Rand) {
	ctx, cancel := whim(rnd)
	defer cancel()
	if rnd.IntN(3) == 0 {
		ctx = context.WithValue(ctx, burstKey{}, fragilePlaces[rnd.IntN(len(fragilePlaces))])
	}
	id := []string{"acme", "globex"}[rnd.IntN(2)]
	use := fragileUses[rnd.IntN(len(fragileUses))]
	m.operations.Add(1)
	value := pgPanics(func() {
		rows, err := use(m.site.in(ctx, id), m.last.Add(2))
		if err != nil {
			m.failed.Add(1)
			return
		}
		for _, row := range rows {
			if row.Owner != id || row.TenantID != id {
				t.Errorf("%s read %+v", id, row)
			}
		}
	})
	switch value {
	case nil:
	case errDeliberate:
		m.panics.Add(1)
	default:
		t.Errorf("panic: %v", value)
	}
}
