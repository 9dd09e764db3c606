// Package tenancy is a GORM plugin that keeps the data of many tenants apart.
//
// Install it once and hand every statement a context that names the tenant:
//
//	db, err := gorm.Open(sqlite.Open("app.db"), &gorm.Config{})
//	err = db.Use(tenancy.Plugin(tenancy.Config{
//		Strategy: strategies.Schema{},
//		Models:   []any{&User{}, &Order{}}, // owned: each row belongs to one tenant
//		Shared:   []any{&Plan{}},           // common to all tenants
//	}))
//
//	ctx = tenancy.WithTenant(ctx, tenancy.Tenant{ID: "acme"})
//	db.WithContext(ctx).Find(&users) // acme's, whatever the strategy
//
// # How a statement finds its tenant
//
// The plugin works in two places, each for what it knows. GORM's callbacks and
// clause builders know the model: they refuse a statement that names no tenant,
// write the tenant's table names, narrow conditions and joins, and stamp rows.
// The connection pool under GORM knows the context: it sends each statement,
// transaction and stream where that tenant's data is, records the tenant on
// every transaction, and takes a last look at the text of the SQL.
//
// What both of them apply is a [Binding], four columns of plain data that a
// [Strategy] answers for a tenant.
//
// # Failing closed
//
// A statement that names no tenant is refused with [ErrNoTenant] before any SQL
// is sent, unless GORM builds it for a model listed in [Config.Shared] or its
// context is a system context ([WithSystem]). Every error of this module
// is an [*Error] that wraps exactly one of the sentinels in this package.
//
// # Concurrency
//
// The handle, the installation and providers, also as [Fleet], [Tiered] or another of the
// interfaces of one, may be used from several goroutines at once. What says nothing of
// it is plain data: several may read a value at once, as long as nobody changes it.
package tenancy
