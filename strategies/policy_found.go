package strategies

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// foundTable is a guarded table as it is.
type foundTable struct {
	guardedTable

	oid     string
	mine    bool // the role may give it policies
	enabled bool
	forced  bool
	active  bool // for this role
	indexed bool
	lines   []string // its policies, and the default of its tenant column
}

// found returns the tables of owned models that are there, and those that hold rows of them
// as partitions or heirs, as far as the role may use them: who names such a table meets its
// policies alone (https://www.postgresql.org/docs/current/ddl-rowsecurity.html).
func (p *policies) found(ctx context.Context, tx gorm.ConnPool, owned []*schema.Schema) ([]foundTable, error) {
	names := make([]string, len(owned))
	for i, s := range owned {
		names[i] = quoteIdent(s.Table)
	}
	rows, err := tx.QueryContext(ctx, familyQuery, textArray(names), p.in.Column())
	if err != nil {
		return nil, err
	}
	var tables []foundTable
	var oids []string
	err = eachRow(rows, func(cells ...string) {
		if slices.Contains(oids, cells[0]) {
			return
		}
		oids = append(oids, cells[0])
		is := func(i int) bool { return cells[i] == "true" }
		tables = append(tables, foundTable{
			guardedTable: guardedTable{name: cells[1], bare: cells[2], column: p.in.Column(), typ: cells[3], setting: p.cfg.setting()},
			oid:          cells[0], mine: is(4), enabled: is(5), forced: is(6), active: is(7), indexed: is(8),
		})
	})
	if err != nil || len(oids) == 0 {
		return nil, err
	}
	lines, err := described(ctx, tx, p.in.Column(), oids...)
	for i := range tables {
		tables[i].lines = lines[tables[i].oid]
	}
	return tables, err
}

const familyQuery = `
	WITH RECURSIVE owned AS (
		SELECT to_regclass(name)::oid AS oid, name FROM unnest($1::text[]) AS name
	), family AS (
		SELECT oid, name FROM owned WHERE oid IS NOT NULL
		UNION
		SELECT i.inhrelid, NULL FROM family JOIN pg_inherits i ON i.inhparent = family.oid
	)
	SELECT c.oid::text, coalesce(family.name, format('%I.%I', n.nspname, c.relname)), c.relname::text, coalesce(format_type(a.atttypid, -1), ''),
	       (family.name IS NOT NULL OR c.relkind IN ('r', 'p') AND pg_has_role(c.relowner, 'USAGE'))::text,
	       c.relrowsecurity::text, c.relforcerowsecurity::text, row_security_active(c.oid)::text,
	       EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum AND i.indisvalid)::text
	FROM family JOIN pg_class c ON c.oid = family.oid JOIN pg_namespace n ON n.oid = c.relnamespace
	LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2 AND NOT a.attisdropped
	WHERE family.name IS NOT NULL OR ` + within + `
	ORDER BY family.name IS NULL, 2`

// within is the condition that a relation c of a namespace n is within the role's reach.
const within = `
	(c.relpersistence <> 't' OR c.relnamespace = pg_my_temp_schema()) AND has_schema_privilege(n.oid, 'USAGE')
	AND (has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE'))`

// above lists the tables, within the role's reach and without policies, in which rows of the
// guarded ones can be seen: those that they are partitions or heirs of.
func above(ctx context.Context, tx gorm.ConnPool, tables []foundTable) ([]string, error) {
	oids := make([]string, len(tables))
	for i, t := range tables {
		oids[i] = t.oid
	}
	return list(ctx, tx, `
		WITH RECURSIVE above AS (
			SELECT i.inhparent AS oid FROM pg_inherits i WHERE i.inhrelid = ANY ($1::text[]::oid[])
			UNION
			SELECT i.inhparent FROM above JOIN pg_inherits i ON i.inhrelid = above.oid
		)
		SELECT format('%I.%I', n.nspname, c.relname) FROM above JOIN pg_class c ON c.oid = above.oid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.oid <> ALL ($1::text[]::oid[]) AND NOT (c.relrowsecurity AND c.relforcerowsecurity) AND `+within+` ORDER BY 1`, textArray(oids))
}

// differences compares the table with what it should be, of which right is the description.
func (t foundTable) differences(right []string) []string {
	var found []string
	add := func(format string, args ...any) {
		found = append(found, fmt.Sprintf("table %s: %s", t.name, fmt.Sprintf(format, args...)))
	}
	for _, check := range []struct {
		holds bool
		fault string
	}{
		{t.enabled, "row-level security is not enabled"},
		{t.forced, "row-level security is not forced, so the table's owner passes it"},
		{!t.enabled || !t.forced || t.active, "row-level security is not active for this role"},
		{t.indexed, "no index begins with " + t.column},
	} {
		if !check.holds {
			add("%s", check.fault)
		}
	}
	for _, line := range right {
		if !slices.Contains(t.lines, line) {
			add("missing: %s", line)
		}
	}
	for _, line := range t.lines {
		if !slices.Contains(right, line) {
			add("unexpected: %s", line)
		}
	}
	return found
}

// expectations are descriptions of tables that are as they should be, by the type of their
// tenant column: all else is the same for each.
type expectations map[string][]string

// of returns the description for a table. Expressions are compared as the server writes them,
// so the server is asked how it would write the right ones.
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
	oid, err := scalar[string](ctx, tx, "SELECT to_regclass($1)::oid::text", probe)
	if err != nil {
		return nil, err
	}
	lines, err := described(ctx, tx, g.column, oid)
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT tenancy_probe")
	return lines[oid], err
}

// described lists the policies of tables, and the defaults of their tenant columns, by their OIDs.
func described(ctx context.Context, tx gorm.ConnPool, column string, oids ...string) (map[string][]string, error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT p.polrelid::text, format('policy %s, %s, for %s, to %s, using %s, with check %s', p.polname,
		              CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, p.polcmd, p.polroles::text,
		              pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
		FROM pg_policy p WHERE p.polrelid = ANY ($1::text[]::oid[])
		UNION ALL
		SELECT d.adrelid::text, format('default of %s: %s', a.attname, pg_get_expr(d.adbin, d.adrelid))
		FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
		WHERE d.adrelid = ANY ($1::text[]::oid[]) AND a.attname = $2
		ORDER BY 2`, textArray(oids), column)
	if err != nil {
		return nil, err
	}
	lines := map[string][]string{}
	err = eachRow(rows, func(cells ...string) { lines[cells[0]] = append(lines[cells[0]], cells[1]) })
	return lines, err
}
