// Package hybrid keeps tenants apart in two ways at once: the premium tenants by one
// strategy, all others by another.
//
//	db.Use(tenancy.Plugin(tenancy.Config{
//		Strategy: hybrid.New(hybrid.Config{
//			Premium:        strategies.Schema{}, // a schema each
//			Standard:       strategies.RLS{},    // one set of tables
//			PremiumTenants: []string{"acme"},
//		}),
//		Models: []any{&User{}, &Order{}},
//	}))
//
// Either may be another hybrid, so there can be any number of tiers.
//
// Configurations, options and reports are plain data: several goroutines may read a
// value at once, as long as nobody changes it.
package hybrid
