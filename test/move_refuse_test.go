package test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
)

// whole fails unless acme is in its tier as it was, and may write.
func (s *moving) whole(t testing.TB, n int) {
	t.Helper()
	s.holds(t, "acme", n)
	s.holds(t, "globex", 2)
	must(t, s.as("acme").Create(&folio{ID: 60, Owner: "acme"}).Error)
	must(t, s.as("acme").Delete(&folio{}, "id = ?", 60).Error)
	must(t, s.migrate.Verify(t.Context(), acme))
	same(t, "triggers", s.triggers(t), nil)
}

// TestMoveTakenKeys: a tenant does not come into common tables with a key that is another's,
// and is told which. Where tables are its own, keys are.
func TestMoveTakenKeys(t *testing.T) {
	t.Parallel()
	eachMovingAtOnce(t, func(t *testing.T, s *moving) {
		s.provision(t, "acme", "globex")
		s.fill(t, "acme", 3)
		s.move(t, hybrid.TierPremium)
		s.fill(t, "globex", 2)
		// globex now goes on where acme's keys would have been.
		must(t, s.as("acme").Create(&[]mark{{ID: 501, Owner: "acme"}, {ID: 502, Owner: "acme"}}).Error)
		must(t, s.as("globex").Create(&mark{ID: 502, Owner: "globex"}).Error)
		if s.apart {
			s.move(t, hybrid.TierStandard)
			s.whole(t, 3)
			return
		}
		_, err := hybrid.Move(t.Context(), s.db, acme, hybrid.TierStandard, hybrid.Flip(s.flip))
		wantKind(t, err, tenancy.ErrTenantMismatch)
		if err != nil && (!strings.Contains(err.Error(), "marks") || !strings.Contains(err.Error(), "id=502") || strings.Contains(err.Error(), "id=501")) {
			t.Errorf("the error does not name the key: %v", err)
		}
		s.whole(t, 3)
		must(t, s.as("globex").Delete(&mark{}, 502).Error)
		s.move(t, hybrid.TierStandard)
		s.whole(t, 3)
	})
}

// TestMoveLosesNothing: what the target has no place for, or is no tenant's own, stops a move before
// it begins.
func TestMoveLosesNothing(t *testing.T) {
	t.Parallel()
	takesLong(t)
	own := func(s *moving, table string) string { return s.physical(table) }
	for name, spoil := range map[string]struct {
		spoil, mend func(s *moving) string
		kind        error
		says        string
	}{
		"a column": {
			func(s *moving) string { return "ALTER TABLE " + own(s, "notes") + " ADD COLUMN color text" },
			func(s *moving) string { return "ALTER TABLE " + own(s, "notes") + " DROP COLUMN color" },
			tenancy.ErrDrifted, "color",
		},
		"a table": {
			func(s *moving) string { return "CREATE TABLE " + own(s, "colors") + " (id integer)" },
			func(s *moving) string { return "DROP TABLE " + own(s, "colors") },
			tenancy.ErrDrifted, "colors",
		},
		"a row of another": {
			func(s *moving) string {
				return "INSERT INTO " + own(s, "replies") + " (id, note_id, tenant_id) SELECT 900, min(id), 'globex' FROM " + own(s, "notes")
			},
			func(s *moving) string { return "DELETE FROM " + own(s, "replies") + " WHERE id = 900" },
			tenancy.ErrTenantMismatch, "replies",
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachMovingAtOnce(t, func(t *testing.T, s *moving) {
				s.provision(t, "acme", "globex")
				s.fill(t, "globex", 2)
				s.fill(t, "acme", 3)
				s.move(t, hybrid.TierPremium)
				s.directly(t, spoil.spoil(s))
				_, err := hybrid.Move(t.Context(), s.db, acme, hybrid.TierStandard, hybrid.Flip(s.flip))
				wantKind(t, err, spoil.kind)
				if err != nil && !strings.Contains(err.Error(), spoil.says) {
					t.Errorf("the error does not say what: %v", err)
				}
				must(t, s.as("acme").Create(&folio{ID: 60, Owner: "acme"}).Error)
				must(t, s.as("acme").Delete(&folio{}, "id = ?", 60).Error)
				s.directly(t, spoil.mend(s))
				s.whole(t, 3)
				s.move(t, hybrid.TierStandard)
				s.whole(t, 3)
			})
		})
	}
}

// physical is a table of acme's own as its SQL has to name it.
func (s *moving) physical(table string) string {
	in, err := tenancy.Installed(s.db)
	if err != nil {
		return err.Error()
	}
	b, err := in.Bind(acme)
	if err != nil {
		return err.Error()
	}
	return b.Names.Table(table)
}

// directly runs a statement on acme's database, past the plugin.
func (s *moving) directly(t testing.TB, statement string) {
	t.Helper()
	in, err := tenancy.Installed(s.db)
	must(t, err)
	b, err := in.Bind(acme)
	must(t, err)
	pool, release, err := in.Acquire(t.Context(), b)
	must(t, err)
	defer release()
	_, err = pool.ExecContext(t.Context(), statement)
	must(t, err)
}

// TestMoveOccupied: a tenant that has rows in the other tier already is not moved over them.
func TestMoveOccupied(t *testing.T) {
	t.Parallel()
	eachMovingAtOnce(t, func(t *testing.T, s *moving) {
		s.provision(t, "acme", "globex")
		s.fill(t, "globex", 2)
		s.fill(t, "acme", 3)
		premium := tenancy.Tenant{ID: "acme", Tier: hybrid.TierPremium}
		must(t, s.migrate.Provision(t.Context(), premium))
		there := s.db.WithContext(tenancy.WithTenant(t.Context(), premium))
		must(t, there.Create(&folio{ID: 9, Owner: "acme"}).Error)
		_, err := hybrid.Move(t.Context(), s.db, acme, hybrid.TierPremium, hybrid.Flip(s.flip))
		wantKind(t, err, tenancy.ErrDrifted)
		_, err = hybrid.Move(t.Context(), s.db, premium, hybrid.TierStandard, hybrid.Flip(s.flip))
		wantKind(t, err, tenancy.ErrDrifted)
		s.holds(t, "acme", 3)
		must(t, there.Delete(&folio{}, "id = ?", 9).Error)
		s.move(t, hybrid.TierPremium)
		s.whole(t, 3)
	})
}

var errFlip = errors.New("the directory is down")

// TestMoveFlip: what Flip returns comes back as it is, and it is called again.
func TestMoveFlip(t *testing.T) {
	t.Parallel()
	eachMovingAtOnce(t, func(t *testing.T, s *moving) {
		s.provision(t, "acme", "globex")
		s.fill(t, "globex", 2)
		s.fill(t, "acme", 3)
		_, err := hybrid.Move(t.Context(), s.db, acme, hybrid.TierPremium, nil)
		wantKind(t, err, tenancy.ErrConfig)
		_, err = hybrid.Move(t.Context(), s.db, acme, "gold", hybrid.Flip(s.flip))
		wantKind(t, err, tenancy.ErrInvalidTenant)
		fails := func(context.Context, tenancy.Tenant) error { return errFlip }
		if _, err := hybrid.Move(t.Context(), s.db, acme, hybrid.TierPremium, hybrid.Flip(fails)); err != errFlip {
			t.Errorf("got %v", err)
		}
		own := &tenancy.Error{Kind: tenancy.ErrUnavailable} // of which much could be completed
		fails = func(context.Context, tenancy.Tenant) error { return own }
		if _, err := hybrid.Move(t.Context(), s.db, acme, hybrid.TierPremium, hybrid.Flip(fails)); err != own || own.Op != "" {
			t.Errorf("got %v", err)
		}
		wantKind(t, s.as("acme").Create(&folio{ID: 60, Owner: "acme"}).Error, tenancy.ErrMoving)
		wantKind(t, hybrid.Abandon(t.Context(), s.db, acme), tenancy.ErrMoving)
		wantKind(t, hybrid.Finish(t.Context(), s.db, acme), tenancy.ErrMoving)
		_, err = hybrid.Move(t.Context(), s.db, acme, hybrid.TierStandard, hybrid.Flip(s.flip))
		wantKind(t, err, tenancy.ErrMoving)
		if report := s.move(t, hybrid.TierPremium); report.Resumed != "flipping" {
			t.Errorf("resumed at %q", report.Resumed)
		}
		s.whole(t, 3)
	})
}

// TestMoveAbandon gives up in the middle of the copy.
func TestMoveAbandon(t *testing.T) {
	t.Parallel()
	eachMovingAtOnce(t, func(t *testing.T, s *moving) {
		s.provision(t, "acme", "globex")
		s.fill(t, "globex", 2)
		s.fill(t, "acme", 3)
		must(t, hybrid.Abandon(t.Context(), s.db, acme)) // nothing to abandon
		must(t, hybrid.Finish(t.Context(), s.db, acme))
		for _, to := range []string{hybrid.TierPremium, hybrid.TierStandard} {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := hybrid.Move(ctx, s.db, acme, to, hybrid.Flip(s.flip), hybrid.Progress(func(p hybrid.MoveProgress) {
				if p.Step == "copying" && p.Table == "notes" {
					_, err := hybrid.Move(t.Context(), s.db, acme, to, hybrid.Flip(s.flip))
					wantKind(t, err, tenancy.ErrMoving) // one at a time
					wantKind(t, hybrid.Abandon(t.Context(), s.db, acme), tenancy.ErrMoving)
					cancel()
				}
			}))
			wantKind(t, err, context.Canceled)
			wantKind(t, s.as("acme").Create(&folio{ID: 60, Owner: "acme"}).Error, tenancy.ErrMoving)
			wantKind(t, s.migrate.Verify(t.Context(), acme), tenancy.ErrMoving)
			wantKind(t, s.migrate.Destroy(t.Context(), acme), tenancy.ErrMoving)
			must(t, hybrid.Abandon(t.Context(), s.db, acme))
			s.whole(t, 3)
			s.move(t, to)
			s.whole(t, 3)
		}
	})
}

// TestMoveKeepSource keeps the source frozen until Finish, and takes along what was written since
// on the way back.
func TestMoveKeepSource(t *testing.T) {
	t.Parallel()
	eachMovingAtOnce(t, func(t *testing.T, s *moving) {
		s.provision(t, "acme", "globex")
		s.fill(t, "globex", 2)
		s.fill(t, "acme", 3)
		for n, to := range []string{hybrid.TierPremium, hybrid.TierStandard, hybrid.TierPremium} {
			from := map[string]string{hybrid.TierPremium: hybrid.TierStandard, hybrid.TierStandard: hybrid.TierPremium}[to]
			late := s.db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "acme", Tier: from}))
			if report := s.move(t, to, hybrid.KeepSource()); !report.Kept || !report.Moved {
				t.Errorf("the report is %+v", report)
			}
			wantKind(t, late.Create(&folio{ID: 60, Owner: "acme"}).Error, tenancy.ErrMoving)
			var kept int64
			must(t, late.Model(&folio{}).Count(&kept).Error)
			if kept != int64(3+n) {
				t.Errorf("%d folios are kept, want %d", kept, 3+n)
			}
			wantKind(t, s.migrate.Destroy(t.Context(), acme), tenancy.ErrMoving) // half of it would stay
			must(t, s.migrate.Verify(t.Context(), acme))                         // what is kept is meant to be there
			must(t, s.as("acme").Create(&folio{ID: int64(100 + n), Owner: "acme", Sheets: []sheet{{ID: int64(100 + n), Owner: "acme"}}}).Error)
			s.holds(t, "acme", 4+n)
		}
		if report := s.move(t, hybrid.TierPremium); !report.Kept { // and without KeepSource it stays
			t.Errorf("the report is %+v", report)
		}
		must(t, hybrid.Finish(t.Context(), s.db, acme))
		s.whole(t, 6)
	})
}

// TestMoveWaitsBriefly: a transaction that has written holds the freeze up, and is waited for; others
// wait for neither.
func TestMoveWaitsBriefly(t *testing.T) {
	s := openPGMoving(t, nil, rlsTier.strategy(t))
	s.provision(t, "acme", "globex")
	s.fill(t, "globex", 2)
	s.fill(t, "acme", 3)
	open := s.as("globex").Begin()
	must(t, open.Create(&folio{ID: 50, Owner: "globex"}).Error)
	moved := make(chan error)
	go func() {
		_, err := hybrid.Move(context.Background(), s.db, acme, hybrid.TierPremium, hybrid.Flip(s.flip))
		moved <- err
	}()
	var slowest time.Duration
	for range 50 {
		begin := time.Now()
		must(t, s.as("globex").Model(&folio{}).Where("id = ?", 1).Update("body", "b").Error)
		slowest = max(slowest, time.Since(begin))
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("the slowest write beside a waiting move took %v", slowest)
	if slowest > 10*hybrid.LockTimeout {
		t.Errorf("a write took %v beside a move that waits", slowest)
	}
	select {
	case err := <-moved:
		t.Errorf("the move did not wait for the open transaction: %v", err)
	default:
	}
	must(t, open.Rollback().Error)
	must(t, <-moved)
	s.whole(t, 3)
}
