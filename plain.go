package tenancy

import (
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// A plain statement holds no text and no subquery of the user's: its tables are those
// that the builders named and narrowed, so nothing is left for the last look at the
// text to find. Most statements are plain. What is not known to be plain is looked at.

// plainStatement reports whether a statement is plain as far as its clauses go before
// it is built. Conditions and values are looked at when they are.
func plainStatement(stmt *gorm.Statement, t table) bool {
	if t.derived || len(stmt.Joins) > 0 || len(stmt.Selects) > 0 {
		return false
	}
	for name, c := range stmt.Clauses {
		if c.BeforeExpression != nil || c.AfterNameExpression != nil || c.AfterExpression != nil || !plainClause(name, c.Expression) {
			return false
		}
	}
	return true
}

func plainClause(name string, expr clause.Expression) bool {
	switch name {
	case "WHERE", "LIMIT", "FOR", "soft_delete_enabled", narrowClause:
		return true
	case "ORDER BY":
		order, ok := expr.(clause.OrderBy)
		return ok && order.Expression == nil && !rawOrder(order.Columns)
	case "SELECT":
		selected, ok := expr.(clause.Select)
		count, counts := selected.Expression.(clause.Expr)
		return ok && len(selected.Columns) == 0 && counts && count.SQL == "count(*)"
	default:
		return false
	}
}

func rawOrder(columns []clause.OrderByColumn) bool {
	for _, column := range columns {
		if column.Column.Raw {
			return true
		}
	}
	return false
}

// plainConditions reports whether conditions are comparisons of columns with values.
func plainConditions(exprs []clause.Expression) bool {
	for _, expr := range exprs {
		switch e := expr.(type) {
		case clause.Eq:
			if !plainColumn(e.Column) || !plainValue(e.Value) {
				return false
			}
		case clause.IN:
			if !plainColumn(e.Column) || !plainValues(e.Values) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func plainColumn(column any) bool {
	switch c := column.(type) {
	case string:
		return true
	case clause.Column:
		return !c.Raw
	default:
		return false
	}
}

func plainValues(values []any) bool {
	for _, value := range values {
		if !plainValue(value) {
			return false
		}
	}
	return true
}

// plainValue reports whether GORM binds a value, and does not build anything of it.
func plainValue(value any) bool {
	switch value.(type) {
	case nil, string, bool, int, int64, uint, float64, []byte:
		return true
	case clause.Interface, clause.Expression, clause.Column, clause.Table, gorm.Valuer, *gorm.DB:
		return false
	}
	switch reflect.TypeOf(value).Kind() {
	case reflect.Slice, reflect.Array, reflect.Map, reflect.Func:
		return false
	default:
		return true
	}
}

func plainRows(rows [][]any) bool {
	for _, row := range rows {
		if !plainValues(row) {
			return false
		}
	}
	return true
}
