package tenancy

import (
	"fmt"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/scopes"
)

// conflict is what an upsert of a bound statement does with rows that exist.
type conflict uint8

const (
	conflictNone   conflict = iota // none, or one that cannot meet another tenant's row
	conflictUpdate                 // updates them, guarded
	conflictIgnore                 // leaves them
	conflictFail                   // fails at one of another tenant
)

// onConflict guards an upsert against the rows of other tenants.
func (b *bound) onConflict(stmt *gorm.Statement, c *clause.Clause) {
	conflict, ok := c.Expression.(clause.OnConflict)
	if !ok || b.scope == nil {
		return
	}
	if _, err := b.scope.Set(conflict.DoUpdates); err != nil { // as in an UPDATE
		b.fail(stmt, b.mismatch(err))
		return
	}
	target := b.table.alias
	if table, renamed := b.physical(); renamed && !b.upsertAlias(stmt) {
		target = table.physical
	}
	if b.in.Dialect() == "mysql" {
		c.Expression = b.onDuplicate(stmt, conflict, target)
		return
	}
	guarded := b.scope.Guard(conflict, target)
	c.Expression = guarded
	switch {
	case b.scope.Exempt(conflict) || keyHolds(stmt.Schema, b.scope.Column):
	case guarded.DoNothing:
		b.conflict = conflictIgnore
	case len(conflict.Where.Exprs) == 0:
		b.conflict = conflictUpdate
	}
}

// onDuplicate is onConflict for ON DUPLICATE KEY UPDATE, in which the database itself
// tells rows of other tenants. INSERT IGNORE makes it keep that to itself.
func (b *bound) onDuplicate(stmt *gorm.Statement, conflict clause.OnConflict, target string) clause.OnConflict {
	b.conflict = conflictFail
	if scopes.Ignores(stmt) {
		b.conflict = conflictIgnore
	}
	if conflict.DoNothing && stmt.Schema != nil && stmt.Schema.PrioritizedPrimaryField != nil {
		// The rows that were there are returned, too, so GORM must not think that they are not.
		key := clause.Column{Name: stmt.Schema.PrioritizedPrimaryField.DBName}
		stmt.AddClause(clause.OnConflict{Columns: conflict.Columns, DoUpdates: clause.Set{{Column: key, Value: key}}})
	}
	return b.scope.GuardDuplicate(conflict, target)
}

// keyHolds reports whether the tenant column is in the primary key, so that rows of
// two tenants never have the same one.
func keyHolds(s *schema.Schema, column string) bool {
	if s == nil {
		return false
	}
	for _, field := range s.PrimaryFields {
		if field.DBName == column {
			return true
		}
	}
	return false
}

// upserted is the callback after an INSERT. A guarded upsert that touched fewer rows
// than it brought has met a row of another tenant; one that leaves rows alone may
// have.
func (in *Installation) upserted(db *gorm.DB) {
	b := boundTo(db.Statement)
	if b == nil || db.DryRun || b.conflict == conflictNone {
		return
	}
	if b.in.Dialect() == "mysql" && ddl.MySQLError(db.Error, 1242) { // MySQL fails an INSERT IGNORE, too
		db.Error = b.stolen(db.Error)
	}
	if db.Error != nil || b.conflict == conflictFail {
		return
	}
	brought := int64(rowCount(db.Statement.ReflectValue))
	if db.RowsAffected >= brought && b.in.insertAlias() { // other dialects count otherwise
		return
	}
	switch b.conflict {
	case conflictUpdate:
		_ = db.AddError(b.stolen(nil))
	case conflictIgnore:
		_ = db.AddError(b.checkIgnored(db))
	}
}

func (b *bound) stolen(cause error) error {
	return &Error{
		Kind: ErrTenantMismatch, Op: string(b.op), Tenant: b.route.scope.tenant.ID, Strategy: b.in.Strategy(),
		Detail: fmt.Sprintf("a row to save has the key of a row of another tenant in %q; nothing was changed there", b.table.name), Cause: cause,
	}
}

// checkIgnored asks whether a row that an INSERT … DO NOTHING left alone is another
// tenant's. GORM is about to link to it.
func (b *bound) checkIgnored(db *gorm.DB) error {
	s := db.Statement.Schema
	if s == nil {
		return nil
	}
	_, keys := schema.GetIdentityFieldValuesMap(db.Statement.Context, db.Statement.ReflectValue, s.PrimaryFields)
	if len(keys) == 0 {
		return nil
	}
	foreign, err := b.foreign(db, s, keys)
	if err == nil && foreign > 0 {
		err = b.stolen(nil)
	}
	return err
}

// foreign counts the rows of other tenants that have one of the keys. Where the database
// shows no such rows, a row that is not there after it was to be inserted must be one;
// but only a save of associations is about nothing but the key.
func (b *bound) foreign(db *gorm.DB, s *schema.Schema, keys [][]any) (int64, error) {
	ctx := db.Statement.Context
	switch {
	case b.route.binding.Filter == FilterOnly:
		ctx = lift(ctx)
	case b.route.binding.Filter != FilterRequired || !b.savesAssociation(db):
		return 0, nil
	}
	column, values := schema.ToQueryValues(clause.CurrentTable, s.PrimaryFieldDBNames, keys)
	query := db.Session(&gorm.Session{NewDB: true, Context: ctx, SkipHooks: true}).
		Model(reflect.New(s.ModelType).Interface()).Unscoped().
		Where(clause.IN{Column: column, Values: values})
	var count int64
	if b.route.binding.Filter == FilterRequired {
		err := query.Count(&count).Error
		return int64(len(keys)) - count, err
	}
	err := query.Where(clause.Neq{Column: clause.Column{Table: clause.CurrentTable, Name: b.scope.Column}, Value: b.scope.Value}).
		Count(&count).Error
	return count, err
}

// savesAssociation recognises the session in which GORM saves associations.
func (b *bound) savesAssociation(db *gorm.DB) bool {
	return db.DisableNestedTransaction && !b.in.db.DisableNestedTransaction
}

func rowCount(rv reflect.Value) int {
	switch rv.Kind() {
	case reflect.Slice, reflect.Array:
		return rv.Len()
	default:
		return 1
	}
}
