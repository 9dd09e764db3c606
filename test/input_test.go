package test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// sentinels are all that an error of the module can be.
var sentinels = []error{
	tenancy.ErrConfig, tenancy.ErrUnsupportedDialect, tenancy.ErrNotInstalled, tenancy.ErrNoTenant, tenancy.ErrInvalidTenant,
	tenancy.ErrNotProvisioned, tenancy.ErrTenantMismatch, tenancy.ErrNoTenantColumn, tenancy.ErrRawSQL, tenancy.ErrDrifted,
	tenancy.ErrElsewhere, tenancy.ErrMigration, tenancy.ErrBehind, tenancy.ErrClosed,
}

// wellMade fails unless err is one of the module's, of exactly one kind, with a message
// in lower case that names the cure.
func wellMade(t testing.TB, err, kind error, cure string) {
	t.Helper()
	var e *tenancy.Error
	if !errors.As(err, &e) {
		t.Errorf("%v is no *tenancy.Error, want one that is %q", err, kind)
		return
	}
	for _, sentinel := range sentinels {
		if is := errors.Is(err, sentinel); is != (sentinel == kind) {
			t.Errorf("%q is %q: %v", err, sentinel, is)
		}
	}
	text := err.Error()
	if !strings.HasPrefix(text, "tenancy: ") || unicode.IsUpper([]rune(e.Kind.Error())[0]) || strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
		t.Errorf("the message %q is not a lower-case line", text)
	}
	if !strings.Contains(text, cure) {
		t.Errorf("the message %q does not name the cure %q", text, cure)
	}
}

// wantOp fails unless an error says what was attempted.
func wantOp(t testing.TB, err error, op string) {
	t.Helper()
	var e *tenancy.Error
	if !errors.As(err, &e) || e.Op != op {
		t.Errorf("want the operation %q, got %v", op, err)
	}
}

// TestErrorsNameTheOperation where nothing was asked of the database yet.
func TestErrorsNameTheOperation(t *testing.T) {
	t.Parallel()
	s := openSite(t, bySchema, setup{})
	wantOp(t, s.db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Schema{}})), "use")
	_, err := tenancy.Table(s.db, &folio{})
	wantOp(t, err, "table")
	_, err = tenancy.Table(s.as("acme"), nil)
	wantOp(t, err, "table")
	wantOp(t, s.as("acme").AutoMigrate(nil), "migrate")
}

// calmly runs fn and makes an error of a panic.
func calmly(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return fn()
}

// uses are ways to use a handle that all need the tenant of its context.
var uses = []struct {
	name string
	run  func(db *gorm.DB) error
}{
	{"Find", func(db *gorm.DB) error { return db.Find(&[]folio{}).Error }},
	{"First", func(db *gorm.DB) error { return db.First(&folio{}).Error }},
	{"Create", func(db *gorm.DB) error { return db.Create(&folio{ID: 1}).Error }},
	{"Create in a map", func(db *gorm.DB) error { return db.Model(&folio{}).Create(map[string]any{"id": 2}).Error }},
	{"Save", func(db *gorm.DB) error { return db.Save(&note{ID: 9}).Error }},
	{"Update", func(db *gorm.DB) error { return db.Model(&folio{}).Where("id = 1").Update("body", "x").Error }},
	{"Delete", func(db *gorm.DB) error { return db.Where("id = 1").Delete(&folio{}).Error }},
	{"Count", func(db *gorm.DB) error { return db.Model(&folio{}).Count(new(int64)).Error }},
	{"Pluck", func(db *gorm.DB) error { return db.Model(&folio{}).Pluck("owner", &[]string{}).Error }},
	{"Scan", func(db *gorm.DB) error { return db.Model(&folio{}).Select("owner").Scan(&[]string{}).Error }},
	{"Row", func(db *gorm.DB) error { return db.Model(&folio{}).Select("owner").Row().Scan(new(string)) }},
	{"Row.Err", func(db *gorm.DB) error { return db.Model(&folio{}).Select("owner").Row().Err() }},
	{"Rows", func(db *gorm.DB) error { return closed(db.Model(&folio{}).Rows()) }},
	{"Raw", func(db *gorm.DB) error { return db.Raw("SELECT * FROM folios").Scan(&[]folio{}).Error }},
	{"Raw.Row", func(db *gorm.DB) error { return db.Raw("SELECT owner FROM folios").Row().Scan(new(string)) }},
	{"Raw.Rows", func(db *gorm.DB) error { return closed(db.Raw("SELECT * FROM folios").Rows()) }},
	{"Exec", func(db *gorm.DB) error { return db.Exec("UPDATE folios SET body = 'x'").Error }},
	{"Table", func(db *gorm.DB) error { return db.Table("folios").Find(&[]map[string]any{}).Error }},
	{"FindInBatches", func(db *gorm.DB) error {
		return db.FindInBatches(&[]folio{}, 2, func(*gorm.DB, int) error { return nil }).Error
	}},
	{"Association", func(db *gorm.DB) error {
		return db.Model(&folio{TenantID: "acme", ID: 1}).Association("Sheets").Find(&[]sheet{})
	}},
	{"Upsert", func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&folio{ID: 1}).Error
	}},
	{"Generics", func(db *gorm.DB) error {
		_, err := gorm.G[folio](db).Find(db.Statement.Context)
		return err
	}},
	{"Statement in a transaction", func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error { return tx.Find(&[]folio{}).Error })
	}},
	{"Connection", func(db *gorm.DB) error {
		return db.Connection(func(tx *gorm.DB) error { return tx.Find(&[]folio{}).Error })
	}},
	{"pool", func(db *gorm.DB) error {
		return closed(db.Statement.ConnPool.QueryContext(db.Statement.Context, "SELECT * FROM folios"))
	}},
	{"pool row", func(db *gorm.DB) error {
		return db.Statement.ConnPool.QueryRowContext(db.Statement.Context, "SELECT owner FROM folios").Scan(new(string))
	}},
	{"AutoMigrate", func(db *gorm.DB) error { return db.AutoMigrate(&folio{}) }},
	{"CreateTable", func(db *gorm.DB) error { return db.Migrator().CreateTable(&extra{}) }},
	{"DropTable", func(db *gorm.DB) error { return db.Migrator().DropTable(&folio{}) }},
	{"DropTable by name", func(db *gorm.DB) error { return db.Migrator().DropTable("folios") }},
	{"GetTables", func(db *gorm.DB) error { _, err := db.Migrator().GetTables(); return err }},
	{"ColumnTypes", func(db *gorm.DB) error { _, err := db.Migrator().ColumnTypes(&folio{}); return err }},
	{"AddColumn", func(db *gorm.DB) error { return db.Migrator().AddColumn(&folioMore{}, "More") }},
	{"RenameTable", func(db *gorm.DB) error { return db.Migrator().RenameTable("folios", "gone") }},
}

func closed(rows interface{ Close() error }, err error) error {
	if err == nil {
		return rows.Close()
	}
	return err
}

// asking are the migrator's questions, which have no error to return.
func asking(db *gorm.DB) error {
	m := db.Migrator()
	for name, yes := range map[string]bool{
		"HasTable":      m.HasTable(&folio{}),
		"HasTable name": m.HasTable("folios"),
		"HasColumn":     m.HasColumn(&folio{}, "owner"),
		"HasIndex":      m.HasIndex(&folio{}, "idx_folios_owner"),
		"HasConstraint": m.HasConstraint(&sheet{}, "fk_folios_sheets"),
	} {
		if yes {
			return errors.New(name + " says yes")
		}
	}
	_ = m.CurrentDatabase()
	return nil
}

// TestWithoutTenant: every use of an owned model without a tenant is refused, nothing
// panics and nothing happens.
func TestWithoutTenant(t *testing.T) {
	t.Parallel()
	contexts := map[string]context.Context{
		"no tenant":           context.Background(),
		"system, no reason":   tenancy.WithSystem(context.Background(), ""),
		"raw SQL, no tenant":  tenancy.WithRawSQL(context.Background(), "there is no tenant"),
		"other system reason": tenancy.WithSystem(tenancy.WithTenant(context.Background(), tenancy.Tenant{ID: "acme"}), ""),
	}
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{})
		s.provision(t, "acme")
		s.fill(t, "acme", 2)
		for name, ctx := range contexts {
			t.Run(name, func(t *testing.T) { refuses(t, s.db.WithContext(ctx), tenancy.ErrNoTenant, "With") })
		}
		t.Run("no context", func(t *testing.T) { refuses(t, s.db, tenancy.ErrNoTenant, "WithTenant") })
		s.holds(t, "acme", 2)
	})
}

// refuses fails unless every use of db fails with kind.
func refuses(t *testing.T, db *gorm.DB, kind error, cure string) {
	t.Helper()
	for _, use := range uses {
		err := calmly(func() error { return use.run(db) })
		if !errors.Is(err, kind) {
			t.Errorf("%s: got %v, want %q", use.name, err, kind)
			continue
		}
		wellMade(t, err, kind, cure)
	}
	if err := calmly(func() error { return asking(db) }); err != nil {
		t.Errorf("migrator: %v", err)
	}
}

// badTenant is a tenant that cannot be used by some strategies.
type badTenant struct {
	name   string
	tenant tenancy.Tenant
	kinds  []kind
	cure   string
}

var badTenants = []badTenant{
	{"no ID", tenancy.Tenant{}, kinds, "use at least one character"},
	{"300 characters", tenancy.Tenant{ID: strings.Repeat("x", 300)}, kinds, "use at most 255"},
	{"unprintable", tenancy.Tenant{ID: "a\x07b"}, kinds, "remove it"},
	{"line feed", tenancy.Tenant{ID: "a\nb"}, kinds, "remove it"},
	{"invalid UTF-8", tenancy.Tenant{ID: "a\xff"}, kinds, "utf-8"},
	{"right-to-left override", tenancy.Tenant{ID: "a\u202eb"}, kinds, "remove it"},
	{"space around", tenancy.Tenant{ID: " acme"}, kinds, "trim it"},
	{"slug is a path", tenancy.Tenant{ID: "x1", Slug: "../../etc"}, kinds, "lower-case letters"},
	{"slug in upper case", tenancy.Tenant{ID: "x1", Slug: "Public"}, kinds, "lower-case letters"},
	{"slug reserved", tenancy.Tenant{ID: "x1", Slug: "public"}, kinds, "make another name"},
	{"slug too long", tenancy.Tenant{ID: "x1", Slug: strings.Repeat("s", 41)}, kinds, "digits and single underscores"},
	{"schema chosen", tenancy.Tenant{ID: "x1", Schema: "mine"}, []kind{bySchema}, "leave Schema empty"},
	{"schema reserved", tenancy.Tenant{ID: "x1", Schema: "public"}, []kind{bySchema}, "leave Schema empty"},
	{"schema of PostgreSQL", tenancy.Tenant{ID: "x1", Schema: "public"}, []kind{byDatabase}, "choose another"},
	{"schema of the system", tenancy.Tenant{ID: "x1", Schema: "PG_catalog"}, []kind{byDatabase}, "choose another"},
	{"schema of SQLite", tenancy.Tenant{ID: "x1", Schema: "Main"}, []kind{byDatabase}, "choose another"},
	{"schema of SQL Server", tenancy.Tenant{ID: "x1", Schema: "master"}, []kind{byDatabase}, "choose another"},
	{"schema is a path", tenancy.Tenant{ID: "x1", Schema: "../up"}, []kind{byDatabase}, "letter"},
	{"schema has a slash", tenancy.Tenant{ID: "x1", Schema: "a/b"}, []kind{byDatabase}, "use letters"},
	{"schema has a dot", tenancy.Tenant{ID: "x1", Schema: "a.db"}, []kind{byDatabase}, "use letters"},
	{"DSN", tenancy.Tenant{ID: "x1", DSN: "file:/tmp/elsewhere.db"}, []kind{byDatabase}, "leave DSN empty"},
}

// TestBadTenants: a tenant that cannot be used is refused by everything, and leaves no trace.
func TestBadTenants(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		s := openSite(t, k, setup{})
		s.provision(t, "acme")
		s.fill(t, "acme", 1)
		before := trace{s.objects(t), s.registered(t), files(t, filepath.Dir(s.tenants))}
		for _, b := range badTenants {
			if !contains(b.kinds, k) {
				continue
			}
			t.Run(k.name+"/"+b.name, func(t *testing.T) {
				ctx := tenancy.WithTenant(t.Context(), b.tenant)
				refuses(t, s.db.WithContext(ctx), tenancy.ErrInvalidTenant, b.cure)
				for op, run := range map[string]func(context.Context, tenancy.Tenant) error{
					"provision": s.migrate.Provision, "verify": s.migrate.Verify, "destroy": s.migrate.Destroy,
				} {
					err := run(t.Context(), b.tenant)
					wellMade(t, err, tenancy.ErrInvalidTenant, b.cure)
					wantTenant(t, err, op, b.tenant.ID, k.name)
				}
				report, err := s.migrate.Up(t.Context(), migrate.Tenants(b.tenant))
				wantKind(t, err, tenancy.ErrInvalidTenant)
				if len(report.Results) != 1 || report.Results[0].State != migrate.Failed {
					t.Errorf("the report says %v", states(report))
				}
				if _, err := tenancy.Table(s.db.WithContext(ctx), &folio{}); !errors.Is(err, tenancy.ErrInvalidTenant) {
					t.Errorf("Table: %v", err)
				}
			})
		}
		same(t, "objects", s.objects(t), before.structures)
		same(t, "registrations", s.registered(t), before.registered)
		same(t, "files", names(files(t, filepath.Dir(s.tenants))), names(before.files))
		s.holds(t, "acme", 1)
	}
}

func contains(list []kind, k kind) bool {
	for _, one := range list {
		if one.name == k.name {
			return true
		}
	}
	return false
}

// TestHostileIDs: an ID is data, whatever it looks like.
func TestHostileIDs(t *testing.T) {
	t.Parallel()
	ids := []string{
		`a'; DROP TABLE notes; --`, "`; DROP TABLE notes; --", `x" OR "1"="1`, "../../../etc/passwd", "..", ".", "%", "_", "NULL", "0", "?", "$1", ":name", "@p1",
		"folios", "tenancy_tenants", "sqlite_master", "public", "C:\\con", "a/b", "file:x?mode=memory", "acme?mode=rwc&cache=shared", "a%00b", "\\", "日本",
		strings.Repeat("y", 255),
	}
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{})
		outside := files(t, filepath.Dir(s.tenants))
		s.provision(t, ids...)
		for _, id := range ids {
			s.fill(t, id, 1)
		}
		for i, id := range ids {
			s.holds(t, id, 1)
			if i%5 == 0 {
				must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: id}))
			}
			must(t, s.as(id).Where("id = 1").Delete(&folio{}).Error)
			others := ids[i+1:]
			if i > 2 { // all of them after the first few, then the next
				others = others[:min(1, len(others))]
			}
			for _, next := range others {
				var n int64
				must(t, s.as(next).Model(&folio{}).Count(&n).Error)
				if n != 1 {
					t.Fatalf("%q sees %d rows after %q deleted its own", next, n, id)
				}
			}
		}
		for _, name := range names(files(t, filepath.Dir(s.tenants))) {
			if !strings.HasPrefix(name, "tenants/") && name != "tenants" && !contained(names(outside), name) {
				t.Errorf("made outside the directory: %s", name)
			}
		}
	})
}

func contained(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

// openPlain opens a handle without the plugin.
func openPlain(t testing.TB, cfg *gorm.Config) *gorm.DB {
	t.Helper()
	cfg.Logger = logger.Discard
	db, err := gorm.Open(sqlite.Open(baseDSN(filepath.Join(t.TempDir(), "base.db"))), cfg)
	must(t, err)
	t.Cleanup(func() {
		base, err := db.DB()
		must(t, err)
		must(t, base.Close())
	})
	return db
}

type bare struct {
	ID   uint
	Name string
}

func (bare) TableName() string { return "bares" }

// TestConfigRefused: what cannot work is an error of db.Use, and the handle is as before.
func TestConfigRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := "text"
	for name, test := range map[string]struct {
		config tenancy.Config
		kind   error
		cure   string
	}{
		"no strategy":             {tenancy.Config{}, tenancy.ErrConfig, "strategies.Schema{}"},
		"strategy points to none": {tenancy.Config{Strategy: (*hybrid.Strategy)(nil)}, tenancy.ErrConfig, "strategies.Schema{}"},
		"hybrid of nothing":       {tenancy.Config{Strategy: &hybrid.Strategy{}}, tenancy.ErrConfig, "hybrid.New"},
		"hybrid in a hybrid":      {tenancy.Config{Strategy: hybrid.New(hybrid.Config{Premium: &hybrid.Strategy{}, Standard: strategies.Shared{}})}, tenancy.ErrConfig, "hybrid.New"},
		"column with a space":     {tenancy.Config{Strategy: strategies.Shared{}, Column: "tenant id"}, tenancy.ErrConfig, "use letters"},
		"column with a quote":     {tenancy.Config{Strategy: strategies.Shared{}, Column: "a`b"}, tenancy.ErrConfig, "use letters"},
		"column is SQL":           {tenancy.Config{Strategy: strategies.Shared{}, Column: "x; DROP TABLE y"}, tenancy.ErrConfig, "use letters"},
		"column with a digit":     {tenancy.Config{Strategy: strategies.Shared{}, Column: "1st"}, tenancy.ErrConfig, "use letters"},
		"column of nowhere":       {tenancy.Config{Strategy: strategies.Shared{}, Column: "nowhere", Models: []any{&folio{}}}, tenancy.ErrNoTenantColumn, `"nowhere"`},
		"no tenant column":        {tenancy.Config{Strategy: strategies.Shared{}, Models: []any{&folio{}, &bare{}}}, tenancy.ErrNoTenantColumn, "add a field"},
		"in both lists":           {tenancy.Config{Strategy: strategies.Schema{}, Models: []any{&tariff{}}, Shared: []any{&tariff{}}}, tenancy.ErrConfig, "take it out of one"},
		"model is a string":       {tenancy.Config{Strategy: strategies.Schema{}, Models: []any{"folios"}}, tenancy.ErrConfig, "model"},
		"model points to text":    {tenancy.Config{Strategy: strategies.Schema{}, Models: []any{&text}}, tenancy.ErrConfig, "model"},
		"model is a number":       {tenancy.Config{Strategy: strategies.Schema{}, Shared: []any{42}}, tenancy.ErrConfig, "model"},
		"model is nil":            {tenancy.Config{Strategy: strategies.Schema{}, Models: []any{nil}}, tenancy.ErrConfig, "model"},
		"model is a nil folio":    {tenancy.Config{Strategy: strategies.Schema{}, Models: []any{(*folio)(nil), func() {}}}, tenancy.ErrConfig, "model"},
		"model names a schema":    {tenancy.Config{Strategy: strategies.Schema{}, Models: []any{&elsewhere{}}}, tenancy.ErrConfig, "name the table alone"},
		"database without Open":   {tenancy.Config{Strategy: strategies.Database{Dir: dir}}, tenancy.ErrConfig, "sqlite.Open"},
		"database without Dir":    {tenancy.Config{Strategy: strategies.Database{Open: sqlite.Open}}, tenancy.ErrConfig, "set it to the directory"},
		"directory is a file":     {tenancy.Config{Strategy: strategies.Database{Open: sqlite.Open, Dir: "/dev/null"}}, tenancy.ErrConfig, "directory"},
	} {
		t.Run(name, func(t *testing.T) {
			db := openPlain(t, &gorm.Config{})
			err := calmly(func() error { return db.Use(tenancy.Plugin(test.config)) })
			wellMade(t, err, test.kind, test.cure)
			wantOp(t, err, "use")
			must(t, db.AutoMigrate(&tariff{}))
			must(t, db.Create(&tariff{Name: "without the plugin"}).Error)
			_, err = tenancy.Installed(db)
			wantKind(t, err, tenancy.ErrNotInstalled)
			must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Schema{}, Shared: []any{&tariff{}}})))
			must(t, db.First(&tariff{}).Error)
		})
	}
}

type elsewhere struct{ ID uint }

func (elsewhere) TableName() string { return "other.things" }

// TestRowsThatAreNone: GORM's own error for a row that is not there is no panic.
func TestRowsThatAreNone(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{})
		s.provision(t, "acme")
		for name, rows := range map[string]any{"alone": []*note{nil}, "after one": []*note{{Text: "one"}, nil}, "no pointer": (*note)(nil)} {
			err := calmly(func() error { return s.as("acme").Create(rows).Error })
			if !errors.Is(err, gorm.ErrInvalidData) && !errors.Is(err, gorm.ErrInvalidValue) {
				t.Errorf("%s: want GORM's error, got %v", name, err)
			}
		}
		s.holds(t, "acme", 0)
	})
}
