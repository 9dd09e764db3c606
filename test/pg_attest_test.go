package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

// TestPGUnsafeRoles: roles that no policy binds are refused, unless they are meant.
func TestPGUnsafeRoles(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	meant := pgKind{"rls", strategies.RLS{AllowUnsafeRole: true}}
	openPG(t, server, pgRLS, pgSetup{}).provision(t, "acme")
	_, bypassing := server.role(t, "bypass", "BYPASSRLS")
	_, super := server.role(t, "super", "SUPERUSER")
	owner := server.DSN
	member, inherits := server.role(t, "member", "")
	server.run(t, "GRANT "+server.Name+" TO "+member)
	const unforced = "ALTER TABLE sheets NO FORCE ROW LEVEL SECURITY"
	for _, role := range []struct {
		name, dsn, sabotage, says string
	}{
		{"ordinary owner", owner, "", ""},
		{"member of the owner", inherits, "", ""},
		{"superuser", super, "", "superuser"},
		{"the server's superuser", server.Admin, "", "superuser"},
		{"bypass", bypassing, "", "BYPASSRLS"},
		{"owner of a table without force", owner, unforced, "sheets"},
		{"member of such an owner", inherits, unforced, "sheets"},
	} {
		t.Run(role.name, func(t *testing.T) {
			if role.sabotage != "" {
				server.run(t, role.sabotage)
				defer server.run(t, strings.Replace(role.sabotage, "NO FORCE", "FORCE", 1))
			}
			_, err := tryPG(t, server, pgRLS, pgSetup{dsn: role.dsn})
			if role.says == "" {
				must(t, err)
				return
			}
			wantKind(t, err, tenancy.ErrConfig)
			if err != nil && !strings.Contains(err.Error(), role.says) {
				t.Errorf("%q does not say %q", err, role.says)
			}
			_, err = tryPG(t, server, meant, pgSetup{dsn: role.dsn})
			must(t, err)
		})
	}
}

// sabotage is something that somebody does to a database, and what Verify says of it.
type sabotage struct {
	name   string
	do     string
	undo   string // empty: Provision mends it
	says   []string
	absent bool // all is gone: not provisioned
}

var sabotagesRLS = []sabotage{
	{name: "permissive policy dropped", do: "DROP POLICY tenancy_permissive ON replies", says: []string{"replies", "tenancy_permissive"}},
	{name: "restrictive policy dropped", do: "DROP POLICY tenancy_restrictive ON replies", says: []string{"replies", "tenancy_restrictive"}},
	{name: "policy that is true added", do: "CREATE POLICY open ON marks USING (true)", undo: "DROP POLICY open ON marks", says: []string{"marks", "open"}},
	{name: "policy for a role added", do: "CREATE POLICY own ON notes FOR SELECT TO CURRENT_USER USING (true)", undo: "DROP POLICY own ON notes", says: []string{"notes", "own"}},
	{name: "not forced", do: "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY", says: []string{"notes", "forced"}},
	{name: "disabled", do: "ALTER TABLE marks DISABLE ROW LEVEL SECURITY", says: []string{"marks", "enabled"}},
	{name: "join table disabled", do: "ALTER TABLE note_marks DISABLE ROW LEVEL SECURITY", says: []string{"note_marks", "enabled"}},
	{name: "expression changed", do: "ALTER POLICY tenancy_restrictive ON replies USING (tenant_id IS NOT NULL)", says: []string{"replies", "tenancy_restrictive"}},
	{name: "check changed", do: "ALTER POLICY tenancy_permissive ON replies WITH CHECK (true)", says: []string{"replies", "tenancy_permissive"}},
	{name: "policy narrowed to a command", do: "DROP POLICY tenancy_restrictive ON replies; CREATE POLICY tenancy_restrictive ON replies AS RESTRICTIVE FOR SELECT USING (tenant_id = (SELECT nullif(current_setting('app.current_tenant', true), '')::varchar(191)))", says: []string{"replies", "tenancy_restrictive"}},
	{name: "default dropped", do: "ALTER TABLE notes ALTER tenant_id DROP DEFAULT", says: []string{"notes", "default"}},
	{name: "default changed", do: "ALTER TABLE notes ALTER tenant_id SET DEFAULT 'globex'", says: []string{"notes", "default"}},
	{name: "index dropped", do: "DROP INDEX idx_notes_tenant_id", says: []string{"notes", "index"}},
	{name: "table dropped", do: "DROP TABLE replies", says: []string{"replies"}},
	{name: "column dropped", do: "ALTER TABLE replies DROP owner", says: []string{"replies", "owner"}},
}

var sabotagesSchema = []sabotage{
	{name: "table dropped", do: "DROP TABLE tenant_acme.replies", says: []string{"replies"}},
	{name: "column dropped", do: "ALTER TABLE tenant_acme.replies DROP owner", says: []string{"replies", "owner"}},
	{name: "index dropped", do: "DROP INDEX tenant_acme.idx_notes_tenant_id", says: []string{"idx_notes_tenant_id"}},
	{
		name: "key into another tenant's schema",
		do:   "ALTER TABLE tenant_acme.replies ADD CONSTRAINT leaning FOREIGN KEY (note_id) REFERENCES tenant_globex.notes (id)",
		undo: "ALTER TABLE tenant_acme.replies DROP CONSTRAINT leaning", says: []string{"leaning", "tenant_globex"},
	},
	{
		name: "key from another tenant's schema",
		do:   "ALTER TABLE tenant_globex.replies ADD CONSTRAINT leaning FOREIGN KEY (note_id) REFERENCES tenant_acme.notes (id)",
		undo: "ALTER TABLE tenant_globex.replies DROP CONSTRAINT leaning", says: []string{"leaning", "tenant_globex"},
	},
	{
		name: "default from another tenant's sequence",
		do:   "ALTER TABLE tenant_acme.notes ALTER id SET DEFAULT nextval('tenant_globex.notes_id_seq')",
		undo: "ALTER TABLE tenant_acme.notes ALTER id SET DEFAULT nextval('tenant_acme.notes_id_seq')", says: []string{"tenant_globex"},
	},
	{
		name: "table replaced by a view of another tenant's",
		do:   "ALTER TABLE tenant_acme.replies RENAME TO hidden; CREATE VIEW tenant_acme.replies AS SELECT * FROM tenant_globex.replies",
		undo: "DROP VIEW tenant_acme.replies; ALTER TABLE tenant_acme.hidden RENAME TO replies", says: []string{"replies"},
	},
	{
		name: "table that inherits another tenant's rows",
		do:   "CREATE TABLE tenant_globex.heir () INHERITS (tenant_acme.replies)",
		undo: "DROP TABLE tenant_globex.heir", says: []string{"heir"},
	},
	{name: "schema dropped", do: "DROP SCHEMA tenant_acme CASCADE", says: []string{"acme"}, absent: true},
}

func TestPGVerifyNamesWhatDiffers(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	for _, k := range []struct {
		pgKind
		sabotages []sabotage
	}{{pgRLS, sabotagesRLS}, {pgSchema, sabotagesSchema}} {
		t.Run(k.name, func(t *testing.T) {
			s := openPG(t, server, k.pgKind, pgSetup{models: []any{&note{}, &reply{}, &mark{}}})
			s.provision(t, "acme", "globex")
			acme := tenancy.Tenant{ID: "acme"}
			must(t, s.migrate.Verify(t.Context(), acme))
			for _, c := range k.sabotages {
				t.Run(c.name, func(t *testing.T) {
					server.run(t, c.do)
					err := s.migrate.Verify(t.Context(), acme)
					if c.absent {
						wantKind(t, err, tenancy.ErrNotProvisioned)
					} else {
						wantKind(t, err, tenancy.ErrDrifted)
					}
					for _, word := range c.says {
						if !strings.Contains(fmt.Sprint(err), word) {
							t.Errorf("%q is not in %v", word, err)
						}
					}
					if c.undo != "" {
						server.run(t, c.undo)
					} else {
						s.provision(t, "acme")
					}
					must(t, s.migrate.Verify(t.Context(), acme))
				})
			}
			must(t, s.as("acme").Create(&note{Owner: "acme", Replies: []reply{{Owner: "acme"}}, Marks: []mark{{Owner: "acme"}}}).Error)
			s.repliesOf(t, "acme", 1)
			s.repliesOf(t, "globex", 0)
		})
	}
}

// TestPGOpenPolicyOpensNothing: policies of one kind are alternatives, so one that somebody
// adds would open the table, were there not one that all rows have to pass.
func TestPGOpenPolicyOpensNothing(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgRLS, pgSetup{models: []any{&reply{}}})
	s.provision(t, "acme")
	server.run(t, "CREATE POLICY open ON replies USING (true) WITH CHECK (true)")
	for _, id := range []string{"acme", "globex"} {
		must(t, s.as(id).Create(&reply{Owner: id}).Error)
	}
	s.repliesOf(t, "acme", 1)
	s.repliesOf(t, "globex", 1)
	wantKind(t, s.as("acme").Exec("INSERT INTO replies (owner, tenant_id) VALUES ('acme', 'globex')").Error, tenancy.ErrTenantMismatch)
	if done := s.as("acme").Exec("UPDATE replies SET owner = 'thief'"); done.Error != nil || done.RowsAffected != 1 {
		t.Errorf("changed %d rows: %v", done.RowsAffected, done.Error)
	}
	must(t, s.system().Exec("UPDATE replies SET owner = 'thief'").Error)
	same(t, "owners", server.ask(t, "SELECT owner FROM replies"), []string{"thief", "globex"})
}

// TestPGApplicationsRole: the role that serves tenants owns nothing and creates nothing.
func TestPGApplicationsRole(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	app, dsn := server.role(t, "app", "")
	server.run(t, "REVOKE ALL ON SCHEMA public FROM PUBLIC", "GRANT USAGE ON SCHEMA public TO "+app)
	for _, k := range pgKinds {
		t.Run(k.name, func(t *testing.T) {
			owner := openPG(t, server, k, pgSetup{})
			owner.provision(t, "acme", "globex")
			schemas := "public"
			if k.name == "schema" {
				schemas += ", tenant_acme, tenant_globex"
			}
			server.run(t,
				"GRANT USAGE ON SCHEMA "+schemas+" TO "+app,
				"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "+schemas+" TO "+app,
				"GRANT USAGE ON ALL SEQUENCES IN SCHEMA "+schemas+" TO "+app)
			s := openPG(t, server, k, pgSetup{dsn: dsn})
			for _, id := range []string{"acme", "globex"} {
				s.fill(t, id, 3)
				must(t, s.as(id).Exec("INSERT INTO marks (owner, tenant_id) VALUES (?, ?)", id, id).Error)
			}
			for _, id := range []string{"acme", "globex"} {
				s.holds(t, id, 3)
				must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: id}))
			}
			fails(t, s.as("acme").Exec("CREATE TABLE mine (id int)").Error)
			fails(t, s.as("acme").Exec("ALTER TABLE folios DISABLE ROW LEVEL SECURITY").Error)
			must(t, owner.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "globex"}))
			s.holds(t, "acme", 3)
		})
	}
}
