package strategies

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// guardedTable is an owned table as row-level security should guard it.
type guardedTable struct {
	name    string // as SQL says it
	bare    string // without its schema, unquoted
	column  string
	typ     string // the column's type in the database
	setting string
}

const (
	permissivePolicy  = "tenancy_permissive"
	restrictivePolicy = "tenancy_restrictive"
)

var errNoTable = errors.New("no such table")

// guarded returns a model's table, and those that hold rows of it as partitions or heirs: who
// names such a table meets its policies alone
// (https://www.postgresql.org/docs/current/ddl-rowsecurity.html).
func (p *policies) guarded(ctx context.Context, tx gorm.ConnPool, s *schema.Schema) ([]guardedTable, error) {
	rows, err := tx.QueryContext(ctx, `
		WITH RECURSIVE family AS (
			SELECT to_regclass($1::text)::oid AS oid UNION SELECT i.inhrelid FROM family JOIN pg_inherits i ON i.inhparent = family.oid
		)
		SELECT CASE WHEN family.oid = to_regclass($1::text) THEN $1::text ELSE format('%I.%I', n.nspname, c.relname) END, c.relname::text, format_type(a.atttypid, -1)
		FROM family JOIN pg_class c ON c.oid = family.oid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = family.oid
		WHERE a.attname = $2 AND NOT a.attisdropped ORDER BY family.oid <> to_regclass($1::text), 1`, quoteIdent(s.Table), p.in.Column())
	if err != nil {
		return nil, err
	}
	var all []guardedTable
	err = eachRow(rows, func(cells ...string) {
		all = append(all, guardedTable{name: cells[0], bare: cells[1], column: p.in.Column(), typ: cells[2], setting: p.cfg.setting()})
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%w: %s with the column %s", errNoTable, s.Table, p.in.Column())
	}
	return all, err
}

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

// differences compares the table with what it should be. Expressions are compared as
// the server writes them, so the server is asked how it would write the right ones.
func (g guardedTable) differences(ctx context.Context, tx gorm.ConnPool, right expectations) ([]string, error) {
	var enabled, forced, active, indexed bool
	err := tx.QueryRowContext(ctx, `
		SELECT c.relrowsecurity, c.relforcerowsecurity, row_security_active(c.oid), `+g.indexed()+`
		FROM pg_class c WHERE c.oid = to_regclass($1)`, g.name).Scan(&enabled, &forced, &active, &indexed)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, check := range []struct {
		holds bool
		fault string
	}{
		{enabled, "row-level security is not enabled"},
		{forced, "row-level security is not forced, so the table's owner passes it"},
		{!enabled || !forced || active, "row-level security is not active for this role"},
		{indexed, "no index begins with " + g.column},
	} {
		if !check.holds {
			found = append(found, fmt.Sprintf("table %s: %s", g.name, check.fault))
		}
	}
	actual, err := described(ctx, tx, g.name, g.column)
	if err != nil {
		return nil, err
	}
	expected, err := right.of(ctx, tx, g)
	if err != nil {
		return nil, err
	}
	for _, line := range expected {
		if !slices.Contains(actual, line) {
			found = append(found, fmt.Sprintf("table %s: missing: %s", g.name, line))
		}
	}
	for _, line := range actual {
		if !slices.Contains(expected, line) {
			found = append(found, fmt.Sprintf("table %s: unexpected: %s", g.name, line))
		}
	}
	return found, nil
}

// expectations are descriptions of tables that are as they should be, by the type of their
// tenant column: all else is the same for each.
type expectations map[string][]string

func (e expectations) of(ctx context.Context, tx gorm.ConnPool, g guardedTable) ([]string, error) {
	if lines, known := e[g.typ]; known {
		return lines, nil
	}
	lines, err := g.expected(ctx, tx)
	if err == nil {
		e[g.typ] = lines
	}
	return lines, err
}

// expected describes a table that is as it should be: a temporary one, made to see.
func (g guardedTable) expected(ctx context.Context, tx gorm.ConnPool) ([]string, error) {
	const probe = `"pg_temp"."tenancy_probe"`
	statements := append([]string{
		"SAVEPOINT tenancy_probe",
		fmt.Sprintf("CREATE TEMPORARY TABLE tenancy_probe (%s %s DEFAULT %s)", quoteIdent(g.column), g.typ, g.stamp()),
	}, g.policies(probe)...)
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	lines, err := described(ctx, tx, probe, g.column)
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT tenancy_probe")
	return lines, err
}

// described lists a table's policies and the default of its tenant column.
func described(ctx context.Context, tx gorm.ConnPool, table, column string) ([]string, error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT format('policy %s, %s, for %s, to %s, using %s, with check %s', p.polname,
		              CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, p.polcmd, p.polroles::text,
		              pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
		FROM pg_policy p WHERE p.polrelid = to_regclass($1)
		UNION ALL
		SELECT format('default of %s: %s', a.attname, pg_get_expr(d.adbin, d.adrelid))
		FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
		WHERE d.adrelid = to_regclass($1) AND a.attname = $2
		ORDER BY 1`, table, column)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, rows.Err()
}
