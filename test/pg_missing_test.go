package test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

// missingUses use folios in every way: built, raw, streamed, and by database/sql.
var missingUses = []struct {
	name string
	use  func(db *gorm.DB) error
}{
	{"find", func(db *gorm.DB) error { return db.Find(&[]folio{}).Error }},
	{"first", func(db *gorm.DB) error { return db.First(&folio{}).Error }},
	{"count", func(db *gorm.DB) error { return db.Model(&folio{}).Count(new(int64)).Error }},
	{"pluck", func(db *gorm.DB) error { return db.Model(&folio{}).Pluck("owner", &[]string{}).Error }},
	{"table", func(db *gorm.DB) error { return db.Table("folios").Find(&[]map[string]any{}).Error }},
	{"rows", func(db *gorm.DB) error { return closed(db.Model(&folio{}).Rows()) }},
	{"row", func(db *gorm.DB) error { return db.Model(&folio{}).Select("owner").Row().Scan(new(string)) }},
	{"create", func(db *gorm.DB) error { return db.Create(&folio{ID: 7}).Error }},
	{"save", func(db *gorm.DB) error { return db.Save(&folio{TenantID: tenantIn(db), ID: 1, Body: "x"}).Error }},
	{"update", func(db *gorm.DB) error { return db.Model(&folio{}).Where("id = 1").Update("body", "x").Error }},
	{"delete", func(db *gorm.DB) error { return db.Delete(&folio{}, "id = 1").Error }},
	{"upsert", func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&folio{ID: 1}).Error
	}},
	{"first or create", func(db *gorm.DB) error { return db.FirstOrCreate(&folio{}, folio{ID: 1}).Error }},
	{"subquery", func(db *gorm.DB) error {
		return db.Where("note_id IN (?)", db.Model(&folio{}).Select("id")).Find(&[]reply{}).Error
	}},
	{"raw select", func(db *gorm.DB) error { return db.Raw("SELECT * FROM folios").Scan(&[]folio{}).Error }},
	{"raw rows", func(db *gorm.DB) error { return closed(db.Raw("SELECT * FROM folios").Rows()) }},
	{"raw row", func(db *gorm.DB) error { return db.Raw("SELECT owner FROM folios").Row().Scan(new(string)) }},
	{"raw with", func(db *gorm.DB) error {
		return db.Raw("WITH f AS (SELECT * FROM folios) SELECT * FROM f").Scan(&[]folio{}).Error
	}},
	{"raw insert", func(db *gorm.DB) error {
		return db.Exec("INSERT INTO folios (tenant_id, id) VALUES ('x', 9)").Error
	}},
	{"raw update", func(db *gorm.DB) error { return db.Exec("UPDATE folios SET body = 'x'").Error }},
	{"raw delete", func(db *gorm.DB) error { return db.Exec("DELETE FROM folios").Error }},
	{"raw truncate", func(db *gorm.DB) error { return db.Exec("TRUNCATE folios").Error }},
	{"transaction", func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error { return tx.Find(&[]folio{}).Error })
	}},
	{"raw transaction", func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error { return tx.Exec("UPDATE folios SET body = 'x'").Error })
	}},
	{"savepoint", func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			return tx.Transaction(func(tx *gorm.DB) error { return tx.Raw("SELECT * FROM folios").Scan(&[]folio{}).Error })
		})
	}},
	{"connection", func(db *gorm.DB) error {
		return db.Connection(func(db *gorm.DB) error { return db.Raw("SELECT * FROM folios").Scan(&[]folio{}).Error })
	}},
	{"database/sql exec", func(db *gorm.DB) error {
		_, err := tenancy.DBTX(db).ExecContext(db.Statement.Context, "UPDATE folios SET body = 'x'")
		return err
	}},
	{"database/sql query", func(db *gorm.DB) error {
		return closed(tenancy.DBTX(db).QueryContext(db.Statement.Context, "SELECT * FROM folios"))
	}},
	{"database/sql row", func(db *gorm.DB) error {
		return tenancy.DBTX(db).QueryRowContext(db.Statement.Context, "SELECT owner FROM folios").Scan(new(string))
	}},
}

// TestPGMissingTableIsNotPublics: where a tenant lacks a table that public has, or a schema
// named like the role, the tenant lacks it.
func TestPGMissingTableIsNotPublics(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgSchema, pgSetup{})
	s.provision(t, "acme", "globex")
	s.fill(t, "acme", 2)
	server.run(t, "DROP TABLE tenant_globex.folios CASCADE")
	wantKind(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "nobody"}), tenancy.ErrNotProvisioned)
	wantKind(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "globex"}), tenancy.ErrDrifted)
	public := []string{"public", server.Name}
	server.run(t, "CREATE SCHEMA "+server.Name+" AUTHORIZATION "+server.Name)
	for _, schema := range public {
		server.run(t,
			"CREATE TABLE "+schema+".folios (LIKE tenant_acme.folios INCLUDING ALL)",
			"CREATE TABLE "+schema+".replies (LIKE tenant_acme.replies INCLUDING ALL)",
			"INSERT INTO "+schema+".folios (tenant_id, id, owner) VALUES ('globex', 1, 'public'), ('nobody', 1, 'public'), ('x', 3, 'public')",
			"INSERT INTO "+schema+".replies (tenant_id, note_id, owner) VALUES ('globex', 1, 'public'), ('nobody', 1, 'public')",
			"GRANT ALL ON ALL TABLES IN SCHEMA "+schema+" TO "+server.Name)
	}
	// The role's own path leads to public, in case anybody asks.
	if path := texts(t, s.pool, "SHOW search_path"); !strings.Contains(path[0], "public") {
		t.Fatalf("the role's search_path is %s", path)
	}
	before := rowsOf(t, server, public)
	for _, id := range []string{"globex", "nobody", `a", public, "b`} {
		for _, use := range missingUses {
			t.Run(id+"/"+use.name, func(t *testing.T) { wantKind(t, use.use(s.as(id)), tenancy.ErrNotProvisioned) })
		}
	}
	same(t, "rows in public", rowsOf(t, server, public), before)
	s.holds(t, "acme", 2)
}

// TestPGStrays: what an unknown tenant creates is not created anywhere, and so is found by
// nobody else.
func TestPGStrays(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgSchema, pgSetup{conns: 1})
	s.provision(t, "acme")
	for _, create := range []struct {
		name string
		run  func(db *gorm.DB) error
	}{
		{"raw", func(db *gorm.DB) error { return db.Exec("CREATE TABLE strays (owner text)").Error }},
		{"as", func(db *gorm.DB) error { return db.Exec("CREATE TABLE strays AS SELECT 'x' AS owner").Error }},
		{"into", func(db *gorm.DB) error { return db.Exec("SELECT 'x' AS owner INTO strays").Error }},
		{"view", func(db *gorm.DB) error { return db.Exec("CREATE VIEW strays AS SELECT 'x' AS owner").Error }},
		{"sequence", func(db *gorm.DB) error { return db.Exec("CREATE SEQUENCE strays").Error }},
		{"migrator", func(db *gorm.DB) error { return db.Migrator().CreateTable(&fragile{}) }},
	} {
		t.Run(create.name, func(t *testing.T) {
			wantKind(t, create.run(s.as("nobody")), tenancy.ErrNotProvisioned)
			if err := s.as("acme").Exec("SELECT * FROM strays").Error; err == nil {
				t.Error("another tenant finds it")
			}
			where := server.ask(t, "SELECT relnamespace::regnamespace::text || '.' || relname FROM pg_class WHERE relname IN ('strays', 'fragiles')")
			same(t, "created", where, nil)
			server.kill(t.Context(), "true")
			s.clean(t, `"$user", public`)
		})
	}
}

// TestPGRegistryHasOnePlace: whatever a role's search_path says, the tenants that are
// known, and the shared models, are in one place.
func TestPGRegistryHasOnePlace(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgSchema, pgSetup{})
	s.provision(t, "acme")
	server.run(t, "CREATE SCHEMA "+server.Name+" AUTHORIZATION "+server.Name)
	must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "acme"}))
	wantKind(t, s.migrate.Provision(t.Context(), tenancy.Tenant{ID: "evil", Schema: "tenant_acme"}), tenancy.ErrTenantMismatch)
	s.provision(t, "globex")
	s.fill(t, "globex", 1)
	s.holds(t, "globex", 1)
	must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "acme"}))
	same(t, "schemas", server.ask(t, "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'tenant\\_%'"), []string{"tenant_globex"})
	same(t, "in the role's schema", server.ask(t, "SELECT relname::text FROM pg_class WHERE relnamespace = $1::regnamespace", server.Name), nil)
}

func rowsOf(t *testing.T, server pgServer, schemas []string) []string {
	t.Helper()
	var all []string
	for _, schema := range schemas {
		for _, table := range []string{"folios", "replies"} {
			all = append(all, server.ask(t, fmt.Sprintf("SELECT '%[1]s.%[2]s ' || r::text FROM %[1]s.%[2]s r", schema, table))...)
		}
	}
	return all
}

// oddIDs are IDs that PostgreSQL could read as something else.
var oddIDs = []string{
	`o'brien`, `say "hi"`, `a,b`, `a", public, "b`, `public`, `Acme`, `acme`, `ACME`, `"acme"`, `$user`, `pg_catalog`,
	`'; DROP TABLE replies; --`, `a\b`, `%s`, `çœ≠`,
	strings.Repeat("x", 63), strings.Repeat("x", 64), strings.Repeat("X", 64), strings.Repeat("x", 191),
}

// TestPGOddTenants provisions tenants with such IDs, and each sees its own and can be
// destroyed alone.
func TestPGOddTenants(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	for _, k := range pgKinds {
		t.Run(k.name, func(t *testing.T) {
			s := openPG(t, server, k, pgSetup{models: []any{&reply{}}})
			for _, id := range oddIDs {
				s.provision(t, id)
				must(t, s.as(id).Create(&reply{Owner: id}).Error)
				must(t, s.as(id).Exec("INSERT INTO replies (owner, tenant_id) VALUES (?, ?)", id, id).Error)
			}
			for i, id := range oddIDs {
				for _, other := range oddIDs[i:] {
					s.repliesOf(t, other, 2)
				}
				must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: id}))
				must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: id}))
				if k.name == "rls" {
					s.repliesOf(t, id, 0)
				} else {
					wantKind(t, s.as(id).Find(&[]reply{}).Error, tenancy.ErrNotProvisioned)
				}
			}
		})
	}
}

// repliesOf fails unless a tenant sees n replies, its own, by both ways.
func (s *pgSite) repliesOf(t *testing.T, id string, n int) {
	t.Helper()
	var built, raw []reply
	must(t, s.as(id).Find(&built).Error)
	must(t, s.as(id).Raw("SELECT * FROM replies").Scan(&raw).Error)
	if len(built) != n || len(raw) != n {
		t.Errorf("%q sees %d rows built and %d raw, want %d", id, len(built), len(raw), n)
	}
	for _, row := range append(built, raw...) {
		if row.Owner != id || row.TenantID != id {
			t.Errorf("%q sees a row of %q with the tenant %q", id, row.Owner, row.TenantID)
		}
	}
}

// TestPGChosenSchemas: a tenant may choose its schema, up to what PostgreSQL can tell apart.
func TestPGChosenSchemas(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgSchema, pgSetup{models: []any{&reply{}}})
	for i, schema := range []string{"Acme", "acme", "a-b", strings.Repeat("s", 62) + "1", strings.Repeat("s", 62) + "2"} {
		tenant := tenancy.Tenant{ID: fmt.Sprint("chosen", i), Schema: schema}
		must(t, s.migrate.Provision(t.Context(), tenant))
		db := s.db.WithContext(tenancy.WithTenant(t.Context(), tenant))
		must(t, db.Create(&reply{Owner: tenant.ID}).Error)
		var owners []string
		must(t, db.Raw("SELECT owner FROM replies").Scan(&owners).Error)
		same(t, "rows of "+schema, owners, []string{tenant.ID})
		same(t, "rows in "+schema, server.ask(t, `SELECT owner FROM "`+schema+`".replies`), []string{tenant.ID})
	}
	for _, schema := range []string{
		strings.Repeat("s", 64), "public", "PUBLIC", "pg_catalog", "pg_temp", "pg_toast", "information_schema", "Information_Schema", "tenancy_x", `a"b`, "a,b", "a b",
	} {
		tenant := tenancy.Tenant{ID: "refused", Schema: schema}
		wantKind(t, s.migrate.Provision(t.Context(), tenant), tenancy.ErrInvalidTenant)
		wantKind(t, s.migrate.Destroy(t.Context(), tenant), tenancy.ErrInvalidTenant)
		wantKind(t, s.migrate.Verify(t.Context(), tenant), tenancy.ErrInvalidTenant)
		wantKind(t, s.db.WithContext(tenancy.WithTenant(context.Background(), tenant)).Find(&[]reply{}).Error, tenancy.ErrInvalidTenant)
	}
}
