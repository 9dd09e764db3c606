package strategies

import (
	"context"
	"fmt"
	"math/big"
	"regexp"
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
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
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
	known := min(highestMySQL(charset), highestMySQL(client))
	measure := utf8.RuneCountInString
	if charset == "binary" {
		measure = func(id string) int { return len(id) }
	}
	fits := func(id string) bool {
		return longest == 0 || measure(id) <= longest && !strings.ContainsFunc(id, func(r rune) bool { return r > known })
	}
	if smallest, largest := rangeMySQL(kind); largest != nil {
		fits = func(id string) bool {
			n, ok := new(big.Int).SetString(id, 10)
			return ok && n.Cmp(smallest) >= 0 && n.Cmp(largest) <= 0
		}
	}
	return func(id string) error {
		if fits(id) {
			return nil
		}
		return fmt.Errorf("column %q of %s (%s) cannot hold the ID %q as it is; make it as wide as IDs are, in utf8mb4, also for the connection", column, table, kind, id)
	}
}

// highestMySQL is the highest character that texts of a character set may have for sure.
func highestMySQL(charset string) rune {
	const plane, ascii = 0xFFFF, 0x7F
	switch charset {
	case "utf8mb4", "binary":
		return utf8.MaxRune
	case "utf8", "utf8mb3":
		return plane
	default:
		return ascii
	}
}

// rangeMySQL returns the range of a type of numbers, as information_schema writes it: "int(10)
// unsigned", "decimal(5,0)". nil: it is another type.
func rangeMySQL(kind string) (smallest, largest *big.Int) {
	parts := numberMySQL.FindStringSubmatch(strings.ToLower(kind))
	if parts == nil {
		return nil, nil
	}
	one, unsigned := big.NewInt(1), strings.Contains(parts[4], "unsigned")
	if parts[1] == "decimal" {
		digits, _ := strconv.ParseInt(parts[2], 10, 64)
		scale, _ := strconv.ParseInt(parts[3], 10, 64)
		largest = new(big.Int).Exp(big.NewInt(10), big.NewInt(digits-scale), nil) //nolint:mnd // digits are decimal
		largest.Sub(largest, one)
		smallest = new(big.Int).Neg(largest)
	} else {
		bits := map[string]uint{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}[parts[1]]
		if !unsigned {
			bits--
		}
		largest = new(big.Int).Lsh(one, bits)
		smallest = new(big.Int).Neg(largest)
		largest.Sub(largest, one)
	}
	if unsigned {
		smallest = new(big.Int)
	}
	return smallest, largest
}

var numberMySQL = regexp.MustCompile(`^(tinyint|smallint|mediumint|int|bigint|decimal)(?:\((\d+)(?:,(\d+))?\))?(.*)$`)
