package test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mattn/go-sqlite3"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/migrate/versioned"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/servers"
)

// token is an owned model whose table has a tenant column of some type, and the others say in
// the field of which.
type (
	token struct {
		ID       int64
		TenantID string
	}
	uuidToken struct {
		ID       int64
		TenantID string `gorm:"type:uuid"`
	}
	blankToken struct {
		ID       int64
		TenantID string `gorm:"type: UUID"`
	}
	bytesToken struct {
		ID       int64
		TenantID []byte
	}
	bigintToken struct {
		ID       int64
		TenantID string `gorm:"type:bigint"`
	}
	countedToken struct {
		ID       int64
		TenantID int64
	}
	citextToken struct {
		ID       int64
		TenantID string `gorm:"type:citext"`
	}
	nocaseToken struct {
		ID       int64
		TenantID string `gorm:"type:text COLLATE NOCASE"`
	}
)

func (token) TableName() string        { return "tokens" }
func (uuidToken) TableName() string    { return "tokens" }
func (blankToken) TableName() string   { return "tokens" }
func (bytesToken) TableName() string   { return "tokens" }
func (bigintToken) TableName() string  { return "tokens" }
func (countedToken) TableName() string { return "tokens" }
func (citextToken) TableName() string  { return "tokens" }
func (nocaseToken) TableName() string  { return "tokens" }

// exactKind is a strategy whose wall is the tenant column, on a database of its own.
type exactKind struct {
	name     string
	strategy tenancy.Strategy
	open     func(t *testing.T) func() gorm.Dialector
}

var (
	exactSQLite = exactKind{"sqlite/shared", strategies.Shared{}, func(t *testing.T) func() gorm.Dialector {
		path := filepath.Join(t.TempDir(), "base.db")
		return func() gorm.Dialector {
			return sqlite.New(sqlite.Config{DriverName: dashlessSQLite, DSN: baseDSN(path)})
		}
	}}
	exactMySQL = exactKind{"mysql/shared", strategies.Shared{}, func(t *testing.T) func() gorm.Dialector {
		dsn := servers.NewMySQL(t).DSN
		return func() gorm.Dialector { return mysql.Open(dsn) }
	}}
	exactPG    = exactKind{"postgres/shared", strategies.Shared{}, openExactPG}
	exactRLS   = exactKind{"postgres/rls", strategies.RLS{}, openExactPG}
	exactKinds = []exactKind{exactSQLite, exactMySQL, exactPG, exactRLS}
)

// dashlessSQLite is a driver with a collation that passes over dashes.
const dashlessSQLite = "dashless sqlite3"

var _ = registeredDashless()

func registeredDashless() bool {
	plain := func(s string) string { return strings.ReplaceAll(s, "-", "") }
	sql.Register(dashlessSQLite, &sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		return conn.RegisterCollation("dashless", func(a, b string) int { return strings.Compare(plain(a), plain(b)) })
	}})
	return true
}

func openExactPG(t *testing.T) func() gorm.Dialector {
	server := newPG(t)
	server.run(t,
		"CREATE EXTENSION citext", "CREATE DOMAIN loosely AS citext", "CREATE DOMAIN exactly AS text",
		"CREATE TYPE customer AS ENUM ('acme', 'ACME')",
		"CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
	return func() gorm.Dialector { return postgres.Open(server.DSN) }
}

// exactSite is the database of an exactKind, and a handle that knows nothing of tenants.
type exactSite struct {
	exactKind
	dialector func() gorm.Dialector
	plain     *gorm.DB
}

func (k exactKind) site(t *testing.T) *exactSite {
	t.Helper()
	s := &exactSite{exactKind: k, dialector: k.open(t)}
	s.plain = s.handle(t)
	return s
}

// knows skips a test of a type that MariaDB has and MySQL has not.
func (s *exactSite) knows(t *testing.T, kind string) {
	t.Helper()
	if kind != "uuid" || s.plain.Name() != "mysql" {
		return
	}
	var version string
	must(t, s.plain.Raw("SELECT version()").Scan(&version).Error)
	if !strings.Contains(version, "MariaDB") {
		t.Skip("skipped: MySQL has no type uuid")
	}
}

func (s *exactSite) handle(t *testing.T) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(s.dialector(), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	pool, err := db.DB()
	must(t, err)
	pool.SetMaxOpenConns(3)
	t.Cleanup(func() { must(t, pool.Close()) })
	return db
}

// use installs the strategy on a new handle.
func (s *exactSite) use(t *testing.T, models ...any) (*gorm.DB, error) {
	t.Helper()
	db := s.handle(t)
	err := db.Use(tenancy.Plugin(tenancy.Config{Strategy: s.strategy, Models: models}))
	if err == nil {
		t.Cleanup(func() { must(t, tenancy.Close(db)) })
	}
	return db, err
}

func (s *exactSite) tool(t *testing.T, models ...any) *migrate.Migrator {
	t.Helper()
	db, err := s.use(t, models...)
	must(t, err)
	m, err := migrate.New(db)
	must(t, err)
	return m
}

// TestExactColumns: a table whose tenant column takes two IDs for one is refused, unless the model
// keeps all but one out; what tells them apart is not.
func TestExactColumns(t *testing.T) {
	t.Parallel()
	const fine, spellings, two = "", "several spellings", "two IDs may be one"
	for _, c := range []struct {
		kind   exactKind
		column string
		model  any
		says   string
	}{
		{exactSQLite, "text", &token{}, fine},
		{exactSQLite, "varchar(40) COLLATE BINARY", &token{}, fine},
		{exactSQLite, "text COLLATE RTRIM", &token{}, fine}, // no ID ends with a space
		{exactSQLite, "", &token{}, fine},
		{exactSQLite, "text COLLATE NOCASE", &token{}, two},
		{exactSQLite, "text COLLATE nocase", &nocaseToken{}, two},
		{exactSQLite, "text COLLATE NOCASE GENERATED ALWAYS AS ('acme')", &token{}, two},
		{exactSQLite, "text COLLATE dashless", &token{}, two},
		{exactSQLite, "real", &token{}, two},
		{exactSQLite, "integer", &token{}, spellings},
		{exactSQLite, "integer", &countedToken{}, fine},
		{exactSQLite, "bigint", &bigintToken{}, fine},
		{exactSQLite, "uuid", &token{}, spellings},
		{exactSQLite, "uuid", &uuidToken{}, fine},
		{exactSQLite, "uuid COLLATE NOCASE", &uuidToken{}, two},

		{exactMySQL, "varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", &token{}, fine},
		{exactMySQL, "varbinary(40)", &token{}, fine},
		{exactMySQL, "varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", &token{}, two},
		{exactMySQL, "enum('acme') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", &token{}, two},
		{exactMySQL, "enum('acme') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", &token{}, two}, // '1' is 'acme'
		{exactMySQL, "set('acme') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", &token{}, two},
		{exactMySQL, "double", &token{}, two},
		{exactMySQL, "bigint unsigned", &token{}, spellings},
		{exactMySQL, "bigint", &bigintToken{}, fine},
		{exactMySQL, "bigint", &countedToken{}, fine},
		{exactMySQL, "uuid", &token{}, spellings}, // MariaDB's
		{exactMySQL, "uuid", &uuidToken{}, fine},

		{exactPG, "text", &token{}, fine},
		{exactPG, "varchar(40)", &token{}, fine},
		{exactPG, "exactly", &token{}, fine},
		{exactPG, "customer", &token{}, two}, // as the documents say: text, uuid or an integer
		{exactPG, `text COLLATE "C"`, &token{}, fine},
		{exactPG, "text COLLATE caseless", &token{}, two},
		{exactPG, "citext", &citextToken{}, two},
		{exactPG, "loosely", &token{}, two},
		{exactPG, "char(40)", &token{}, fine}, // no ID ends with a space
		{exactPG, "name", &token{}, two},      // cuts what is longer
		{exactPG, "bytea", &token{}, spellings},
		{exactPG, "bytea", &bytesToken{}, fine},
		{exactPG, "numeric", &token{}, spellings},
		{exactPG, "numeric(5,-2)", &countedToken{}, two},
		{exactPG, "oid", &countedToken{}, two}, // -1 is 4294967295
		{exactPG, "numeric(20)", &countedToken{}, fine},
		{exactPG, "bigint", &token{}, spellings},
		{exactPG, "bigint", &countedToken{}, fine},
		{exactPG, "uuid", &token{}, spellings},
		{exactPG, "uuid", &uuidToken{}, fine},
		{exactPG, "uuid", &blankToken{}, fine},

		{exactRLS, "text", &token{}, fine},
		{exactRLS, "uuid", &token{}, fine}, // the policies compare its text
		{exactRLS, "bigint", &token{}, fine},
		{exactRLS, "exactly", &token{}, fine},
		{exactRLS, "text COLLATE caseless", &token{}, two},
		{exactRLS, "citext", &citextToken{}, two},
		{exactRLS, "loosely", &token{}, two},
		{exactRLS, "numeric", &countedToken{}, two}, // 1 has more texts than one
		{exactRLS, "char(40)", &token{}, fine},
	} {
		t.Run(fmt.Sprintf("%s/%s/%T", c.kind.name, c.column, c.model), func(t *testing.T) {
			t.Parallel()
			s := c.kind.site(t)
			s.knows(t, c.column)
			early := s.tool(t, c.model)
			must(t, s.plain.Exec("CREATE TABLE tokens (id bigint PRIMARY KEY, tenant_id "+c.column+")").Error)
			_, err := s.use(t, c.model)
			if c.says == fine {
				must(t, err)
				return
			}
			wellMade(t, err, tenancy.ErrConfig, c.says)
			wantKind(t, early.Verify(t.Context(), acme), tenancy.ErrDrifted)
			err = early.Provision(t.Context(), acme)
			if err == nil { // it has given the column the model's type
				_, err = s.use(t, c.model)
				must(t, err)
				return
			}
			wellMade(t, err, tenancy.ErrConfig, c.says)
		})
	}
}

// TestExactProvision: a column that a model declares so that it takes two IDs for one is refused
// by the Provision that makes it, and is not there then.
func TestExactProvision(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind  exactKind
		model any
	}{
		{exactSQLite, &nocaseToken{}}, {exactPG, &citextToken{}}, {exactRLS, &citextToken{}},
	} {
		t.Run(c.kind.name, func(t *testing.T) {
			t.Parallel()
			s := c.kind.site(t)
			m := s.tool(t, c.model)
			wellMade(t, m.Provision(t.Context(), acme), tenancy.ErrConfig, "acme and ACME")
			if s.plain.Migrator().HasTable("tokens") {
				t.Error("the table is there")
			}
			s.tool(t, c.model)
		})
	}
}

// TestExactSpellings: of several spellings of a value one alone is a tenant's.
func TestExactSpellings(t *testing.T) {
	t.Parallel()
	const id = "00c0ffee-0000-4000-8000-00000000abcd"
	spelled := map[string]struct {
		model  any
		id     string
		others []string
	}{
		"uuid":   {&uuidToken{}, id, []string{"00C0FFEE-0000-4000-8000-00000000ABCD", "00c0ffee0000400080000000" + "0000abcd", "{" + id + "}"}},
		"bigint": {&bigintToken{}, "42", []string{"042", "42.0", "+42", "42abc", "4.2e1", "0x2a", "9223372036854775808"}},
	}
	for _, k := range exactKinds {
		for name, c := range spelled {
			t.Run(k.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := k.site(t)
				s.knows(t, name)
				m := s.tool(t, c.model)
				must(t, m.Provision(t.Context(), tenancy.Tenant{ID: c.id}))
				db, err := s.use(t, c.model)
				must(t, err)
				as := func(id string) *gorm.DB {
					return db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: id})).Model(c.model)
				}
				must(t, as(c.id).Create(map[string]any{"id": 1}).Error)
				must(t, m.Verify(t.Context(), tenancy.Tenant{ID: c.id}))
				var n int64
				must(t, as(c.id).Count(&n).Error)
				if n != 1 {
					t.Errorf("the tenant finds %d rows", n)
				}
				for _, other := range c.others {
					n = 0
					if err := as(other).Count(&n).Error; err == nil || n != 0 {
						t.Errorf("the tenant %q finds %d rows: %v", other, n, err)
					}
					if err := as(other).Where("id = ?", 1).Delete(c.model).Error; err == nil {
						t.Errorf("the tenant %q deletes", other)
					}
				}
				must(t, as(c.id).Count(&n).Error)
				if n != 1 {
					t.Errorf("the tenant finds %d rows", n)
				}
			})
		}
	}
}

// TestExactVersioned: a migration that makes such a column fails, and what protects the table stays.
func TestExactVersioned(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   exactKind
		column string
	}{{exactSQLite, "text COLLATE NOCASE"}, {exactPG, "citext"}, {exactRLS, "citext"}} {
		t.Run(c.kind.name, func(t *testing.T) {
			t.Parallel()
			s := c.kind.site(t)
			db, err := s.use(t, &token{})
			must(t, err)
			m, err := versioned.New(db, versioned.Config{Files: fstest.MapFS{
				"1_tokens.sql": file("-- +goose Up\nCREATE TABLE tokens (id bigint PRIMARY KEY, tenant_id " + c.column + " NOT NULL);\n"),
			}})
			must(t, err)
			report, err := m.Up(t.Context(), migrate.Tenants(acme))
			wantKind(t, err, tenancy.ErrConfig)
			if report.Count(migrate.Failed) != 1 {
				t.Errorf("the report is %v", report)
			}
			if c.kind.name != exactRLS.name {
				return
			}
			var policies int64
			must(t, s.plain.Raw("SELECT count(*) FROM pg_policies WHERE tablename = 'tokens'").Scan(&policies).Error)
			if policies != 2 {
				t.Errorf("the table has %d policies", policies)
			}
		})
	}
}
