package strategies

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
)

// deleteRows deletes all rows of a tenant from tables that it has in common with others,
// those that refer to others first, and counts what is left.
func deleteRows(ctx context.Context, in *tenancy.Installation, t tenancy.Tenant) error {
	ordered, err := in.Ordered()
	if err != nil {
		return err
	}
	db := in.DB().WithContext(in.Exempt(ctx, t))
	// Asked before the transaction, which then begins with a write: SQLite refuses
	// one that begins with a read as soon as somebody else writes.
	ordered = slices.DeleteFunc(ordered, func(s *schema.Schema) bool { return !db.Migrator().HasTable(s.Table) })
	return db.Transaction(func(tx *gorm.DB) error {
		for _, owned := range slices.Backward(ordered) {
			if err := deleteAll(tx, owned); err != nil {
				return err
			}
		}
		return nil
	})
}

func deleteAll(tx *gorm.DB, owned *schema.Schema) error {
	model := reflect.New(owned.ModelType).Interface()
	all := tx.Session(&gorm.Session{AllowGlobalUpdate: true, SkipHooks: true}).Unscoped()
	if err := all.Delete(model).Error; err != nil {
		return err
	}
	var left int64
	if err := tx.Unscoped().Model(model).Count(&left).Error; err != nil {
		return err
	}
	if left > 0 {
		return &tenancy.Error{Kind: tenancy.ErrDrifted, Detail: fmt.Sprintf("%d rows of %s are still there after deleting all", left, owned.Table)}
	}
	return nil
}
