package tenancy

import (
	"context"
	"database/sql"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/ddl"
)

// Exclusive runs fn on one connection of db, the database of the tenant's binding b, while
// nobody else changes the tenant's structures, in this process or another: it waits for the
// lock by which strategies provision. fn's error comes back unchanged.
func (in *Installation) Exclusive(ctx context.Context, db *sql.DB, t Tenant, b Binding, fn func(tx gorm.ConnPool) error) error {
	key := ddl.OwnDatabase
	if b.Pool == nil {
		tier, err := in.TierOf(t)
		if err != nil {
			return err
		}
		key = tier.Provider.Group(t)
	}
	return ddl.Exclusive(ctx, db, in.Dialect(), key, fn)
}
