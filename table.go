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
		if parts[i], ok = unquoted(parts[i]); !ok {
			return "", "", false
		}
	}
	alias, ok = unquoted(words[1])
	return strings.Join(parts, "."), alias, ok
}

// unquoted returns the name that a word is, and whether it is one: a quoted name, or
// letters, digits and underscores. Anything else is a text, which may hold anything.
func unquoted(word string) (string, bool) {
	const quotes = "`\"["
	if len(word) > 2 && strings.IndexByte(quotes, word[0]) >= 0 {
		inner, closed := strings.CutSuffix(word[1:], map[byte]string{'`': "`", '"': `"`, '[': "]"}[word[0]])
		return inner, closed && !strings.ContainsAny(inner, quotes+"]")
	}
	for i := range len(word) {
		c := word[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c < 0x80 {
			return "", false
		}
	}
	return word, word != ""
}
