package tenancy

import (
	"strings"

	"gorm.io/gorm"
)

// table is what a statement is about.
type table struct {
	name    string // logical name
	alias   string // what its columns are qualified by
	derived bool   // a subquery or a list: there is no one table to rename or narrow
}

// tableOf finds the table of a statement: the model's, or the one of Table(…).
func tableOf(stmt *gorm.Statement) table {
	if stmt.TableExpr == nil {
		return table{name: stmt.Table, alias: stmt.Table}
	}
	name, alias, ok := splitTable(stmt.TableExpr.SQL)
	if !ok || len(stmt.TableExpr.Vars) > 0 {
		return table{name: stmt.Table, alias: stmt.Table, derived: true}
	}
	return table{name: name, alias: alias}
}

// splitTable takes "users", "users u", "users AS u", "catalog.plans" and their quoted
// forms apart.
func splitTable(text string) (name, alias string, ok bool) {
	words := strings.Fields(text)
	switch {
	case len(words) == 1:
		words = append(words, words[0][strings.LastIndexByte(words[0], '.')+1:])
	case len(words) == 3 && strings.EqualFold(words[1], "as"):
		words = []string{words[0], words[2]}
	case len(words) != 2:
		return "", "", false
	}
	parts := strings.Split(words[0], ".")
	for i := range parts {
		if parts[i] = strings.Trim(parts[i], quotes); !isName(parts[i]) {
			return "", "", false
		}
	}
	alias = strings.Trim(words[1], quotes)
	return strings.Join(parts, "."), alias, isName(alias)
}

// quotes are what dialects put around names.
const quotes = "`\"[]"

func isName(s string) bool {
	return s != "" && !strings.ContainsAny(s, quotes+"(),;'?@$ ")
}
