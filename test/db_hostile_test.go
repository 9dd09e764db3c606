package test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	physical "github.com/gormtenancy/tenancy/internal/names"
)

// hostileTenants would have another database, another parameter or another statement by their
// IDs, if those were pasted anywhere. Neighbours differ in what a server may not see.
var hostileTenants = []tenancy.Tenant{
	{ID: "a"},
	{ID: "A"},
	{ID: "ä"},
	{ID: "acme_2"},
	{ID: "9"},
	{ID: `a"b`},
	{ID: "a'b"},
	{ID: "a`b"},
	{ID: "a; DROP DATABASE postgres; --"},
	{ID: "--"},
	{ID: "a--b"},
	{ID: "?sslmode=disable"},
	{ID: "acme?application_name=evil&time_zone=%27UTC%27"},
	{ID: "&x=y"},
	{ID: "/"},
	{ID: "/acme"},
	{ID: `\`},
	{ID: "%2f"},
	{ID: "%"},
	{ID: "../a"},
	{ID: "a b"},
	{ID: "' dbname=postgres"},
	{ID: "@host"},
	{ID: "tcp(evil:3306)/mysql"},
	{ID: "💡"},
	{ID: strings.Repeat("é", 127)},
	{ID: "mysql"},
	{ID: "postgres"},
	{ID: "template1"},
	{ID: "0c7cbd2e-77a3-4f6c-8c6c-1f6d2f9b6f50", Slug: "acme_2"},
	{ID: "0C7CBD2E-77A3-4F6C-8C6C-1F6D2F9B6F50", Slug: "acme_2"},
}

// TestHostileNames: each tenant reaches the database of its documented name and no other, with
// the parameters of the DSN as they were.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		newHost func(testing.TB) host
		dsn     func(t testing.TB, h host) string // with a setting
		asked   string                            // the database and the setting
		setting string
		tenants []tenancy.Tenant
	}{
		"postgres": {
			newPostgresHost, func(_ testing.TB, h host) string { return h.dsn + "&dbname=" + h.role + "&application_name=a%20b%2Bc" },
			"SELECT current_database() || ' ' || current_setting('application_name')", "a b+c", hostileTenants,
		},
		"postgres by keywords": {
			newPostgresHost, func(t testing.TB, h host) string {
				return h.keywords(t) + " application_name='a \\'b' TimeZone=Asia/Shanghai"
			},
			"SELECT current_database() || ' ' || current_setting('application_name') || current_setting('TimeZone')", "a 'bAsia/Shanghai",
			[]tenancy.Tenant{{ID: "a"}, {ID: "' dbname=postgres"}},
		},
		"mysql": {
			newMySQLHost, func(_ testing.TB, h host) string { return h.dsn + "&time_zone=%27%2B03%3A00%27" },
			"SELECT CONCAT(DATABASE(), ' ', @@time_zone)", "+03:00", hostileTenants,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := c.newHost(t)
			strategy := h.database()
			strategy.DSN = c.dsn(t, h)
			db, m := h.tenants(t, strategy)
			var want []string
			var group errgroup.Group
			group.SetLimit(4)
			for _, tenant := range c.tenants {
				group.Go(func() error {
					if err := m.Provision(t.Context(), tenant); err != nil {
						return err
					}
					return db.WithContext(tenancy.WithTenant(t.Context(), tenant)).Create(&note{ID: 1, Owner: tenant.ID}).Error
				})
				base, err := physical.Base(tenant.ID, tenant.Slug)
				must(t, err)
				want = append(want, h.prefix+base)
			}
			must(t, group.Wait())
			same(t, "databases", h.databases(t), want)
			for i, tenant := range c.tenants {
				as := db.WithContext(tenancy.WithTenant(t.Context(), tenant))
				var notes []note
				must(t, as.Find(&notes).Error)
				if len(notes) != 1 || notes[0].Owner != tenant.ID {
					t.Errorf("%q reads %v", tenant.ID, notes)
				}
				var is string
				must(t, as.Raw(c.asked).Scan(&is).Error)
				if is != want[i]+" "+c.setting {
					t.Errorf("%q is in %q, want %q", tenant.ID, is, want[i]+" "+c.setting)
				}
				must(t, m.Destroy(t.Context(), tenant))
				same(t, "databases", h.databases(t), want[i+1:])
			}
		})
	}
}

// keywords is the host's DSN in the other form of PostgreSQL.
func (h host) keywords(t testing.TB) string {
	t.Helper()
	u := parsed(t, h.dsn)
	return fmt.Sprintf("host=%s port=%s user=%[3]s password=%[3]s dbname=%[3]s sslmode=disable", u.Hostname(), u.Port(), h.role)
}

// databases lists what the host's role has created.
func (h host) databases(t testing.TB) []string {
	t.Helper()
	query := map[string]string{
		"pgx":   "SELECT datname::text FROM pg_database WHERE pg_get_userbyid(datdba) = $1 AND datname <> $1",
		"mysql": "SELECT schema_name FROM information_schema.schemata WHERE LEFT(schema_name, CHAR_LENGTH(?)) = ?",
	}[h.driver]
	args := map[string][]any{"pgx": {h.role}, "mysql": {h.prefix, h.prefix}}[h.driver]
	rows, err := h.superuser(t).Query(query, args...)
	must(t, err)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		all = append(all, name)
	}
	must(t, rows.Err())
	return all
}

// TestRefusedTenants: what cannot be a name is refused before anybody connects.
func TestRefusedTenants(t *testing.T) {
	t.Parallel()
	eachHost(t, func(t *testing.T, h host) {
		limit := map[string]int{"pgx": 63, "mysql": 64}[h.driver]
		var connected atomic.Int64
		strategy := h.database()
		strategy.Maintenance, strategy.Template = "Upkeep", h.prefix+"pattern"
		strategy.Open = func(dsn string) gorm.Dialector {
			connected.Add(1)
			return h.open(dsn)
		}
		db, m := h.tenants(t, strategy)
		tenants := []tenancy.Tenant{
			{ID: ""},
			{ID: "a\x00b"},
			{ID: strings.Repeat("é", 150)},
			{ID: " a"},
			{ID: "a\xff"},
			{ID: "a", Slug: "a;b"},
			{ID: "a", Slug: "mysql"},
			{ID: "a", Slug: "A"},
			{ID: "a", Slug: "ä"},
			{ID: "a", Slug: "a/b"},
			{ID: "a", Slug: "a\x00"},
			{ID: "pattern"},
			{ID: strings.Repeat("a", 40), Slug: ""}, // too long where the prefix is
		}
		if len(h.prefix)+40 <= limit {
			tenants = slices.Delete(tenants, len(tenants)-1, len(tenants))
		}
		overrides := []string{
			"mysql", "MySQL", "sys", "information_schema", "Performance_Schema", "postgres", "Postgres", "template0", "template1", "pg_x", "public", "upkeep", "Upkeep", h.prefix + "pattern", h.prefix + "PATTERN",
			"/acme", "a/b", "../a", `a\b`, "a b", "a.b", "a;b", "a'b", `a"b`, "a`b", "a%2fb", "a?b", "a&b", "a@b", "ä", "💡", "1a", "-a", "--", "a\x00b", "a\xff", "tenancy_x",
			h.prefix + strings.Repeat("x", limit+1-len(h.prefix)), strings.Repeat("ä", limit), h.prefix + strings.Repeat("ä", (limit-len(h.prefix))/2),
		}
		for _, name := range overrides {
			tenants = append(tenants, tenancy.Tenant{ID: "a", Schema: name})
		}
		for _, name := range []string{"mysql", "%2Facme", "a%2Fb", "information_schema", "template0", "a%20b", "a%3Bb"} {
			tenants = append(tenants, tenancy.Tenant{ID: "a", DSN: h.dsnOf(name)})
		}
		connected.Store(0)
		for _, tenant := range tenants {
			ctx := tenancy.WithTenant(t.Context(), tenant)
			for what, err := range map[string]error{
				"provision": m.Provision(t.Context(), tenant), "verify": m.Verify(t.Context(), tenant), "destroy": m.Destroy(t.Context(), tenant),
				"find": db.WithContext(ctx).Find(&[]note{}).Error,
			} {
				if wantKind(t, err, tenancy.ErrInvalidTenant); t.Failed() {
					t.Fatalf("%s of %+v", what, tenant)
				}
			}
		}
		if n := connected.Load(); n > 0 {
			t.Errorf("%d connections", n)
		}
		same(t, "databases", h.databases(t), nil)
	})
}

// TestSystemNames: what a prefix and a tenant make together is no system's database.
func TestSystemNames(t *testing.T) {
	t.Parallel()
	eachHost(t, func(t *testing.T, h host) {
		for _, parts := range [][2]string{{"my", "sql"}, {"s", "ys"}, {"information_", "schema"}, {"performance_", "schema"}, {"post", "gres"}, {"templat", "e1"}, {"tenanc", "y_tenants"}} {
			strategy := h.database()
			strategy.Prefix = parts[0]
			_, m := h.tenants(t, strategy)
			for _, tenant := range []tenancy.Tenant{{ID: parts[1]}, {ID: "a", Schema: parts[0] + parts[1]}, {ID: "a", DSN: h.dsnOf(parts[0] + parts[1])}} {
				wantKind(t, m.Provision(t.Context(), tenant), tenancy.ErrInvalidTenant)
				wantKind(t, m.Destroy(t.Context(), tenant), tenancy.ErrInvalidTenant)
			}
		}
	})
}

// TestChosenNames: names that may be chosen work, the longest as well, and one that differs
// from another in case alone is another database or is refused.
func TestChosenNames(t *testing.T) {
	t.Parallel()
	eachHost(t, func(t *testing.T, h host) {
		limit := map[string]int{"pgx": 63, "mysql": 64}[h.driver]
		db, m := h.tenants(t, h.database())
		chosen := []string{h.prefix + "My-Own_1", h.prefix + strings.Repeat("x", limit-len(h.prefix))}
		for i, name := range chosen {
			tenant := tenancy.Tenant{ID: fmt.Sprint("t", i), Schema: name}
			if i == 0 {
				tenant.Schema, tenant.DSN = "", h.dsnOf(name)
			}
			must(t, m.Provision(t.Context(), tenant))
			must(t, m.Verify(t.Context(), tenant))
			as := db.WithContext(tenancy.WithTenant(t.Context(), tenant))
			must(t, as.Create(&note{ID: 1, Owner: tenant.ID}).Error)
			var is string
			must(t, as.Raw(map[string]string{"pgx": "SELECT current_database()", "mysql": "SELECT DATABASE()"}[h.driver]).Scan(&is).Error)
			if is != name {
				t.Errorf("%s is in %s", name, is)
			}
		}
		twin := tenancy.Tenant{ID: "twin", Schema: strings.ToLower(chosen[0])}
		if err := m.Provision(t.Context(), twin); h.driver == "mysql" {
			wantKind(t, err, tenancy.ErrInvalidTenant)
		} else {
			must(t, err)
			must(t, m.Destroy(t.Context(), twin))
		}
		must(t, m.Verify(t.Context(), tenancy.Tenant{ID: "t0", DSN: h.dsnOf(chosen[0])}))
		same(t, "databases", h.databases(t), chosen)
		for i, name := range chosen {
			must(t, m.Destroy(t.Context(), tenancy.Tenant{ID: fmt.Sprint("t", i), Schema: name}))
		}
		same(t, "databases", h.databases(t), nil)
	})
}
