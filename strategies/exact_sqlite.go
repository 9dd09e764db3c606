package strategies

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/scopes"
)

func heldSQLite(ctx context.Context, pool gorm.ConnPool, tables []string, column string) ([]heldColumn, error) {
	var found []heldColumn
	for _, table := range tables {
		types, err := list(ctx, pool, "SELECT type FROM pragma_table_xinfo(?) WHERE name = ? COLLATE NOCASE", table, column)
		if err != nil {
			return nil, err
		}
		if len(types) == 0 {
			continue
		}
		c := heldColumn{
			table: table, says: "type " + types[0], forms: formsSQLite(types[0]),
			cure: "make the table anew with a column of the type text and no collation (https://www.sqlite.org/lang_altertable.html#otheralter), and say the same in the model",
		}
		different, err := toldApart(ctx, pool, table, column)
		if err != nil {
			return nil, err
		}
		if !different {
			c.says, c.forms, c.folds = c.says+" with a collation that is not BINARY", nil, true
		}
		found = append(found, c)
	}
	return found, nil
}

// lookalikes are IDs that some collation or other takes for one.
var lookalikes = []string{"acme", "ACME", "ac me", "ac-me", "ac_me", "ac.me", "ac/me", "acmé", "acme\u0301", "\uff41cme", "1", "01", "1.0", "１", "ß", "ss", "i", "İ", "ı"}

// toldApart lets SQLite compare texts as it compares those in a column: where selects are
// united, by the collation of the first (https://www.sqlite.org/lang_select.html#compound_select_statements).
// No catalog has it.
func toldApart(ctx context.Context, pool gorm.ConnPool, table, column string) (bool, error) {
	texts := make([]any, len(lookalikes))
	for i, text := range lookalikes {
		texts[i] = text
	}
	query := fmt.Sprintf("SELECT count(*) FROM (SELECT %s FROM %s WHERE false%s)", quoteIdent(column), quoteIdent(table), strings.Repeat(" UNION SELECT ?", len(texts)))
	different, err := scalar[int](ctx, pool, query, texts...)
	return different == len(texts), err
}

// formsSQLite are the IDs that a column of a declared type tells from each other: the rules are
// SQLite's, in their order (https://www.sqlite.org/datatype3.html#determination_of_column_affinity).
// What looks like a number is one in a column that is not for text, and a UUID does not: it has
// dashes.
func formsSQLite(kind string) []scopes.Form {
	has := func(part string) bool { return strings.Contains(strings.ToUpper(kind), part) }
	switch {
	case has("INT"):
		return []scopes.Form{scopes.Integer, scopes.UUID}
	case has("CHAR"), has("CLOB"), has("TEXT"), has("BLOB"), kind == "":
		return []scopes.Form{scopes.Text}
	case has("REAL"), has("FLOA"), has("DOUB"): //nolint:misspell // how SQLite looks for DOUBLE
		return nil
	default:
		return []scopes.Form{scopes.Integer, scopes.UUID}
	}
}
