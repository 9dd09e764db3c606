package test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/test/servers"
)

// keyed has keys of every kind.
type keyed struct {
	Part   int64  `gorm:"primaryKey;autoIncrement:false"`
	ID     int64  `gorm:"primaryKey;autoIncrement:false"`
	Name   string `gorm:"unique"`
	First  string
	Second string
	Plain  string `gorm:"index"`
}

// heard is a pool that notes the queries it is asked.
type heard struct {
	*sql.DB
	queries []string
}

func (h *heard) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	h.queries = append(h.queries, query)
	return h.DB.QueryContext(ctx, query, args...)
}

// TestFenceFindsKeys: what GORM asks about keys by views over all schemas has the same answer
// by the catalog, and the views are not asked.
func TestFenceFindsKeys(t *testing.T) {
	db, err := gorm.Open(postgres.Open(servers.NewPostgres(t).DSN), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	pool, err := db.DB()
	must(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	must(t, db.AutoMigrate(&keyed{}))
	must(t, db.Exec("ALTER TABLE keyeds ADD UNIQUE (first, second)").Error)
	must(t, db.Exec("CREATE SCHEMA other; CREATE TABLE other.keyeds (plain text PRIMARY KEY, part int UNIQUE)").Error)

	h := &heard{DB: pool}
	fenced, err := gorm.Open(postgres.New(postgres.Config{Conn: &ddl.Fence{ConnPool: h}}), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	want, got := keysOf(t, db), keysOf(t, fenced)
	same(t, "keys", got, want)
	same(t, "keys", got, []string{"part: primary", "id: primary", "name: unique"})
	if asked := strings.Join(h.queries, "\n"); strings.Contains(asked, "constraint_column_usage") || !strings.Contains(asked, "pg_constraint") {
		t.Errorf("GORM asks in other words: %s", asked)
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
