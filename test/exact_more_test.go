package test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/servers"
)

// TestExactTwoModels: of two models of one table the first decides which IDs there are.
func TestExactTwoModels(t *testing.T) {
	t.Parallel()
	const id, other = "00c0ffee-0000-4000-8000-00000000abcd", "00C0FFEE-0000-4000-8000-00000000ABCD"
	for _, k := range []exactKind{exactSQLite, exactPG} {
		t.Run(k.name, func(t *testing.T) {
			s := k.site(t)
			must(t, s.plain.Exec("CREATE TABLE tokens (id bigint PRIMARY KEY, tenant_id uuid)").Error)
			_, err := s.use(t, &token{}, &uuidToken{})
			wellMade(t, err, tenancy.ErrConfig, "several spellings")
			db, err := s.use(t, &uuidToken{}, &token{})
			must(t, err)
			must(t, within(db, id).Create(&token{ID: 1}).Error)
			if err := within(db, other).Find(&[]token{}).Error; err == nil {
				t.Error("another spelling reads")
			}
		})
	}
}

func within(db *gorm.DB, id string) *gorm.DB {
	return db.WithContext(tenancy.WithTenant(context.Background(), tenancy.Tenant{ID: id}))
}

type (
	club struct {
		ID       int64
		TenantID string
		Fans     []fan `gorm:"many2many:club_fans"`
	}
	fan struct {
		ID       int64
		TenantID string
	}
)

// TestExactJoinTables: a join table that GORM makes is a wall as any other.
func TestExactJoinTables(t *testing.T) {
	t.Parallel()
	s := exactSQLite.site(t)
	must(t, s.plain.Exec("CREATE TABLE club_fans (tenant_id text COLLATE NOCASE, club_id integer, fan_id integer, PRIMARY KEY (club_id, fan_id))").Error)
	_, err := s.use(t, &club{}, &fan{})
	wellMade(t, err, tenancy.ErrConfig, "club_fans")
}

type (
	plan struct {
		ID       int64
		TenantID string // not of the tenant that the row belongs to: it belongs to none
	}
	planned struct {
		ID       int64
		TenantID string
		PlanID   int64
		Plan     plan
	}
)

// TestExactNotOwned: what is no wall is not looked at.
func TestExactNotOwned(t *testing.T) {
	t.Parallel()
	for _, k := range []exactKind{exactPG, exactRLS} {
		t.Run(k.name, func(t *testing.T) {
			s := k.site(t)
			must(t, s.plain.Exec("CREATE TABLE plans (id bigint PRIMARY KEY, tenant_id citext)").Error)
			db := s.handle(t)
			must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: k.strategy, Models: []any{&planned{}}, Shared: []any{&plan{}}})))
			must(t, tenancy.Close(db))
		})
	}
	t.Run("models that are not listed", func(t *testing.T) {
		s := exactPG.site(t)
		must(t, s.plain.Exec("CREATE TABLE fans (id bigint PRIMARY KEY, tenant_id uuid)").Error)
		db, err := s.use(t, &token{})
		must(t, err)
		_ = within(db, "00c0ffee-0000-4000-8000-00000000abcd").Find(&[]fan{})
		m, err := migrate.New(db)
		must(t, err)
		must(t, m.Provision(t.Context(), acme))
		must(t, m.Verify(t.Context(), acme))
	})
	t.Run("tables of their own", func(t *testing.T) {
		db, err := gorm.Open(sqlite.Open(baseDSN(t.TempDir()+"/base.db")), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Schema{}, Models: []any{&bigintToken{}}})))
		m, err := migrate.New(db)
		must(t, err)
		must(t, m.Provision(t.Context(), tenancy.Tenant{ID: "007"}))
		must(t, within(db, "007").Create(&bigintToken{ID: 1}).Error)
		must(t, within(db, "007").First(&bigintToken{}).Error)
		must(t, tenancy.Close(db))
		pool, err := db.DB()
		must(t, err)
		must(t, pool.Close())
	})
}

// TestExactPools: the plugin looks through whatever pool a handle has, and not at all in a dry run.
func TestExactPools(t *testing.T) {
	t.Parallel()
	s := exactSQLite.site(t)
	must(t, s.plain.Exec("CREATE TABLE tokens (id bigint PRIMARY KEY, tenant_id text COLLATE NOCASE)").Error)
	pool, err := s.plain.DB()
	must(t, err)
	tx, err := pool.BeginTx(t.Context(), nil)
	must(t, err)
	defer func() { must(t, tx.Rollback()) }()
	open := func(dry bool) *gorm.DB {
		db, err := gorm.Open(sqlite.New(sqlite.Config{DriverName: dashlessSQLite, Conn: tx}), &gorm.Config{Logger: logger.Discard, DryRun: dry})
		must(t, err)
		return db
	}
	config := tenancy.Config{Strategy: strategies.Shared{}, Models: []any{&token{}}}
	wellMade(t, open(false).Use(tenancy.Plugin(config)), tenancy.ErrConfig, "acme and ACME")
	must(t, open(true).Use(tenancy.Plugin(config)))
}

// TestExactNoModel: what is no model is an error, and no panic.
func TestExactNoModel(t *testing.T) {
	t.Parallel()
	for _, k := range exactKinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := k.site(t)
			for _, model := range []any{nil, new(int)} {
				_, err := s.use(t, model)
				wantKind(t, err, tenancy.ErrConfig)
			}
		})
	}
}

// lowered is a type for whose values GORM writes SQL.
type lowered string

// GormValue implements gorm.Valuer.
func (l lowered) GormValue(context.Context, *gorm.DB) clause.Expr {
	return clause.Expr{SQL: "lower(?)", Vars: []any{string(l)}}
}

type loweredToken struct {
	ID       int64
	TenantID lowered
}

// TestExactMade: a table that AutoMigrate makes for a tenant is looked at, listed or not, and so is
// what a field writes.
func TestExactMade(t *testing.T) {
	t.Parallel()
	s := exactSQLite.site(t)
	_, err := s.use(t, &loweredToken{})
	wellMade(t, err, tenancy.ErrConfig, "GormValue")
	for name, create := range map[string]func(db *gorm.DB) error{
		"unlisted": func(db *gorm.DB) error { return db.AutoMigrate(&nocaseToken{}) },
		"in a transaction": func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.AutoMigrate(&nocaseToken{}) })
		},
		"by hand": func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.Migrator().CreateTable(&nocaseToken{}) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := s.use(t, &fan{})
			must(t, err)
			wellMade(t, create(within(db, "acme")), tenancy.ErrConfig, "acme and ACME")
			if s.plain.Migrator().HasTable("tokens") {
				t.Error("the table is there")
			}
		})
	}
	db, err := s.use(t, &fan{})
	must(t, err)
	wellMade(t, within(db, "acme").AutoMigrate(&holder{}), tenancy.ErrConfig, "tokens")
}

// holder belongs to a model that AutoMigrate makes a table for, too.
type holder struct {
	ID       int64
	TenantID string
	TokenID  int64
	Token    nocaseToken
}

type (
	afield struct {
		ID       int64
		TenantID string
		Herds    []herd
	}
	herd struct {
		ID       int64
		TenantID string
		AfieldID int64
	}
)

func (herd) TableName() string { return "app.herds" }

// TestExactElsewhere: a table in a schema that nobody looks at is refused, though it only hangs on
// a listed one.
func TestExactElsewhere(t *testing.T) {
	t.Parallel()
	_, err := exactPG.site(t).use(t, &afield{})
	wellMade(t, err, tenancy.ErrConfig, "app.herds")
}

// TestMySQLCut: IDs that a column would cut, clamp or write with other characters are refused,
// also where the server would do so with a warning at most.
func TestMySQLCut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		column string
		model  func(id int64) any
		id     string // of whom the server would make other
		other  string
	}{
		"longer":     {"varchar(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", func(id int64) any { return &token{ID: id} }, "0123456789a", "0123456789"},
		"bytes":      {"varbinary(10)", func(id int64) any { return &token{ID: id} }, "0123456789a", "0123456789"},
		"runes":      {"varbinary(9)", func(id int64) any { return &token{ID: id} }, "漢漢漢漢", "漢漢漢"},
		"digits":     {"decimal(5)", func(id int64) any { return &countedToken{ID: id} }, "100000", "99999"},
		"largest":    {"bigint", func(id int64) any { return &hugeToken{ID: id} }, "17446744073709551615", "9223372036854775807"},
		"larger":     {"int", func(id int64) any { return &countedToken{ID: id} }, "5000000000", "2147483647"},
		"negative":   {"smallint unsigned", func(id int64) any { return &countedToken{ID: id} }, "70000", "65535"},
		"characters": {"varchar(10) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin", func(id int64) any { return &token{ID: id} }, "😀", "?"},
		"letters":    {"varchar(10) CHARACTER SET latin1 COLLATE latin1_bin", func(id int64) any { return &token{ID: id} }, "漢", "?"},
	} {
		for mode, options := range map[string]string{"strict": "", "lenient": "&sql_mode=%27%27"} {
			t.Run(fmt.Sprintf("%s/%s", name, mode), func(t *testing.T) {
				t.Parallel()
				dsn := servers.NewMySQL(t).DSN + options
				s := &exactSite{exactKind: exactMySQL, dialector: func() gorm.Dialector { return mysql.Open(dsn) }}
				s.plain = s.handle(t)
				must(t, s.plain.Exec("CREATE TABLE tokens (id bigint PRIMARY KEY, tenant_id "+c.column+")").Error)
				db, err := s.use(t, c.model(0))
				must(t, err)
				err = within(db, c.id).Clauses(clause.Insert{Modifier: "IGNORE"}).Create(c.model(1)).Error
				wantKind(t, err, tenancy.ErrInvalidTenant)
				if err != nil && !strings.Contains(err.Error(), "tokens") {
					t.Errorf("%v does not say where", err)
				}
				var n int64
				must(t, within(db, c.other).Model(c.model(0)).Count(&n).Error)
				if n != 0 {
					t.Errorf("the other tenant finds %d rows", n)
				}
				must(t, within(db, c.other).Create(c.model(2)).Error)
			})
		}
	}
}

type hugeToken struct {
	ID       int64
	TenantID uint64
}

func (hugeToken) TableName() string { return "tokens" }

// TestMySQLHolds: what a column holds is taken.
func TestMySQLHolds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		column string
		model  any
		id     string
	}{
		{"bigint unsigned", &hugeToken{}, "17446744073709551615"},
		{"decimal(20)", &hugeToken{}, "17446744073709551615"},
		{"tinyint", &countedToken{}, "-128"},
		{"binary(26)", &token{}, "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
		{"varbinary(12)", &token{}, "漢漢漢漢"},
		{"varchar(4) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin", &token{}, "漢漢漢漢"},
	} {
		t.Run(c.column, func(t *testing.T) {
			t.Parallel()
			s := exactMySQL.site(t)
			must(t, s.plain.Exec("CREATE TABLE tokens (id bigint PRIMARY KEY, tenant_id "+c.column+")").Error)
			db, err := s.use(t, c.model)
			must(t, err)
			must(t, within(db, c.id).Model(c.model).Create(map[string]any{"id": 1}).Error)
			var n int64
			must(t, within(db, c.id).Model(c.model).Count(&n).Error)
			if n != 1 {
				t.Errorf("the tenant finds %d rows", n)
			}
		})
	}
}

// TestMySQLTableCase: a table of another application, whose name differs in case alone, is none of
// ours where the server tells them apart.
func TestMySQLTableCase(t *testing.T) {
	t.Parallel()
	s := exactMySQL.site(t)
	must(t, s.plain.Exec("CREATE TABLE Tokens (id bigint PRIMARY KEY, tenant_id varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci)").Error)
	_, err := s.use(t, &token{})
	must(t, err)
}

// TestPGPartitions: whoever names a partition, or a table that inherits, sees his tenant's rows there, too.
func TestPGPartitions(t *testing.T) {
	t.Parallel()
	s := exactRLS.site(t)
	for _, statement := range []string{
		"CREATE TABLE tokens (id bigint NOT NULL, tenant_id text) PARTITION BY RANGE (id)",
		"CREATE TABLE tokens_low PARTITION OF tokens FOR VALUES FROM (0) TO (10)",
		"CREATE TABLE fans (id bigint NOT NULL, tenant_id text)",
		`CREATE TABLE "fans' own" () INHERITS (fans)`,
	} {
		must(t, s.plain.Exec(statement).Error)
	}
	m := s.tool(t, &token{}, &fan{})
	must(t, m.Provision(t.Context(), acme))
	must(t, m.Verify(t.Context(), acme))
	db, err := s.use(t, &token{}, &fan{})
	must(t, err)
	must(t, within(db, "acme").Create(&token{ID: 1}).Error)
	must(t, within(db, "acme").Exec(`INSERT INTO "fans' own" (id) VALUES (1)`).Error)
	for id, want := range map[string]int64{"acme": 1, "globex": 0} {
		for _, table := range []string{"tokens", "tokens_low", "fans", `"fans' own"`} {
			var n int64
			must(t, within(db, id).Raw("SELECT count(*) FROM "+table).Scan(&n).Error)
			if n != want {
				t.Errorf("%s finds %d rows in %s", id, n, table)
			}
		}
	}
	must(t, s.plain.Exec("CREATE TABLE tokens_high PARTITION OF tokens FOR VALUES FROM (10) TO (20)").Error)
	err = m.Verify(t.Context(), acme)
	wantKind(t, err, tenancy.ErrDrifted)
	if err != nil && !strings.Contains(err.Error(), "tokens_high") {
		t.Errorf("%v does not say where", err)
	}
	must(t, m.Provision(t.Context(), acme))
	must(t, m.Verify(t.Context(), acme))
}

// TestPGPartitionsOfOthers: tables that the role may not change stop no provisioning, and are named
// where the role may use them; so is a table in which an owned one is seen.
func TestPGPartitionsOfOthers(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := &exactSite{exactKind: exactRLS, dialector: func() gorm.Dialector { return postgres.Open(server.DSN) }}
	s.plain = s.handle(t)
	must(t, s.plain.Exec("CREATE TABLE tokens (id bigint NOT NULL, tenant_id text) PARTITION BY RANGE (id)").Error)
	m := s.tool(t, &token{})
	must(t, m.Provision(t.Context(), acme))
	server.run(t,
		"CREATE SCHEMA hidden",
		"CREATE TABLE hidden.tokens_hidden PARTITION OF tokens FOR VALUES FROM (0) TO (10)",
		"CREATE TABLE tokens_closed PARTITION OF tokens FOR VALUES FROM (10) TO (20)",
	)
	must(t, m.Provision(t.Context(), acme))
	must(t, m.Verify(t.Context(), acme))
	server.run(t, "GRANT SELECT ON tokens_closed TO "+server.Name)
	must(t, m.Provision(t.Context(), acme))
	wellMade(t, m.Verify(t.Context(), acme), tenancy.ErrDrifted, "tokens_closed")
	server.run(t, "REVOKE SELECT ON tokens_closed FROM "+server.Name)
	must(t, m.Verify(t.Context(), acme))
	must(t, s.plain.Exec("CREATE TABLE archive (id bigint NOT NULL, tenant_id text) PARTITION BY RANGE (id)").Error)
	must(t, s.plain.Exec("ALTER TABLE archive ATTACH PARTITION tokens FOR VALUES FROM (0) TO (100)").Error)
	wellMade(t, m.Verify(t.Context(), acme), tenancy.ErrDrifted, "archive")
}

// TestPGChar: the policies compare whole texts in a column of a fixed length.
func TestPGChar(t *testing.T) {
	t.Parallel()
	s := exactRLS.site(t)
	must(t, s.plain.Exec("CREATE TABLE tokens (id bigint PRIMARY KEY, tenant_id char(40))").Error)
	db, err := s.use(t, &charToken{})
	must(t, err)
	m, err := migrate.New(db)
	must(t, err)
	must(t, m.Provision(t.Context(), acme))
	must(t, within(db, "acme").Create(&charToken{ID: 1}).Error)
	for id, want := range map[string]int64{"acme": 1, "acm": 0, "a": 0, "ACME": 0} {
		var n int64
		must(t, within(db, id).Raw("SELECT count(*) FROM tokens").Scan(&n).Error)
		if n != want {
			t.Errorf("%s finds %d rows", id, n)
		}
	}
}

type charToken struct {
	ID       int64
	TenantID string `gorm:"type:char(40)"`
}

func (charToken) TableName() string { return "tokens" }
