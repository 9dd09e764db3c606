package scopes

import (
	"slices"

	"gorm.io/gorm/clause"
)

// Guard makes an upsert leave the rows of other tenants alone: the tenant column is
// never updated, and a row in conflict is updated only when it holds the tenant of
// the row to insert. target is the name or alias of the table that is inserted into.
func (s Scope) Guard(conflict clause.OnConflict, target string) clause.OnConflict {
	if conflict.DoNothing {
		return conflict
	}
	conflict.DoUpdates = slices.DeleteFunc(slices.Clone(conflict.DoUpdates), func(a clause.Assignment) bool {
		return s.named(a.Column.Name, "")
	})
	if len(conflict.DoUpdates) == 0 && !conflict.UpdateAll {
		if len(conflict.Columns) == 0 {
			conflict.DoNothing = true
			return conflict
		}
		key := conflict.Columns[0] // equal on both sides: nothing changes, but rows are counted
		conflict.DoUpdates = clause.Set{{Column: key, Value: clause.Column{Table: "excluded", Name: key.Name}}}
	}
	exprs := []clause.Expression{clause.Eq{
		Column: clause.Column{Table: target, Name: s.Column},
		Value:  clause.Column{Table: "excluded", Name: s.Column},
	}}
	if len(conflict.Where.Exprs) > 0 {
		exprs = append(exprs, Grouped(conflict.Where))
	}
	conflict.Where = clause.Where{Exprs: exprs}
	return conflict
}

// Exempt reports whether rows of different tenants cannot be in conflict: the
// columns that decide it hold the tenant.
func (s Scope) Exempt(conflict clause.OnConflict) bool {
	return slices.ContainsFunc(conflict.Columns, func(c clause.Column) bool { return s.named(c.Name, "") })
}
