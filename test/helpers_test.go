package test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// folio is an owned row. Owner is written by the tests themselves and says whose the row
// is, whatever the library makes of the tenant column. Folios of different tenants
// have the same IDs.
type folio struct {
	TenantID string `gorm:"primaryKey;size:191"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	Owner    string `gorm:"index"`
	Body     string
	Hits     int
	TariffID *uint
	Tariff   *tariff
	Sheets   []sheet `gorm:"foreignKey:TenantID,FolioID;references:TenantID,ID;constraint:OnDelete:CASCADE"`
}

// sheet belongs to a folio.
type sheet struct {
	TenantID string `gorm:"primaryKey;size:191"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	FolioID  int64
	Owner    string
	Folio    *folio `gorm:"foreignKey:TenantID,FolioID;references:TenantID,ID;constraint:OnDelete:CASCADE"`
}

// tariff is common to all tenants.
type tariff struct {
	ID   uint
	Name string
}

// note has a key of its own, which tenants of one table share.
type note struct {
	ID       uint
	TenantID string `gorm:"size:191;index"`
	Owner    string
	Text     string
	Deleted  gorm.DeletedAt
	Replies  []reply
	Marks    []mark `gorm:"many2many:note_marks"`
}

// reply has the key of its note, and no relation to it.
type reply struct {
	ID       uint
	TenantID string `gorm:"size:191;index"`
	NoteID   uint
	Owner    string
}

// mark is linked to notes by a table that GORM makes.
type mark struct {
	ID       uint
	TenantID string `gorm:"size:191;index"`
	Owner    string
	ParentID *uint
	Parent   *mark
}

func ownedModels() []any  { return []any{&folio{}, &sheet{}, &note{}, &reply{}, &mark{}} }
func sharedModels() []any { return []any{&tariff{}} }

// kind is a strategy as the tests set it up.
type kind struct {
	name string
	make func(dir string) tenancy.Strategy
}

var (
	bySchema   = kind{"schema", func(string) tenancy.Strategy { return strategies.Schema{} }}
	byDatabase = kind{"database", func(dir string) tenancy.Strategy {
		return strategies.Database{Open: sqlite.Open, Dir: dir, MaxPools: 8}
	}}
	byShared = kind{"shared", func(string) tenancy.Strategy { return strategies.Shared{} }}
	kinds    = []kind{bySchema, byDatabase, byShared}
)

// eachKind runs a test for every strategy.
func eachKind(t *testing.T, fn func(t *testing.T, k kind)) {
	t.Helper()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { fn(t, k) })
	}
}

// site is a handle with the plugin on it, and where its files are.
type site struct {
	kind    kind
	db      *gorm.DB
	migrate *migrate.Migrator
	base    string // the base database
	tenants string // the directory of the tenants' files
}

// setup is what a test may change about a site.
type setup struct {
	root     string // the directory for everything; empty: a new one
	gorm     gorm.Config
	tenancy  tenancy.Config // Strategy and lists are filled in where they are empty
	options  []migrate.Option
	maxConns int
	driver   string // of database/sql; empty: the dialect's own
}

// baseDSN does not wait for the disk: no test pulls the plug.
func baseDSN(path string) string {
	return "file:" + path + "?_foreign_keys=on&_journal_mode=WAL&_synchronous=off&_busy_timeout=20000&_txlock=immediate"
}

// openSite opens a site and closes it at the end of the test.
func openSite(t testing.TB, k kind, s setup) *site {
	t.Helper()
	if s.root == "" {
		s.root = t.TempDir()
	}
	opened, err := newSite(k, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return opened
}

func newSite(k kind, s setup) (*site, error) {
	opened := &site{kind: k, base: filepath.Join(s.root, "base.db"), tenants: filepath.Join(s.root, "tenants")}
	if s.gorm.Logger == nil {
		s.gorm.Logger = logger.Discard
	}
	var err error
	if opened.db, err = gorm.Open(sqlite.New(sqlite.Config{DriverName: s.driver, DSN: baseDSN(opened.base)}), &s.gorm); err != nil {
		return nil, err
	}
	base, err := opened.db.DB()
	if err != nil {
		return nil, err
	}
	base.SetMaxOpenConns(max(s.maxConns, 4))
	if s.tenancy.Strategy == nil {
		s.tenancy.Strategy = k.make(opened.tenants)
	}
	if s.tenancy.Models == nil {
		s.tenancy.Models, s.tenancy.Shared = ownedModels(), sharedModels()
	}
	if err := opened.db.Use(tenancy.Plugin(s.tenancy)); err != nil {
		return nil, errors.Join(err, base.Close())
	}
	opened.migrate, err = migrate.New(opened.db, s.options...)
	return opened, err
}

func (s *site) close() error {
	err := tenancy.Close(s.db)
	if base, baseErr := s.db.DB(); baseErr == nil {
		err = errors.Join(err, base.Close())
	}
	return err
}

// as returns the handle in the hands of a tenant.
func (s *site) as(id string) *gorm.DB {
	return s.db.WithContext(tenancy.WithTenant(context.Background(), tenancy.Tenant{ID: id}))
}

// system returns the handle in a system context.
func (s *site) system() *gorm.DB {
	return s.db.WithContext(tenancy.WithSystem(context.Background(), "a test looks at everything"))
}

// provision provisions tenants by their IDs.
func (s *site) provision(t testing.TB, ids ...string) {
	t.Helper()
	for _, id := range ids {
		must(t, s.migrate.Provision(context.Background(), tenancy.Tenant{ID: id}))
	}
}

// fill writes n folios with a sheet each for a tenant.
func (s *site) fill(t testing.TB, id string, n int) {
	t.Helper()
	for i := range n {
		row := &folio{ID: int64(i + 1), Owner: id, Body: "first", Sheets: []sheet{{ID: int64(i + 1), Owner: id}}}
		must(t, s.as(id).Create(row).Error)
	}
	parent := &mark{Owner: id}
	must(t, s.as(id).Create(parent).Error)
	must(t, s.as(id).Create(&note{Owner: id, Text: "first", Replies: []reply{{Owner: id}}, Marks: []mark{{Owner: id, ParentID: &parent.ID}}}).Error)
	removed := &note{Owner: id, Text: "removed"}
	must(t, s.as(id).Create(removed).Error)
	must(t, s.as(id).Delete(removed).Error)
}

// holds fails unless the tenant sees exactly n folios and n sheets, all its own.
func (s *site) holds(t testing.TB, id string, n int) {
	t.Helper()
	var folios []folio
	must(t, s.as(id).Preload("Sheets").Order("id").Find(&folios).Error)
	if len(folios) != n {
		t.Errorf("%s sees %d folios, want %d", id, len(folios), n)
	}
	for _, f := range folios {
		if f.Owner != id || f.TenantID != id {
			t.Errorf("%s sees a folio of %q with the tenant %q", id, f.Owner, f.TenantID)
		}
		if len(f.Sheets) != 1 || f.Sheets[0].Owner != id {
			t.Errorf("%s: folio %d has the sheets %+v", id, f.ID, f.Sheets)
		}
	}
	var notes []note
	must(t, s.as(id).Unscoped().Preload("Replies").Preload("Marks.Parent").Order("id").Find(&notes).Error)
	if want := min(2, 2*n); len(notes) != want {
		t.Errorf("%s sees %d notes, want %d", id, len(notes), want)
	}
	for i, row := range notes {
		whole := i > 0 || len(row.Replies) == 1 && row.Replies[0].Owner == id && len(row.Marks) == 1 && row.Marks[0].Owner == id && row.Marks[0].Parent != nil
		if row.Owner != id || row.TenantID != id || !whole {
			t.Errorf("%s sees the note %+v", id, row)
		}
	}
}

// objects lists what is in the base database but for SQLite's own: type, name and SQL of
// each.
func (s *site) objects(t testing.TB) []string {
	t.Helper()
	return listObjects(t, s.system())
}

func listObjects(t testing.TB, db *gorm.DB) []string {
	t.Helper()
	var found []struct{ Type, Name, SQL string }
	must(t, db.Raw(`SELECT type, name, coalesce(sql, '') AS sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name`).Scan(&found).Error)
	list := make([]string, len(found))
	for i, o := range found {
		// GORM writes a table's constraints in random order.
		columns := strings.Split(strings.TrimSuffix(o.SQL, ")"), ",CONSTRAINT ")
		slices.Sort(columns[1:])
		list[i] = o.Type + " " + o.Name + ": " + strings.Join(columns, ",CONSTRAINT ")
	}
	return list
}

// structures lists what a tenant has: its whole file, or everything in the base database but
// the fleet's ledger, which AutoMigrate does without.
func (s *site) structures(t testing.TB, id string) []string {
	t.Helper()
	if s.kind.name != "database" {
		return slices.DeleteFunc(s.objects(t), func(o string) bool { return strings.HasPrefix(o, "table tenancy_ledger:") })
	}
	return listObjects(t, s.as(id))
}

// registered lists the tenants that the base database has a registration of.
func (s *site) registered(t testing.TB) []string {
	t.Helper()
	var ids []string
	if !s.system().Migrator().HasTable("tenancy_tenants") {
		return nil
	}
	must(t, s.system().Raw("SELECT tenant_id FROM tenancy_tenants ORDER BY tenant_id").Scan(&ids).Error)
	return ids
}

// files lists everything under a directory with its permissions, by relative path.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		list = append(list, fmt.Sprintf("%s %v", name, info.Mode()))
		return nil
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// openFiles lists the files under dir that this process holds open.
func openFiles(t testing.TB, dir string) []string {
	t.Helper()
	const descriptors = "/proc/self/fd"
	entries, err := os.ReadDir(descriptors)
	if err != nil {
		return nil // not Linux
	}
	var held []string
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(descriptors, entry.Name()))
		if err == nil && strings.HasPrefix(target, dir+string(filepath.Separator)) {
			held = append(held, target)
		}
	}
	return held
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantKind fails unless err wraps the sentinel.
func wantKind(t testing.TB, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("got the error %v, want one that is %q", err, sentinel)
	}
}

// same fails unless two lists are equal, and shows what is in one alone.
func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	for _, one := range got {
		if !slices.Contains(want, one) {
			t.Errorf("%s: there is also %s", what, one)
		}
	}
	for _, one := range want {
		if !slices.Contains(got, one) {
			t.Errorf("%s: there is no %s", what, one)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d, want %d", what, len(got), len(want))
	}
}
