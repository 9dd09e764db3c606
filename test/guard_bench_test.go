package test

import (
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// requireSites are the same without a requirement and with one that is met.
func requireSites(tb testing.TB) map[string]*gorm.DB {
	tb.Helper()
	sites := map[string]*gorm.DB{}
	for name, require := range map[string]tenancy.Requirement{"none": nil, "met": migrate.Current()} {
		s := openSite(tb, bySchema, setup{tenancy: tenancy.Config{Models: []any{&note{}, &reply{}, &mark{}}, Require: require}})
		s.provision(tb, "acme")
		sites[name] = s.as("acme")
		must(tb, sites[name].Find(&[]note{}).Error)
	}
	return sites
}

// TestRequireCosts: a statement of a tenant that has what is required allocates what one
// without a requirement does.
func TestRequireCosts(t *testing.T) {
	allocations := map[string]float64{}
	for name, db := range requireSites(t) {
		allocations[name] = testing.AllocsPerRun(200, func() { must(t, db.Limit(1).Find(&[]note{}).Error) })
	}
	if allocations["none"] != allocations["met"] {
		t.Errorf("allocations: %v", allocations)
	}
}

func BenchmarkRequire(b *testing.B) {
	for name, db := range requireSites(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(b, db.Limit(1).Find(&[]note{}).Error)
			}
		})
	}
}
