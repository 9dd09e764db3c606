package tenancy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// model is what the plugin knows of one table.
type model struct {
	table  string                                // logical name
	shared bool                                  // common to all tenants
	listed bool                                  // in the configuration, or hangs on what is
	schema *schema.Schema                        // nil for a table that no model is known for
	column *schema.Field                         // the tenant column; nil where there is none
	keys   *tenantKeys                           // nil: no other column holds a tenant
	check  atomic.Pointer[func(id string) error] // see Admit
}

// models knows tables by their logical names. Those of the configuration are there
// from the start, with everything that hangs on them; others are added at first
// use, as owned. Safe for concurrent use.
type models struct {
	column string
	tables sync.Map // lower-cased logical name → *model
	values cleanValues
}

// find returns the model of a table, by its logical name in any case.
func (m *models) find(table string) *model {
	if known, ok := m.tables.Load(table); ok {
		return known.(*model)
	}
	if known, ok := m.tables.Load(strings.ToLower(table)); ok {
		return known.(*model)
	}
	return nil
}

// of returns the model of a statement's table.
func (m *models) of(table string, s *schema.Schema) *model {
	if known := m.find(table); known != nil {
		return known
	}
	if s != nil && s.Table == table {
		m.add(s, false)
		return m.find(table)
	}
	unknown := &model{table: table, schema: s}
	if s != nil {
		unknown.column = s.LookUpField(m.column)
	}
	return unknown
}

// add takes in a schema and the owned ones that hang on it by relations.
func (m *models) add(s *schema.Schema, shared bool) {
	m.values.clean(s)
	known := &model{table: s.Table, shared: shared, schema: s}
	if !shared {
		known.column = s.LookUpField(m.column)
		known.keys = m.keysOf(s)
	}
	if _, loaded := m.tables.LoadOrStore(strings.ToLower(s.Table), known); loaded || shared {
		return
	}
	for _, related := range relatedTo(s) {
		m.add(related, false)
	}
}

// relatedTo lists the schemas at the other ends of a schema's relations, and the join tables between.
func relatedTo(s *schema.Schema) []*schema.Schema {
	var related []*schema.Schema
	for _, rel := range s.Relationships.Relations {
		related = append(related, rel.FieldSchema)
		if rel.JoinTable != nil {
			related = append(related, rel.JoinTable)
		}
	}
	return related
}

// reachable lists schemas and all that hang on them, each once.
func reachable(roots []*schema.Schema) []*schema.Schema {
	var all []*schema.Schema
	seen := map[*schema.Schema]bool{}
	for todo := roots; len(todo) > 0; {
		s := todo[0]
		todo = todo[1:]
		if seen[s] {
			continue
		}
		seen[s] = true
		all = append(all, s)
		todo = append(todo, relatedTo(s)...)
	}
	return all
}

// parse returns the schemas of values in the schema cache of db.
func parse(db *gorm.DB, values []any) ([]*schema.Schema, error) {
	schemas := make([]*schema.Schema, 0, len(values))
	for _, value := range values {
		stmt := &gorm.Statement{DB: db}
		if err := stmt.Parse(value); err != nil {
			return nil, configCause(err, "the model %T cannot be parsed; use a pointer to a struct", value)
		}
		schemas = append(schemas, stmt.Schema)
	}
	return schemas, nil
}

// load takes in the lists of the configuration.
func (m *models) load(db *gorm.DB, cfg Config) error {
	shared, err := parse(db, cfg.Shared)
	if err != nil {
		return err
	}
	owned, err := parse(db, cfg.Models)
	if err != nil {
		return err
	}
	for _, s := range shared {
		m.add(s, true)
	}
	for _, s := range owned {
		if known := m.find(s.Table); known != nil && known.shared {
			return configError("the table %q is in both Models and Shared; take it out of one", s.Table)
		}
		if strings.Contains(s.Table, ".") {
			return configError("the owned model %s names a schema in its table %q; its tenant decides that, so name the table alone", s.Name, s.Table)
		}
		m.add(s, false)
	}
	m.tables.Range(func(_, value any) bool {
		known := value.(*model)
		known.listed = true
		if known.column != nil && known.column.DBName != m.column {
			err = configError("Column %q is a field of %s; name the column that the field has, %q", m.column, known.schema.Name, known.column.DBName)
		}
		return err == nil
	})
	return err
}

// checkColumns refuses owned tables that have no tenant column, or are in a schema that nobody
// looks at.
func (m *models) checkColumns() error {
	var missing, elsewhere []string
	m.tables.Range(func(_, value any) bool {
		switch known := value.(*model); {
		case known.shared:
		case known.column == nil:
			missing = append(missing, known.table)
		case strings.Contains(known.table, "."):
			elsewhere = append(elsewhere, known.table)
		}
		return true
	})
	if len(elsewhere) > 0 {
		slices.Sort(elsewhere)
		return configError("owned models name a schema in their tables %s; name the tables alone, or list the models in Config.Shared if they are common to all tenants", strings.Join(elsewhere, ", "))
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return noColumn(m.column, missing...)
}

func noColumn(column string, tables ...string) error {
	return &Error{Kind: ErrNoTenantColumn, Detail: fmt.Sprintf("%s: add a field with the column %q to the model, or list it in Config.Shared if it is common to all tenants", strings.Join(tables, ", "), column)}
}

// joinTables lists the many-to-many relations whose join table GORM made itself,
// so that there is no model to put a tenant column into.
func joinTables(s *schema.Schema) []*schema.Relationship {
	var made []*schema.Relationship
	for _, rel := range s.Relationships.Many2Many {
		if rel.JoinTable.ModelType.Name() == "" {
			made = append(made, rel)
		}
	}
	return made
}

// columnJoinTables gives the tenant column of s to the join tables that GORM made for
// it. It must run before anybody else sees the schema.
func columnJoinTables(db *gorm.DB, s *schema.Schema, column string) error {
	field := s.LookUpField(column)
	if field == nil {
		return nil
	}
	for _, rel := range joinTables(s) {
		if rel.JoinTable.LookUpField(column) != nil {
			continue
		}
		if err := columnJoinTable(db, s, rel, field); err != nil {
			return err
		}
	}
	return nil
}

// joinColumn is the name of the added field: no user's field begins so.
const joinColumn = "TenancyTenant"

func columnJoinTable(db *gorm.DB, s *schema.Schema, rel *schema.Relationship, tenant *schema.Field) error {
	made := rel.JoinTable.ModelType
	fields := make([]reflect.StructField, 1, made.NumField()+1)
	fields[0] = reflect.StructField{
		Name: joinColumn,
		Type: tenant.IndirectFieldType,
		Tag:  reflect.StructTag(`gorm:"column:` + tenant.DBName + `;index"`),
	}
	for i := range made.NumField() {
		fields = append(fields, made.Field(i))
	}
	value := reflect.New(reflect.StructOf(fields)).Interface()
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(value); err != nil {
		return configCause(err, "the join table %q cannot take a tenant column; give the relation %s a join model", rel.JoinTable.Table, rel.Name)
	}
	stmt.Schema.Name, stmt.Schema.Table = rel.JoinTable.Name, rel.JoinTable.Table
	added := stmt.Schema.FieldsByDBName[tenant.DBName]
	added.DataType, added.Size = tenant.DataType, tenant.Size
	if err := db.SetupJoinTable(reflect.New(s.ModelType).Interface(), rel.Name, value); err != nil {
		return configCause(err, "the join table %q cannot take a tenant column; give the relation %s a join model", rel.JoinTable.Table, rel.Name)
	}
	return nil
}
