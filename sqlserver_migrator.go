package tenancy

import (
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// qualified is the dialect of SQL Server for migrations in schemas: its migrator asks the
// catalog by the names of tables alone and finds those of all tenants.
type qualified struct {
	dialector
	schema string
}

// Migrator implements gorm.Dialector.
func (q qualified) Migrator(db *gorm.DB) gorm.Migrator {
	return qualifiedMigrator{Migrator: q.in.dialect.Migrator(db), db: db, schema: q.schema}
}

// qualifiedMigrator asks for, and changes, the one table that a qualified name names.
type qualifiedMigrator struct {
	gorm.Migrator
	db     *gorm.DB
	schema string
}

// name returns the qualified name of a table, and its model where value is one.
func (m qualifiedMigrator) name(value any) (string, *schema.Schema) {
	if name, ok := value.(string); ok {
		return name, nil
	}
	schemas, err := parse(m.db, []any{value})
	if err != nil {
		return "", nil
	}
	return schemas[0].Table, schemas[0]
}

// object is a name as OBJECT_ID and sp_rename read it.
func object(parts ...string) string {
	var quoted []string
	for _, part := range parts {
		for name := range strings.SplitSeq(part, ".") {
			quoted = append(quoted, "["+strings.ReplaceAll(name, "]", "]]")+"]")
		}
	}
	return strings.Join(quoted, ".")
}

func column(s *schema.Schema, name string) string {
	if s != nil {
		if field := s.LookUpField(name); field != nil {
			return field.DBName
		}
	}
	return name
}

func (m qualifiedMigrator) count(query string, args ...any) bool {
	var n int64
	return m.db.Raw(query, args...).Row().Scan(&n) == nil && n > 0
}

func (m qualifiedMigrator) HasTable(value any) bool {
	table, _ := m.name(value)
	return m.count("SELECT count(*) FROM sys.tables WHERE object_id = OBJECT_ID(?)", object(table))
}

func (m qualifiedMigrator) HasColumn(value any, field string) bool {
	table, s := m.name(value)
	return m.count("SELECT count(*) FROM sys.columns WHERE object_id = OBJECT_ID(?) AND name = ?", object(table), column(s, field))
}

func (m qualifiedMigrator) HasIndex(value any, name string) bool {
	table, s := m.name(value)
	if s != nil {
		if index := s.LookIndex(name); index != nil {
			name = index.Name
		}
	}
	return m.count("SELECT count(*) FROM sys.indexes WHERE object_id = OBJECT_ID(?) AND name = ?", object(table), name)
}

func (m qualifiedMigrator) HasConstraint(value any, name string) bool {
	table, s := m.name(value)
	if guesser, ok := m.Migrator.(interface {
		GuessConstraintInterfaceAndTable(stmt *gorm.Statement, name string) (schema.ConstraintInterface, string)
	}); ok && s != nil {
		constraint, of := guesser.GuessConstraintInterfaceAndTable(&gorm.Statement{DB: m.db, Schema: s, Table: s.Table}, name)
		if constraint != nil {
			name, table = constraint.GetName(), of
		}
	}
	return m.count("SELECT count(*) FROM sys.objects WHERE name = ? AND parent_object_id = OBJECT_ID(?)", name, object(table))
}

// ColumnTypes names each column once: the driver finds it once for each tenant's table.
func (m qualifiedMigrator) ColumnTypes(value any) ([]gorm.ColumnType, error) {
	table, _ := m.name(value)
	types, err := m.Migrator.ColumnTypes(table)
	seen := map[string]bool{}
	return slices.DeleteFunc(types, func(t gorm.ColumnType) bool {
		again := seen[t.Name()]
		seen[t.Name()] = true
		return again
	}), err
}

// DropTable drops the foreign keys that lead to a table from its own schema, and the table.
func (m qualifiedMigrator) DropTable(values ...any) error {
	for _, value := range slices.Backward(values) {
		table, _ := m.name(value)
		var keys []struct{ Parent, Name string }
		err := m.db.Raw(`SELECT QUOTENAME(OBJECT_SCHEMA_NAME(parent_object_id)) + '.' + QUOTENAME(OBJECT_NAME(parent_object_id)) AS parent, QUOTENAME(name) AS name
FROM sys.foreign_keys WHERE referenced_object_id = OBJECT_ID(?) AND OBJECT_SCHEMA_NAME(parent_object_id) = OBJECT_SCHEMA_NAME(referenced_object_id)`, object(table)).Scan(&keys).Error
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := m.db.Exec("ALTER TABLE " + key.Parent + " DROP CONSTRAINT " + key.Name).Error; err != nil {
				return err
			}
		}
		if err := m.db.Exec("DROP TABLE IF EXISTS " + object(table)).Error; err != nil {
			return err
		}
	}
	return nil
}

func (m qualifiedMigrator) GetTables() ([]string, error) {
	var tables []string
	err := m.db.Raw("SELECT name FROM sys.tables WHERE schema_id = SCHEMA_ID(?) ORDER BY name", m.schema).Scan(&tables).Error
	return tables, err
}

func (m qualifiedMigrator) GetIndexes(value any) ([]gorm.Index, error) {
	table, _ := m.name(value)
	return m.Migrator.GetIndexes(object(table))
}

func (m qualifiedMigrator) RenameTable(oldName, newName any) error {
	from, _ := m.name(oldName)
	to, _ := m.name(newName)
	return m.rename(object(from), to[strings.LastIndexByte(to, '.')+1:], "OBJECT")
}

func (m qualifiedMigrator) RenameColumn(value any, oldName, newName string) error {
	table, s := m.name(value)
	return m.rename(object(table, column(s, oldName)), column(s, newName), "COLUMN")
}

func (m qualifiedMigrator) RenameIndex(value any, oldName, newName string) error {
	table, _ := m.name(value)
	return m.rename(object(table, oldName), newName, "INDEX")
}

func (m qualifiedMigrator) rename(from, to, kind string) error {
	return m.db.Exec("EXEC sp_rename @objname = ?, @newname = ?, @objtype = ?", from, to, kind).Error
}
