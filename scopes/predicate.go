package scopes

import (
	"slices"
	"strings"

	"gorm.io/gorm/clause"
)

// Predicate is the condition that the tenant column of table holds the tenant.
// table may be a table's name, an alias, or clause.CurrentTable.
func (s Scope) Predicate(table string) clause.Expression {
	return s.equation(table)
}

// BuildPredicate writes [Scope.Predicate].
func (s Scope) BuildPredicate(builder clause.Builder, table string) { s.equation(table).Build(builder) }

// BuildOptional writes a condition for rows of an outer join that may have none of table: the
// tenant column holds the tenant, or nothing. It is for tables whose rows are the tenant's for
// another reason.
func (s Scope) BuildOptional(builder clause.Builder, table string) {
	_ = builder.WriteByte('(')
	s.BuildPredicate(builder, table)
	_, _ = builder.WriteString(" OR ")
	clause.Eq{Column: clause.Column{Table: table, Name: s.Column}}.Build(builder)
	_ = builder.WriteByte(')')
}

func (s Scope) equation(table string) clause.Eq {
	return clause.Eq{Column: clause.Column{Table: table, Name: s.Column}, Value: s.Value}
}

// Grouped returns conditions as one that can be AND-ed to another: in parentheses,
// unless they are plain comparisons.
func Grouped(where clause.Where) clause.Expression {
	if !Plain(where) {
		return group{where}
	}
	return where
}

// Plain reports whether conditions are plain comparisons.
func Plain(where clause.Where) bool {
	for _, expr := range where.Exprs {
		switch expr.(type) {
		case clause.Eq, clause.Neq, clause.Gt, clause.Gte, clause.Lt, clause.Lte, clause.Like, clause.IN:
		default:
			return false
		}
	}
	return true
}

type group struct{ clause.Where }

func (g group) Build(builder clause.Builder) {
	_ = builder.WriteByte('(')
	g.Where.Build(builder)
	_ = builder.WriteByte(')')
}

// Conditions fails when one of the conditions asks table, or a table not named,
// for the rows of another tenant. It knows the conditions that GORM makes of
// structs, maps and keys, and the text "tenant_id = ?".
func (s Scope) Conditions(exprs []clause.Expression, table string) error {
	for _, expr := range exprs {
		if err := s.condition(expr, table); err != nil {
			return err
		}
	}
	return nil
}

func (s Scope) condition(expr clause.Expression, table string) error {
	switch e := expr.(type) {
	case clause.Eq:
		if s.isColumn(e.Column, table) {
			return s.all([]any{e.Value})
		}
	case clause.IN:
		if s.isColumn(e.Column, table) {
			return s.all(e.Values)
		}
		if columns, several := e.Column.([]clause.Column); several {
			return s.allOf(columns, e.Values, table)
		}
	case clause.Expr:
		if len(e.Vars) == 1 && s.isEquation(e.SQL, table) && s.judge(e.Vars[0]) == other {
			return mismatch(s.Column, e.Vars[0])
		}
	case clause.Where:
		return s.Conditions(e.Exprs, table)
	case clause.AndConditions:
		return s.Conditions(e.Exprs, table)
	case clause.OrConditions:
		return s.Conditions(e.Exprs, table)
	}
	return nil
}

func (s Scope) all(values []any) error {
	for _, value := range values {
		if _, joined := value.(clause.Column); joined {
			continue
		}
		switch s.judge(value) {
		case other:
			return mismatch(s.Column, value)
		case unset:
			if text, ok := value.(string); ok && text == "" { // which no row has
				return lacking(s.Column)
			}
		}
	}
	return nil
}

// allOf is all for keys of several columns.
func (s Scope) allOf(columns []clause.Column, keys []any, table string) error {
	at := slices.IndexFunc(columns, func(c clause.Column) bool { return s.isColumn(c, table) })
	if at < 0 {
		return nil
	}
	for _, key := range keys {
		parts, ok := key.([]any)
		if !ok || at >= len(parts) {
			continue
		}
		if err := s.all(parts[at : at+1]); err != nil {
			return err
		}
	}
	return nil
}

func (s Scope) isColumn(column any, table string) bool {
	switch c := column.(type) {
	case string:
		return s.named(c, table)
	case clause.Column:
		return strings.EqualFold(c.Name, s.Column) && (c.Table == "" || c.Table == clause.CurrentTable || c.Table == table)
	default:
		return false
	}
}

// named reports whether name, as a user writes it, is the tenant column: bare,
// quoted, or qualified by table.
func (s Scope) named(name, table string) bool {
	if len(name) < len(s.Column) {
		return false
	}
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("`\"[] \t\r\n", r) {
			return -1
		}
		return r
	}, name)
	if qualifier, column, ok := strings.Cut(name, "."); ok {
		return strings.EqualFold(column, s.Column) && (table == "" || strings.EqualFold(qualifier, table))
	}
	return strings.EqualFold(name, s.Column)
}

// isEquation recognises the text "tenant_id = ?".
func (s Scope) isEquation(sql, table string) bool {
	column, value, ok := strings.Cut(sql, "=")
	return ok && strings.TrimSpace(value) == "?" && s.named(column, table)
}
