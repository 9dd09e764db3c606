package test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
)

// other is the tier that a tier is not.
func other(tier string) string {
	return map[string]string{hybrid.TierPremium: hybrid.TierStandard, hybrid.TierStandard: hybrid.TierPremium}[tier]
}

// eachServerMoving leaves SQLite out, where a transaction that writes has the database alone.
func eachServerMoving(t *testing.T, fn func(t *testing.T, s *moving)) {
	t.Helper()
	for _, k := range movingKinds {
		if !strings.HasPrefix(k.name, "sqlite") {
			t.Run(k.name, func(t *testing.T) {
				sometimes(t, k.name)
				fn(t, k.open(t))
			})
		}
	}
}

// TestMoveTransactions: what a transaction has written before the freeze is waited for, and comes
// along. One that began before the freeze writes nothing after it, however old its snapshot.
// Others write meanwhile.
func TestMoveTransactions(t *testing.T) {
	takesLong(t)
	eachServerMoving(t, func(t *testing.T, s *moving) {
		s.provision(t, "acme", "globex")
		s.fill(t, "globex", 2)
		s.fill(t, "acme", 3)
		for i, to := range []string{hybrid.TierPremium, hybrid.TierStandard, hybrid.TierPremium} {
			var reader *gorm.DB
			// In a database of its own on MySQL whoever has only read is waited for as well.
			if s.db.Name() != "mysql" || to == hybrid.TierPremium {
				reader = s.as("acme").Begin()
				must(t, reader.Find(&[]folio{}).Error)
			}
			writer := s.as("acme").Begin()
			if i == 0 { // where a trigger of MySQL reads without a lock unless it is told to
				must(t, writer.Rollback().Error)
				writer = s.as("acme").Begin(&sql.TxOptions{Isolation: sql.LevelReadCommitted})
				must(t, writer.Model(&folio{}).Where("id = ?", 2).Update("body", "in time").Error)
			} else {
				id := int64(10 + i)
				must(t, writer.Create(&folio{ID: id, Owner: "acme", Sheets: []sheet{{ID: id, Owner: "acme"}}}).Error)
			}
			var committing atomic.Bool
			waited := hybrid.Progress(func(p hybrid.MoveProgress) {
				if p.Step == "copying" && !committing.Load() {
					t.Errorf("copying %s beside an open transaction that has written", p.Table)
				}
			})
			moved := make(chan error)
			go func() {
				_, err := hybrid.Move(context.Background(), s.db, acme, to, hybrid.Flip(func(ctx context.Context, tenant tenancy.Tenant) error {
					if reader != nil {
						wantKind(t, reader.Create(&folio{ID: 99, Owner: "acme"}).Error, tenancy.ErrMoving)
						must(t, reader.Rollback().Error)
					}
					return s.flip(ctx, tenant)
				}), waited)
				moved <- err
			}()
			for range 30 {
				begin := time.Now()
				must(t, s.as("globex").Model(&folio{}).Where("id = ?", 1).Update("hits", gorm.Expr("hits + 1")).Error)
				must(t, s.as("globex").Create(&note{Owner: "globex", Text: "meanwhile"}).Error)
				if took := time.Since(begin); took > 10*hybrid.LockTimeout {
					t.Errorf("another tenant's writes took %v beside a move that waits", took)
				}
				time.Sleep(20 * time.Millisecond)
			}
			select {
			case err := <-moved:
				t.Fatalf("the move did not wait for the open transaction: %v", err)
			default:
			}
			committing.Store(true)
			must(t, writer.Commit().Error)
			must(t, <-moved)
			s.holds(t, "acme", 3+i)
			var second folio
			must(t, s.as("acme").First(&second, "id = ?", 2).Error)
			if second.Body != "in time" {
				t.Errorf("a write that was acknowledged is lost: %+v", second)
			}
		}
		must(t, s.as("globex").Unscoped().Where("text = ?", "meanwhile").Delete(&note{}).Error)
		s.whole(t, 5)
	})
}

// TestMoveReservesKeys: what others are given for keys while rows are copied is beyond those that come.
func TestMoveReservesKeys(t *testing.T) {
	t.Parallel()
	eachServerMoving(t, func(t *testing.T, s *moving) {
		s.provision(t, "acme", "globex")
		s.fill(t, "acme", 3)
		s.move(t, hybrid.TierPremium)
		must(t, s.as("acme").Create(&note{ID: 700, Owner: "acme"}).Error)
		must(t, s.as("acme").Unscoped().Delete(&note{}, 700).Error)
		must(t, s.as("acme").Create(&[]mark{{ID: 800, Owner: "acme"}, {ID: 900, Owner: "acme"}}).Error)
		made := &mark{Owner: "globex"}
		s.move(t, hybrid.TierStandard, hybrid.BatchSize(1), hybrid.Progress(func(p hybrid.MoveProgress) {
			if made.ID == 0 && (p.Step == "checking" && p.Table == "marks" && p.Done == p.Total-1 || p.Step == "copying") {
				must(t, s.as("globex").Create(made).Error)
			}
		}))
		if s.apart == (made.ID > 900) {
			t.Errorf("globex was given the key %d", made.ID)
		}
		var marks int64
		must(t, s.as("acme").Model(&mark{}).Where("id >= 800").Count(&marks).Error)
		if marks != 2 {
			t.Errorf("%d marks came along, want 2", marks)
		}
	})
}

// TestMoveCompares: a copy that is not what the source has is found, and given up.
func TestMoveCompares(t *testing.T) {
	t.Parallel()
	for _, k := range movingKinds {
		t.Run(k.name, func(t *testing.T) {
			sometimes(t, k.name)
			s := k.open(t, &handle{})
			s.provision(t, "acme", "globex")
			for id := range int64(3) {
				must(t, s.as("acme").Create(&handle{ID: id, Name: string(rune('a' + id))}).Error)
			}
			for _, to := range []string{hybrid.TierPremium, hybrid.TierStandard} {
				there := s.db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "acme", Tier: to}))
				for what, spoil := range map[string]func() error{
					"a value":      func() error { return there.Model(&handle{ID: 1}).Update("name", "spoilt").Error },
					"a row less":   func() error { return there.Delete(&handle{}, "id = ?", 2).Error },
					"a row more":   func() error { return there.Create(&handle{ID: 7, Name: "more"}).Error },
					"another case": func() error { return there.Model(&handle{ID: 1}).Update("name", "B").Error },
				} {
					spoilt := false
					_, err := hybrid.Move(t.Context(), s.db, acme, to, hybrid.Flip(s.flip), hybrid.Progress(func(p hybrid.MoveProgress) {
						if p.Step == "comparing" && !spoilt {
							spoilt = true
							must(t, spoil())
						}
					}))
					if !errors.Is(err, tenancy.ErrDrifted) || !strings.Contains(err.Error(), "handles") {
						t.Errorf("%s, to %s: got the error %v", what, to, err)
					}
					must(t, s.as("acme").Model(&handle{}).Where("id = ?", 0).Update("name", "a").Error) // as before, it may write
				}
				s.move(t, to)
			}
		})
	}
}

// handle has a value that no two rows of a table may have.
type handle struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	Name     string `gorm:"size:64;uniqueIndex"`
}

// TestMoveTakenValues: a value that may be there once is found to be another's before any row is copied.
func TestMoveTakenValues(t *testing.T) {
	t.Parallel()
	for _, k := range movingKinds {
		t.Run(k.name, func(t *testing.T) {
			sometimes(t, k.name)
			s := k.open(t, &handle{}, &specimen{})
			s.provision(t, "acme", "globex")
			s.move(t, hybrid.TierPremium)
			for id := range int64(5) {
				must(t, s.as("acme").Create(&handle{ID: id, Name: string(rune('a' + id))}).Error)
				must(t, s.as("acme").Create(&specimen{ID: id}).Error)
			}
			must(t, s.as("globex").Create(&handle{ID: 1, Name: "d"}).Error)
			copied := false
			_, err := hybrid.Move(t.Context(), s.db, acme, hybrid.TierStandard, hybrid.Flip(s.flip), hybrid.BatchSize(2), hybrid.Progress(func(p hybrid.MoveProgress) {
				copied = copied || p.Step == "copying"
			}))
			if s.apart {
				must(t, err)
				return
			}
			wantKind(t, err, tenancy.ErrTenantMismatch)
			if err != nil && (!strings.Contains(err.Error(), "handles") || !strings.Contains(err.Error(), "id=3;") && !strings.Contains(err.Error(), "id=3 ")) {
				t.Errorf("the error does not say which: %v", err)
			}
			if copied {
				t.Error("rows were copied before that")
			}
			must(t, s.as("acme").Create(&handle{ID: 9, Name: "z"}).Error)
			must(t, s.as("globex").Delete(&handle{}, "id = ?", 1).Error)
			s.move(t, hybrid.TierStandard)
			var names []string
			must(t, s.as("acme").Model(&handle{}).Order("id").Pluck("name", &names).Error)
			if got := strings.Join(names, ""); got != "abcdez" {
				t.Errorf("the names are %q", got)
			}
		})
	}
}
