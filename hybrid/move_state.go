package hybrid

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// The steps of a move, in their order.
const (
	stepFreezing = "freezing" // the source takes no writes any more
	stepCopying  = "copying"  // and its rows are copied and compared
	stepFlipping = "flipping" // writes may go to the target from here on
	stepCleaning = "cleaning" // the source is removed
	stepKept     = "kept"     // or kept, until Finish
)

// movement is what the base database knows of a move: one row while there is one.
type movement struct {
	TenantID  string `gorm:"primaryKey;size:255"`
	FromTier  string `gorm:"size:255;not null"`
	ToTier    string `gorm:"size:255;not null"`
	Step      string `gorm:"size:16;not null"`
	Owner     string `gorm:"size:32;not null"` // the run at work; empty: none
	Beat      int64  `gorm:"not null"`         // when the owner last said so, in Unix milliseconds
	StartedAt time.Time
	UpdatedAt time.Time
}

// TableName is reserved by the module: no tenant's name begins so.
func (movement) TableName() string { return "tenancy_moves" }

// errLost is the end of a run whose move another has taken over.
var errLost = errors.New("another run has taken the move over, as this one did not get to the database for too long")

// moves is the table of all moves.
type moves struct {
	in     *tenancy.Installation
	shared tenancy.Binding
	lease  time.Duration
}

// within runs fn in a transaction of the base database, on a handle that finds the table,
// and alone.
func (m *moves) within(ctx context.Context, fn func(db *gorm.DB) error) error {
	base, err := m.in.Base()
	if err != nil {
		return err
	}
	const key = "moves"
	transaction := func(fn func(tx gorm.ConnPool) error) error { return ddl.Write(ctx, base, m.in.Dialect(), fn) }
	if m.in.Dialect() == "mysql" {
		transaction = func(fn func(tx gorm.ConnPool) error) error { return ddl.Exclusive(ctx, base, "mysql", key, fn) }
	}
	return transaction(func(tx gorm.ConnPool) error {
		if err := tenancy.Settle(ctx, tx, m.shared); err != nil {
			return err
		}
		if m.in.Dialect() == "postgres" {
			if err := ddl.Lock(ctx, tx, key); err != nil {
				return err
			}
		}
		db, err := m.in.Plain(ctx, tx)
		if err != nil {
			return err
		}
		return fn(db)
	})
}

// exactly makes the tables that db creates tell IDs from each other that differ in case alone.
func exactly(db *gorm.DB) *gorm.DB {
	if db.Name() != "mysql" {
		return db
	}
	return db.Set("gorm:table_options", " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
}

// find returns the move of a tenant, or nil.
func (m *moves) find(db *gorm.DB, id string) (*movement, error) {
	if !db.Migrator().HasTable(&movement{}) {
		return nil, answers(db)
	}
	var found []movement
	if err := db.Where("tenant_id = ?", id).Find(&found).Error; err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// answers makes sure that a question was answered, where GORM takes its failure for a no: a
// transaction in which it failed, or a connection that is lost, answers nothing any more.
func answers(db *gorm.DB) error { return db.Exec("SELECT 1").Error }

// of returns the move of a tenant, or nil.
func (m *moves) of(ctx context.Context, id string) (row *movement, err error) {
	err = m.within(ctx, func(db *gorm.DB) error {
		row, err = m.find(db, id)
		return err
	})
	return row, err
}

// start records a move that a run is to begin.
func (m *moves) start(ctx context.Context, id, from, to string) (*movement, error) {
	row := &movement{TenantID: id, FromTier: from, ToTier: to, Step: stepFreezing, Owner: rand.Text(), Beat: time.Now().UnixMilli(), StartedAt: time.Now()}
	err := m.within(ctx, func(db *gorm.DB) error {
		if !db.Migrator().HasTable(row) {
			if err := exactly(db).Migrator().CreateTable(row); err != nil {
				return err
			}
		}
		known, err := m.find(db, id)
		if err != nil {
			return err
		}
		if known != nil {
			return m.taken()
		}
		return db.Create(row).Error
	})
	return row, err
}

// take finds the move of a tenant and makes it this run's. nil: there is none.
func (m *moves) take(ctx context.Context, id string) (row *movement, err error) {
	err = m.within(ctx, func(db *gorm.DB) error {
		if row, err = m.find(db, id); err != nil || row == nil {
			return err
		}
		if row.Owner != "" && time.Since(time.UnixMilli(row.Beat)) < m.lease {
			return m.taken()
		}
		row.Owner, row.Beat = rand.Text(), time.Now().UnixMilli()
		return db.Save(row).Error
	})
	return row, err
}

func (m *moves) taken() error {
	return &tenancy.Error{Kind: tenancy.ErrMoving, Detail: fmt.Sprintf("a move of the tenant is at work, or was killed less than %v ago; try again when it has ended", m.lease)}
}

// change changes a move as long as it is this run's.
func (m *moves) change(ctx context.Context, row *movement, changes map[string]any) error {
	return m.within(ctx, func(db *gorm.DB) error {
		now := time.Now().UnixMilli()
		changes["beat"] = gorm.Expr("CASE WHEN beat < ? THEN ? ELSE beat + 1 END", now, now) // MySQL counts rows that change
		changed := db.Model(&movement{}).Where("tenant_id = ? AND owner = ?", row.TenantID, row.Owner).Updates(changes)
		return one(changed)
	})
}

// remove forgets a move.
func (m *moves) remove(ctx context.Context, row *movement) error {
	return m.within(ctx, func(db *gorm.DB) error {
		return one(db.Where("tenant_id = ? AND owner = ?", row.TenantID, row.Owner).Delete(&movement{}))
	})
}

func one(changed *gorm.DB) error {
	if changed.Error == nil && changed.RowsAffected != 1 {
		return errLost
	}
	return changed.Error
}

// release lets the next run have the move at once, whatever became of this one.
func (m *moves) release(ctx context.Context, row *movement) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.lease/2)
	defer cancel()
	_ = m.change(ctx, row, map[string]any{"owner": ""}) // where this fails, the lease ends
}

// hold keeps a move this run's while fn works, and ends fn's context when that fails.
func (m *moves) hold(ctx context.Context, row *movement, fn func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.beat(ctx, row, cancel)
	}()
	err := fn(ctx)
	cancel(nil)
	<-ended
	if errors.Is(context.Cause(ctx), errLost) {
		return errLost
	}
	return err
}

func (m *moves) beat(ctx context.Context, row *movement, cancel context.CancelCauseFunc) {
	const beats = 5
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(m.lease / beats):
		}
		at := time.Now()
		soon, stop := context.WithTimeout(ctx, m.lease/beats)
		err := m.change(soon, row, map[string]any{})
		stop()
		switch {
		case err == nil:
			last = at
		case ctx.Err() != nil:
			return
		case errors.Is(err, errLost), time.Since(last) > m.lease-2*m.lease/beats:
			cancel(errLost)
			return
		}
	}
}
