package ddl

import "strings"

// SequenceQuestion reports whether a query is how GORM's migrator finds the sequence of a
// column. Its first parameter is the name of the table, without its schema.
func SequenceQuestion(query string) bool { return strings.TrimSpace(query) == anySequence }

// InSchema makes a SequenceQuestion one about a schema, which is an expression of SQL.
func InSchema(query, schema string) string { return query + " AND table_schema = " + schema }

// OwnSchema makes a question about the current schema of one that GORM's migrator asks
// PostgreSQL about all schemas, and returns any other query as it is.
func OwnSchema(query string) string {
	switch strings.TrimSpace(query) {
	case anySequence:
		return InSchema(query, "CURRENT_SCHEMA()")
	case tableByViews:
		return table
	case columnsByViews:
		return columns
	case "SELECT constraint_name" + keysByViews + " AND constraint_type = $3":
		return "SELECT constraint_name" + keys + " WHERE constraint_type = $3"
	case "SELECT c.column_name, constraint_name, constraint_type" + keysByViews:
		return "SELECT column_name, constraint_name, constraint_type" + keys
	case commentByViews:
		return comment
	case indexByViews:
		return index
	default:
		return query
	}
}

const (
	// anySequence is how GORM finds the sequence of a column (getColumnSequenceName): it takes
	// the last of all columns of that name in all schemas that the role can see, and then
	// changes or drops the sequence, which may be another tenant's.
	anySequence = "SELECT column_default FROM information_schema.columns WHERE table_name = $1 AND column_name = $2"

	// tableByViews is how GORM finds a table (HasTable). A server that is asked about views for
	// the first time on a connection takes longer to read them than to answer.
	tableByViews = "SELECT count(*) FROM information_schema.tables WHERE table_schema = CURRENT_SCHEMA() AND table_name = $1 AND table_type = $2"

	// table is the same, and shows no more than the views do to a role without rights.
	table = `
		SELECT count(*) FROM pg_catalog.pg_class c
		WHERE c.oid = ` + own + `$1) AND CASE WHEN c.relkind IN ('r', 'p') THEN 'BASE TABLE' END = $2
		  AND (pg_catalog.pg_has_role(c.relowner, 'USAGE')
		       OR pg_catalog.has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
		       OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))`

	// columnsByViews is how GORM finds the columns of a table (ColumnTypes). It takes all types
	// of a column's type's name for the column's, in whatever schema they are.
	columnsByViews = "SELECT c.column_name, c.is_nullable = 'YES', c.udt_name, c.character_maximum_length, c.numeric_precision, c.numeric_precision_radix, c.numeric_scale, c.datetime_precision, 8 * typlen, c.column_default, pd.description, c.identity_increment FROM information_schema.columns AS c JOIN pg_type AS pgt ON c.udt_name = pgt.typname LEFT JOIN pg_catalog.pg_description as pd ON pd.objsubid = c.ordinal_position AND pd.objoid = (SELECT oid FROM pg_catalog.pg_class WHERE relname = c.table_name AND relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = c.table_schema)) where table_catalog = $1 AND table_schema = CURRENT_SCHEMA() AND table_name = $2"

	columns = `
		SELECT a.attname, NOT (a.attnotnull OR t.typnotnull), b.typname,
		       information_schema._pg_char_max_length(b.oid, l.modifier), information_schema._pg_numeric_precision(b.oid, l.modifier),
		       information_schema._pg_numeric_precision_radix(b.oid, l.modifier), information_schema._pg_numeric_scale(b.oid, l.modifier),
		       information_schema._pg_datetime_precision(b.oid, l.modifier), 8 * b.typlen,
		       CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END, pg_catalog.col_description(c.oid, a.attnum),
		       (SELECT s.seqincrement::text FROM pg_catalog.pg_depend p JOIN pg_catalog.pg_sequence s ON s.seqrelid = p.objid
		        WHERE a.attidentity <> '' AND p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND p.refobjid = c.oid AND p.refobjsubid = a.attnum
		          AND p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND p.deptype = 'i')
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
		JOIN pg_catalog.pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
		CROSS JOIN LATERAL (SELECT CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE a.atttypmod END AS modifier) l
		LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE c.oid = ` + own + `$2) AND pg_catalog.current_database() = $1 AND c.relkind IN ('r', 'v', 'f', 'p')
		  AND (pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT, INSERT, UPDATE, REFERENCES'))
		ORDER BY a.attnum`

	// keysByViews is how GORM finds the keys of a table (ColumnTypes). The views make the
	// server look at the constraints of all schemas: seconds, where there are a thousand.
	keysByViews = " FROM information_schema.table_constraints tc JOIN information_schema.constraint_column_usage AS ccu USING (constraint_schema, constraint_catalog, table_name, constraint_name) JOIN information_schema.columns AS c ON c.table_schema = tc.constraint_schema AND tc.table_name = c.table_name AND ccu.column_name = c.column_name WHERE constraint_type IN ('PRIMARY KEY', 'UNIQUE') AND c.table_catalog = $1 AND c.table_schema = CURRENT_SCHEMA() AND c.table_name = $2"

	// keys are the same of one table.
	keys = ` FROM (
		SELECT a.attname AS column_name, k.conname AS constraint_name, CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END AS constraint_type
		FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
		WHERE k.contype IN ('p', 'u') AND pg_catalog.current_database() = $1 AND k.conrelid = ` + own + `$2)
	) found`

	// commentByViews is how GORM finds the comment on a column (MigrateColumn), once for each.
	commentByViews = "SELECT description FROM pg_catalog.pg_description WHERE objsubid = (SELECT ordinal_position FROM information_schema.columns WHERE table_schema = CURRENT_SCHEMA() AND table_name = $1 AND column_name = $2) AND objoid = (SELECT oid FROM pg_catalog.pg_class WHERE relname = $3 AND relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = CURRENT_SCHEMA()))"

	comment = `
		SELECT d.description FROM pg_catalog.pg_attribute a
		JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objoid = a.attrelid AND d.objsubid = a.attnum
		WHERE a.attrelid = ` + own + `$1) AND a.attrelid = ` + own + `$3) AND a.attname = $2`

	// indexByViews is how GORM finds an index (HasIndex).
	indexByViews = "SELECT count(*) FROM pg_indexes WHERE tablename = $1 AND indexname = $2 AND schemaname = CURRENT_SCHEMA()"

	index = `
		SELECT count(*) FROM pg_catalog.pg_index i
		WHERE i.indrelid = ` + own + `$1) AND i.indexrelid = ` + own + `$2)`

	// own begins the search for a relation of the current schema by its name: two look-ups by
	// index, whatever the server knows of its catalog.
	own = "(SELECT oid FROM pg_catalog.pg_class WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = CURRENT_SCHEMA()) AND relname = "
)
