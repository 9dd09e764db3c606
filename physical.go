package tenancy

import (
	"cmp"
	"context"
	"reflect"
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/names"
)

// physical is a database handle of its own whose schemas carry one tenant's physical
// names. GORM's migrator reads names from schemas, so it gets schemas that nobody
// else sees. It is for one goroutine.
type physical struct {
	in      *Installation
	db      *gorm.DB
	binding Binding
	done    map[*schema.Schema]bool
	placed  map[string]string // tables that name their schema, without it → the schema
	joins   []any             // join tables that must be asked for by themselves
}

// newPhysical makes the handle on pool. like lends the settings that migrations heed.
func (in *Installation) newPhysical(ctx context.Context, pool gorm.ConnPool, b Binding, like *gorm.DB) (*physical, error) {
	db, err := gorm.Open(nil, &gorm.Config{
		NamingStrategy:         logically(like.NamingStrategy, b.Names),
		Logger:                 like.Logger,
		NowFunc:                like.NowFunc,
		DryRun:                 like.DryRun,
		TranslateError:         like.TranslateError,
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		ConnPool:               pool,
		ClauseBuilders:         in.builders,

		DisableForeignKeyConstraintWhenMigrating: like.DisableForeignKeyConstraintWhenMigrating,
		IgnoreRelationshipsWhenMigrating:         like.IgnoreRelationshipsWhenMigrating,
	})
	if err != nil {
		return nil, err
	}
	db.Dialector = in.dialect
	if in.qualifies() && (b.Names.Schema != "" || b.Names.Shared != "") {
		db.Dialector = qualified{dialector{Dialector: in.dialect, in: in}, cmp.Or(b.Names.Schema, b.Names.Shared)}
	}
	db.PrepareStmt = in.db.PrepareStmt // what pool does, and drivers ask about
	db.Statement.Context = ctx
	if like.Statement != nil {
		like.Statement.Settings.Range(func(key, value any) bool {
			db.Statement.Settings.Store(key, value) // gorm:table_options
			return true
		})
	}
	registered := in.db.Callback()
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses: registered.Create().Clauses,
		QueryClauses:  withoutNarrow(registered.Query().Clauses),
		UpdateClauses: withoutNarrow(registered.Update().Clauses),
		DeleteClauses: withoutNarrow(registered.Delete().Clauses),
	})
	p := &physical{in: in, db: db, binding: b, done: map[*schema.Schema]bool{}, placed: map[string]string{}}
	if in.Dialect() == "postgres" {
		_ = db.Callback().Row().Before("gorm:row").Register("tenancy:own_schema", p.ownSchema)
		_ = db.Callback().Query().Before("gorm:query").Register("tenancy:own_schema", p.ownSchema)
	}
	return p, nil
}

// ownSchema keeps the migrator's questions to the tenant's schema, or to that of a shared
// model.
func (p *physical) ownSchema(db *gorm.DB) {
	asked := db.Statement.SQL.String()
	own := ddl.OwnSchema(asked)
	if ddl.SequenceQuestion(asked) {
		table, _ := db.Statement.Vars[0].(string)
		if place, placed := p.placed[table]; placed {
			db.Statement.Vars = append(db.Statement.Vars, place)
			own = ddl.InSchema(asked, "$3")
		}
	}
	if own != asked {
		db.Statement.SQL.Reset()
		db.Statement.SQL.WriteString(own)
	}
}

// prepare gives the schemas of values, and all that hang on them, their physical
// names. It must run before the values are used with the handle.
func (p *physical) prepare(values ...any) error {
	roots, err := parse(p.db, values)
	if err != nil {
		return err
	}
	for _, s := range reachable(roots) {
		if err := p.adoptJoinTables(s); err != nil {
			return err
		}
	}
	if p.in.columnRequired {
		for _, s := range reachable(roots) {
			if err := columnJoinTables(p.db, s, p.in.column); err != nil {
				return err
			}
		}
	}
	for _, s := range reachable(roots) {
		if p.done[s] {
			continue
		}
		p.done[s] = true
		if p.shared(s) {
			s.Table = p.binding.Names.SharedTable(s.Table)
			p.place(s.Table)
			continue
		}
		p.exactText(s)
		if p.binding.Pool != nil {
			p.detach(s)
		}
		if err := p.name(s); err != nil {
			return err
		}
	}
	return nil
}

// adoptJoinTables gives a schema the join models that the application set up on its own handle
// by gorm.DB.SetupJoinTable: without them GORM would make a join table of its own there, which
// has neither their columns nor, where the model is listed as well, foreign keys.
func (p *physical) adoptJoinTables(s *schema.Schema) error {
	if p.done[s] || len(joinTables(s)) == 0 {
		return nil
	}
	model := reflect.New(s.ModelType).Interface()
	schemas, err := parse(p.in.db, []any{model})
	if err != nil {
		return err
	}
	for _, rel := range joinTables(s) {
		own := schemas[0].Relationships.Relations[rel.Name]
		if own == nil || own.JoinTable == nil || own.JoinTable.ModelType.Name() == "" {
			continue
		}
		if err := p.db.SetupJoinTable(model, rel.Name, reflect.New(own.JoinTable.ModelType).Interface()); err != nil {
			return configCause(err, "the join model %s of %s.%s cannot be set up", own.JoinTable.ModelType, s.Name, rel.Name)
		}
	}
	return nil
}

// place remembers where a shared table is, unless a tenant's has the same name.
func (p *physical) place(table string) {
	place, name, placed := strings.Cut(table, ".")
	if placed && p.in.models.find(name) == nil {
		p.placed[name] = place
	}
}

func (p *physical) shared(s *schema.Schema) bool {
	return p.in.IsShared(s.Table)
}

// detach cuts the relations to shared models, which are not in a tenant's own database.
func (p *physical) detach(s *schema.Schema) {
	for _, rel := range s.Relationships.Relations {
		if !p.shared(rel.FieldSchema) {
			continue
		}
		rel.Field.IgnoreMigration = true
		if rel.JoinTable != nil {
			for _, joined := range rel.JoinTable.Relationships.Relations {
				joined.Field.IgnoreMigration = joined.Field.IgnoreMigration || p.shared(joined.FieldSchema)
			}
			p.joins = append(p.joins, reflect.New(rel.JoinTable.ModelType).Interface())
		}
	}
}

func (p *physical) name(s *schema.Schema) error {
	logical := s.Table
	if p.binding.Names.Prefix != "" || p.in.qualifies() { // elsewhere a schema is the connection's, by its search_path
		s.Table = p.binding.Names.Table(logical)
	}
	if prefix := p.binding.Names.Prefix; prefix != "" {
		for _, field := range s.Fields {
			prefixIndexes(field, prefix)
		}
	}
	if err := names.Fits(p.in.Dialect(), p.binding.Names.Prefix+logical); err != nil {
		return &Error{Kind: ErrInvalidTenant, Cause: err}
	}
	for _, index := range s.ParseIndexes() {
		if err := names.Fits(p.in.Dialect(), index.Name); err != nil {
			return &Error{Kind: ErrInvalidTenant, Cause: err}
		}
	}
	return nil
}

// prefixIndexes puts the prefix before the names of indexes that the model gives
// itself: they are global in some databases.
func prefixIndexes(field *schema.Field, prefix string) {
	tag := field.Tag.Get("gorm")
	settings := strings.Split(tag, ";")
	for i, setting := range settings {
		key, value, ok := strings.Cut(setting, ":")
		switch strings.ToUpper(strings.TrimSpace(key)) {
		case "INDEX", "UNIQUEINDEX":
			if ok && value != "" && value[0] != ',' && !strings.HasPrefix(value, prefix) {
				settings[i] = key + ":" + prefix + value
			}
		}
	}
	if prefixed := strings.Join(settings, ";"); prefixed != tag {
		field.Tag = reflect.StructTag(strings.Replace(string(field.Tag), strconv.Quote(tag), strconv.Quote(prefixed), 1))
	}
}

// logicalNamer names indexes and constraints after the logical table, and puts the
// prefix before that: the database's names of two tenants differ as their prefixes do,
// however a long name is shortened.
type logicalNamer struct {
	schema.Namer
	names Names
}

func logically(namer schema.Namer, names Names) schema.Namer {
	if names == (Names{}) {
		return namer
	}
	return logicalNamer{namer, names}
}

func (n logicalNamer) logical(table string) string {
	for _, container := range []string{n.names.Schema, n.names.Shared} {
		if container != "" {
			table = strings.TrimPrefix(table, container+".")
		}
	}
	return strings.TrimPrefix(table, n.names.Prefix)
}

// IndexName implements schema.Namer.
func (n logicalNamer) IndexName(table, column string) string {
	return n.names.Prefix + n.Namer.IndexName(n.logical(table), column)
}

// UniqueName implements schema.Namer.
func (n logicalNamer) UniqueName(table, column string) string {
	return n.names.Prefix + n.Namer.UniqueName(n.logical(table), column)
}

// CheckerName implements schema.Namer.
func (n logicalNamer) CheckerName(table, column string) string {
	return n.names.Prefix + n.Namer.CheckerName(n.logical(table), column)
}

// RelationshipFKName implements schema.Namer.
func (n logicalNamer) RelationshipFKName(rel schema.Relationship) string {
	if rel.Schema != nil {
		rel.Schema = &schema.Schema{Name: rel.Schema.Name, Table: n.logical(rel.Schema.Table)}
	}
	return n.names.Prefix + n.Namer.RelationshipFKName(rel)
}
