package test

import (
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
