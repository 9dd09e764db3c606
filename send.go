package tenancy

import (
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// sends makes the callback of GORM that builds a statement and sends it the plugin's.
func (in *Installation) sends(op operation, send func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		if stmt := db.Statement; !in.isBound(db) {
			b := &bound{in: in, op: op, original: stmt.ConnPool}
			b.fail(stmt, in.complete(errPoolReplaced, string(op), tenantOf(stmt.Context)))
		}
		if b := boundTo(db.Statement); b != nil && b.idle {
			return
		}
		defer in.undressed(db.Statement.DB)()
		send(db)
	}
}

// errPoolReplaced is for a statement that another plugin has taken from the tenant's pool.
var errPoolReplaced = configError("a callback has replaced the pool of the statement when its tenant was bound; register callbacks that choose a pool by Before(\"*\")")

// isBound reports whether the statement runs on the pool that it was bound to, or fails.
func (in *Installation) isBound(db *gorm.DB) bool {
	return db.Error != nil || routing.Of(db.Statement) != nil || routing.IsFailed(db.Statement.ConnPool)
}

// undressed gives a statement that is built the dialect as GORM opened it, until it is given
// back: values ask MySQL's for the version of its server, by its Go type.
func (in *Installation) undressed(db *gorm.DB) (back func()) {
	dressed, ok := db.Dialector.(dialector)
	if !ok || in.Dialect() != "mysql" {
		return func() {}
	}
	config := db.Config
	own := *config
	own.Dialector = dressed.Dialector
	db.Config = &own
	return func() { db.Config = config }
}

// queryCache is the name of a plugin that keeps the rows of queries by their text and their
// arguments, and answers before the tenant's pool is asked.
const queryCache = "gorm:caches"

// refuseCache fails where such rows would be another tenant's: the same text is, by the schema or
// the database that it is sent to.
func refuseCache(db *gorm.DB) error {
	if _, caching := db.Plugins[queryCache]; !caching {
		return nil
	}
	return configError("the plugin %q keeps the rows of one tenant for all who send the same text; take it off the handle, and keep results by tenant where they are used", queryCache)
}

// refuseAll lets no statement run on a handle.
func refuseAll(db *gorm.DB) error {
	refuse := func(db *gorm.DB) {
		_ = db.AddError(configError("the handle was opened with the configuration of another, on which the plugin works; open it with one of its own, and call db.Use on it"))
	}
	callbacks := db.Callback()
	const name = "tenancy:refuse"
	for _, err := range []error{
		callbacks.Create().Before("*").Register(name, refuse),
		callbacks.Query().Before("*").Register(name, refuse),
		callbacks.Update().Before("*").Register(name, refuse),
		callbacks.Delete().Before("*").Register(name, refuse),
		callbacks.Row().Before("*").Register(name, refuse),
		callbacks.Raw().Before("*").Register(name, refuse),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}
