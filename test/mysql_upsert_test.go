package test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/scopes"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/servers"
)

// myGood has two keys in which the tenant is not: rows of two tenants can meet by either.
type myGood struct {
	ID       uint
	TenantID string `gorm:"size:64;not null"`
	Code     string `gorm:"size:64;unique"`
	Name     string `gorm:"size:64"`
	Stock    int
}

func (myGood) TableName() string { return "goods" }

// mySite is a handle on a database with one row for each of two tenants.
type mySite struct {
	dsn   string
	db    *gorm.DB
	plain *gorm.DB
}

func newMySite(t testing.TB, options string, cfg gorm.Config) mySite {
	t.Helper()
	s := mySite{dsn: servers.NewMySQL(t).DSN + options}
	s.db, s.plain = openMy(t, s.dsn, cfg), openMy(t, s.dsn, gorm.Config{})
	must(t, s.db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Shared{}, Models: []any{&myGood{}}})))
	m, err := migrate.New(s.db)
	must(t, err)
	must(t, m.Provision(t.Context(), tenancy.Tenant{ID: "acme"}))
	for _, id := range []string{"acme", "globex"} {
		must(t, s.as(id).Create(&myGood{Code: id, Name: id, Stock: 1}).Error)
	}
	return s
}

func openMy(t testing.TB, dsn string, cfg gorm.Config) *gorm.DB {
	t.Helper()
	cfg.Logger = logger.Discard
	db, err := gorm.Open(mysql.Open(dsn), &cfg)
	must(t, err)
	pool, err := db.DB()
	must(t, err)
	pool.SetMaxOpenConns(4)
	t.Cleanup(func() { _ = pool.Close() })
	return db
}

func (s mySite) as(id string) *gorm.DB {
	return s.db.WithContext(tenancy.WithTenant(context.Background(), tenancy.Tenant{ID: id}))
}

// goods reads all rows without the plugin.
func (s mySite) goods(t testing.TB) (all []myGood) {
	t.Helper()
	must(t, s.plain.Order("id").Find(&all).Error)
	return all
}

// TestMySQLUpsert: an upsert that meets another tenant's row by any key fails as a whole,
// whatever the server counts and forgives.
func TestMySQLUpsert(t *testing.T) {
	t.Parallel()
	update := clause.OnConflict{DoUpdates: clause.AssignmentColumns([]string{"name", "stock"})}
	for name, options := range map[string]string{
		"changed rows": "", "found rows": "&clientFoundRows=true", "lenient": "&sql_mode=%27%27", "interpolated": "&interpolateParams=true", "ansi quotes": "&sql_mode=%27ANSI_QUOTES%27",
	} {
		for _, skip := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				s := newMySite(t, options, gorm.Config{SkipDefaultTransaction: skip})
				acme, before := s.as("acme"), s.goods(t)
				for what, rows := range map[string][]myGood{
					"by key":                        {{ID: 2, Code: "new", Name: "stolen"}},
					"by the other key":              {{Code: "globex", Name: "stolen"}},
					"after rows of its own":         {{ID: 1, Code: "acme", Name: "up"}, {Code: "fresh", Name: "new"}, {ID: 2, Code: "x", Name: "stolen"}},
					"between unchanged rows":        {{ID: 1, Code: "acme", Name: "acme", Stock: 1}, {ID: 2, Code: "globex", Name: "globex", Stock: 1}, {ID: 1, Code: "acme", Name: "acme", Stock: 1}},
					"with just what is there":       {{ID: 2, Code: "globex", Name: "globex", Stock: 1}},
					"with the other's tenant unset": {{ID: 2, Code: "globex"}},
				} {
					for kind, conflict := range map[string]clause.OnConflict{
						"update": update, "update all": {UpdateAll: true}, "nothing": {DoNothing: true},
						"tenant": {DoUpdates: clause.AssignmentColumns([]string{"tenant_id"})},
						"values": {DoUpdates: clause.Assignments(map[string]any{"name": "stolen", "stock": gorm.Expr("goods.stock + 1")})},
					} {
						brought := append([]myGood(nil), rows...)
						wantKind(t, acme.Clauses(conflict).Create(&brought).Error, tenancy.ErrTenantMismatch)
						wantKind(t, acme.Clauses(clause.Insert{Modifier: "LOW_PRIORITY"}, conflict).Create(&brought).Error, tenancy.ErrTenantMismatch)
						if after := s.goods(t); len(after) != 2 || after[0] != before[0] || after[1] != before[1] {
							t.Fatalf("%s, %s: %v", what, kind, after)
						}
					}
				}
				wantKind(t, acme.Save(&myGood{ID: 2, Code: "globex", Name: "stolen"}).Error, tenancy.ErrTenantMismatch)
				// INSERT IGNORE keeps the error to itself; the row stays, and is asked about.
				for _, conflict := range []clause.OnConflict{update, {UpdateAll: true}, {DoNothing: true}} {
					wantKind(t, acme.Clauses(clause.Insert{Modifier: "ignore"}, conflict).Create(&myGood{ID: 2, Code: "globex", Name: "stolen"}).Error, tenancy.ErrTenantMismatch)
				}
				if after := s.goods(t); len(after) != 2 || after[1] != before[1] {
					t.Fatalf("after INSERT IGNORE: %v", after)
				}
			})
		}
	}
}

// TestMySQLUpsertOwn: rows of one's own are saved as plain GORM would, changed or not.
func TestMySQLUpsertOwn(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{"changed rows": "", "found rows": "&clientFoundRows=true"} {
		t.Run(name, func(t *testing.T) {
			s := newMySite(t, options, gorm.Config{})
			acme := s.as("acme")
			row := myGood{ID: 1, Code: "acme", Name: "acme", Stock: 1}
			for range 2 {
				must(t, acme.Save(&row).Error)
				must(t, acme.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error)
				must(t, acme.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error)
				must(t, acme.Clauses(clause.OnConflict{DoUpdates: clause.AssignmentColumns([]string{"tenant_id"})}).Create(&row).Error)
			}
			// MySQL evaluates assignments from left to right, each on what those before it made.
			set := clause.Set{
				{Column: clause.Column{Name: "stock"}, Value: gorm.Expr("goods.stock + VALUES(stock)")},
				{Column: clause.Column{Name: "name"}, Value: gorm.Expr("CONCAT(VALUES(name), goods.stock)")},
			}
			must(t, acme.Clauses(clause.OnConflict{DoUpdates: set}).Create(&[]myGood{{Code: "acme", Name: "n", Stock: 5}, {Code: "fresh", Name: "f", Stock: 7}}).Error)
			all := s.goods(t)
			if len(all) != 3 || all[0].Stock != 6 || all[0].Name != "n6" || all[2].Name != "f" || all[2].TenantID != "acme" || all[1].Name != "globex" {
				t.Errorf("stored %v", all)
			}
			item := myGood{Code: "fresh", Name: "g"}
			must(t, acme.Clauses(clause.OnConflict{DoUpdates: clause.AssignmentColumns([]string{"name"})}).Create(&item).Error)
			if all := s.goods(t); all[2].Name != "g" {
				t.Errorf("stored %v", all)
			}
		})
	}
}

// TestMySQLScopes: the guard works without the plugin.
func TestMySQLScopes(t *testing.T) {
	t.Parallel()
	s := newMySite(t, "", gorm.Config{})
	acme := func() *gorm.DB { return s.plain.Scopes(scopes.Tenant("acme")) }
	update := clause.OnConflict{DoUpdates: clause.AssignmentColumns([]string{"name", "tenant_id"})}
	must(t, acme().Clauses(update).Create(&myGood{ID: 1, Code: "acme", Name: "up"}).Error)
	err := acme().Clauses(update).Create(&myGood{ID: 2, Code: "globex", Name: "stolen"}).Error
	if err == nil || !strings.Contains(err.Error(), "1242") {
		t.Errorf("another tenant's row: %v", err)
	}
	if err := acme().Clauses(clause.OnConflict{UpdateAll: true}).Create(&myGood{ID: 2, Code: "globex", Name: "stolen"}).Error; err == nil {
		t.Error("UpdateAll was sent without a guard")
	}
	if all := s.goods(t); all[0].Name != "up" || all[1].Name != "globex" || all[1].TenantID != "globex" {
		t.Errorf("stored %v", all)
	}
}

// TestMySQLMissing: a table and a database that are not there are the tenant's, who is not
// provisioned.
func TestMySQLMissing(t *testing.T) {
	t.Parallel()
	s := newMySite(t, "", gorm.Config{})
	must(t, s.plain.Exec("DROP TABLE goods").Error)
	wantKind(t, s.as("acme").Find(&[]myGood{}).Error, tenancy.ErrNotProvisioned)
	wantKind(t, s.as("acme").Create(&myGood{Code: "x"}).Error, tenancy.ErrNotProvisioned)
}

// TestMySQLTransactions: levels of isolation, and read-only transactions, are the user's choice.
func TestMySQLTransactions(t *testing.T) {
	t.Parallel()
	s := newMySite(t, "", gorm.Config{})
	for _, level := range []sql.IsolationLevel{sql.LevelDefault, sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable} {
		tx := s.as("acme").Begin(&sql.TxOptions{Isolation: level})
		must(t, tx.Error)
		var first, second []myGood
		must(t, tx.Find(&first).Error)
		must(t, tx.Session(&gorm.Session{}).Model(&myGood{}).Where("id = ?", 1).Update("stock", 10+int(level)).Error)
		must(t, tx.Find(&second).Error)
		must(t, tx.Rollback().Error)
		if len(first) != 1 || len(second) != 1 || first[0].Stock != 1 || second[0].Stock != 10+int(level) {
			t.Errorf("%s: %v, then %v", level, first, second)
		}
	}
	tx := s.as("acme").Begin(&sql.TxOptions{ReadOnly: true})
	must(t, tx.Error)
	if err := tx.Create(&myGood{Code: "ro"}).Error; err == nil {
		t.Error("a read-only transaction wrote")
	}
	must(t, tx.Rollback().Error)
}
