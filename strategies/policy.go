package strategies

import (
	"fmt"
	"strings"
)

// guardedTable is a table as row-level security should guard it.
type guardedTable struct {
	name    string // as SQL says it
	bare    string // without its schema, unquoted
	column  string
	typ     string // the column's type in the database; empty: there is no such column
	setting string
}

const (
	permissivePolicy  = "tenancy_permissive"
	restrictivePolicy = "tenancy_restrictive"
)

// value is the setting's. After a transaction it is empty and not NULL, so that is made
// NULL: equal to nothing.
func (g guardedTable) value() string {
	return fmt.Sprintf("nullif(current_setting('%s', true), '')", g.setting)
}

// condition compares the column with the tenant as the column's type has it. A value
// that the type would write another way is nobody's: "042" is not the tenant 42. The
// cast is inside the subquery: on the column it would keep the planner from its index.
func (g guardedTable) condition() string {
	return fmt.Sprintf("%s = (SELECT s.v::%s FROM (SELECT %s AS v) s WHERE s.v::%[2]s::text = s.v)",
		quoteIdent(g.column), g.typ, g.value())
}

// stamp is condition's value for a column's default, which cannot hold a subquery.
func (g guardedTable) stamp() string {
	return fmt.Sprintf("CASE WHEN %s::%s::text = %[1]s THEN %[1]s::%[2]s END", g.value(), g.typ)
}

// statements make the table what it should be. Policies of one kind are OR-ed, so that
// any other permissive one would open the table; the restrictive one is AND-ed to
// them all. Alone it would show nothing, so there are both.
func (g guardedTable) statements() []string {
	statements := []string{
		"ALTER TABLE " + g.name + " ENABLE ROW LEVEL SECURITY",
		"ALTER TABLE " + g.name + " FORCE ROW LEVEL SECURITY",
		fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", g.name, quoteIdent(g.column), g.stamp()),
	}
	statements = append(statements, g.policies(g.name)...)
	index := quoteIdent(g.bare + "_tenancy")
	return append(statements, fmt.Sprintf(`
		DO $$ BEGIN IF NOT %s THEN CREATE INDEX %s ON %s (%s); END IF; END $$`,
		g.indexed(), index, g.name, quoteIdent(g.column)))
}

// policies are the statements that give the policies to a table.
func (g guardedTable) policies(table string) []string {
	drop := func(name string) string { return fmt.Sprintf("DROP POLICY IF EXISTS %s ON %s", name, table) }
	create := func(name, kind string) string {
		return fmt.Sprintf("CREATE POLICY %s ON %s AS %s FOR ALL TO PUBLIC USING (%s) WITH CHECK (%s)", name, table, kind, g.condition(), g.condition())
	}
	return []string{
		drop(permissivePolicy), create(permissivePolicy, "PERMISSIVE"),
		drop(restrictivePolicy), create(restrictivePolicy, "RESTRICTIVE"),
	}
}

// indexed is the SQL for: an index of the table begins with the tenant column.
func (g guardedTable) indexed() string {
	return fmt.Sprintf(`EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
		WHERE i.indrelid = to_regclass('%s') AND i.indisvalid AND a.attname = '%s')`, strings.ReplaceAll(g.name, "'", "''"), strings.ReplaceAll(g.column, "'", "''"))
}
