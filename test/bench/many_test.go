package bench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// BenchmarkManyTenants reads for many tenants in turn, and for 100 of them, in one
// database. TENANCY_TEST_LONG=1 makes them 10,000.
func BenchmarkManyTenants(b *testing.B) {
	n := 1_000
	if long, _ := strconv.ParseBool(os.Getenv("TENANCY_TEST_LONG")); long {
		n = 10_000
	}
	for _, s := range []tenancy.Strategy{strategies.RLS{}, strategies.Shared{}, strategies.Schema{}} {
		b.Run(fmt.Sprintf("%s/%d", s.Name(), n), func(b *testing.B) { manyTenants(b, s, n) })
	}
}

func manyTenants(b *testing.B, s tenancy.Strategy, n int) {
	db := openDatabase(b, 0)
	check(b, db.Use(tenancy.Plugin(tenancy.Config{Strategy: s, Models: []any{&Item{}, &Part{}}})))
	b.Cleanup(func() { check(b, tenancy.Close(db)) })
	ids := make([]tenancy.Tenant, n)
	for i := range ids {
		ids[i].ID = fmt.Sprintf("tenant_%05d", i)
	}
	m, err := migrate.New(db)
	check(b, err)
	_, err = m.Up(b.Context(), migrate.Tenants(ids...))
	check(b, err)
	as := func(i int) *gorm.DB { return db.WithContext(tenancy.WithTenant(endless(), ids[i])) }
	for i := range ids {
		check(b, as(i).Create(&Item{Name: "one"}).Error)
	}
	visit := func(first, visits int) time.Duration {
		began := time.Now()
		for i := first; i < first+visits; i++ {
			var found []Item
			check(b, as(i%n).Limit(1).Find(&found).Error)
			check(b, count(len(found), 1))
		}
		return time.Since(began) / time.Duration(visits)
	}

	const hundred = 100
	visit(0, hundred)
	before := heap()
	visit(0, n)
	after := heap()

	var ratios []float64
	first := hundred
	for b.Loop() {
		fewTime := visit(0, hundred)
		manyTime := visit(first, hundred)
		first += hundred
		visit(0, hundred) // these are the ones that are visited all the time
		ratios = append(ratios, float64(manyTime)/float64(fewTime))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ratios), "x-of-100")
	b.ReportMetric(float64(after-before)/float64(n), "bytes/tenant")
}

// heap is how much is allocated and still in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
