package test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// drift is some damage that Verify has to find.
type drift struct {
	name   string
	kinds  []kind
	damage func(t *testing.T, s *site)
	says   string // what the error has to name
}

// raw runs SQL of the test's own where acme's tables are.
func (s *site) raw(t *testing.T, format string, args ...any) {
	t.Helper()
	db := s.system()
	if s.kind.name == "database" {
		db = s.as("acme")
	}
	must(t, db.Exec(fmt.Sprintf(format, args...)).Error)
}

// table is the physical name of acme's table.
func (s *site) table(t *testing.T, logical string) string { return s.tableOf(t, "acme", logical) }

func (s *site) tableOf(t *testing.T, id, logical string) string {
	t.Helper()
	name, err := tenancy.Table(s.as(id), logical)
	must(t, err)
	return name
}

func (s *site) tenantFile(t *testing.T, id string) string {
	t.Helper()
	for _, name := range names(files(t, s.tenants)) {
		if name == "tenant_"+id+".db" {
			return filepath.Join(s.tenants, name)
		}
	}
	t.Fatalf("no file of %s", id)
	return ""
}

var drifts = []drift{
	{"dropped table", kinds, func(t *testing.T, s *site) {
		t.Helper()
		s.raw(t, "DROP TABLE `%s`", s.table(t, "replies"))
	}, "replies"},
	{"dropped join table", kinds, func(t *testing.T, s *site) {
		t.Helper()
		s.raw(t, "DROP TABLE `%s`", s.table(t, "note_marks"))
	}, "note_marks"},
	{"dropped column", kinds, func(t *testing.T, s *site) {
		t.Helper()
		s.raw(t, "ALTER TABLE `%s` DROP COLUMN body", s.table(t, "folios"))
	}, "body"},
	{"missing index", kinds, func(t *testing.T, s *site) {
		t.Helper()
		for _, object := range s.structures(t, "acme") {
			name, ok := strings.CutPrefix(object, "index ")
			name, _, _ = strings.Cut(name, ":")
			if ok && strings.HasSuffix(name, "idx_folios_owner") && (s.kind.name != "schema" || strings.HasPrefix(name, "t_acme__")) {
				s.raw(t, "DROP INDEX `%s`", name)
				return
			}
		}
		t.Fatal("there is no such index")
	}, "idx_folios_owner"},
	{"row without a tenant", []kind{byShared}, func(t *testing.T, s *site) {
		t.Helper()
		s.raw(t, "INSERT INTO marks (tenant_id, owner) VALUES ('', 'nobody')")
	}, "marks"},
	{"row with a null tenant", []kind{byShared}, func(t *testing.T, s *site) {
		t.Helper()
		s.raw(t, "INSERT INTO marks (tenant_id, owner) VALUES (NULL, 'nobody')")
	}, "marks"},
	{"join row without a tenant", []kind{byShared}, func(t *testing.T, s *site) {
		t.Helper()
		s.raw(t, "UPDATE note_marks SET tenant_id = NULL WHERE tenant_id = 'acme'")
	}, "note_marks"},
	{"belongs to another tenant's row", []kind{byShared}, func(t *testing.T, s *site) {
		t.Helper()
		s.raw(t, "UPDATE marks SET parent_id = (SELECT min(id) FROM marks WHERE tenant_id = 'globex') WHERE tenant_id = 'acme' AND parent_id IS NOT NULL")
	}, "marks"},
	{"another tenant's row has it", []kind{byShared}, func(t *testing.T, s *site) {
		t.Helper()
		s.raw(t, "UPDATE replies SET note_id = (SELECT min(id) FROM notes WHERE tenant_id = 'globex') WHERE tenant_id = 'acme'")
	}, "replies"},
	{"linked to another tenant's row", []kind{byShared}, func(t *testing.T, s *site) {
		t.Helper()
		s.raw(t, "UPDATE note_marks SET mark_id = (SELECT min(id) FROM marks WHERE tenant_id = 'globex') WHERE tenant_id = 'acme'")
	}, "note_marks"},
	{"foreign key to another tenant", []kind{bySchema}, func(t *testing.T, s *site) {
		t.Helper()
		s.raw(t, "CREATE TABLE t_acme__extras (id integer PRIMARY KEY, note_id integer REFERENCES t_globex__notes(id))")
	}, "t_globex__notes"},
	{"foreign key from another tenant", []kind{bySchema}, func(t *testing.T, s *site) {
		t.Helper()
		s.raw(t, "CREATE TABLE t_globex__extras (id integer PRIMARY KEY, note_id integer REFERENCES T_ACME__NOTES(id))")
	}, "t_globex__extras"},
	{"readable file", []kind{byDatabase}, func(t *testing.T, s *site) {
		t.Helper()
		must(t, os.Chmod(s.tenantFile(t, "acme"), 0o644))
	}, "permissions"},
}

// TestVerifyFindsDrift damages a tenant, and wants Verify to name the damage. The
// tenant next door must be none the worse.
func TestVerifyFindsDrift(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		for _, d := range drifts {
			if !slices.ContainsFunc(d.kinds, func(of kind) bool { return of.name == k.name }) {
				continue
			}
			t.Run(k.name+"/"+d.name, func(t *testing.T) {
				s := openSite(t, k, setup{})
				s.provision(t, "acme", "globex")
				s.fill(t, "acme", 1)
				s.fill(t, "globex", 1)
				must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "acme"}))
				d.damage(t, s)
				err := s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "acme"})
				wantKind(t, err, tenancy.ErrDrifted)
				if err != nil && !strings.Contains(err.Error(), d.says) {
					t.Errorf("%q does not name %q", err, d.says)
				}
				if err != nil {
					wantTenant(t, err, "verify", "acme", k.name)
				}
				if k.name == "database" {
					must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "globex"}))
				}
			})
		}
	}
}

// TestVerifyUnknown: a tenant that the database knows nothing of is not provisioned.
func TestVerifyUnknown(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{})
		before := files(t, filepath.Dir(s.tenants))
		unknown := tenancy.Tenant{ID: "nobody"}
		err := s.migrate.Verify(t.Context(), unknown)
		wantKind(t, err, tenancy.ErrNotProvisioned)
		wantTenant(t, err, "verify", "nobody", k.name)
		for _, use := range []func(*gorm.DB) error{
			func(db *gorm.DB) error { return db.Find(&[]folio{}).Error },
			func(db *gorm.DB) error { return db.Create(&folio{ID: 1}).Error },
			func(db *gorm.DB) error { return db.Model(&folio{}).Select("owner").Row().Scan(new(string)) },
			func(db *gorm.DB) error {
				rows, err := db.Model(&folio{}).Rows()
				if err == nil {
					defer func() { _ = rows.Close() }()
				}
				return err
			},
			func(db *gorm.DB) error {
				return db.Transaction(func(tx *gorm.DB) error { return tx.First(&folio{}).Error })
			},
		} {
			err := use(s.as("nobody"))
			wantKind(t, err, tenancy.ErrNotProvisioned)
			wantTenant(t, err, "", "nobody", k.name)
		}
		same(t, "files", names(files(t, filepath.Dir(s.tenants))), names(before))
	})
}

// TestSwappedFile: a file with another tenant's name on it is not that tenant's.
func TestSwappedFile(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s, err := newSite(byDatabase, setup{root: root})
	must(t, err)
	s.provision(t, "acme", "globex")
	s.fill(t, "globex", 2)
	acme, globex := s.tenantFile(t, "acme"), s.tenantFile(t, "globex")
	must(t, s.close())
	content, err := os.ReadFile(globex)
	must(t, err)
	must(t, os.WriteFile(acme, content, 0o600))

	s = openSite(t, byDatabase, setup{root: root})
	var rows []folio
	wantKind(t, s.as("acme").Find(&rows).Error, tenancy.ErrTenantMismatch)
	if len(rows) > 0 {
		t.Errorf("acme reads %d rows of globex", len(rows))
	}
	tenant := tenancy.Tenant{ID: "acme"}
	for _, err := range []error{s.migrate.Verify(t.Context(), tenant), s.migrate.Provision(t.Context(), tenant), s.migrate.Destroy(t.Context(), tenant)} {
		wantKind(t, err, tenancy.ErrTenantMismatch)
	}
	after, err := os.ReadFile(acme)
	must(t, err)
	if len(after) == 0 {
		t.Error("the file was removed")
	}
	s.holds(t, "globex", 2)
}

// TestPermissions: the directory and the files are for their owner alone.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s := openSite(t, byDatabase, setup{})
	s.provision(t, "acme")
	s.fill(t, "acme", 1)
	for _, entry := range files(t, s.tenants) {
		name, mode, _ := strings.Cut(entry, " ")
		want := fs.FileMode(0o600).String()
		if name == "." {
			want = (fs.ModeDir | 0o700).String()
		}
		if mode != want {
			t.Errorf("%s has the mode %s, want %s", name, mode, want)
		}
	}
}
