package test

import (
	"encoding/json"
	"os"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
)

// TestMoveKilled ends the process at each statement of a move, and moves again: the tenant
// reads all its rows in between, and at the end they are there once, in one tier. With the
// acknowledgement of a commit lost, too.
func TestMoveKilled(t *testing.T) {
	takesLong(t)
	eachMoving(t, func(t *testing.T, s *moving) {
		s.provision(t, "acme", "globex")
		s.fill(t, "globex", 2)
		s.fill(t, "acme", 3)
		s.killedAtEach(t, map[string]int{"sqlite": 7, "postgres": 293, "mysql": 311}[s.db.Name()])
	})
}

// TestMoveKilledEverywhere is TestMoveKilled for each and every statement, in a table that has all
// that tables are moved with: a key that counts, which others may have, and references to itself.
func TestMoveKilledEverywhere(t *testing.T) {
	if os.Getenv("TENANCY_TEST_LONG") == "" {
		t.Skip("TENANCY_TEST_LONG=1 kills moves at every statement")
	}
	for _, k := range movingKinds {
		t.Run(k.name, func(t *testing.T) {
			s := k.open(t, &mark{})
			s.provision(t, "acme", "globex")
			for _, id := range []string{"globex", "acme"} {
				parent := &mark{Owner: id}
				must(t, s.as(id).Create(parent).Error)
				child := &mark{Owner: id, ParentID: &parent.ID}
				must(t, s.as(id).Create(child).Error)
				must(t, s.as(id).Create(&mark{Owner: id, ParentID: &child.ID}).Error)
			}
			s.killedAtEach(t, 1)
		})
	}
}

// killedAtEach kills moves there and back at each statement by a stride.
func (s *moving) killedAtEach(t *testing.T, stride int) {
	t.Helper()
	rows, theirs := s.rows(t, "acme"), s.rows(t, "globex")
	killed := 0
	for at, alive := 1, 0; alive < 2; at += stride {
		alive = 0
		for _, to := range []string{hybrid.TierPremium, hybrid.TierStandard} {
			if !s.killedMove(t, to, kill{at: at, lostAck: at%2 == 0, rows: rows}) {
				alive++
			} else {
				killed++
			}
			if t.Failed() {
				t.Fatalf("killed at statement %d of the move to %s", at, to)
			}
			same(t, "acme after the move to "+to, s.rows(t, "acme"), rows)
			same(t, "globex", s.rows(t, "globex"), theirs)
			must(t, s.migrate.Verify(t.Context(), acme))
			same(t, "triggers", s.triggers(t), nil)
		}
	}
	t.Logf("killed at %d statements", killed)
}

// lateMark is what acme writes between two runs, when it may.
const lateMark = 77

// kill says at which statement a move is killed, whether that is done all the same, and which
// rows are moved.
type kill struct {
	at      int
	lostAck bool
	rows    []string
}

// killedMove moves, is killed at a statement, and moves again. It reports whether it
// came to that statement.
func (s *moving) killedMove(t *testing.T, to string, k kill) bool {
	t.Helper()
	s.faults.killAt(k.at, k.lostAck)
	_, err := hybrid.Move(t.Context(), s.db, acme, to, hybrid.Flip(s.flip), hybrid.BatchSize(2))
	died := s.faults.revive()
	if !died {
		must(t, err)
		return false
	}
	same(t, "acme after the kill", s.rows(t, "acme"), k.rows)
	if s.system().Migrator().HasTable("tenancy_moves") {
		must(t, s.system().Exec("UPDATE tenancy_moves SET beat = 0").Error) // as if time had passed
	}
	late := s.as("acme").Create(&mark{ID: lateMark, Owner: "acme"}).Error
	if late != nil {
		wantKind(t, late, tenancy.ErrMoving)
	}
	s.move(t, to, hybrid.BatchSize(2))
	found := s.as("acme").Where("owner = ?", "acme").Delete(&mark{}, lateMark)
	must(t, found.Error)
	if late == nil && found.RowsAffected != 1 {
		t.Error("a write that was acknowledged is lost")
	}
	return true
}

// rows lists all rows of a tenant as they are in the database, but for where.
func (s *site) rows(t testing.TB, id string) []string {
	t.Helper()
	var all []string
	in, err := tenancy.Installed(s.db)
	must(t, err)
	owned, err := in.Ordered()
	must(t, err)
	for _, one := range owned {
		var rows []map[string]any
		must(t, s.as(id).Session(&gorm.Session{}).Table(one.Table).Find(&rows).Error)
		for _, row := range rows {
			text, err := json.Marshal(row)
			must(t, err)
			all = append(all, one.Table+" "+string(text))
		}
	}
	return all
}

// triggers lists what a move may have left behind in the base database.
func (s *site) triggers(t testing.TB) []string {
	t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'trigger'"
	if s.db.Name() == "postgres" {
		query = "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal UNION ALL SELECT proname::text FROM pg_proc WHERE proname LIKE 'tenancy%'"
	}
	if s.db.Name() == "mysql" { // those of common tables stay
		query = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema <> DATABASE() UNION ALL SELECT tenant_id FROM tenancy_freezes WHERE frozen"
	}
	var names []string
	must(t, s.system().Raw(query).Scan(&names).Error)
	var left int
	must(t, s.system().Raw("SELECT count(*) FROM tenancy_moves").Row().Scan(&left))
	if left > 0 {
		names = append(names, "a row of tenancy_moves")
	}
	return names
}
