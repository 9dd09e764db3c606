package strategies

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/scopes"
)

// columnsMySQL finds the columns of a name: the type of each, its length in characters, its
// collation, what characters it and the connection know, how it would be declared with a collation
// that tells all texts from each other, and whether the server tells tables by their case.
const columnsMySQL = `
	SELECT table_name, data_type, column_type, coalesce(character_maximum_length, 0), coalesce(collation_name, ''), coalesce(character_set_name, 'binary'), @@character_set_client,
	       CONCAT(column_type, ' CHARACTER SET utf8mb4 COLLATE utf8mb4_bin', IF(is_nullable = 'NO', ' NOT NULL', '')), @@lower_case_table_names
	FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name = ? ORDER BY table_name`

func heldMySQL(ctx context.Context, pool gorm.ConnPool, tables []string, column string) ([]heldColumn, error) {
	rows, err := pool.QueryContext(ctx, columnsMySQL, column)
	if err != nil {
		return nil, err
	}
	var found []heldColumn
	err = eachRow(rows, func(cells ...string) {
		table, base, kind, length, collation, charset, client, exact, folded := cells[0], strings.ToLower(cells[1]), cells[2], cells[3], cells[4], cells[5], cells[6], cells[7], cells[8]
		is := func(name string) bool { return name == table || folded != "0" && strings.EqualFold(name, table) }
		if !slices.ContainsFunc(tables, is) {
			return
		}
		c := heldColumn{
			table: table, base: base, says: "type " + kind, forms: formsMySQL(base), cure: "make it text, a uuid or an integer",
			admit: holdsMySQL(column, table, kind, length, charset, client),
		}
		if collation != "" && !strings.HasSuffix(collation, "_bin") {
			c.says, c.forms, c.folds = "collation "+collation, nil, true
			c.cure = fmt.Sprintf("ALTER TABLE %s MODIFY %s %s, and the columns that foreign keys make of it, while those keys are dropped", quoteMySQL(table), quoteMySQL(column), exact)
		}
		found = append(found, c)
	})
	return found, err
}

// formsMySQL are the IDs that a type tells from each other, one for texts under a binary
// collation. None: it takes different texts for equal, or nobody has looked.
func formsMySQL(base string) []scopes.Form {
	switch base {
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return []scopes.Form{scopes.Text}
	case "uuid":
		return []scopes.Form{scopes.UUID}
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal":
		return []scopes.Form{scopes.Integer}
	default:
		return nil
	}
}

// holdsMySQL returns what fails for IDs that a column would cut, clamp, or write with other
// characters: the server does so, with a warning at most, in an INSERT IGNORE and where its
// sql_mode is not strict (https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html#sql-mode-strict).
func holdsMySQL(column, table, kind, length, charset, client string) func(id string) error {
	longest, _ := strconv.Atoi(length)
	smallest, largest, whole := rangeMySQL(kind)
	known := min(highestMySQL(charset), highestMySQL(client))
	return func(id string) error {
		switch n, err := strconv.ParseInt(id, 10, 64); {
		case whole && (err != nil || n < smallest || n > largest):
		case !whole && longest > 0 && utf8.RuneCountInString(id) > longest:
		case !whole && strings.ContainsFunc(id, func(r rune) bool { return r > known }):
		default:
			return nil
		}
		return fmt.Errorf("column %q of %s (%s) cannot hold the ID %q as it is; make it as wide as IDs are, in utf8mb4, also for the connection", column, table, kind, id)
	}
}

// highestMySQL is the highest character that texts of a character set may have for sure.
func highestMySQL(charset string) rune {
	const plane = 0xFFFF
	switch charset {
	case "utf8mb4", "binary":
		return utf8.MaxRune
	case "utf8", "utf8mb3":
		return plane
	default:
		return 0x7F //nolint:mnd // ASCII
	}
}

// rangeMySQL returns the range of a type of whole numbers, as far as an int64 reaches.
func rangeMySQL(kind string) (smallest, largest int64, whole bool) {
	name, _, _ := strings.Cut(kind, "(")
	name, _, _ = strings.Cut(name, " ")
	size := slices.Index([]string{"tinyint", "smallint", "mediumint", "int"}, strings.ToLower(name))
	const octet = 8
	switch bits := octet * (size + 1); {
	case strings.EqualFold(name, "bigint") && strings.Contains(kind, "unsigned"):
		return 0, math.MaxInt64, true
	case strings.EqualFold(name, "bigint"):
		return math.MinInt64, math.MaxInt64, true
	case size < 0:
		return 0, 0, false
	case strings.Contains(kind, "unsigned"):
		return 0, 1<<bits - 1, true
	default:
		return -1 << (bits - 1), 1<<(bits-1) - 1, true
	}
}
