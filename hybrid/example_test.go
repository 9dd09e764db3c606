package hybrid_test

import (
	"fmt"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/strategies"
)

// Who is in which tier, without a database: by Tier, by the list, by the function.
func Example() {
	tiers := hybrid.New(hybrid.Config{
		Premium:        strategies.Schema{},
		Standard:       strategies.RLS{},
		PremiumTenants: []string{"acme"},
		IsPremium:      func(t tenancy.Tenant) bool { return t.Slug == "vip" },
	})
	for _, t := range []tenancy.Tenant{
		{ID: "acme"}, {ID: "globex"}, {ID: "7", Slug: "vip"}, {ID: "acme", Tier: hybrid.TierStandard}, {ID: "hooli", Tier: "gold"},
	} {
		strategy, err := tiers.For(t)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s: %s\n", t.ID, strategy.Name())
	}
	// Output:
	// acme: schema
	// globex: rls
	// 7: schema
	// acme: rls
	// tenancy: tenant "hooli": invalid tenant: there is no tier "gold"; leave Tier empty, or set it to one of "premium", "standard"
}
