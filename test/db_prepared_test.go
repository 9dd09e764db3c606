package test

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// TestDatabasePrepared gives a tenant's table another column while the application has prepared
// statements for it: none of them fails for good.
func TestDatabasePrepared(t *testing.T) {
	t.Parallel()
	for name, newHost := range map[string]func(testing.TB) host{"postgres": newPostgresHost, "mysql": newMySQLHost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			db := h.base(t, &gorm.Config{Logger: logger.Discard, PrepareStmt: true})
			must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: h.database(), Models: []any{&reply{}}})))
			t.Cleanup(func() { must(t, tenancy.Close(db)) })
			m, err := migrate.New(db)
			must(t, err)
			must(t, m.Provision(t.Context(), acme))
			as := db.WithContext(tenancy.WithTenant(t.Context(), acme))
			must(t, as.Create(&reply{Owner: "acme"}).Error)

			reads := map[string]func(db *gorm.DB) error{
				"find": func(db *gorm.DB) error { return db.Find(&[]reply{}).Error },
				"raw":  func(db *gorm.DB) error { return db.Raw("SELECT * FROM replies WHERE id = 1").Scan(&reply{}).Error },
			}
			for _, read := range reads {
				must(t, read(as))
			}
			must(t, as.Exec("ALTER TABLE replies ADD COLUMN later int").Error)
			for name, read := range reads {
				for range 3 {
					if err := read(as); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
			must(t, as.Exec("ALTER TABLE replies ADD COLUMN latest int").Error)
			_ = as.Transaction(reads["find"]) // nobody can repeat it there
			must(t, as.Transaction(reads["find"]))
		})
	}
}
