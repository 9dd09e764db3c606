package hybrid

import (
	"context"
	"regexp"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// mysqlSize keeps an INSERT far below max_allowed_packet, which is 16 MiB at least.
const mysqlSize = 4 << 20

// mysqlBytes reports whether a type's values are bytes in no character set.
func mysqlBytes(columnType string) bool {
	switch base := bareType(columnType); base {
	case "bit", "binary", "varbinary", "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection":
		return true
	default:
		return strings.HasSuffix(base, "blob")
	}
}

// mysqlValue selects numbers and times as texts, in which nothing of them is lost, and all
// else as it is: a text that is made may not be longer than max_allowed_packet.
func mysqlValue(column, columnType string) string {
	switch base := bareType(columnType); {
	case mysqlBytes(columnType), strings.HasSuffix(base, "char"), strings.HasSuffix(base, "text"), base == "json":
		return column
	case base == "float": // as a text it would have six digits
		return "CAST(" + column + " + 0e0 AS CHAR)"
	default:
		return "CAST(" + column + " AS CHAR)"
	}
}

// mysqlParameter makes numbers of texts: compared with a text, they would be rounded.
func mysqlParameter(_ int, columnType string) string {
	switch {
	case whole(columnType) && strings.Contains(columnType, "unsigned"):
		return "CAST(? AS UNSIGNED)"
	case whole(columnType):
		return "CAST(? AS SIGNED)"
	}
	if number := mysqlDecimal.FindString(columnType); number != "" {
		return "CAST(? AS " + number + ")"
	}
	return "?"
}

var mysqlDecimal = regexp.MustCompile(`^decimal\(\d+,\d+\)`)

func mysqlColumns(ctx context.Context, pool gorm.ConnPool, s *side, logical string) ([]column, error) {
	return scanColumns(pool.QueryContext(ctx, `
		SELECT column_name, column_type, is_nullable = 'NO', extra LIKE '%VIRTUAL GENERATED%' OR extra LIKE '%STORED GENERATED%'
		FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position`,
		s.binding.Names.Table(logical)))
}

func mysqlTables(ctx context.Context, pool gorm.ConnPool, _ *side) ([]string, error) {
	return scanNames(pool.QueryContext(ctx, `
		SELECT table_name FROM information_schema.tables
		WHERE table_schema = DATABASE() AND table_type NOT IN ('VIEW', 'SYSTEM VIEW', 'SEQUENCE') AND LEFT(table_name, 8) <> 'tenancy_'`))
}

// mysqlForbidden says what to do where a role may not make triggers.
func mysqlForbidden(err error) error {
	if !mysqlUnable(err) {
		return err
	}
	return &tenancy.Error{
		Kind:   tenancy.ErrConfig,
		Detail: "the role may not make the triggers that refuse a tenant's writes; grant it CREATE and TRIGGER on the database, and where there is a binary log set log_bin_trust_function_creators = 1 or let a role with SUPER run migrate.Provision once",
		Cause:  err,
	}
}

// mysqlUnable recognises that a role may not do something, or not without SUPER.
func mysqlUnable(err error) bool { return ddl.MySQLError(err, 1142, 1044, 1227, 1419) }
