package tenancy

import (
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// writeElsewhere binds a write of a shared model within a transaction of a tenant's own database,
// where the model is not. There is nothing to write where GORM saves a row together with the
// shared ones that it refers to, which are left alone if they are there: a row that was loaded
// with them and is saved. All else is refused.
func (in *Installation) writeElsewhere(stmt *gorm.Statement, b *bound, h handle) error {
	there := false
	if b.op == opCreate && b.route.owned != nil && leavesAlone(stmt) {
		var err error
		if there, err = allThere(stmt); err != nil {
			return err
		}
	}
	if !there {
		return in.problem(stmt.Context, ErrElsewhere, "", "the transaction is in the tenant's own database and the shared model "+b.table.name+" is not; write it outside the transaction, and set the key that refers to it, or leave it out by Omit", nil)
	}
	b.idle = true
	return h.attach(stmt, b, b.route.owned, false) // what is saved with the shared row stays in the transaction
}

// leavesAlone reports whether an INSERT leaves rows as they are whose key is there.
func leavesAlone(stmt *gorm.Statement) bool {
	conflict, ok := stmt.Clauses["ON CONFLICT"].Expression.(clause.OnConflict)
	return ok && conflict.DoNothing && len(conflict.Columns) == 0 && stmt.Schema != nil
}

// allThere asks whether all rows of an INSERT are there, by their keys.
func allThere(stmt *gorm.Statement) (bool, error) {
	s := stmt.Schema
	if kind := stmt.ReflectValue.Kind(); kind != reflect.Struct && kind != reflect.Slice && kind != reflect.Array {
		return false, nil
	}
	rows, keys := schema.GetIdentityFieldValuesMap(stmt.Context, stmt.ReflectValue, s.PrimaryFields)
	keyed := 0
	for _, same := range rows {
		keyed += len(same)
	}
	if len(keys) == 0 || keyed != rowCount(stmt.ReflectValue) {
		return false, nil
	}
	column, values := schema.ToQueryValues(clause.CurrentTable, s.PrimaryFieldDBNames, keys)
	var count int64
	err := stmt.DB.Session(&gorm.Session{NewDB: true, Context: stmt.Context, SkipHooks: true}).
		Model(reflect.New(s.ModelType).Interface()).Unscoped().
		Where(clause.IN{Column: column, Values: values}).
		Count(&count).Error
	return count == int64(len(keys)), err
}
