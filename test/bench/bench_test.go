package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// operation is one thing that an application does. plain names the tenant itself;
// under tenancy the context does. n counts up.
type operation struct {
	name    string
	plain   func(db *gorm.DB, tenant string, id uint, n int) error
	tenancy func(db *gorm.DB, id uint, n int) error
}

func operations() []operation {
	return []operation{
		{
			"read",
			func(db *gorm.DB, tenant string, id uint, _ int) error {
				return read(db.Where("tenant_id = ?", tenant), id)
			},
			func(db *gorm.DB, id uint, _ int) error { return read(db, id) },
		},
		{
			"list",
			func(db *gorm.DB, tenant string, _ uint, _ int) error {
				return list(db.Where("tenant_id = ?", tenant))
			},
			func(db *gorm.DB, _ uint, _ int) error { return list(db) },
		},
		{
			"create",
			func(db *gorm.DB, tenant string, _ uint, n int) error {
				return db.Create(&Item{TenantID: tenant, Name: "new", Quantity: n}).Error
			},
			func(db *gorm.DB, _ uint, n int) error {
				return db.Create(&Item{Name: "new", Quantity: n}).Error
			},
		},
		{
			"update",
			func(db *gorm.DB, tenant string, id uint, n int) error {
				return update(db.Where("tenant_id = ?", tenant), id, n)
			},
			update,
		},
		{
			"preload",
			func(db *gorm.DB, tenant string, id uint, _ int) error {
				return preload(db.Where("tenant_id = ?", tenant).Preload("Parts", "tenant_id = ?", tenant), id)
			},
			func(db *gorm.DB, id uint, _ int) error { return preload(db.Preload("Parts"), id) },
		},
	}
}

func read(db *gorm.DB, id uint) error {
	var item Item
	return db.First(&item, id).Error
}

func list(db *gorm.DB) error {
	var found []Item
	if err := db.Order("id").Limit(items).Find(&found).Error; err != nil {
		return err
	}
	return count(len(found), items)
}

func update(db *gorm.DB, id uint, n int) error {
	result := db.Model(&Item{}).Where("id = ?", id).Update("quantity", n)
	if result.Error != nil {
		return result.Error
	}
	return count(int(result.RowsAffected), 1)
}

func preload(db *gorm.DB, id uint) error {
	var item Item
	if err := db.First(&item, id).Error; err != nil {
		return err
	}
	return count(len(item.Parts), parts)
}

func count(got, want int) error {
	if got != want {
		return fmt.Errorf("%d rows, want %d", got, want)
	}
	return nil
}

// side runs an operation for the n-th time, for a tenant after another.
type side func(n int) error

func target(n int) (tenant int, id uint) {
	return n % tenants, itemID(n%tenants, n/tenants%withPart)
}

func (st *store) plainSide(op operation) side {
	ctx := endless()
	return func(n int) error {
		tenant, id := target(n)
		return op.plain(st.plain.WithContext(ctx), st.ids[tenant], id, n)
	}
}

// keptSide uses the one context of each tenant.
func (st *store) keptSide(op operation) side {
	return func(n int) error {
		tenant, id := target(n)
		return op.tenancy(st.tenancy.WithContext(st.kept[tenant]), id, n)
	}
}

// freshSide makes a context for each operation, as a request does.
func (st *store) freshSide(op operation) side {
	return func(n int) error {
		tenant, id := target(n)
		ctx := tenancy.WithTenant(endless(), tenancy.Tenant{ID: st.ids[tenant]})
		return op.tenancy(st.tenancy.WithContext(ctx), id, n)
	}
}

// round runs a side once for each tenant.
func (s side) round(b *testing.B, first int) time.Duration {
	b.Helper()
	began := time.Now()
	for i := range tenants {
		if err := s(first + i); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}

// BenchmarkOperation measures each side alone.
func BenchmarkOperation(b *testing.B) {
	for _, s := range allStrategies() {
		b.Run(s.name, func(b *testing.B) {
			st := open(b, s)
			for _, op := range operations() {
				for _, v := range []struct {
					name string
					side side
				}{
					{"plain", st.plainSide(op)},
					{"kept", st.keptSide(op)},
					{"fresh", st.freshSide(op)},
				} {
					b.Run(op.name+"/"+v.name, func(b *testing.B) {
						v.side.round(b, 0) // opens what is opened on first use
						b.ReportAllocs()
						for n := 0; b.Loop(); n++ {
							if err := v.side(n); err != nil {
								b.Fatal(err)
							}
						}
					})
				}
			}
		})
	}
}

// BenchmarkRatio measures the plugin against plain GORM. One iteration is a round
// of each, an operation for every tenant.
func BenchmarkRatio(b *testing.B) {
	for _, s := range allStrategies() {
		b.Run(s.name, func(b *testing.B) {
			st := open(b, s)
			for _, op := range operations() {
				plain := st.plainSide(op)
				b.Run(op.name+"/kept", func(b *testing.B) { ratio(b, plain, st.keptSide(op)) })
				b.Run(op.name+"/fresh", func(b *testing.B) { ratio(b, plain, st.freshSide(op)) })
			}
		})
	}
}

func ratio(b *testing.B, plain, measured side) {
	b.Helper()
	allocs := allocations(b, measured) / allocations(b, plain)

	var times, ratios []float64
	for n := 0; b.Loop(); n++ {
		var with, without time.Duration
		if n%2 == 0 { // neither side always has the other's garbage to collect
			with = measured.round(b, n*tenants)
			without = plain.round(b, n*tenants)
		} else {
			without = plain.round(b, n*tenants)
			with = measured.round(b, n*tenants)
		}
		times = append(times, float64(without)/tenants)
		ratios = append(ratios, float64(with)/float64(without))
	}
	b.ReportMetric(0, "ns/op") // it would be that of both rounds
	b.ReportMetric(median(times), "plain-ns")
	b.ReportMetric(median(ratios), "x-plain")
	b.ReportMetric(allocs, "allocs-x-plain")
}

// allocations counts the allocations of an operation.
func allocations(b *testing.B, s side) float64 {
	b.Helper()
	return testing.AllocsPerRun(3, func() { s.round(b, 0) }) / tenants
}

func median(values []float64) float64 {
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
