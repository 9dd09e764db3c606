package bench

import (
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
)

// BenchmarkLayout is BenchmarkRatio for reading by key, but plain GORM reads the
// strategy's own tables and files. The difference between the two is what many tables
// or many files cost by themselves, with or without the plugin.
func BenchmarkLayout(b *testing.B) {
	op := operations()[0]
	for _, s := range allStrategies() {
		b.Run(s.name, func(b *testing.B) {
			st := open(b, s)
			plain := st.layoutSide(b)
			b.Run(op.name+"/kept", func(b *testing.B) { ratio(b, plain, st.keptSide(op)) })
			b.Run(op.name+"/fresh", func(b *testing.B) { ratio(b, plain, st.freshSide(op)) })
		})
	}
}

// layoutSide reads by key with plain GORM what keptSide reads, from the same place.
func (st *store) layoutSide(b *testing.B) side {
	b.Helper()
	in, err := tenancy.Installed(st.tenancy)
	check(b, err)
	base, err := in.Base()
	check(b, err)
	shared := openPool(b, base)

	handles, narrowed := make([]*gorm.DB, tenants), make([]bool, tenants)
	for i, id := range st.ids {
		binding, err := in.Bind(tenancy.Tenant{ID: id})
		check(b, err)
		handles[i] = shared
		if binding.Pool != nil {
			pool, release, err := binding.Pool.Acquire(b.Context())
			check(b, err)
			b.Cleanup(release)
			handles[i] = openPool(b, pool)
		}
		if physical := binding.Names.Table("items"); physical != "items" {
			handles[i] = handles[i].Table("`" + physical + "` AS items").Session(&gorm.Session{})
		}
		narrowed[i] = binding.Filter != tenancy.FilterNone
	}
	ctx := endless()
	return func(n int) error {
		tenant, id := target(n)
		db := handles[tenant].WithContext(ctx)
		if narrowed[tenant] {
			db = db.Where("tenant_id = ?", st.ids[tenant])
		}
		return read(db, id)
	}
}

// openPool opens plain GORM on a pool that is open already.
func openPool(b *testing.B, pool gorm.ConnPool) *gorm.DB {
	b.Helper()
	db, err := gorm.Open(sqlite.New(sqlite.Config{Conn: pool}), &gorm.Config{Logger: logger.Discard})
	check(b, err)
	return db
}
