package scopes

import (
	"gorm.io/gorm/clause"
)

// GuardMerge is [Scope.Guard] for MERGE of SQL Server, as GORM's driver writes it, which
// takes no condition: every assignment becomes
//
//	col = CASE WHEN t.tenant_id = excluded.tenant_id THEN value ELSE t.col END
//
// A row of another tenant that is met is not changed, and counted all the same.
func (s Scope) GuardMerge(conflict clause.OnConflict, target string) clause.OnConflict {
	guarded := make(clause.Set, 0, len(conflict.DoUpdates))
	for _, a := range conflict.DoUpdates {
		if !s.named(a.Column.Name, "") {
			guarded = append(guarded, clause.Assignment{Column: a.Column, Value: caseOwn{scope: s, target: target, assigned: a}})
		}
	}
	conflict.DoUpdates = guarded
	return conflict
}

// caseOwn is an assignment that changes nothing in a row of another tenant.
type caseOwn struct {
	scope    Scope
	target   string
	assigned clause.Assignment
}

func (c caseOwn) Build(builder clause.Builder) {
	_, _ = builder.WriteString("CASE WHEN ")
	clause.Eq{
		Column: clause.Column{Table: c.target, Name: c.scope.Column},
		Value:  clause.Column{Table: "excluded", Name: c.scope.Column},
	}.Build(builder)
	_, _ = builder.WriteString(" THEN ")
	builder.AddVar(builder, c.assigned.Value)
	_, _ = builder.WriteString(" ELSE ")
	builder.WriteQuoted(clause.Column{Table: c.target, Name: c.assigned.Column.Name})
	_, _ = builder.WriteString(" END")
}
