package scopes

import (
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// GuardDuplicate is [Scope.Guard] for ON DUPLICATE KEY UPDATE of MySQL and MariaDB, which
// takes no condition and fires on any unique key. Every assignment becomes
//
//	col = IF(t.tenant_id = VALUES(tenant_id), value, t.col)
//
// and the first one makes the statement fail with error 1242 at a row of another
// tenant, whatever rows the server counts. INSERT IGNORE turns that error into a
// warning; the assignments leave the row alone even so.
func (s Scope) GuardDuplicate(conflict clause.OnConflict, target string) clause.OnConflict {
	own := clause.Assignment{Column: clause.Column{Name: s.Column}, Value: ownDuplicate{scope: s, target: target}}
	guarded := clause.Set{own}
	for _, a := range conflict.DoUpdates {
		if !s.named(a.Column.Name, "") {
			guarded = append(guarded, clause.Assignment{Column: a.Column, Value: ifOwn{scope: s, target: target, assigned: a}})
		}
	}
	return clause.OnConflict{Columns: conflict.Columns, DoUpdates: guarded}
}

// Ignores reports whether a statement is an INSERT IGNORE.
func Ignores(stmt *gorm.Statement) bool {
	insert, ok := stmt.Clauses["INSERT"].Expression.(clause.Insert)
	return ok && slices.ContainsFunc(strings.Fields(insert.Modifier), func(word string) bool { return strings.EqualFold(word, "IGNORE") })
}

// ownDuplicate is the tenant column of a row in conflict, which stays what it is. A row of
// another tenant makes it a subquery that has one row too many.
type ownDuplicate struct {
	scope  Scope
	target string
}

func (o ownDuplicate) Build(builder clause.Builder) {
	column := clause.Column{Table: o.target, Name: o.scope.Column}
	o.scope.ifOwn(builder, o.target)
	builder.WriteQuoted(column)
	_, _ = builder.WriteString(",COALESCE((SELECT 1 UNION ALL SELECT 2),")
	builder.WriteQuoted(column)
	_, _ = builder.WriteString("))")
}

// ifOwn is an assignment that changes nothing in a row of another tenant.
type ifOwn struct {
	scope    Scope
	target   string
	assigned clause.Assignment
}

func (i ifOwn) Build(builder clause.Builder) {
	i.scope.ifOwn(builder, i.target)
	if column, ok := i.assigned.Value.(clause.Column); ok && column.Table == "excluded" {
		valuesOf(builder, column.Name)
	} else {
		builder.AddVar(builder, i.assigned.Value)
	}
	_ = builder.WriteByte(',')
	builder.WriteQuoted(clause.Column{Table: i.target, Name: i.assigned.Column.Name})
	_ = builder.WriteByte(')')
}

// ifOwn writes the beginning of an IF: the row in conflict is of the tenant of the row to insert.
func (s Scope) ifOwn(builder clause.Builder, target string) {
	_, _ = builder.WriteString("IF(")
	builder.WriteQuoted(clause.Column{Table: target, Name: s.Column})
	_ = builder.WriteByte('=')
	valuesOf(builder, s.Column)
	_ = builder.WriteByte(',')
}

func valuesOf(builder clause.Builder, column string) {
	_, _ = builder.WriteString("VALUES(")
	builder.WriteQuoted(clause.Column{Name: column})
	_ = builder.WriteByte(')')
}
