package test

import (
	"bytes"
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/strategies"
)

// TestMySQLMoveWithoutTriggers: tables that were there before Provision made triggers get
// them by the move, unless its role may not make any.
func TestMySQLMoveWithoutTriggers(t *testing.T) {
	t.Parallel()
	h := newMySQLHost(t)
	s := openHostMoving(t, h, nil, strategies.Shared{})
	s.provision(t, "acme", "globex")
	s.fill(t, "globex", 2)
	s.fill(t, "acme", 3)
	admin := h.superuser(t)
	run := func(statements ...string) {
		t.Helper()
		for _, statement := range statements {
			_, err := admin.Exec(statement)
			must(t, err)
		}
	}
	var triggers []string
	must(t, s.system().Raw("SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()").Scan(&triggers).Error)
	if len(triggers) != 3*6 {
		t.Errorf("Provision has made the triggers %q", triggers)
	}
	for _, trigger := range triggers {
		run("DROP TRIGGER " + trigger)
	}
	run("DROP TABLE tenancy_freezes")
	database := strings.ReplaceAll(h.role, "_", `\_`)
	run("REVOKE TRIGGER ON `" + database + "`.* FROM '" + h.role + "'@'%'")
	barred := s.open(s.directory) // sessions keep the rights that they began with
	barred.provision(t, "acme")
	_, err := hybrid.Move(t.Context(), barred.db, acme, hybrid.TierPremium, hybrid.Flip(s.flip))
	wantKind(t, err, tenancy.ErrConfig)
	if err != nil && !strings.Contains(err.Error(), "TRIGGER") {
		t.Errorf("the error does not say what to grant: %v", err)
	}
	must(t, s.as("acme").Create(&folio{ID: 60, Owner: "acme"}).Error)
	must(t, s.as("acme").Delete(&folio{}, "id = ?", 60).Error)
	run("GRANT TRIGGER ON `" + database + "`.* TO '" + h.role + "'@'%'")
	s.move(t, hybrid.TierPremium)
	s.whole(t, 3)
}

// TestMySQLMoveCase: a tenant whose ID differs in case alone is another one, and its moves are
// its own.
func TestMySQLMoveCase(t *testing.T) {
	t.Parallel()
	s := openHostMoving(t, newMySQLHost(t), nil, strategies.Shared{})
	s.provision(t, "acme", "ACME")
	must(t, s.as("ACME").Create(&folio{ID: 1, Owner: "ACME", Sheets: []sheet{{ID: 1, Owner: "ACME"}}}).Error)
	s.fill(t, "acme", 3)
	s.move(t, hybrid.TierPremium, hybrid.Flip(func(ctx context.Context, moved tenancy.Tenant) error {
		wantKind(t, s.as("acme").Create(&folio{ID: 60, Owner: "acme"}).Error, tenancy.ErrMoving)
		must(t, s.as("ACME").Create(&folio{ID: 60, Owner: "ACME"}).Error)
		must(t, s.as("ACME").Delete(&folio{}, "id = ?", 60).Error)
		must(t, hybrid.Abandon(ctx, s.db, tenancy.Tenant{ID: "ACME"})) // there is none
		return s.flip(ctx, moved)
	}))
	s.holds(t, "acme", 3)
	var theirs int64
	must(t, s.as("ACME").Model(&sheet{}).Count(&theirs).Error)
	if theirs != 1 {
		t.Errorf("ACME has %d sheets", theirs)
	}
	must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "ACME"}))
	var rows []string
	must(t, s.system().Raw("SELECT tenant_id FROM tenancy_freezes").Scan(&rows).Error)
	same(t, "rows of tenancy_freezes", rows, []string{"acme"})
}

// TestMySQLMoveOfUnknown: the first of a tenant's transactions that writes is waited for as well,
// although nothing in the database has told of the tenant before. Others, who were provisioned,
// write meanwhile.
func TestMySQLMoveOfUnknown(t *testing.T) {
	t.Parallel()
	h := newMySQLHost(t)
	s := openHostMoving(t, h, nil, strategies.Shared{})
	s.provision(t, "acme", "globex")
	s.fill(t, "acme", 1)
	for _, level := range []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead} {
		_, err := h.superuser(t).Exec("DELETE FROM tenancy_freezes WHERE tenant_id = 'acme'")
		must(t, err)
		writer := s.as("acme").Begin(&sql.TxOptions{Isolation: level})
		t.Cleanup(func() { writer.Rollback() })
		must(t, writer.Create(&folio{ID: int64(70 + level), Owner: "acme"}).Error)
		moved := make(chan error)
		go func() {
			_, err := hybrid.Move(context.Background(), s.db, acme, hybrid.TierPremium, hybrid.Flip(s.flip))
			moved <- err
		}()
		for id := range int64(10) {
			must(t, s.as("globex").Create(&folio{ID: 100*int64(level) + id, Owner: "globex"}).Error)
			select {
			case err := <-moved:
				t.Fatalf("%v: the move did not wait for the open transaction: %v", level, err)
			case <-time.After(50 * time.Millisecond):
			}
		}
		must(t, writer.Commit().Error)
		must(t, <-moved)
		must(t, s.as("acme").First(&folio{}, "id = ?", int64(70+level)).Error)
		s.move(t, hybrid.TierStandard)
	}
}

// TestMySQLWritersAtOnce: the triggers of common tables make writers of one tenant wait for a
// move, and not for each other.
func TestMySQLWritersAtOnce(t *testing.T) {
	t.Parallel()
	s := openHostMoving(t, newMySQLHost(t), nil, strategies.Shared{})
	s.provision(t, "acme")
	s.fill(t, "acme", 2)
	first, second := s.as("acme").Begin(), s.as("acme").Begin()
	defer second.Rollback()
	defer first.Rollback()
	impatient, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for range 2 {
		for i, tx := range []*gorm.DB{first, second} {
			tx = tx.WithContext(tenancy.WithTenant(impatient, acme))
			one := folio{ID: int64(i + 1), Owner: "acme"}
			must(t, tx.Model(&one).Update("hits", gorm.Expr("hits + 1")).Error)
			must(t, tx.Clauses(clause.OnConflict{DoUpdates: clause.AssignmentColumns([]string{"body"})}).Create(&one).Error)
		}
	}
	must(t, first.Commit().Error)
	must(t, second.Commit().Error)
}

// TestMySQLMoveForeignTables: a move that is refused since the target has tables of the
// application's drops nothing of what was there.
func TestMySQLMoveForeignTables(t *testing.T) {
	t.Parallel()
	h := newMySQLHost(t)
	s := openHostMoving(t, h, nil, strategies.Shared{})
	h.create(t, "early", "CREATE TABLE archive (id INT)", "INSERT INTO archive VALUES (7)")
	early := tenancy.Tenant{ID: "early", Schema: h.prefix + "early"}
	must(t, s.migrate.Provision(t.Context(), early))
	_, err := hybrid.Move(t.Context(), s.db, early, hybrid.TierPremium, hybrid.Flip(s.flip))
	wantKind(t, err, tenancy.ErrDrifted)
	if err != nil && !strings.Contains(err.Error(), "archive") {
		t.Errorf("the error does not name the table: %v", err)
	}
	same(t, "rows", h.told(t, h.prefix+"early", "SELECT id FROM archive"), []string{"7"})
	must(t, s.db.WithContext(tenancy.WithTenant(t.Context(), early)).Create(&folio{ID: 1, Owner: "early"}).Error) // it may write
}

// TestMySQLAbandonForeignTables: the copy is removed also where the target has got tables of the
// application's meanwhile, which stay.
func TestMySQLAbandonForeignTables(t *testing.T) {
	t.Parallel()
	h := newMySQLHost(t)
	s := openHostMoving(t, h, nil, strategies.Shared{})
	s.provision(t, "acme", "globex")
	s.fill(t, "globex", 2)
	s.fill(t, "acme", 3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := hybrid.Move(ctx, s.db, acme, hybrid.TierPremium, hybrid.Flip(s.flip), hybrid.Progress(func(p hybrid.MoveProgress) {
		if p.Step == "copying" && p.Table == "notes" {
			cancel()
		}
	}))
	wantKind(t, err, context.Canceled)
	own := h.prefix + "acme"
	same(t, "copied", h.told(t, own, "SELECT count(*) > 0 FROM folios"), []string{"1"})
	_, err = h.superuser(t).Exec("CREATE TABLE `" + own + "`.archive AS SELECT 7 AS id")
	must(t, err)
	must(t, hybrid.Abandon(t.Context(), s.db, acme))
	same(t, "copied", h.told(t, own, "SELECT count(*) > 0 FROM folios"), []string{"0"})
	same(t, "rows", h.told(t, own, "SELECT id FROM archive"), []string{"7"})
	s.whole(t, 3)
	_, err = h.superuser(t).Exec("DROP TABLE `" + own + "`.archive")
	must(t, err)
	s.move(t, hybrid.TierPremium)
	s.whole(t, 3)
}

// TestMySQLMoveCharset: characters for which the application's own connections have no place
// are moved as they are.
func TestMySQLMoveCharset(t *testing.T) {
	t.Parallel()
	h := newMySQLHost(t)
	admin := h.superuser(t)
	h.dsn += "&charset=latin1"
	s := openHostMoving(t, h, nil, strategies.Shared{})
	s.provision(t, "acme")
	s.fill(t, "acme", 2)
	_, err := admin.Exec("UPDATE folios SET body = CONVERT(0xF09F9880E282AC USING utf8mb4) WHERE id = 1")
	must(t, err)
	s.move(t, hybrid.TierPremium)
	const written = "SELECT HEX(body) FROM folios WHERE id = 1"
	same(t, "the text", h.told(t, h.prefix+"acme", written), []string{"F09F9880E282AC"})
	s.move(t, hybrid.TierStandard)
	same(t, "the text", h.told(t, h.role, written), []string{"F09F9880E282AC"})
}

// TestMySQLMoveLarge: a batch that is larger than the server takes at once is sent in parts.
func TestMySQLMoveLarge(t *testing.T) {
	t.Parallel()
	h := newMySQLHost(t)
	h.dsn += "&interpolateParams=true" // otherwise the driver sends large values in parts
	s := openHostMoving(t, h, []any{&specimen{}}, strategies.Shared{})
	s.provision(t, "acme")
	const rows, size = 6, 3 << 20 // of 16 MiB that a server takes, at least
	for id := range int64(rows) {
		must(t, s.as("acme").Create(&specimen{ID: id, Blob: bytes.Repeat([]byte{byte(id), 0xff}, size/2)}).Error)
	}
	s.move(t, hybrid.TierPremium)
	var found []specimen
	must(t, s.as("acme").Order("id").Find(&found).Error)
	if len(found) != rows {
		t.Fatalf("%d rows", len(found))
	}
	for i, one := range found {
		if len(one.Blob) != size || one.Blob[0] != byte(i) || one.Blob[size-1] != 0xff {
			t.Errorf("row %d has %d bytes", i, len(one.Blob))
		}
	}
}
