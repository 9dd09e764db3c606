package test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

// keyed has keys of every kind.
type keyed struct {
	Part   int64  `gorm:"primaryKey;autoIncrement:false"`
	ID     int64  `gorm:"primaryKey;autoIncrement:false"`
	Name   string `gorm:"unique"`
	First  string
	Second string
	Plain  string `gorm:"index;comment:a plain one"`
}

// asksViews reports whether a text asks one of the views over all schemas.
func asksViews(text string) bool { return aView.MatchString(text) }

var aView = regexp.MustCompile(`\bpg_indexes\b|\binformation_schema\.[a-z]`)

// TestPGMigratorQuestions: what GORM asks by views over all schemas has the same answer by the
// catalog, and the views are not asked.
func TestPGMigratorQuestions(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	plain, err := gorm.Open(postgres.Open(server.With(map[string]string{"search_path": "tenant_acme"})), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	config, err := pgx.ParseConfig(server.DSN)
	must(t, err)
	tracer := &pgTracer{}
	config.Tracer = tracer
	pool := stdlib.OpenDB(*config)
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Schema{}, Models: []any{&keyed{}}})))
	t.Cleanup(func() {
		must(t, tenancy.Close(db))
		must(t, pool.Close())
		own, err := plain.DB()
		must(t, err)
		must(t, own.Close())
	})
	acme := db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "acme"}))
	must(t, acme.AutoMigrate(&keyed{}))
	must(t, plain.Exec("ALTER TABLE keyeds ADD UNIQUE (first, second)").Error)
	must(t, plain.Exec("CREATE SCHEMA other; CREATE TABLE other.keyeds (plain text PRIMARY KEY, part int UNIQUE)").Error)

	tracer.begun = nil
	got := keysOf(t, acme)
	same(t, "keys", got, keysOf(t, plain))
	same(t, "keys", got, []string{"part: primary", "id: primary", "name: unique"})
	if asked := strings.Join(tracer.begun, "\n"); asksViews(asked) || !strings.Contains(asked, "pg_constraint") || !strings.Contains(asked, "_pg_char_max_length") {
		t.Errorf("GORM asks in other words: %s", asked)
	}

	must(t, plain.Exec("CREATE INDEX idx_keyeds_plain ON other.keyeds (plain); COMMENT ON COLUMN other.keyeds.plain IS 'another'").Error)
	again := func() (sent string) {
		tracer.begun = nil
		must(t, acme.AutoMigrate(&keyed{}))
		sent = strings.Join(tracer.begun, "\n")
		if asksViews(sent) || !strings.Contains(sent, "pg_index ") || !strings.Contains(sent, "has_table_privilege") || !strings.Contains(sent, "pg_description") {
			t.Errorf("GORM asks in other words: %s", sent)
		}
		return sent
	}
	if sent := again(); strings.Contains(sent, "CREATE INDEX") || strings.Contains(sent, "COMMENT ON") {
		t.Errorf("there was nothing to do: %s", sent)
	}
	must(t, plain.Exec("DROP INDEX idx_keyeds_plain; COMMENT ON COLUMN keyeds.plain IS 'old'").Error)
	if sent := again(); !strings.Contains(sent, "CREATE INDEX") || !strings.Contains(sent, "COMMENT ON") {
		t.Errorf("an index and a comment were lost: %s", sent)
	}
	if sent := again(); strings.Contains(sent, "CREATE INDEX") || strings.Contains(sent, "COMMENT ON") {
		t.Errorf("there was nothing left to do: %s", sent)
	}
}

func keysOf(t *testing.T, db *gorm.DB) []string {
	t.Helper()
	columns, err := db.Migrator().ColumnTypes(&keyed{})
	must(t, err)
	var keys []string
	for _, c := range columns {
		if primary, _ := c.PrimaryKey(); primary {
			keys = append(keys, c.Name()+": primary")
		}
		if unique, _ := c.Unique(); unique {
			keys = append(keys, c.Name()+": unique")
		}
	}
	return keys
}

// rekeyed is the model of a table that was renamed.
type rekeyed keyed

// TestPGRenameTable renames a tenant's table where it is.
func TestPGRenameTable(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		name     string
		from, to any
	}{{"by names", "keyeds", "rekeyeds"}, {"by models", &keyed{}, &rekeyed{}}} {
		t.Run(k.name, func(t *testing.T) {
			server := newPG(t)
			db, err := gorm.Open(postgres.Open(server.DSN), &gorm.Config{Logger: logger.Discard})
			must(t, err)
			must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Schema{}, Models: []any{&keyed{}}})))
			t.Cleanup(func() {
				base, err := db.DB()
				must(t, err)
				must(t, tenancy.Close(db))
				must(t, base.Close())
			})
			acme, globex := tenantDB(t, db, "acme"), tenantDB(t, db, "globex")
			must(t, acme.AutoMigrate(&keyed{}))
			must(t, globex.AutoMigrate(&keyed{}))
			must(t, acme.Create(&keyed{ID: 1}).Error)
			must(t, acme.Migrator().RenameTable(k.from, k.to))
			must(t, acme.First(&rekeyed{}).Error)
			if acme.Migrator().HasTable("keyeds") || !globex.Migrator().HasTable("keyeds") {
				t.Error("another table was renamed")
			}
		})
	}
}

func tenantDB(t *testing.T, db *gorm.DB, id string) *gorm.DB {
	t.Helper()
	return db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: id}))
}
