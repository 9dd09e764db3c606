package tenancy

import "testing"

func TestNamesContainer(t *testing.T) {
	for query, want := range map[string]bool{
		`SELECT * FROM "tenant_acme"."users"`:                       false,
		`SELECT tenant_id FROM users WHERE users.tenant_id = $1`:    false,
		`SELECT * FROM tenant_globex.users`:                         true,
		`SELECT * FROM "tenant_globex"."users"`:                     true,
		`SELECT * FROM TENANT_GLOBEX.users`:                         true,
		`SELECT * FROM Tenant_Globex . users`:                       true,
		`SELECT * FROM tenant_globex/**/.users`:                     true,
		"SELECT * FROM tenant_globex --\n.users":                    true,
		`SELECT * FROM tenant_acme.users JOIN tenant_acme2.users u`: true,
	} {
		if got := namesContainer(query, "tenant_acme"); got != want {
			t.Errorf("namesContainer(%q) = %t", query, got)
		}
	}
}
