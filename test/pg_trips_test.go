package test

import (
	"fmt"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/test/servers"
)

// trip is something that an application does, and how often it has to wait for the server:
// with plain GORM, with schema, and with RLS.
type trip struct {
	name               string
	do                 func(db *gorm.DB) error
	plain, schema, rls int64
}

func trips() []trip {
	return []trip{
		{"read by key", func(db *gorm.DB) error { return db.First(&folio{}, "id = ?", 1).Error }, 1, 1, 1},
		{"list", func(db *gorm.DB) error { return db.Find(&[]folio{}).Error }, 1, 1, 1},
		{"condition", func(db *gorm.DB) error { return db.Where(&folio{Hits: 1}).Find(&[]folio{}).Error }, 1, 1, 1},
		{"count", func(db *gorm.DB) error { return db.Model(&folio{}).Count(new(int64)).Error }, 1, 1, 1},
		{"preload", func(db *gorm.DB) error { return db.Preload("Sheets").Find(&[]folio{}).Error }, 2, 2, 2},
		{"rows", func(db *gorm.DB) error {
			rows, err := db.Model(&folio{}).Rows()
			if err != nil {
				return err
			}
			return rows.Close()
		}, 1, 1, 1},
		{"update alone", func(db *gorm.DB) error {
			return db.Session(&gorm.Session{SkipDefaultTransaction: true}).Model(&folio{ID: 1}).Update("hits", 1).Error
		}, 1, 1, 1},
		// A text of the user's names no schema, so it is prepared where it is looked for.
		{"text", func(db *gorm.DB) error { return db.Raw("SELECT count(*) FROM folios").Scan(new(int64)).Error }, 1, 4, 1},
		// A transaction begins with its first statement.
		{"read in a transaction", func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.First(&folio{}, "id = ?", 1).Error })
		}, 3, 2, 2},
		{"text in a transaction", func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.Exec("UPDATE folios SET hits = 2").Error })
		}, 3, 3, 2},
		{"update", func(db *gorm.DB) error { return db.Model(&folio{ID: 1}).Update("hits", 1).Error }, 3, 2, 2},
		{"create", func(db *gorm.DB) error {
			return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&folio{ID: 1, Hits: 3}).Error
		}, 3, 2, 2},
		{"empty transaction", func(db *gorm.DB) error { return db.Transaction(func(*gorm.DB) error { return nil }) }, 2, 0, 0},
	}
}

// TestPGRoundTrips counts, and times nothing.
func TestPGRoundTrips(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		for _, k := range pgKinds {
			t.Run(mode+"/"+k.name, func(t *testing.T) {
				server := newPG(t)
				wire := servers.NewWire(t, server.DSN)
				s := openPG(t, server, k, pgSetup{dsn: wire.DSN, settings: map[string]string{"default_query_exec_mode": mode}, conns: 1})
				s.provision(t, "acme", "globex")
				for _, id := range []string{"acme", "globex"} {
					must(t, s.as(id).Create(&folio{ID: 1, Owner: id}).Error)
				}
				for _, trip := range trips() {
					want := trip.schema
					if k.name == pgRLS.name {
						want = trip.rls
					}
					for _, id := range []string{"acme", "globex", "acme"} {
						must(t, trip.do(s.as(id))) // what is prepared is prepared
						if got := wire.Trips(func() { must(t, trip.do(s.as(id))) }); got != want {
							t.Errorf("%s as %s: %d round trips, want %d", trip.name, id, got, want)
						}
					}
				}
				s.clean(t, s.server.ask(t, "SHOW search_path")[0])
			})
		}
	}
}

// TestPGBeginForgotten: a transaction goes on to begin with its first statement when a connection
// has prepared more statements since than it keeps, that of begin among them.
func TestPGBeginForgotten(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	wire := servers.NewWire(t, server.DSN)
	s := openPG(t, server, pgRLS, pgSetup{dsn: wire.DSN, conns: 1})
	s.provision(t, "acme")
	create := func() {
		must(t, s.as("acme").Clauses(clause.OnConflict{UpdateAll: true}).Create(&folio{ID: 1, Owner: "acme"}).Error)
	}
	for range 2 {
		create()
		for i := range 300 {
			must(t, s.as("acme").Raw(fmt.Sprintf("SELECT count(*) AS n%d FROM folios", i)).Scan(new(int64)).Error)
		}
	}
	create() // what is prepared is prepared
	if got := wire.Trips(create); got != 2 {
		t.Errorf("%d round trips, want 2", got)
	}
}

// TestPGNoPipeline: a read with its settings takes begin, settings, statement and commit where
// the pipeline is turned off, and one round trip where it is not.
func TestPGNoPipeline(t *testing.T) {
	t.Parallel()
	for _, k := range pgKinds {
		t.Run(k.name, func(t *testing.T) {
			for slow, want := range map[bool]int64{false: 1, true: 4} {
				server := newPG(t)
				wire := servers.NewWire(t, server.DSN)
				s := openPG(t, server, k, pgSetup{dsn: wire.DSN, conns: 1, slow: slow})
				s.provision(t, "acme")
				must(t, s.as("acme").Create(&folio{ID: 1, Owner: "acme"}).Error)
				read := func() { must(t, s.as("acme").First(&folio{}, 1).Error) }
				read() // what is prepared is prepared
				if got := wire.Trips(read); got != want {
					t.Errorf("NoPipeline %v: %d round trips, want %d", slow, got, want)
				}
			}
		})
	}
}

// TestPGRoundTripsOfGORM keeps the column of plain GORM honest.
func TestPGRoundTripsOfGORM(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	wire := servers.NewWire(t, server.DSN)
	db, err := gorm.Open(postgres.Open(wire.DSN), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	pool, err := db.DB()
	must(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	pool.SetMaxOpenConns(1)
	must(t, db.AutoMigrate(&tariff{}, &folio{}, &sheet{}))
	must(t, db.Create(&folio{ID: 1, Hits: 1}).Error)
	for _, trip := range trips() {
		must(t, trip.do(db))
		if got := wire.Trips(func() { must(t, trip.do(db)) }); got != trip.plain {
			t.Errorf("%s: %d round trips, want %d", trip.name, got, trip.plain)
		}
	}
}

// TestPGReplayTrips: what is replayed for another tenant begins, takes its lock and is limited
// in one round trip, tells the ledger in one, asks whose the schema is, and is sent and
// committed. Without the pipeline, begin and the settings take one each.
func TestPGReplayTrips(t *testing.T) {
	t.Parallel()
	for slow, want := range map[bool]int64{false: 5, true: 7} {
		server := newPG(t)
		all := numbered(26)
		openPG(t, server, pgSchema, pgSetup{models: fleetModels()}).up(t, all)
		wire := servers.NewWire(t, server.DSN)
		s := openPG(t, server, pgSchema, pgSetup{dsn: wire.DSN, conns: 1, slow: slow, models: laterModels()})
		up := func(tenants []tenancy.Tenant) int64 {
			return wire.Trips(func() { together(t, s.up(t, tenants, migrate.Workers(1))) })
		}
		up(all[:3])
		up(all[3:13]) // what is prepared is prepared
		few, more := up(all[13:16]), up(all[16:])
		if got := (more - few) / 7; got != want || (more-few)%7 != 0 {
			t.Errorf("NoPipeline %v: %d round trips for 3 tenants, %d for 10: not %d for each", slow, few, more, want)
		}
	}
}
