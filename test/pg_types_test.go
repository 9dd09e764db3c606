package test

import (
	"database/sql"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gormtenancy/tenancy"
)

// pgValues are values of PostgreSQL's types, as SQL.
var pgValues = []string{
	"true", "'a'::\"char\"", "'text'::text", "'var'::varchar(20)", "'pad'::char(5)", "'name'::name", "''::text", "'ünï\\x00'::text",
	"1::int2", "2::int4", "-3::int8", "9223372036854775807::int8", "1.5::float4", "2.25::float8", "'NaN'::float8", "'Infinity'::float8",
	"1.50::numeric", "1.50::numeric(10,4)", "12345678901234567890.123456789::numeric", "0.0000001::numeric", "'NaN'::numeric", "12.34::money",
	"'2024-02-29'::date", "'infinity'::date", "'2024-02-29 12:34:56.789'::timestamp", "'infinity'::timestamp", "'2024-02-29 12:34:56.789+02'::timestamptz",
	"'2024-02-29 12:34:56.789'::timestamp(3)", "'12:34:56'::time(0)", "'03:04:05.678'::interval(2)", "'1 year 2 mons'::interval year to month",
	"'bare'::varchar", "'bare'::bpchar", "B'101'::varbit(9)",
	"'12:34:56'::time", "'12:34:56+02'::timetz", "'1 mon 2 days 03:04:05'::interval",
	"'\\xdeadbeef'::bytea", "''::bytea", "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid", "'{\"a\": [1, 2]}'::json", "'{\"a\": [1, 2]}'::jsonb", "'<a/>'::xml",
	"'{1,2,3}'::int4[]", "'{a,\"b c\",NULL}'::text[]", "'{}'::uuid[]", "'[1,5)'::int4range", "'{[1,5)}'::int4multirange",
	"'10.0.0.1/8'::inet", "'10.0.0.0/8'::cidr", "'08:00:2b:01:02:03'::macaddr", "'(1,2)'::point", "B'1010'::bit(4)", "B'101'::varbit",
	"12::oid", "'1'::xid", "'1'::cid", "'pg_class'::regclass", "'a & b'::tsquery", "'a b'::tsvector", "row(1, 'x')", "'16/B374D848'::pg_lsn",
}

// pgColumn is all that database/sql tells of a column, and its value.
type pgColumn struct {
	name, typ         string
	scan              reflect.Type
	length, precision [2]any
	nullable          [2]any
	value             any
}

func pgColumns(t testing.TB, rows *sql.Rows, err error) []pgColumn {
	t.Helper()
	must(t, err)
	defer func() { _ = rows.Close() }()
	types, err := rows.ColumnTypes()
	must(t, err)
	values := make([]any, len(types))
	targets := make([]any, len(types))
	for i := range values {
		targets[i] = &values[i]
	}
	if !rows.Next() {
		t.Fatal("no row")
	}
	must(t, rows.Scan(targets...))
	columns := make([]pgColumn, len(types))
	for i, of := range types {
		length, hasLength := of.Length()
		precision, scale, decimal := of.DecimalSize()
		nullable, known := of.Nullable()
		columns[i] = pgColumn{of.Name(), of.DatabaseTypeName(), of.ScanType(), [2]any{length, hasLength}, [2]any{fmt.Sprint(precision, scale), decimal}, [2]any{nullable, known}, values[i]}
	}
	if rows.Next() {
		t.Error("a second row")
	}
	must(t, rows.Err())
	return columns
}

// TestPGValuesAreThoseOfTheDriver: what comes in one round trip is what pgx's own driver
// makes of the same values, and of none.
func TestPGValuesAreThoseOfTheDriver(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		t.Run(mode, func(t *testing.T) {
			s := openPG(t, newPG(t), pgRLS, pgSetup{settings: map[string]string{"default_query_exec_mode": mode}})
			s.provision(t, "acme")
			list := make([]string, 0, 2*len(pgValues))
			for i, value := range pgValues {
				typ := value[strings.LastIndex(value, "::")+1:]
				list = append(list, fmt.Sprintf("%s AS v%d", value, i))
				if strings.HasPrefix(typ, ":") {
					list = append(list, fmt.Sprintf("NULL:%s AS n%d", typ, i))
				}
			}
			query := "SELECT " + strings.Join(list, ", ")
			plainRows, err := s.pool.QueryContext(t.Context(), query)
			want := pgColumns(t, plainRows, err)
			ownRows, err := tenancy.DBTX(s.as("acme")).QueryContext(s.as("acme").Statement.Context, query)
			got := pgColumns(t, ownRows, err)
			for i := range want {
				a, b := want[i], got[i]
				if fmt.Sprintf("%#v", a) != fmt.Sprintf("%#v", b) {
					t.Errorf("%s:\n got %#v\nwant %#v", list[i], b, a)
				}
			}
		})
	}
}
