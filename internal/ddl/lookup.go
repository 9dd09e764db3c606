package ddl

import "strings"

// OwnSchema makes a question about the current schema of one that GORM's migrator asks
// PostgreSQL about all schemas, and returns any other query as it is.
func OwnSchema(query string) string {
	switch strings.TrimSpace(query) {
	case anySequence:
		return query + " AND table_schema = CURRENT_SCHEMA()"
	case "SELECT constraint_name" + keysByViews + " AND constraint_type = $3":
		return "SELECT constraint_name" + keys + " WHERE constraint_type = $3"
	case "SELECT c.column_name, constraint_name, constraint_type" + keysByViews:
		return "SELECT column_name, constraint_name, constraint_type" + keys
	default:
		return query
	}
}

const (
	// anySequence is how GORM finds the sequence of a column (getColumnSequenceName): it takes
	// the last of all columns of that name in all schemas that the role can see, and then
	// changes or drops the sequence, which may be another tenant's.
	anySequence = "SELECT column_default FROM information_schema.columns WHERE table_name = $1 AND column_name = $2"

	// keysByViews is how GORM finds the keys of a table (ColumnTypes). The views make the
	// server look at the constraints of all schemas: seconds, where there are a thousand.
	keysByViews = " FROM information_schema.table_constraints tc JOIN information_schema.constraint_column_usage AS ccu USING (constraint_schema, constraint_catalog, table_name, constraint_name) JOIN information_schema.columns AS c ON c.table_schema = tc.constraint_schema AND tc.table_name = c.table_name AND ccu.column_name = c.column_name WHERE constraint_type IN ('PRIMARY KEY', 'UNIQUE') AND c.table_catalog = $1 AND c.table_schema = CURRENT_SCHEMA() AND c.table_name = $2"

	// keys are the same of one table.
	keys = ` FROM (
		SELECT a.attname AS column_name, k.conname AS constraint_name, CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END AS constraint_type
		FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class r ON r.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
		JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum = ANY (k.conkey)
		WHERE k.contype IN ('p', 'u') AND pg_catalog.current_database() = $1 AND n.nspname = CURRENT_SCHEMA() AND r.relname = $2
	) found`
)
