package tenancy

import "testing"

func TestNamesForeignSchema(t *testing.T) {
	r := &route{in: &Installation{commonSchemas: []string{"public"}}, binding: Binding{Names: Names{Schema: "tenant_acme"}}}
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
		`SELECT * FROM Public."users"`:                              true,
		`SELECT * FROM "public" . users`:                            true,
		`SELECT public FROM users`:                                  false,
		`SELECT * FROM republic.users`:                              false,
	} {
		if got := r.namesForeignSchema(query); got != want {
			t.Errorf("namesForeignSchema(%q) = %t", query, got)
		}
	}
}
