package test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// alphabet is what IDs are made of that might be taken for one another.
var alphabet = []string{
	"a", "b", "A", "acme", "ACME", "t", "t_", "_", "__", "-", ".", "..", "/", "\\", "tenant", "tenant_", ".db", "-wal", "-shm", "-journal", ".new-",
	" ", "'", `"`, "`", ";", "%", "?", "#", "é", "ß", "日", "İ", "ı", "K", "ſ", "0", "9", "0123456789abcdef", "folios", "notes", "public", "pg_", "sqlite_",
}

// slugs are some that names could be made of.
var slugs = []string{"", "", "", "acme", "a", "t", "acme_x", "tenant", "tenant_acme", "../../etc", "Public", "public", "a__b", "acme_0123456789abcdef"}

func randomTenant(rnd *rand.Rand) tenancy.Tenant {
	var id strings.Builder
	for range 1 + rnd.IntN(5) {
		id.WriteString(alphabet[rnd.IntN(len(alphabet))])
	}
	return tenancy.Tenant{ID: id.String(), Slug: slugs[rnd.IntN(len(slugs))]}
}

// namesOf returns a tenant's physical name under a strategy, or false for one that is
// refused.
func namesOf(t testing.TB, s *site, tenant tenancy.Tenant) (string, bool) {
	t.Helper()
	in, err := tenancy.Installed(s.db)
	must(t, err)
	if _, err := in.Bind(tenant); err != nil {
		wantKind(t, err, tenancy.ErrInvalidTenant)
		return "", false
	}
	return in.Provider().Group(tenant), true
}

// TestNamesNeverMeet: no two tenants have one name, in any case, and no prefix begins
// another.
func TestNamesNeverMeet(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{bySchema, byDatabase} {
		t.Run(k.name, func(t *testing.T) {
			s := openSite(t, k, setup{})
			rnd := rand.New(rand.NewPCG(1, 2))
			owners := map[string]string{}
			refused := 0
			for range 20_000 {
				tenant := randomTenant(rnd)
				name, ok := namesOf(t, s, tenant)
				if !ok {
					refused++
					continue
				}
				checkName(t, k, name)
				folded := strings.ToLower(name)
				if owner, taken := owners[folded]; taken && owner != tenant.ID {
					t.Fatalf("%q and %q are both %q", owner, tenant.ID, name)
				}
				owners[folded] = tenant.ID
			}
			if len(owners) < 1000 || refused == 0 {
				t.Errorf("only %d names, %d refused", len(owners), refused)
			}
			if k.name == "schema" {
				noneBeginsAnother(t, owners)
			}
		})
	}
}

func checkName(t testing.TB, k kind, name string) {
	t.Helper()
	safe := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
	if k.name == "database" {
		stem, isFile := strings.CutSuffix(name, ".db")
		safe = isFile && strings.Trim(stem, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
	}
	if !safe || len(name) > 63 {
		t.Fatalf("the name %q is not a safe one", name)
	}
}

func noneBeginsAnother(t *testing.T, owners map[string]string) {
	t.Helper()
	for name := range owners {
		for end := range len(name) {
			if owner, ok := owners[name[:end]]; ok {
				t.Fatalf("the prefix %q of %q begins %q", name[:end], owner, name)
			}
		}
	}
}

// FuzzNames looks for two IDs that have one name.
func FuzzNames(f *testing.F) {
	for _, pair := range [][2]string{{"acme", "ACME"}, {"a_b", "a__b"}, {"acme", "acme_"}, {"../x", "x"}, {"acme_0123456789abcdef", "acme"}, {"é", "é"}} {
		f.Add(pair[0], "", pair[1], "acme")
		f.Add(pair[0], pair[1], pair[1], pair[0])
	}
	var sites []*site
	for _, k := range []kind{bySchema, byDatabase} {
		sites = append(sites, openSite(f, k, setup{}))
	}
	f.Fuzz(func(t *testing.T, id, slug, otherID, otherSlug string) {
		for _, s := range sites {
			name, ok := namesOf(t, s, tenancy.Tenant{ID: id, Slug: slug})
			if !ok {
				continue
			}
			if !utf8.ValidString(id) || id == "" || len(id) > 255 {
				t.Errorf("the ID %q was taken", id)
			}
			checkName(t, s.kind, name)
			other, ok := namesOf(t, s, tenancy.Tenant{ID: otherID, Slug: otherSlug})
			if ok && id != otherID && strings.EqualFold(name, other) {
				t.Errorf("%q (%q) and %q (%q) are both %q", id, slug, otherID, otherSlug, name)
			}
		}
	})
}

// longIndexes has names for indexes that get shortened, and one that is given.
type longIndexes struct {
	ID                                                     uint
	TenantID                                               string `gorm:"size:191"`
	AVeryLongNameForAColumnThatLeavesNoRoomForAnythingElse string `gorm:"index"`
	AVeryLongNameForAColumnThatLeavesNoRoomForAnythingMore string `gorm:"index"`
	Given                                                  string `gorm:"uniqueIndex:given_by_the_model"`
	Checked                                                int    `gorm:"check:given_check,checked >= 0"`
	Other                                                  string `gorm:"unique"`
}

// TestProvisionedNamesNeverMeet provisions tenants whose IDs look alike, and counts what
// each has: a table or an index that two share would be missing.
func TestProvisionedNamesNeverMeet(t *testing.T) {
	t.Parallel()
	s := openSite(t, bySchema, withModels(t.TempDir(), &longIndexes{}, &note{}, &reply{}, &mark{}))
	rnd := rand.New(rand.NewPCG(3, 4))
	ids := append([]string{}, alike...)
	for len(ids) < 45 {
		if tenant := randomTenant(rnd); !contained(ids, tenant.ID) {
			if _, ok := namesOf(t, s, tenancy.Tenant{ID: tenant.ID}); ok {
				ids = append(ids, tenant.ID)
			}
		}
	}
	s.provision(t, ids...)
	seen := map[string]bool{}
	count := map[string]int{}
	for _, object := range s.objects(t) {
		name, _, _ := strings.Cut(object, ":")
		if folded := strings.ToLower(name); seen[folded] {
			t.Errorf("twice: %s", name)
		} else {
			seen[folded] = true
		}
		_, name, _ = strings.Cut(name, " ")
		for _, id := range ids {
			prefix, _ := namesOf(t, s, tenancy.Tenant{ID: id})
			if strings.HasPrefix(name, prefix) {
				count[id]++
				if strings.Count(object, prefix) < 1 {
					t.Errorf("%s is not %s's alone: %s", name, id, object)
				}
			}
		}
	}
	for _, id := range ids {
		if count[id] != count[ids[0]] || count[id] < 10 {
			t.Errorf("%q has %d tables and indexes, %q has %d", id, count[id], ids[0], count[ids[0]])
		}
		must(t, s.as(id).Create(&longIndexes{ID: 1, Given: "same", Other: "same"}).Error)
		if s.as(id).Create(&longIndexes{ID: 2, Given: "same", Other: "other"}).Error == nil {
			t.Errorf("%q has no unique index", id)
		}
		must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: id}))
	}
}

// TestNothingLeavesTheDirectory walks the parent directory before and after.
func TestNothingLeavesTheDirectory(t *testing.T) {
	t.Parallel()
	s := openSite(t, byDatabase, setup{})
	parent := filepath.Dir(s.tenants)
	outside := func() []string {
		var list []string
		for _, name := range names(files(t, parent)) {
			if !strings.HasPrefix(name, "tenants"+string(filepath.Separator)) {
				list = append(list, name)
			}
		}
		return list
	}
	before := outside()
	rnd := rand.New(rand.NewPCG(5, 6))
	provisioned := map[string]bool{}
	for range 60 {
		tenant := randomTenant(rnd)
		tenant.Slug = ""
		err := s.migrate.Provision(t.Context(), tenant)
		if err != nil {
			wantKind(t, err, tenancy.ErrInvalidTenant)
			continue
		}
		provisioned[tenant.ID] = true
	}
	same(t, "outside the directory", outside(), before)
	inside := names(files(t, s.tenants))
	if len(inside)-1 != len(provisioned) { // the directory itself
		t.Errorf("%d files for %d tenants: %v", len(inside)-1, len(provisioned), inside)
	}
	for id := range provisioned {
		must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: id}))
	}
	same(t, "after destroying all", files(t, s.tenants), []string{". drwx------"})
}

// TestLinksAreNotFollowed: a link in the directory leads nowhere.
func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	s := openSite(t, byDatabase, setup{})
	s.provision(t, "globex")
	s.fill(t, "globex", 2)
	// A file that is acme's in every other way.
	genuine, err := newSite(byDatabase, setup{root: t.TempDir()})
	must(t, err)
	genuine.provision(t, "acme")
	must(t, genuine.close())
	content, err := os.ReadFile(genuine.tenantFile(t, "acme"))
	must(t, err)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere.db")
	must(t, os.WriteFile(elsewhere, content, 0o600))
	for name, target := range map[string]string{"outside": elsewhere, "neighbour": "tenant_globex.db", "dangling": filepath.Join(t.TempDir(), "new.db")} {
		t.Run(name, func(t *testing.T) {
			link := filepath.Join(s.tenants, "tenant_acme.db")
			must(t, os.Symlink(target, link))
			defer func() { _ = os.Remove(link) }()
			acme := tenancy.Tenant{ID: "acme"}
			var rows []folio
			if err := s.as("acme").Find(&rows).Error; err == nil || len(rows) > 0 {
				t.Errorf("acme reads %d rows by a link: %v", len(rows), err)
			}
			if err := s.as("acme").Create(&folio{ID: 77}).Error; err == nil {
				t.Error("acme writes by a link")
			}
			if err := s.migrate.Verify(t.Context(), acme); err == nil {
				t.Error("acme is in order")
			}
			if err := s.migrate.Provision(t.Context(), acme); err == nil {
				t.Error("acme was provisioned by a link")
			}
			_ = s.migrate.Destroy(t.Context(), acme)
			after, err := os.ReadFile(elsewhere)
			must(t, err)
			if string(after) != string(content) {
				t.Error("the file elsewhere was changed")
			}
			if _, err := os.Lstat(target); name == "dangling" && err == nil {
				t.Error("a file was made elsewhere")
			}
			s.holds(t, "globex", 2)
		})
	}
}

// TestForeignKeysAreOn for every connection to a tenant's file.
func TestForeignKeysAreOn(t *testing.T) {
	t.Parallel()
	for _, prepare := range []bool{false, true} {
		t.Run(fmt.Sprintf("prepared=%v", prepare), func(t *testing.T) {
			s := openSite(t, byDatabase, setup{gorm: gorm.Config{PrepareStmt: prepare}})
			s.provision(t, "acme", "globex")
			s.fill(t, "acme", 1)
			s.enforces(t, "acme")
			s.provision(t, "acme")
			s.enforces(t, "acme")
			must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "acme"}))
			s.provision(t, "acme")
			s.enforces(t, "acme")
		})
	}
}
