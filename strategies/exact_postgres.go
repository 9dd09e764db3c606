package strategies

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/scopes"
)

// columnsPostgres finds the columns named $2 of the relations that are named in $1: the type of
// each, the one that it is made of, and its collation where that takes different texts for equal
// (https://www.postgresql.org/docs/current/collation.html#COLLATION-NONDETERMINISTIC).
const columnsPostgres = `
	WITH RECURSIVE held AS (
		SELECT c.relname::text AS name, c.oid::regclass::text AS relation, format_type(a.atttypid, a.atttypmod) AS type, a.atttypid AS base,
		       coalesce((SELECT o.collname::text FROM pg_collation o WHERE o.oid = a.attcollation AND NOT o.collisdeterministic), '') AS collation
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		WHERE c.oid = ANY (SELECT to_regclass(quote_ident(name)) FROM unnest($1::text[]) AS name) AND a.attname = $2 AND NOT a.attisdropped
	), made AS (
		SELECT held.name, held.relation, held.type, held.base, held.collation FROM held
		UNION ALL
		SELECT made.name, made.relation, made.type, t.typbasetype, made.collation FROM made JOIN pg_type t ON t.oid = made.base WHERE t.typtype = 'd'
	)
	SELECT made.name, made.relation, made.type, made.collation, CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname::text ELSE '' END, (t.typname = 'citext')::text
	FROM made JOIN pg_type t ON t.oid = made.base WHERE t.typtype <> 'd' ORDER BY made.name`

func heldPostgres(ctx context.Context, pool gorm.ConnPool, tables []string, column string) ([]heldColumn, error) {
	rows, err := pool.QueryContext(ctx, columnsPostgres, textArray(tables), column)
	if err != nil {
		return nil, err
	}
	var found []heldColumn
	err = eachRow(rows, func(cells ...string) {
		c := heldColumn{
			table: cells[0], base: cells[4], says: "type " + cells[2], forms: formsPostgres(cells[4]), folds: cells[5] == "true",
			cure: fmt.Sprintf("say text in the model, too, and ALTER TABLE %s ALTER COLUMN %[2]s TYPE text USING %[2]s::text, while the policies, foreign keys and views that use it are dropped", cells[1], quoteIdent(column)),
		}
		if strings.Contains(c.says, ",-") { // numeric rounds before the point
			c.forms = nil
		}
		if collation := cells[3]; collation != "" {
			c.says, c.forms, c.folds = "collation "+collation, nil, true
		}
		found = append(found, c)
	})
	return found, err
}

// formsPostgres are the IDs that a type of the server's own tells from each other. None: it
// takes different texts for equal, or nobody has looked.
func formsPostgres(base string) []scopes.Form {
	switch base {
	case "text", "varchar", "bpchar":
		return []scopes.Form{scopes.Text}
	case "bytea":
		return []scopes.Form{scopes.Bytes}
	case "uuid":
		return []scopes.Form{scopes.UUID}
	case "int2", "int4", "int8", "numeric":
		return []scopes.Form{scopes.Integer}
	default:
		return nil
	}
}
