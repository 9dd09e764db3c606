package test

import (
	"testing"

	"gorm.io/gorm"
)

type logbook struct {
	ID       uint
	TenantID string
	Note     string
	Pages    []logpage
}

type logpage struct {
	ID        uint
	TenantID  string
	LogbookID uint
}

type logplain struct {
	ID       uint
	TenantID string
}

// TestPGMadeTables: tables that are made under a tenant have policies, whoever makes them.
func TestPGMadeTables(t *testing.T) {
	t.Parallel()
	for name, create := range map[string]func(db *gorm.DB) error{
		"AutoMigrate": func(db *gorm.DB) error { return db.AutoMigrate(&logbook{}, &logpage{}) },
		"AutoMigrate in a transaction": func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.AutoMigrate(&logbook{}, &logpage{}) })
		},
		"CreateTable": func(db *gorm.DB) error { return db.Migrator().CreateTable(&logbook{}, &logpage{}) },
		"CreateTable in a transaction": func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.Migrator().CreateTable(&logbook{}, &logpage{}) })
		},
	} {
		for listed, models := range map[string][]any{"listed": {&logbook{}, &logpage{}}, "unlisted": {&logplain{}}} {
			t.Run(name+"/"+listed, func(t *testing.T) {
				t.Parallel()
				s := openPG(t, newPG(t), pgRLS, pgSetup{models: models})
				must(t, create(s.as("acme")))
				for _, id := range []string{"acme", "globex"} {
					must(t, s.as(id).Create(&logbook{Note: id, Pages: []logpage{{}}}).Error)
				}
				for _, table := range []string{"logbooks", "logpages"} {
					var n int64
					must(t, s.as("acme").Raw("SELECT count(*) FROM "+table).Scan(&n).Error)
					if n != 1 {
						t.Errorf("acme's raw SQL sees %d rows of %s", n, table)
					}
				}
				var notes []string
				must(t, s.as("acme").Raw("SELECT note FROM logbooks").Scan(&notes).Error)
				same(t, "notes", notes, []string{"acme"})
				changed := s.as("acme").Exec("UPDATE logbooks SET note = ''")
				must(t, changed.Error)
				if changed.RowsAffected != 1 {
					t.Errorf("acme changed %d rows", changed.RowsAffected)
				}
			})
		}
	}
}
