package test

import (
	"context"
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// fragile panics where its context says so.
type fragile struct {
	TenantID string `gorm:"primaryKey;size:191"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	Owner    string
	Body     string
}

type burstKey struct{}

// burst panics if the context of db names this place.
func burst(db *gorm.DB, place string) error {
	if db.Statement.Context.Value(burstKey{}) == place {
		panic(errDeliberate)
	}
	return nil
}

func (*fragile) BeforeSave(db *gorm.DB) error   { return burst(db, "before save") }
func (*fragile) BeforeCreate(db *gorm.DB) error { return burst(db, "before create") }
func (*fragile) AfterCreate(db *gorm.DB) error  { return burst(db, "after create") }
func (*fragile) BeforeUpdate(db *gorm.DB) error { return burst(db, "before update") }
func (*fragile) AfterUpdate(db *gorm.DB) error  { return burst(db, "after update") }
func (*fragile) BeforeDelete(db *gorm.DB) error { return burst(db, "before delete") }
func (*fragile) AfterDelete(db *gorm.DB) error  { return burst(db, "after delete") }
func (*fragile) AfterFind(db *gorm.DB) error    { return burst(db, "after find") }

// fragileCallbacks registers callbacks that panic, as an application might: around GORM's
// own.
func fragileCallbacks(db *gorm.DB, when string) {
	register := func(name string) func(*gorm.DB) {
		return func(db *gorm.DB) { _ = burst(db, when+" "+name) }
	}
	c := db.Callback()
	_ = c.Create().Before("gorm:create").Register(when+":before", register("create"))
	_ = c.Create().After("gorm:create").Before("gorm:save_after_associations").Register(when+":after", register("created"))
	_ = c.Update().Before("gorm:update").Register(when+":before", register("update"))
	_ = c.Update().After("gorm:update").Before("gorm:save_after_associations").Register(when+":after", register("updated"))
	_ = c.Delete().Before("gorm:delete").Register(when+":before", register("delete"))
	_ = c.Delete().After("gorm:delete").Before("gorm:after_delete").Register(when+":after", register("deleted"))
	_ = c.Query().Before("gorm:query").Register(when+":before", register("query"))
	_ = c.Query().After("gorm:query").Register(when+":after", register("queried"))
	_ = c.Row().Before("gorm:row").Register(when+":before", register("row"))
	_ = c.Raw().Before("gorm:raw").Register(when+":before", register("raw"))
	_ = c.Raw().After("gorm:raw").Register(when+":after", register("rawed"))
}

// openFragile opens another handle on the same tables.
func openFragile(t *testing.T, server pgServer, k pgKind, s pgSetup) *pgSite {
	t.Helper()
	s.models = []any{&fragile{}}
	s.settings = map[string]string{"search_path": fragilePath}
	s.before = func(db *gorm.DB) { fragileCallbacks(db, "early") }
	opened := openPG(t, server, k, s)
	fragileCallbacks(opened.db, "late")
	return opened
}

// fragilePath is the search_path that connections begin with.
const fragilePath = "public,pg_catalog"

func fillFragile(t *testing.T, s *pgSite, ids ...string) {
	t.Helper()
	s.provision(t, ids...)
	for _, id := range ids {
		rows := make([]fragile, 300)
		for i := range rows {
			rows[i] = fragile{ID: int64(i + 1), Owner: id, Body: "calm"}
		}
		must(t, s.as(id).Create(rows).Error)
	}
}

// cleanCase leaves a connection in the middle of something.
type cleanCase struct {
	name string
	run  func(t *testing.T, s *pgSite)
}

// cleanPanics panic in each place where the code of an application runs.
func cleanPanics() []cleanCase {
	row := &fragile{ID: 1, Owner: "acme", Body: "calm"}
	uses := map[string]func(db *gorm.DB) error{
		"create": func(db *gorm.DB) error { return db.Create(&fragile{ID: 9999, Owner: "acme"}).Error },
		"update": func(db *gorm.DB) error { return db.Model(row).Update("body", "calm").Error },
		"save":   func(db *gorm.DB) error { return db.Save(row).Error },
		"delete": func(db *gorm.DB) error { return db.Delete(&fragile{}, "id = ?", 9998).Error },
		"find":   func(db *gorm.DB) error { return db.Limit(3).Find(&[]fragile{}).Error },
		"raw":    func(db *gorm.DB) error { return db.Exec("UPDATE fragiles SET owner = owner WHERE id = 1").Error },
		"row":    func(db *gorm.DB) error { return db.Model(row).Select("owner").Row().Err() },
	}
	var cases []cleanCase
	for use, places := range map[string][]string{
		"create": {"before save", "before create", "after create"},
		"update": {"before save", "before update", "after update"},
		"save":   {"before save", "after update"},
		"delete": {"before delete", "after delete"},
		"find":   {"after find", "early query", "early queried", "late query", "late queried"},
		"raw":    {"early raw", "early rawed", "late raw", "late rawed"},
		"row":    {"early row", "late row"},
	} {
		for _, place := range places {
			cases = append(cases, cleanCase{"panic: " + use + "/" + place, func(t *testing.T, s *pgSite) {
				ctx := context.WithValue(t.Context(), burstKey{}, place)
				if value := pgPanics(func() { _ = uses[use](s.in(ctx, "acme")) }); value != errDeliberate {
					t.Errorf("nothing panicked at %q: %v", place, value)
				}
				for _, id := range s.server.ask(t, "SELECT id::text FROM "+s.table(t, "fragiles")+" WHERE id = 9999") {
					t.Errorf("the row %s of a create that panicked is there", id)
				}
			}})
		}
	}
	return cases
}

var cleanCases = []cleanCase{
	{"read", func(t *testing.T, s *pgSite) { must(t, s.as("acme").Find(&[]fragile{}).Error) }},
	{"write", func(t *testing.T, s *pgSite) {
		must(t, s.as("acme").Model(&fragile{}).Where("id = 1").Update("body", "x").Error)
	}},
	{"failing write", func(t *testing.T, s *pgSite) { fails(t, s.as("acme").Create(&fragile{ID: 1}).Error) }},
	{"failing raw", func(t *testing.T, s *pgSite) {
		fails(t, s.as("acme").Exec("UPDATE nowhere SET x = 1").Error)
		fails(t, s.as("acme").Raw("SELECT 1/0").Scan(new(int)).Error)
		fails(t, s.as("acme").Raw("SELECT 1 FROM").Row().Err())
	}},
	{"commit", func(t *testing.T, s *pgSite) {
		tx := s.as("acme").Begin()
		must(t, tx.Find(&[]fragile{}).Error)
		must(t, tx.Commit().Error)
	}},
	{"rollback", func(t *testing.T, s *pgSite) {
		tx := s.as("acme").Begin()
		fails(t, tx.Create(&fragile{ID: 1}).Error)
		must(t, tx.Rollback().Error)
	}},
	{"nothing in a transaction", func(t *testing.T, s *pgSite) { must(t, s.as("acme").Begin().Commit().Error) }},
	{"savepoints", func(t *testing.T, s *pgSite) {
		must(t, s.as("acme").Transaction(func(tx *gorm.DB) error {
			fails(t, tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&fragile{ID: 1}).Error }))
			return tx.First(&fragile{}, "id = 1").Error
		}))
	}},
	{"panic in a transaction", func(t *testing.T, s *pgSite) {
		pgPanics(func() { _ = s.as("acme").Transaction(func(*gorm.DB) error { panic(errDeliberate) }) })
	}},
	{"connection", func(t *testing.T, s *pgSite) {
		must(t, s.as("acme").Connection(func(db *gorm.DB) error { return db.Find(&[]fragile{}).Error }))
		pgPanics(func() { _ = s.as("acme").Connection(func(*gorm.DB) error { panic(errDeliberate) }) })
	}},
	{"rows closed early", func(t *testing.T, s *pgSite) {
		rows, err := s.as("acme").Model(&fragile{}).Rows()
		must(t, err)
		rows.Next()
		must(t, rows.Close())
	}},
	{"rows cancelled in the middle", func(t *testing.T, s *pgSite) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		rows, err := s.in(ctx, "acme").Model(&fragile{}).Rows()
		must(t, err)
		n := 0
		for ; rows.Next(); n++ {
			cancel()
		}
		if err := rows.Err(); n < 300 && !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled rows ended after %d with %v", n, err)
		}
	}},
	{"cancelled before", func(t *testing.T, s *pgSite) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		fails(t, s.in(ctx, "acme").Find(&[]fragile{}).Error)
		fails(t, s.in(ctx, "acme").Begin().Error)
	}},
	{"cancelled while it runs", func(t *testing.T, s *pgSite) {
		for _, sleep := range []func(db *gorm.DB) error{
			func(db *gorm.DB) error { return db.Exec("SELECT pg_sleep(30)").Error },
			func(db *gorm.DB) error { return db.Raw("SELECT pg_sleep(30)").Scan(new(string)).Error },
			func(db *gorm.DB) error {
				return db.Transaction(func(tx *gorm.DB) error { return tx.Exec("SELECT pg_sleep(30)").Error })
			},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), pgMoment)
			fails(t, sleep(s.in(ctx, "acme")))
			cancel()
		}
	}},
	{"transaction that nobody ends, cancelled", func(t *testing.T, s *pgSite) {
		ctx, cancel := context.WithCancel(t.Context())
		tx := s.in(ctx, "acme").Begin()
		must(t, tx.Create(&fragile{ID: 9999}).Error)
		cancel()
	}},
	{"killed when idle", func(t *testing.T, s *pgSite) {
		must(t, s.as("acme").Find(&[]fragile{}).Error)
		killed(t, s)
	}},
	{"killed in a transaction", func(t *testing.T, s *pgSite) {
		fails(t, s.as("acme").Transaction(func(tx *gorm.DB) error {
			must(t, tx.Create(&fragile{ID: 9999}).Error)
			killed(t, s)
			return tx.Create(&fragile{ID: 9998}).Error
		}))
	}},
	{"killed in the middle of rows", func(t *testing.T, s *pgSite) {
		rows, err := s.as("acme").Raw("SELECT g FROM generate_series(1, 3000000) g").Rows()
		must(t, err)
		rows.Next()
		killed(t, s)
		for rows.Next() {
		}
		fails(t, rows.Err())
	}},
	{"database/sql", func(t *testing.T, s *pgSite) {
		ctx := tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "acme"})
		var n int
		must(t, tenancy.DBTX(s.db).QueryRowContext(ctx, "SELECT count(*) FROM fragiles").Scan(&n))
		tx, err := tenancy.BeginTx(ctx, s.db, nil)
		must(t, err)
		must(t, tenancy.WithTx(ctx, s.db, tx).Find(&[]fragile{}).Error)
		must(t, tx.Rollback())
	}},
	{"system", func(t *testing.T, s *pgSite) { must(t, s.system().Exec("SELECT 1").Error) }},
}

// TestPGConnectionStaysClean leaves the only connection of a pool in the middle of
// something, again and again, and asks it each time what it has kept.
func TestPGConnectionStaysClean(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	for _, k := range pgKinds {
		t.Run(k.name, func(t *testing.T) {
			s := openFragile(t, server, k, pgSetup{conns: 1})
			fillFragile(t, s, "acme", "globex")
			s.clean(t, fragilePath)
			for _, c := range append(cleanCases, cleanPanics()...) {
				passed := t.Run(c.name, func(t *testing.T) {
					c.run(t, s)
					s.clean(t, fragilePath)
				})
				if !passed {
					s = openFragile(t, server, k, pgSetup{conns: 1})
				}
			}
		})
	}
}
