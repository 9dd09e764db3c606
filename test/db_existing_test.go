package test

import (
	"database/sql"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// TestExistingDatabases: what was there before a tenant is provisioned.
func TestExistingDatabases(t *testing.T) {
	t.Parallel()
	eachHost(t, func(t *testing.T, h host) {
		db, m := h.tenants(t, h.database())
		as := func(tenant tenancy.Tenant) *gorm.DB { return db.WithContext(tenancy.WithTenant(t.Context(), tenant)) }

		early := tenancy.Tenant{ID: "early"}
		h.create(t, "early")
		wantKind(t, as(early).Find(&[]note{}).Error, tenancy.ErrNotProvisioned)
		must(t, m.Provision(t.Context(), early))
		must(t, m.Verify(t.Context(), early))
		must(t, as(early).Create(&note{ID: 1}).Error)

		full := tenancy.Tenant{ID: "full"}
		h.create(t, "full", "CREATE TABLE ledger (id INT)", "INSERT INTO ledger VALUES (7)")
		for what, err := range map[string]error{"provision": m.Provision(t.Context(), full), "destroy": m.Destroy(t.Context(), full)} {
			t.Log(what)
			wantKind(t, err, tenancy.ErrTenantMismatch)
		}
		wantKind(t, m.Verify(t.Context(), full), tenancy.ErrNotProvisioned)
		h.inside(t, h.prefix+"full", "CREATE TABLE notes (id INT)", "DROP TABLE notes") // none was made there
		named := full
		named.Schema = h.prefix + "full"
		must(t, m.Provision(t.Context(), named))
		for _, tenant := range []tenancy.Tenant{full, named} {
			must(t, m.Provision(t.Context(), tenant))
			must(t, m.Verify(t.Context(), tenant))
			var kept int
			must(t, as(tenant).Raw("SELECT id FROM ledger").Scan(&kept).Error)
			if kept != 7 {
				t.Errorf("the ledger has %d", kept)
			}
		}
		same(t, "databases", h.databases(t), []string{h.prefix + "early", h.prefix + "full"})
		must(t, m.Destroy(t.Context(), full))
		must(t, m.Destroy(t.Context(), early))
		same(t, "databases", h.databases(t), nil)
	})
}

// TestRestoredBackup: a database knows its tenant under any name.
func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	eachHost(t, func(t *testing.T, h host) {
		db, m := h.tenants(t, h.database(), &reply{})
		acme, other := tenancy.Tenant{ID: "acme"}, tenancy.Tenant{ID: "other"}
		must(t, m.Provision(t.Context(), acme))
		must(t, db.WithContext(tenancy.WithTenant(t.Context(), acme)).Create(&reply{ID: 1, Owner: "acme"}).Error)
		for _, name := range []string{"restored", "other"} {
			h.backup(t, "acme", name)
		}
		must(t, m.Destroy(t.Context(), acme))

		acme.Schema = h.prefix + "restored"
		must(t, m.Verify(t.Context(), acme))
		must(t, m.Provision(t.Context(), acme))
		var replies []reply
		must(t, db.WithContext(tenancy.WithTenant(t.Context(), acme)).Find(&replies).Error)
		if len(replies) != 1 || replies[0].Owner != "acme" {
			t.Errorf("restored: %v", replies)
		}
		for what, err := range map[string]error{
			"provision": m.Provision(t.Context(), other), "verify": m.Verify(t.Context(), other), "destroy": m.Destroy(t.Context(), other),
			"find": db.WithContext(tenancy.WithTenant(t.Context(), other)).Find(&replies).Error,
		} {
			t.Log(what)
			wantKind(t, err, tenancy.ErrTenantMismatch)
		}
	})
}

// TestTemplate: new databases have what their template has, also one that was made by a
// provisioning which went no further.
func TestTemplate(t *testing.T) {
	t.Parallel()
	h := newPostgresHost(t)
	h.create(t, "pattern", "CREATE TABLE presets (id INT)", "INSERT INTO presets VALUES (7)")
	strategy := h.database()
	strategy.Template = h.prefix + "pattern"
	db, m := h.tenants(t, strategy)
	h.inside(t, h.role, "CREATE DATABASE "+h.prefix+"begun TEMPLATE "+strategy.Template)
	for _, id := range []string{"acme", "begun"} {
		tenant := tenancy.Tenant{ID: id}
		must(t, m.Provision(t.Context(), tenant))
		must(t, m.Verify(t.Context(), tenant))
		as := db.WithContext(tenancy.WithTenant(t.Context(), tenant))
		must(t, as.Create(&note{ID: 1}).Error)
		var preset int
		must(t, as.Raw("SELECT id FROM presets").Scan(&preset).Error)
		if preset != 7 {
			t.Errorf("%s has the preset %d", id, preset)
		}
		must(t, m.Destroy(t.Context(), tenant))
	}
	same(t, "databases", h.databases(t), []string{strategy.Template})

	strategy.Template = h.prefix + `none" OWNER postgres; --`
	_, m = h.tenants(t, strategy)
	wantKind(t, m.Provision(t.Context(), tenancy.Tenant{ID: "acme"}), tenancy.ErrMigration)
	same(t, "databases", h.databases(t), []string{h.prefix + "pattern"})
}

// TestCharset: new databases have the character set that was asked for.
func TestCharset(t *testing.T) {
	t.Parallel()
	h := newMySQLHost(t)
	for id, c := range map[string]struct{ charset, want string }{"plain": {"", "utf8mb4"}, "western": {"latin1", "latin1"}} {
		strategy := h.database()
		strategy.Charset = c.charset
		db, m := h.tenants(t, strategy)
		tenant := tenancy.Tenant{ID: id}
		must(t, m.Provision(t.Context(), tenant))
		must(t, m.Verify(t.Context(), tenant))
		as := db.WithContext(tenancy.WithTenant(t.Context(), tenant))
		must(t, as.Create(&note{ID: 1, Text: "é"}).Error)
		var read note
		must(t, as.First(&read).Error)
		var is, column string
		must(t, as.Raw("SELECT default_character_set_name FROM information_schema.schemata WHERE schema_name = DATABASE()").Scan(&is).Error)
		must(t, as.Raw("SELECT character_set_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'notes' AND column_name = 'text'").Scan(&column).Error)
		if is != c.want || column != c.want || read.Text != "é" {
			t.Errorf("%s is in %s, its columns in %s, and reads %q", id, is, column, read.Text)
		}
	}
	strategy := h.database()
	strategy.Charset = "latin1` COLLATE `latin1_bin"
	_, m := h.tenants(t, strategy)
	wantKind(t, m.Provision(t.Context(), tenancy.Tenant{ID: "acme"}), tenancy.ErrMigration)
	same(t, "databases", h.databases(t), []string{h.prefix + "plain", h.prefix + "western"})
}

// create makes a database by hand, as the role.
func (h host) create(t testing.TB, name string, statements ...string) {
	t.Helper()
	h.inside(t, h.role, "CREATE DATABASE "+h.prefix+name)
	h.inside(t, h.prefix+name, statements...)
}

// inside runs statements in a database, as the role.
func (h host) inside(t testing.TB, database string, statements ...string) {
	t.Helper()
	db, err := sql.Open(h.driver, h.dsnOf(database))
	must(t, err)
	defer db.Close()
	for _, statement := range statements {
		_, err := db.Exec(statement)
		must(t, err)
	}
}

// backup copies a tenant's database.
func (h host) backup(t testing.TB, from, to string) {
	t.Helper()
	from, to = h.prefix+from, h.prefix+to
	if h.driver == "pgx" {
		admin := h.superuser(t)
		_, err := admin.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", from)
		must(t, err)
		_, err = admin.Exec("CREATE DATABASE " + to + " TEMPLATE " + from + " OWNER " + h.role)
		must(t, err)
		return
	}
	h.inside(t, h.role, "CREATE DATABASE "+to)
	for _, table := range []string{"tenancy_tenants", "replies"} {
		h.inside(t, to, "CREATE TABLE "+table+" LIKE "+from+"."+table, "INSERT INTO "+table+" SELECT * FROM "+from+"."+table)
	}
}
