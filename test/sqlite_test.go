package test

import (
	"path/filepath"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/conformance"
)

// openSQLite opens a new database file.
func openSQLite(t testing.TB, cfg *gorm.Config) *gorm.DB {
	t.Helper()
	return openFile(t, filepath.Join(t.TempDir(), "base.db"), cfg)
}

// openFile opens a database file. Transactions take the write lock when they begin,
// so that several handles may write.
func openFile(t testing.TB, file string, cfg *gorm.Config) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open("file:"+file+"?_foreign_keys=on&_journal_mode=WAL&_synchronous=OFF&_busy_timeout=10000&_txlock=immediate"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// sqliteSubjects are the strategies on SQLite.
func sqliteSubjects() []conformance.Subject {
	return []conformance.Subject{
		{
			Name: "schema", Open: openSQLite, Columnless: true,
			Strategy: func(testing.TB) tenancy.Strategy { return strategies.Schema{} },
		},
		{
			Name: "database", Open: openSQLite, Columnless: true,
			Strategy: func(t testing.TB) tenancy.Strategy {
				return strategies.Database{Open: sqlite.Open, Dir: filepath.Join(t.TempDir(), "tenants")}
			},
		},
		{
			Name: "shared", Open: openSQLite, Raw: conformance.RawRefused,
			Strategy: func(testing.TB) tenancy.Strategy { return strategies.Shared{} },
		},
	}
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	for _, s := range sqliteSubjects() {
		t.Run(s.Name, func(t *testing.T) { conformance.Run(t, s) })
	}
}
