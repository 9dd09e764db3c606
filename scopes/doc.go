// Package scopes narrows GORM statements to one tenant by a tenant column: the
// predicate on what is read and changed, the stamp on what is inserted, and the
// guard on upserts.
//
// The plugin in the parent package uses these pieces on every statement. Without
// the plugin, [Tenant] is an ordinary GORM scope:
//
//	db.Scopes(scopes.Tenant("acme")).Find(&items)
//
// Alone it narrows the one statement it is put on. Joined tables, preloads,
// associations and raw SQL are left as they are: those are the plugin's work.
//
// A type that does not say more is plain data: several goroutines may read a value at
// once, as long as nobody changes it.
package scopes
