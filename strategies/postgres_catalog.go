package strategies

import "strings"

// What the catalog says of a schema is a set of objects with definitions. Names that the
// server qualifies with the schema are freed of it, columns are known by name, and
// nothing of rows, comments, statistics or numbers of objects is in it, nor the registry. So the sets of
// two schemas are equal when their structures are.

// form is how objects are written.
type form int

const (
	// fingerprints is for machines. The server is slow to write expressions and indexes
	// as SQL, so the plain ones are not.
	fingerprints form = iota
	// descriptions is for people.
	descriptions
)

// fewSchemas is how many schemas are looked up by index rather than by reading the
// whole catalog.
const fewSchemas = 16

// relationsOf selects the relations of n schemas: those that are named in $2, or all.
func relationsOf(n int, tables []string) string {
	switch {
	case tables != nil:
		return namedRelations
	case n <= fewSchemas:
		return fewRelations
	default:
		return manyRelations
	}
}

// surveyQuery makes a query on the objects of relations in the schemas that are named in
// $1. The selection reads the columns schema, object and definition of the table objects.
func surveyQuery(relations string, f form, selection string) string {
	objects := []string{relationObjects, constraintObjects, incomingObjects, policyObjects, triggerObjects}
	if f == fingerprints {
		objects = append(objects, plainColumns, plainIndexes)
	} else {
		objects = append(objects, writtenColumns, writtenDefaults, writtenIndexes)
	}
	text := "WITH schemas AS MATERIALIZED (" + wantedSchemas + "), relations AS MATERIALIZED (" + relations + "), objects AS (" + strings.Join(objects, " UNION ALL ") + ") " + selection
	return free.Replace(text)
}

// free writes out free{x}: the text x without the name of its schema. A name is qualified
// after one of a few characters, and a space is put before the first.
var free = strings.NewReplacer(
	"free{", "replace(replace(replace(replace(replace(' ' || ", "}", ", ' ' || qualifier, ' '), '''' || qualifier, ''''), '(' || qualifier, '('), ':' || qualifier, ':'), ',' || qualifier, ',')",
)

const (
	wantedSchemas = `
		SELECT oid, nspname::text AS schema, quote_ident(nspname) || '.' AS qualifier
		FROM pg_namespace WHERE nspname IN (SELECT unnest($1::text[])::name)`

	relation = `
		SELECT c.oid, c.relname::text AS relation, c.relkind::text AS kind, c.relrowsecurity, c.relforcerowsecurity, c.relpersistence::text AS persistence, c.reloptions,
		       s.oid AS schema_oid, s.schema, s.qualifier`

	manyRelations = relation + `
		FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace` + relationKinds

	namedRelations = relation + `
		FROM schemas s CROSS JOIN unnest($2::text[]) wanted (name)
		JOIN pg_class c ON c.relname = wanted.name::name AND c.relnamespace = s.oid` + relationKinds

	// The catalog has no index on the schema of a relation, but on what depends on a schema.
	fewRelations = relation + `
		FROM schemas s JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = s.oid AND d.classid = 'pg_class'::regclass
		JOIN pg_class c ON c.oid = d.objid` + relationKinds

	relationKinds = `
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relname <> 'tenancy_tenants'`

	relationObjects = `
		SELECT schema, CASE kind WHEN 'r' THEN 'table ' WHEN 'S' THEN 'sequence ' WHEN 'v' THEN 'view ' ELSE 'relation ' END || relation AS object,
		       CASE WHEN relrowsecurity THEN 'row security ' ELSE '' END || CASE WHEN relforcerowsecurity THEN 'forced ' ELSE '' END ||
		       CASE WHEN persistence <> 'p' THEN 'not permanent ' ELSE '' END ||
		       CASE WHEN kind IN ('v', 'm') THEN free{pg_get_viewdef(oid)} ELSE '' END || CASE WHEN kind = 'v' THEN coalesce(reloptions::text, '') ELSE '' END AS definition
		FROM relations`

	// Types with numbers below 10000 have them by the server's source, and so everywhere. A
	// column's default is told with it: one of a constant without its place in the statement,
	// and one of a serial column, which names its sequence by a number, by what it depends on.
	plainColumns = `
		SELECT schema, 'column ' || relation || '.' || a.attname,
		       CASE WHEN a.atttypid < 10000 THEN a.atttypid || ' ' || a.atttypmod ELSE trim(free{format_type(a.atttypid, a.atttypmod)}) END ||` + columnProperties + ` ||
		       CASE WHEN NOT a.atthasdef THEN ''
		            WHEN a.atttypid < 10000 AND d.adbin::text LIKE '{CONST %' THEN ' default ' || regexp_replace(d.adbin::text, ':location -?[0-9]+', '')
		            ELSE ' default ' || coalesce(CASE WHEN d.adbin::text LIKE '{FUNCEXPR :funcid ' || 'nextval(regclass)'::regprocedure::oid || ' %' THEN 'next ' || (` + ownSequence + `) END,
		                                         free{pg_get_expr(d.adbin, d.adrelid)}) END` + columnJoin + `
		LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE kind <> 'S'`

	ownSequence = `
			SELECT s.relname FROM pg_depend p JOIN pg_class s ON s.oid = p.refobjid
			WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass AND p.deptype = 'n'
			  AND s.relkind = 'S' AND s.relnamespace = r.schema_oid LIMIT 1`

	writtenColumns = `
		SELECT schema, 'column ' || relation || '.' || a.attname,
		       trim(free{format_type(a.atttypid, a.atttypmod)}) ||` + columnProperties + columnJoin + `
		WHERE kind <> 'S'`

	columnProperties = ` CASE WHEN a.attnotnull THEN ' not null' ELSE '' END ||
		       CASE a.attidentity WHEN '' THEN '' WHEN 'a' THEN ' identity always' ELSE ' identity' END ||
		       CASE WHEN a.attgenerated = '' THEN '' ELSE ' generated' END ||
		       CASE WHEN a.attcollation IN (0, 100) THEN '' ELSE ' collation ' || (SELECT quote_ident(collname) FROM pg_collation o WHERE o.oid = a.attcollation) END`

	columnJoin = `
		FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped`

	writtenDefaults = `
		SELECT r.schema, 'default of ' || r.relation || '.' || a.attname, trim(free{pg_get_expr(d.adbin, d.adrelid)})
		FROM relations r JOIN pg_attrdef d ON d.adrelid = r.oid
		JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum`

	indexJoin = `
		FROM relations r JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class c ON c.oid = i.indexrelid`

	plainIndexes = `
		SELECT r.schema, 'index ' || r.relation || '.' || c.relname,
		       concat_ws(' ', i.indisunique, i.indisprimary, i.indisvalid, i.indimmediate, i.indnkeyatts, i.indoption, i.indclass, i.indcollation, c.relam,
		                 CASE WHEN i.indisunique AND NOT i.indisprimary THEN to_jsonb(i) ->> 'indnullsnotdistinct' END) || ' ' ||
		       CASE WHEN i.indpred IS NOT NULL OR i.indexprs IS NOT NULL THEN free{pg_get_indexdef(i.indexrelid)}
		            WHEN i.indnatts = 1 THEN (SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0])
		            ELSE (SELECT string_agg(quote_ident(a.attname), ',' ORDER BY k.place) FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (number, place)
		                  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number) END` + indexJoin

	writtenIndexes = `
		SELECT r.schema, 'index ' || r.relation || '.' || c.relname,
		       trim(free{pg_get_indexdef(i.indexrelid)}) || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END` + indexJoin

	constraintObjects = `
		SELECT r.schema, 'constraint ' || r.relation || '.' || k.conname,
		       CASE WHEN k.contype IN ('p', 'u') THEN k.contype::text ELSE trim(free{pg_get_constraintdef(k.oid)}) END ||
		       CASE WHEN k.convalidated THEN '' ELSE ' not valid' END || CASE WHEN k.condeferrable THEN ' deferrable' ELSE '' END ||
		       CASE WHEN k.condeferred THEN ' initially deferred' ELSE '' END
		FROM relations r JOIN pg_constraint k ON k.conrelid = r.oid WHERE k.contype IN ('p', 'u', 'c', 'f', 'x')`

	// References from other schemas are no part of the tenant's structures, and yet they
	// break its isolation.
	incomingObjects = `
		SELECT r.schema, 'reference from ' || k.conrelid::regclass || '.' || k.conname, 'to ' || r.relation
		FROM relations r JOIN pg_constraint k ON k.confrelid = r.oid JOIN pg_class c ON c.oid = k.conrelid
		WHERE k.contype = 'f' AND c.relnamespace <> r.schema_oid`

	policyObjects = `
		SELECT r.schema, 'policy ' || r.relation || '.' || p.polname,
		       concat_ws(' ', p.polcmd::text, p.polpermissive, p.polroles::text, free{coalesce(pg_get_expr(p.polqual, p.polrelid), '')}, free{coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')})
		FROM relations r JOIN pg_policy p ON p.polrelid = r.oid`

	triggerObjects = `
		SELECT r.schema, 'trigger ' || r.relation || '.' || g.tgname, trim(free{pg_get_triggerdef(g.oid)}) || ' ' || g.tgenabled::text
		FROM relations r JOIN pg_trigger g ON g.tgrelid = r.oid WHERE NOT g.tgisinternal`
)
