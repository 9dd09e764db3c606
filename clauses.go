package tenancy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy/internal/sqltext"
	"github.com/gormtenancy/tenancy/scopes"
)

// narrowClause is a clause of the plugin's own that follows WHERE. The predicate is
// written there and never enters the WHERE clause itself, so GORM still sees an
// update or a delete that has no condition, and nothing is left on a statement
// that is used again.
const narrowClause = "tenancy:narrow"

// installClauses puts the plugin's clauses beside GORM's.
func (in *Installation) installClauses() {
	in.builders = maps.Clone(in.db.ClauseBuilders)
	in.installBuilders()
	callbacks := in.db.Callback()
	for _, clauses := range []*[]string{
		&callbacks.Query().Clauses, &callbacks.Row().Clauses, &callbacks.Update().Clauses, &callbacks.Delete().Clauses,
	} {
		*clauses = withNarrow(*clauses)
	}
}

// installBuilders puts the plugin's builders in front of the dialect's.
func (in *Installation) installBuilders() {
	for name, apply := range map[string]func(*bound, *gorm.Statement, *clause.Clause){
		"FROM":        (*bound).from,
		"UPDATE":      (*bound).update,
		"INSERT":      (*bound).insert,
		"VALUES":      (*bound).values,
		"SET":         (*bound).set,
		"WHERE":       (*bound).conditions,
		"ON CONFLICT": (*bound).onConflict,
	} {
		in.db.ClauseBuilders[name] = chain(apply, in.builders[name])
	}
}

func withNarrow(clauses []string) []string {
	at := slices.Index(clauses, "WHERE")
	return slices.Insert(slices.Clone(clauses), at+1, narrowClause)
}

func withoutNarrow(clauses []string) []string {
	return slices.DeleteFunc(slices.Clone(clauses), func(name string) bool { return name == narrowClause })
}

// chain lets apply change a clause before next, or the clause itself, builds it.
func chain(apply func(*bound, *gorm.Statement, *clause.Clause), next clause.ClauseBuilder) clause.ClauseBuilder {
	return func(c clause.Clause, builder clause.Builder) {
		if b := boundTo(builder); b != nil {
			b.clause = c // a pointer to c would allocate it
			apply(b, builder.(*gorm.Statement), &b.clause)
			c = b.clause
		}
		if c.Expression == nil && c.Builder == nil {
			return
		}
		if next != nil {
			next(c, builder)
		} else {
			c.Build(builder)
		}
	}
}

// aliased is a table under its physical name that goes by its logical one.
type aliased struct{ physical, alias string }

func (a aliased) Build(builder clause.Builder) {
	quote(builder, a.physical)
	_, _ = builder.WriteString(" AS ")
	quote(builder, a.alias)
}

// quote is builder.WriteQuoted for a name, which would be allocated for that.
func quote(builder clause.Builder, name string) {
	if stmt, ok := builder.(*gorm.Statement); ok {
		stmt.Dialector.QuoteTo(builder, name)
		return
	}
	builder.WriteQuoted(name)
}

// physical reports whether the statement's own table goes by another name in the database.
func (b *bound) physical() (aliased, bool) {
	if b.names.Logical() || b.table.derived {
		return aliased{}, false
	}
	return aliased{b.names.Table(b.table.name), b.table.alias}, true
}

// fromTable is a FROM clause whose first table is aliased.
type fromTable struct {
	table aliased
	joins []clause.Join
}

func (f fromTable) Build(builder clause.Builder) {
	f.table.Build(builder)
	for _, join := range f.joins {
		_ = builder.WriteByte(' ')
		join.Build(builder)
	}
}

// from names the tables of a FROM physically, and narrows those that are joined.
func (b *bound) from(stmt *gorm.Statement, c *clause.Clause) {
	from, ok := c.Expression.(clause.From)
	b.plain = b.plain && ok && len(from.Tables) == 0 && len(from.Joins) == 0
	if !ok {
		return
	}
	b.listed = len(from.Tables) > 0
	table, renamed := b.physical()
	if !b.route.narrows() { // a shared table, which has its own place
		if renamed && len(from.Tables) == 0 {
			c.Expression = b.fromTable(table, from.Joins)
		}
		return
	}
	if len(from.Joins) == 0 && len(from.Tables) == 0 {
		if renamed {
			c.Expression = b.fromTable(table, nil)
		}
		return
	}
	from.Joins = slices.Clone(from.Joins)
	for i := range from.Joins {
		b.outer = b.outer || outerJoin(from.Joins[i])
		if err := b.join(&from.Joins[i]); err != nil {
			b.fail(stmt, b.in.complete(err, string(b.op), b.route.scope.tenant))
			return
		}
	}
	from.Tables = slices.Clone(from.Tables)
	for i := range from.Tables {
		if err := b.list(&from.Tables[i]); err != nil {
			b.fail(stmt, b.in.complete(err, string(b.op), b.route.scope.tenant))
			return
		}
	}
	c.Expression = from
	if renamed && len(from.Tables) == 0 {
		c.Expression = b.fromTable(table, from.Joins)
	}
}

func (b *bound) fromTable(table aliased, joins []clause.Join) clause.Expression {
	if b.unaliased(table) {
		return clause.From{Tables: []clause.Table{{Name: table.physical}}, Joins: joins}
	}
	return fromTable{table, joins}
}

// unaliased reports whether a DELETE or UPDATE goes without the alias, which SQL Server
// does not take: there a table goes by its name, whatever schema qualifies it.
func (b *bound) unaliased(table aliased) bool {
	return b.in.qualifies() && !b.op.reads() && table.alias == b.table.name
}

// rename gives a table its physical name, and its logical one as alias.
func (b *bound) rename(t *clause.Table) *model {
	known := b.in.models.of(t.Name, nil)
	if t.Raw || t.Name == clause.CurrentTable {
		return known
	}
	physical := b.route.binding.Names.Table(t.Name)
	if known.shared {
		physical = b.route.binding.Names.SharedTable(t.Name)
	}
	if physical != t.Name && t.Alias == "" {
		t.Alias = t.Name
	}
	t.Name = physical
	return known
}

// join names a joined table physically and narrows it, in its ON where it has one:
// a condition elsewhere would make an outer join an inner one.
func (b *bound) join(join *clause.Join) error {
	if join.Expression != nil || join.Table.Name == "" {
		return nil
	}
	name := join.Table.Name
	known := b.rename(&join.Table)
	if known.shared && b.route.binding.Pool != nil {
		return &Error{Kind: ErrElsewhere, Detail: fmt.Sprintf("the shared model %s cannot be joined from the tenant's own database; preload it instead", name)}
	}
	if known.shared {
		return nil
	}
	alias := aliasOf(join.Table, name)
	keys, err := b.keysFor(known)
	if err == nil {
		err = b.mismatch(keys.check(join.ON.Exprs, alias))
	}
	if err != nil {
		return err
	}
	predicates, err := b.predicates(known, name, alias)
	if err != nil || len(predicates) == 0 {
		return err
	}
	if join.Type == clause.CrossJoin || len(join.Using) > 0 && len(join.ON.Exprs) == 0 {
		b.extra = append(b.extra, predicates...)
		return nil
	}
	if len(join.ON.Exprs) > 0 {
		predicates = append([]clause.Expression{scopes.Grouped(join.ON)}, predicates...)
	}
	join.ON = clause.Where{Exprs: predicates}
	return nil
}

// predicates narrow a table beside the statement's own, by one condition or none.
func (b *bound) predicates(known *model, name, alias string) ([]clause.Expression, error) {
	filter := b.route.binding.Filter
	switch {
	case filter == FilterNone, known.column == nil && !filter.requires():
		return nil, nil
	case known.column == nil:
		return nil, noColumn(b.in.column, name)
	}
	scope, err := b.scopeOf(known)
	if err != nil {
		return nil, err
	}
	return []clause.Expression{scope.Predicate(alias)}, nil
}

func aliasOf(t clause.Table, name string) string {
	if t.Alias != "" {
		return t.Alias
	}
	return name
}

// list names a table of a list physically and narrows it. A list has no ON.
func (b *bound) list(t *clause.Table) error {
	name := t.Name
	known := b.rename(t)
	alias := aliasOf(*t, name)
	if t.Raw || known.shared || name == clause.CurrentTable || alias == b.table.alias {
		return nil
	}
	predicates, err := b.predicates(known, name, alias)
	b.extra = append(b.extra, predicates...)
	return err
}

// outerJoin reports whether a join keeps rows of the joined table that have no partner.
func outerJoin(join clause.Join) bool {
	text := string(join.Type)
	switch e := join.Expression.(type) {
	case clause.Expr:
		text = e.SQL
	case clause.NamedExpr:
		text = e.SQL
	}
	return rightOrFull.MatchString(text)
}

var rightOrFull = regexp.MustCompile(`(?i)\b(RIGHT|FULL)\b`)

// updateTable is an UPDATE clause whose table is aliased.
type updateTable struct {
	modifier string
	table    aliased
}

func (u updateTable) Build(builder clause.Builder) {
	if u.modifier != "" {
		_, _ = builder.WriteString(u.modifier + " ")
	}
	u.table.Build(builder)
}

func (b *bound) update(_ *gorm.Statement, c *clause.Clause) {
	table, renamed := b.physical()
	update, ok := c.Expression.(clause.Update)
	if !ok || !renamed || update.Table.Name != "" {
		return
	}
	if update.Table.Name = table.physical; b.unaliased(table) {
		c.Expression = update
	} else {
		c.Expression = updateTable{update.Modifier, table}
	}
}

// insertTable is an INSERT clause whose table is aliased.
type insertTable struct {
	modifier string
	table    aliased
}

func (i insertTable) Build(builder clause.Builder) {
	if i.modifier != "" {
		_, _ = builder.WriteString(i.modifier + " ")
	}
	_, _ = builder.WriteString("INTO ")
	i.table.Build(builder)
}

// insert names the table of an INSERT physically. The logical name stays known only
// where an upsert may speak of it, and the dialect allows it.
func (b *bound) insert(stmt *gorm.Statement, c *clause.Clause) {
	table, renamed := b.physical()
	insert, ok := c.Expression.(clause.Insert)
	if b.route.binding.Filter == FilterOnly && strings.Contains(strings.ToUpper(insert.Modifier), "REPLACE") {
		b.fail(stmt, b.route.refusal(nil, "INSERT OR REPLACE removes the rows that it meets, those of other tenants too; use clause.OnConflict"))
		return
	}
	if !ok || !renamed || insert.Table.Name != "" {
		return
	}
	if b.upsertAlias(stmt) {
		c.Expression = insertTable{insert.Modifier, table}
		return
	}
	insert.Table = clause.Table{Name: table.physical}
	c.Expression = insert
}

// upsertAlias reports whether the table of an INSERT is given its alias.
func (b *bound) upsertAlias(stmt *gorm.Statement) bool {
	_, upsert := stmt.Clauses["ON CONFLICT"]
	return upsert && b.in.insertAlias()
}

// values stamps the rows of an INSERT: the last place, after hooks, Select and Omit.
func (b *bound) values(stmt *gorm.Statement, c *clause.Clause) {
	values, ok := c.Expression.(clause.Values)
	b.plain = b.plain && ok && plainRows(values.Values)
	if !ok || stmt.Error != nil { // GORM could not make the rows, which are not whole then
		return
	}
	err := b.keys.stamp(values)
	if err == nil && b.scope != nil {
		values, err = b.scope.Values(values)
	}
	if err != nil {
		b.fail(stmt, b.mismatch(err))
		return
	}
	c.Expression = values
}

// set keeps the tenant column out of an UPDATE.
func (b *bound) set(stmt *gorm.Statement, c *clause.Clause) {
	set, ok := c.Expression.(clause.Set)
	for _, assignment := range set {
		b.plain = b.plain && plainValue(assignment.Value)
	}
	if !ok || b.scope == nil {
		return
	}
	kept, err := b.scope.Set(set)
	if err != nil {
		b.fail(stmt, b.mismatch(err))
		return
	}
	c.Expression = kept
}

// conditions makes the user's conditions one that the predicate can be AND-ed to,
// and refuses those that ask for another tenant or would break out.
func (b *bound) conditions(stmt *gorm.Statement, c *clause.Clause) {
	where, ok := c.Expression.(clause.Where)
	b.plain = b.plain && ok && plainConditions(where.Exprs)
	if err := b.keys.check(where.Exprs, b.table.alias); err != nil {
		b.fail(stmt, b.mismatch(err))
		return
	}
	if !ok || b.scope == nil {
		return
	}
	if len(where.Exprs) == 0 && b.filter {
		c.Expression = nil
		return
	}
	if err := b.scope.Conditions(where.Exprs, b.table.alias); err != nil {
		b.fail(stmt, b.mismatch(err))
		return
	}
	if !b.filter {
		return
	}
	b.where = true
	if fragment, ok := unbalanced(where.Exprs); ok {
		b.fail(stmt, b.route.refusal(nil, fmt.Sprintf("the condition %q does not close what it opens, or has a comment or a semicolon in it; take those out", fragment)))
		return
	}
	if !scopes.Plain(where) {
		c.Expression = scopes.Grouped(where)
	}
}

// unbalanced finds a condition written as text that could break out of its parentheses.
func unbalanced(exprs []clause.Expression) (string, bool) {
	for _, expr := range exprs {
		var text string
		switch e := expr.(type) {
		case clause.Expr:
			text = e.SQL
		case clause.NamedExpr:
			text = e.SQL
		case clause.Where:
			return unbalanced(e.Exprs)
		case clause.AndConditions:
			return unbalanced(e.Exprs)
		case clause.OrConditions:
			return unbalanced(e.Exprs)
		case clause.NotConditions:
			return unbalanced(e.Exprs)
		}
		if text != "" && !sqltext.Balanced(text) {
			return text, true
		}
	}
	return "", false
}

// buildNarrow writes the predicate.
func buildNarrow(_ clause.Clause, builder clause.Builder) {
	b := boundTo(builder)
	if b == nil {
		if stmt, ok := builder.(*gorm.Statement); ok {
			_ = stmt.AddError(errPoolReplaced)
		}
		return
	}
	if !b.filter {
		return
	}
	separator := "WHERE "
	if b.where {
		separator = "AND "
	}
	_, _ = builder.WriteString(separator)
	if b.outer && b.route.binding.Filter != FilterOnly {
		b.scope.BuildOptional(builder, b.table.alias)
	} else {
		b.scope.BuildPredicate(builder, b.table.alias)
	}
	for _, predicate := range b.extra {
		_, _ = builder.WriteString(" AND ")
		predicate.Build(builder)
	}
}
