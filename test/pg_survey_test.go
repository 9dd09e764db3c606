package test

import (
	"context"
	"fmt"
	"testing"

	"github.com/gormtenancy/tenancy"
)

// TestPGSurvey: fingerprints are equal for equal structures, whatever the server has numbered
// them by, and tell different ones apart.
func TestPGSurvey(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgSchema, pgSetup{})
	s.provision(t, "acme", "globex")
	in, err := tenancy.Installed(s.db)
	must(t, err)
	survey := func() (acme, globex string) {
		t.Helper()
		found, err := in.Provider().(tenancy.Fleet).Survey(t.Context(), []tenancy.Tenant{{ID: "acme"}, {ID: "globex"}})
		must(t, err)
		return found["tenant_acme"].Fingerprint, found["tenant_globex"].Fingerprint
	}
	change := func(id, statement string) {
		t.Helper()
		_, err := server.admin.Exec(fmt.Sprintf("BEGIN; SET LOCAL search_path = tenant_%s; %s; COMMIT", id, statement))
		must(t, err)
	}
	equal := []string{
		"CREATE TYPE mood AS ENUM ('sad', 'glad'); ALTER TABLE folios ADD COLUMN mood mood DEFAULT 'glad'",
		"CREATE SEQUENCE numbers; ALTER TABLE folios ADD COLUMN number int DEFAULT nextval('numbers')",
		"ALTER TABLE folios ADD COLUMN many int[] DEFAULT '{1}', ADD COLUMN text text DEFAULT 'a' || 'b'",
		"CREATE UNIQUE INDEX by_two ON folios (owner, body, hits)",
		"CREATE INDEX by_part ON folios (lower(body)) WHERE hits > 1",
		"CREATE VIEW seen AS SELECT id FROM folios",
	}
	for _, statement := range equal {
		before, _ := survey()
		change("acme", statement)
		if after, _ := survey(); after == before {
			t.Errorf("%s: not seen", statement)
		}
		change("globex", statement)
		if acme, globex := survey(); acme != globex || acme == "" {
			t.Errorf("%s: %s differs from %s", statement, acme, globex)
		}
	}
	different := [][2]string{
		{"ALTER TABLE folios ALTER COLUMN mood SET DEFAULT 'sad'", "ALTER TABLE folios ALTER COLUMN mood SET DEFAULT 'glad'"},
		{"DROP INDEX by_two; CREATE UNIQUE INDEX by_two ON folios (body, owner, hits)", "DROP INDEX by_two; CREATE UNIQUE INDEX by_two ON folios (owner, body, hits)"},
		{"ALTER TABLE sheets ADD CONSTRAINT late UNIQUE (owner) DEFERRABLE INITIALLY DEFERRED", "ALTER TABLE sheets DROP CONSTRAINT late"},
		{"ALTER VIEW seen SET (security_barrier)", "ALTER VIEW seen RESET (security_barrier)"},
	}
	if version := server.ask(t, "SHOW server_version_num")[0]; version >= "150000" {
		different = append(different, [2]string{"DROP INDEX by_two; CREATE UNIQUE INDEX by_two ON folios (owner, body, hits) NULLS NOT DISTINCT", "SELECT 1"})
	}
	for _, statement := range different {
		change("acme", statement[0])
		if acme, globex := survey(); acme == globex {
			t.Errorf("%s: not seen", statement[0])
		}
		change("acme", statement[1])
	}
	change("acme", "ALTER TABLE sheets ADD CONSTRAINT late UNIQUE (owner) DEFERRABLE INITIALLY DEFERRED")
	change("globex", "ALTER TABLE sheets ADD CONSTRAINT late UNIQUE (owner) DEFERRABLE")
	if acme, globex := survey(); acme == globex {
		t.Error("when a constraint is checked was not seen")
	}
}

// TestPGSurveyTables: a look at one table sees every change of it, and none of another.
func TestPGSurveyTables(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgSchema, pgSetup{})
	s.provision(t, "acme")
	in, err := tenancy.Installed(s.db)
	must(t, err)
	fleet := in.Provider().(interface {
		SurveyTables(ctx context.Context, tenants []tenancy.Tenant, tables []string) (map[string]tenancy.Structure, error)
	})
	look := func(table string) string {
		t.Helper()
		found, err := fleet.SurveyTables(t.Context(), []tenancy.Tenant{{ID: "acme"}}, []string{table})
		must(t, err)
		if structure := found["tenant_acme"]; structure.Owner != "acme" || structure.Err != nil {
			t.Errorf("%s: %+v", table, structure)
		}
		return found["tenant_acme"].Fingerprint
	}
	if look("folios") == "" || look("folios") == look("sheets") || look("nothing") != "" {
		t.Errorf("folios are %q, sheets %q, nothing %q", look("folios"), look("sheets"), look("nothing"))
	}
	for _, statement := range []string{
		"ALTER TABLE folios ADD COLUMN more int",
		"ALTER TABLE folios ALTER COLUMN more TYPE bigint",
		"ALTER TABLE folios ALTER COLUMN more SET DEFAULT 7",
		"ALTER TABLE folios ADD CONSTRAINT few CHECK (more < 9)",
		"CREATE INDEX by_more ON folios (more)",
		"ALTER TABLE folios ENABLE ROW LEVEL SECURITY",
		"CREATE POLICY open ON folios USING (true)",
		"CREATE TRIGGER same BEFORE UPDATE ON folios FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
	} {
		folios, sheets := look("folios"), look("sheets")
		_, err := server.admin.Exec("BEGIN; SET LOCAL search_path = tenant_acme; " + statement + "; COMMIT")
		must(t, err)
		if look("folios") == folios || look("sheets") != sheets {
			t.Errorf("%s: folios were %q and are %q, sheets were %q and are %q", statement, folios, look("folios"), sheets, look("sheets"))
		}
	}
}
