package scopes

import (
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// ErrTenantMismatch is wrapped by the errors for a row or a condition that names
// another tenant.
var ErrTenantMismatch = errors.New("another tenant's")

// ErrIncompleteKey is wrapped, beside ErrTenantMismatch, by the errors for a condition that no
// row can fulfil, since it names no tenant: of a key that has the tenant column, GORM makes one
// with whatever the other columns have.
var ErrIncompleteKey = fmt.Errorf("%w: no tenant in a key or a condition", ErrTenantMismatch)

// DefaultColumn is the column that [Tenant] narrows by.
const DefaultColumn = "tenant_id"

// Scope narrows statements to the rows whose Column holds one tenant. It is a
// value and safe for concurrent use.
type Scope struct {
	// Column is the database name of the tenant column.
	Column string
	// Value is the tenant as the column's type holds it: bound, never pasted.
	Value any
}

// New returns the scope of tenant id for a table whose tenant column is field. It
// fails when the column's type in Go cannot hold id. See [Spelling] for the database's.
func New(field *schema.Field, id string) (Scope, error) {
	value, err := convert(field, id)
	return Scope{Column: field.DBName, Value: value}, err
}

// Tenant returns a GORM scope that narrows a statement to one tenant by the column
// tenant_id. See [By].
func Tenant(id string) func(*gorm.DB) *gorm.DB { return By(DefaultColumn, id) }

// By returns a GORM scope that narrows a statement to one tenant by column:
//   - what is read, updated or deleted has a condition on the column, AND-ed to all
//     others whatever ORs they hold;
//   - what is created is stamped; a value that names another tenant is ErrTenantMismatch;
//   - an upsert changes no row of another tenant; on MySQL and MariaDB it fails there with
//     error 1242;
//   - an update or a delete without a condition of its own still fails with
//     gorm.ErrMissingWhereClause.
//
// A model without the column is an error.
func By(column, id string) func(*gorm.DB) *gorm.DB {
	return func(db *gorm.DB) *gorm.DB {
		if err := narrow(db, column, id); err != nil {
			_ = db.AddError(err)
		}
		return db
	}
}

func narrow(db *gorm.DB, column, id string) error {
	stmt := db.Statement
	scope := Scope{Column: column, Value: id}
	if model := modelOf(stmt); model != nil && stmt.Parse(model) == nil {
		field := stmt.Schema.LookUpField(column)
		if field == nil {
			return fmt.Errorf("scopes: %s has no column %q to narrow by; add it to the model", stmt.Schema, column)
		}
		var err error
		if scope, err = New(field, id); err != nil {
			return err
		}
		if err := Spelling(field, id); err != nil {
			return err
		}
		if err := scope.Stamp(stmt); err != nil {
			return err
		}
	}
	err := scope.where(stmt)
	if err != nil {
		return err
	}
	if c, ok := stmt.Clauses["ON CONFLICT"]; ok {
		if conflict, ok := c.Expression.(clause.OnConflict); ok {
			if c.Expression, err = scope.guard(db.Name(), conflict); err != nil {
				return err
			}
			stmt.Clauses["ON CONFLICT"] = c
		}
	}
	return nil
}

// guard is the guard that a dialect knows. Those of MySQL and SQL Server are in the
// assignments, which have to be there.
func (s Scope) guard(dialect string, conflict clause.OnConflict) (clause.OnConflict, error) {
	if _, err := s.Set(conflict.DoUpdates); err != nil {
		return conflict, err
	}
	switch {
	case dialect != "mysql" && dialect != "sqlserver":
		return s.Guard(conflict, clause.CurrentTable), nil
	case conflict.UpdateAll:
		return conflict, fmt.Errorf("scopes: an upsert with UpdateAll cannot be guarded on %s; name the columns with clause.AssignmentColumns", dialect)
	case dialect == "mysql":
		return s.GuardDuplicate(conflict, clause.CurrentTable), nil
	default:
		return s.GuardMerge(conflict, clause.CurrentTable), nil
	}
}

func modelOf(stmt *gorm.Statement) any {
	if stmt.Model != nil {
		return stmt.Model
	}
	return stmt.Dest
}

// where adds the predicate to the conditions there are. GORM counts conditions to
// find updates and deletes that have none, and knows of one that is not the
// user's: soft delete's. The predicate takes that one's place, and brings soft
// delete's condition with it.
func (s Scope) where(stmt *gorm.Statement) error {
	added := append([]clause.Expression{s.Predicate(clause.CurrentTable)}, modelConditions(stmt)...)

	var own []clause.Expression
	if c, ok := stmt.Clauses["WHERE"]; ok {
		if where, ok := c.Expression.(clause.Where); ok && len(where.Exprs) > 0 {
			if err := s.Conditions(where.Exprs, stmt.Table); err != nil {
				return err
			}
			own = []clause.Expression{Grouped(where)}
		}
	}
	stmt.Clauses["WHERE"] = clause.Clause{
		Name:       "WHERE",
		Expression: clause.Where{Exprs: append([]clause.Expression{clause.And(added...)}, own...)},
	}
	stmt.Clauses["soft_delete_enabled"] = clause.Clause{}
	return nil
}

// modelConditions returns the conditions that the model itself puts on queries.
func modelConditions(stmt *gorm.Statement) []clause.Expression {
	if stmt.Schema == nil {
		return nil
	}
	if _, done := stmt.Clauses["soft_delete_enabled"]; done {
		return nil
	}
	probe := &gorm.Statement{DB: stmt.DB, Table: stmt.Table, Schema: stmt.Schema, Clauses: map[string]clause.Clause{}}
	for _, c := range stmt.Schema.QueryClauses {
		probe.AddClause(c)
	}
	where, _ := probe.Clauses["WHERE"].Expression.(clause.Where)
	return where.Exprs
}
