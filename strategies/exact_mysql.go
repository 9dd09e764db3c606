package strategies

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/scopes"
)

// columnsMySQL finds the columns of a name: the type of each, its collation, and how it would be
// declared with one that tells all texts from each other.
const columnsMySQL = `
	SELECT table_name, data_type, coalesce(collation_name, ''), CONCAT(column_type, ' CHARACTER SET utf8mb4 COLLATE utf8mb4_bin', IF(is_nullable = 'NO', ' NOT NULL', ''))
	FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name = ? ORDER BY table_name`

func heldMySQL(ctx context.Context, pool gorm.ConnPool, tables []string, column string) ([]heldColumn, error) {
	rows, err := pool.QueryContext(ctx, columnsMySQL, column)
	if err != nil {
		return nil, err
	}
	var found []heldColumn
	err = eachRow(rows, func(cells ...string) {
		table, kind, collation, exact := cells[0], cells[1], cells[2], cells[3]
		if !slices.ContainsFunc(tables, func(name string) bool { return strings.EqualFold(name, table) }) {
			return
		}
		c := heldColumn{table: table, says: "type " + kind, forms: formsMySQL(kind), cure: "make it text, a uuid or an integer"}
		if collation != "" {
			c.says = "collation " + collation
			c.cure = fmt.Sprintf("ALTER TABLE %s MODIFY %s %s, with those that its foreign keys refer to", quoteMySQL(table), quoteMySQL(column), exact)
			if strings.HasSuffix(collation, "_bin") {
				c.forms = []scopes.Form{scopes.Text}
			}
		}
		found = append(found, c)
	})
	return found, err
}

// formsMySQL are the IDs that a type without a collation tells from each other. None: it takes
// different texts for equal, or nobody has looked.
func formsMySQL(kind string) []scopes.Form {
	switch strings.ToLower(kind) {
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return []scopes.Form{scopes.Text}
	case "uuid":
		return []scopes.Form{scopes.UUID}
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal":
		return []scopes.Form{scopes.Integer}
	default:
		return nil
	}
}
