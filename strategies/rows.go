package strategies

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
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
	references, err := in.References()
	if err != nil {
		return err
	}
	db := in.DB().WithContext(in.Exempt(ctx, t))
	// Asked before the transaction, which then begins with a write: SQLite refuses
	// one that begins with a read as soon as somebody else writes.
	ordered = slices.DeleteFunc(ordered, func(s *schema.Schema) bool { return !db.Migrator().HasTable(s.Table) })
	return db.Transaction(func(tx *gorm.DB) error {
		for _, owned := range slices.Backward(ordered) {
			if in.Dialect() == "mysql" {
				if err := untie(tx, owned, references); err != nil {
					return err
				}
			}
			if err := deleteAll(tx, owned); err != nil {
				return err
			}
		}
		return nil
	})
}

// untie lets rows forget which others of their table they refer to, where they may: MySQL
// checks each row that is deleted by itself, and not the statement
// (https://dev.mysql.com/doc/refman/8.4/en/ansi-diff-foreign-keys.html).
func untie(tx *gorm.DB, owned *schema.Schema, references []tenancy.Reference) error {
	keys := map[string]any{}
	for _, ref := range references {
		if ref.Table != owned.Table || ref.Parent != owned.Table {
			continue
		}
		for _, columns := range ref.Columns {
			keys[columns[0]] = nil
		}
	}
	if len(keys) == 0 {
		return nil
	}
	columns, err := tx.Migrator().ColumnTypes(owned.Table)
	if err != nil {
		return err
	}
	for _, column := range columns {
		if nullable, known := column.Nullable(); !nullable || !known {
			delete(keys, column.Name())
		}
	}
	if len(keys) == 0 {
		return nil
	}
	// As a clause, for columns that the model does not update.
	return everyRow(tx).Model(reflect.New(owned.ModelType).Interface()).Clauses(clause.Assignments(keys)).UpdateColumns(keys).Error
}

// everyRow is for all rows that the tenant has, deleted softly or not.
func everyRow(tx *gorm.DB) *gorm.DB {
	return tx.Session(&gorm.Session{AllowGlobalUpdate: true, SkipHooks: true}).Unscoped()
}

func deleteAll(tx *gorm.DB, owned *schema.Schema) error {
	model := reflect.New(owned.ModelType).Interface()
	if err := everyRow(tx).Delete(model).Error; err != nil {
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
