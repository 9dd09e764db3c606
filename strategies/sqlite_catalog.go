package strategies

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// sqliteObjects asks SQLite what its tables consist of: one row for each column, foreign
// key, index, trigger and view, with the table first. Columns are known by name. The
// text of CREATE TABLE is part of it only where nothing else tells: with checks and
// collations (https://www.sqlite.org/pragma.html#pragfunc).
const sqliteObjects = `
	SELECT m.name AS owner, 'table ' || m.name AS object, CASE WHEN m.sql LIKE '%CHECK%' OR m.sql LIKE '%COLLATE%' THEN m.sql WHEN m.sql LIKE '%AUTOINCREMENT%' THEN 'autoincrement' ELSE '' END AS definition
	FROM sqlite_master m WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
	UNION ALL
	SELECT m.name, 'column ' || m.name || '.' || c.name,
	       lower(c.type) || CASE WHEN c."notnull" THEN ' not null' ELSE '' END || CASE WHEN c.pk THEN ' key ' || c.pk ELSE '' END ||
	       coalesce(' default ' || c.dflt_value, '') || CASE WHEN c.hidden THEN ' generated' ELSE '' END
	FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
	UNION ALL
	SELECT m.name, 'foreign key ' || m.name || '.' || k."from" || ' to ' || k."table" || '.' || coalesce(k."to", ''), k.seq || ' on update ' || k.on_update || ' on delete ' || k.on_delete
	FROM sqlite_master m, pragma_foreign_key_list(m.name) k WHERE m.type = 'table'
	UNION ALL
	SELECT m.name, 'index ' || CASE i.origin WHEN 'c' THEN i.name ELSE m.name || ' ' || i.origin || ' ' || coalesce((SELECT group_concat(x.name) FROM pragma_index_info(i.name) x), '') END,
	       CASE WHEN i."unique" THEN 'unique ' ELSE '' END ||
	       coalesce((SELECT CASE WHEN i.partial OR s.sql LIKE '%(%(%' THEN s.sql ELSE '' END FROM sqlite_master s WHERE s.type = 'index' AND s.name = i.name), '') ||
	       coalesce((SELECT group_concat(coalesce(x.name, '') || ' ' || x."desc" || ' ' || x.coll) FROM pragma_index_xinfo(i.name) x WHERE x.key), '')
	FROM sqlite_master m, pragma_index_list(m.name) i WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
	UNION ALL
	SELECT CASE m.type WHEN 'view' THEN m.name ELSE m.tbl_name END, m.type || ' ' || m.name, m.sql FROM sqlite_master m WHERE m.type IN ('trigger', 'view')`

// runScript runs statements as one text.
func runScript(ctx context.Context, tx gorm.ConnPool, statements []string) error {
	if len(statements) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, strings.Join(statements, ";\n"))
	return err
}

// part is an object of a table or a view.
type part struct{ owner, object, definition string }

// sqliteParts reads the parts of everything in a database.
func sqliteParts(ctx context.Context, pool gorm.ConnPool) ([]part, error) {
	rows, err := pool.QueryContext(ctx, sqliteObjects)
	if err != nil {
		return nil, err
	}
	var parts []part
	err = eachRow(rows, func(cells ...string) {
		parts = append(parts, part{cells[0], cells[1], cells[2]})
	})
	return parts, err
}

// fingerprint is equal for equal objects.
func fingerprint(objects tenancy.Objects) string {
	if len(objects) == 0 {
		return ""
	}
	sum := sha256.New()
	for _, object := range slices.Sorted(maps.Keys(objects)) {
		_, _ = sum.Write([]byte(object + "\x00" + objects[object] + "\x00"))
	}
	return hex.EncodeToString(sum.Sum(nil))[:fingerprintLength]
}

const fingerprintLength = 32
