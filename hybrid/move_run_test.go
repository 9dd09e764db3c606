package hybrid

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

// TestMoveForgets: a run whose work is done is not told that it has lost the move, however long it
// takes to return, and a run that has failed after undoing all returns its own error.
func TestMoveForgets(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for name, want := range map[string]error{"done": nil, "undone": failed} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := begun(t)
			err := m.hold(t.Context(), func(ctx context.Context) error {
				m.over = true
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(m.moves.lease):
					return want
				}
			})
			if !errors.Is(err, want) {
				t.Errorf("got the error %v, want %v", err, want)
			}
			left, err := m.moves.of(t.Context(), "acme")
			if err != nil || left != nil {
				t.Errorf("the move is still known: %+v, %v", left, err)
			}
		})
	}
}

// TestMoveFlipLost: what Flip returned comes back unchanged, also where the move was lost meanwhile.
func TestMoveFlipLost(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	m := begun(t)
	err := m.hold(t.Context(), func(ctx context.Context) error {
		ok(t, m.moves.remove(ctx, m.row))
		<-ctx.Done()
		m.flipped = failed
		return m.flipped
	})
	if err != failed {
		t.Errorf("got the error %v", err)
	}
}

// begun is a run that has recorded its move.
func begun(t *testing.T) *mover {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "base.db")), &gorm.Config{Logger: logger.Discard})
	ok(t, err)
	t.Cleanup(func() {
		base, err := db.DB()
		ok(t, err)
		ok(t, base.Close())
	})
	ok(t, db.Use(tenancy.Plugin(tenancy.Config{
		Strategy: New(Config{Premium: strategies.Schema{}, Standard: strategies.Shared{}}),
	})))
	m, err := newMover(db, tenancy.Tenant{ID: "acme"}, moveConfig{lease: 2 * time.Second})
	ok(t, err)
	m.row, err = m.moves.start(t.Context(), "acme", TierStandard, TierPremium)
	ok(t, err)
	return m
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
