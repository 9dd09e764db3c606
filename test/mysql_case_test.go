package test

import (
	"os"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/test/conformance"
	"github.com/gormtenancy/tenancy/test/servers"
)

// TestMySQLFolded runs the suite on a server for which names that differ in case alone are one,
// as on Windows, with lower_case_table_names = 1. A 2 is for file systems that ignore case, and
// Linux turns it into a 0.
func TestMySQLFolded(t *testing.T) {
	t.Parallel()
	second := servers.NewSecondMySQLWith(t, "--lower-case-table-names=1")
	newHost := func(t testing.TB) host { return mysqlHost(servers.NewMySQLOn(t, second.Admin)) }
	t.Run("suite", func(t *testing.T) {
		if os.Getenv("TENANCY_TEST_LONG") == "" {
			t.Skip("skipped: TENANCY_TEST_LONG=1 runs the whole suite on such a server")
		}
		s := databasesOn(conformance.Subject{Configs: []gorm.Config{{}}}, newHost)
		s.Tenants = [2]tenancy.Tenant{{ID: "Acme"}, {ID: "globex"}}
		conformance.Run(t, s)
	})
	t.Run("accents", func(t *testing.T) { accents(t, newHost(t)) })
	t.Run("twins", func(t *testing.T) {
		h := newHost(t)
		var folds int
		must(t, h.superuser(t).QueryRow("SELECT @@lower_case_table_names").Scan(&folds))
		if folds != 1 {
			t.Fatalf("lower_case_table_names is %d", folds)
		}
		db, m := h.tenants(t, h.database())
		first := tenancy.Tenant{ID: "first", Schema: h.prefix + "Own"}
		second := tenancy.Tenant{ID: "second", Schema: h.prefix + "own"}
		as := func(tenant tenancy.Tenant) *gorm.DB { return db.WithContext(tenancy.WithTenant(t.Context(), tenant)) }
		must(t, m.Provision(t.Context(), first))
		must(t, as(first).Create(&note{ID: 1, Owner: "first"}).Error)
		wantKind(t, m.Provision(t.Context(), second), tenancy.ErrTenantMismatch)
		wantKind(t, m.Verify(t.Context(), second), tenancy.ErrTenantMismatch)
		wantKind(t, m.Destroy(t.Context(), second), tenancy.ErrTenantMismatch)
		wantKind(t, as(second).Find(&[]note{}).Error, tenancy.ErrTenantMismatch)

		respelled := tenancy.Tenant{ID: "first", DSN: h.dsnOf(h.prefix + "OWN")}
		for _, tenant := range []tenancy.Tenant{first, respelled} {
			must(t, m.Provision(t.Context(), tenant))
			must(t, m.Verify(t.Context(), tenant))
			var notes []note
			must(t, as(tenant).Find(&notes).Error)
			if len(notes) != 1 || notes[0].Owner != "first" {
				t.Errorf("%v reads %v", tenant, notes)
			}
		}
		same(t, "databases", h.databases(t), []string{h.prefix + "own"})
		must(t, m.Destroy(t.Context(), respelled))
		same(t, "databases", h.databases(t), nil)
		wantKind(t, m.Verify(t.Context(), first), tenancy.ErrNotProvisioned)
		must(t, m.Provision(t.Context(), second))
		wantKind(t, as(first).Find(&[]note{}).Error, tenancy.ErrTenantMismatch)
	})
}

func TestMySQLAccents(t *testing.T) {
	t.Parallel()
	accents(t, newMySQLHost(t))
}

// accents: GORM's migrator finds its database by a collation that takes a and ä for one on
// MariaDB, so a tenant beside such a database is refused there. One made later keeps its sessions
// when the tenant goes.
func accents(t *testing.T, h host) {
	t.Helper()
	db, m := h.tenants(t, h.database())
	base, err := db.DB()
	must(t, err)
	beside, err := base.Conn(t.Context()) // as the role: it may end no session of others
	must(t, err)
	defer beside.Close()
	execute := func(statement string) {
		_, err := beside.ExecContext(t.Context(), statement)
		must(t, err)
	}
	acme := tenancy.Tenant{ID: "acme", Schema: h.prefix + "a"}
	execute("CREATE DATABASE `" + h.prefix + "ä`")
	var twins int
	must(t, beside.QueryRowContext(t.Context(), "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE ?", h.prefix+"a").Scan(&twins))
	if twins > 0 {
		wantKind(t, m.Provision(t.Context(), acme), tenancy.ErrInvalidTenant)
	} else {
		must(t, m.Provision(t.Context(), acme))
		must(t, m.Destroy(t.Context(), acme))
	}
	same(t, "databases", h.databases(t), []string{h.prefix + "ä"})
	execute("DROP DATABASE `" + h.prefix + "ä`")
	must(t, m.Provision(t.Context(), acme))
	must(t, db.WithContext(tenancy.WithTenant(t.Context(), acme)).Create(&note{ID: 1}).Error)
	execute("CREATE DATABASE `" + h.prefix + "ä`")
	execute("USE `" + h.prefix + "ä`")
	must(t, m.Destroy(t.Context(), acme))
	execute("CREATE TABLE kept (id INT)")
	same(t, "databases", h.databases(t), []string{h.prefix + "ä"})
}

// longest has the longest name that a table may have on MySQL.
type longest struct {
	ID   uint
	Text string
}

var longTable = strings.Repeat("t", 64)

// TableName is longTable.
func (longest) TableName() string { return longTable }

// tooLong has a name of one character more.
type tooLong struct{ longest }

// TableName is longTable and one character more.
func (tooLong) TableName() string { return longTable + "t" }

// TestMySQLLongTables: a table's name is never cut, and what does not fit leaves no database.
func TestMySQLLongTables(t *testing.T) {
	t.Parallel()
	h := newMySQLHost(t)
	db, m := h.tenants(t, h.database(), &longest{})
	acme := tenancy.Tenant{ID: "acme"}
	must(t, m.Provision(t.Context(), acme))
	must(t, m.Verify(t.Context(), acme))
	as := db.WithContext(tenancy.WithTenant(t.Context(), acme))
	must(t, as.Create(&longest{Text: "x"}).Error)
	var read longest
	must(t, as.First(&read).Error)
	var tables []string
	must(t, as.Raw("SHOW TABLES LIKE 't%'").Scan(&tables).Error)
	same(t, "tables", tables, []string{"tenancy_tenants", longTable})

	_, m = h.tenants(t, h.database(), &tooLong{})
	wantKind(t, m.Provision(t.Context(), tenancy.Tenant{ID: "globex"}), tenancy.ErrInvalidTenant)
	same(t, "databases", h.databases(t), []string{h.prefix + "acme"})
}
