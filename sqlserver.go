package tenancy

import (
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy/internal/sqltext"
)

// SQL Server's driver for GORM writes INSERT and MERGE itself, past the builders of VALUES
// and ON CONFLICT, and there is no search_path for what names no schema.

// merging makes the driver's create callback write the tenant's table, rows and upserts.
func (in *Installation) merging(create func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		stmt := db.Statement
		b := boundTo(stmt)
		if b == nil || db.Error != nil || stmt.SQL.Len() > 0 {
			create(db)
			return
		}
		if err := b.prepareMerge(stmt); err != nil {
			b.fail(stmt, in.complete(err, string(b.op), tenantOf(stmt.Context)))
			return
		}
		logical := stmt.Table
		if table, renamed := b.physical(); renamed {
			stmt.Table = table.physical
		}
		defer func() { stmt.Table = logical }()
		create(db)
	}
}

// prepareMerge stamps the rows once more, after the hooks, and guards the upsert.
func (b *bound) prepareMerge(stmt *gorm.Statement) error {
	if b.scope != nil {
		if err := b.mismatch(b.scope.Stamp(stmt)); err != nil {
			return err
		}
		b.selectColumn(stmt)
	}
	values := callbacks.ConvertToCreateValues(stmt)
	if stmt.Error != nil {
		return nil //nolint:nilerr // GORM's own, which the statement has already
	}
	if b.scope != nil {
		stamped, err := b.scope.Values(values)
		if err != nil {
			return b.mismatch(err)
		}
		if len(stamped.Columns) != len(values.Columns) {
			return noColumn(b.in.column, b.table.name)
		}
	}
	conflict, upserts := stmt.Clauses["ON CONFLICT"].Expression.(clause.OnConflict)
	b.plain = plainInsert(stmt) && plainRows(values.Values) && plainSet(conflict.DoUpdates)
	if !upserts || b.scope == nil {
		return nil
	}
	conflict.UpdateAll = false // it was spelled out just now
	stmt.AddClause(b.scope.GuardMerge(conflict, stmtTable(b)))
	if !keyHolds(stmt.Schema, b.scope.Column) {
		b.conflict = conflictIgnore
	}
	return nil
}

// stmtTable is what the target of a MERGE goes by.
func stmtTable(b *bound) string {
	if table, renamed := b.physical(); renamed {
		return table.physical
	}
	return b.table.name
}

// selectColumn makes the tenant column one of those that are written.
func (b *bound) selectColumn(stmt *gorm.Statement) {
	if len(stmt.Selects) > 0 && !slices.Contains(stmt.Selects, b.scope.Column) {
		stmt.Selects = append(slices.Clone(stmt.Selects), b.scope.Column)
	}
	stmt.Omits = slices.DeleteFunc(slices.Clone(stmt.Omits), func(name string) bool {
		return stmt.Schema != nil && stmt.Schema.LookUpField(name) == stmt.Schema.LookUpField(b.scope.Column) && stmt.Schema.LookUpField(name) != nil
	})
}

// plainInsert reports whether there is no text of the user's before the values.
func plainInsert(stmt *gorm.Statement) bool {
	c := stmt.Clauses["INSERT"]
	insert, ok := c.Expression.(clause.Insert)
	return c.BeforeExpression == nil && c.AfterNameExpression == nil && c.AfterExpression == nil &&
		(c.Expression == nil || ok && insert == clause.Insert{})
}

func plainSet(set clause.Set) bool {
	for _, assignment := range set {
		if column, ok := assignment.Value.(clause.Column); ok && column.Table == "excluded" && !column.Raw {
			continue
		}
		if !plainValue(assignment.Value) {
			return false
		}
	}
	return true
}

// inspectQualified lets texts through whose every table is qualified by the tenant's schema
// or is a shared one: any other would be found in the schema of the login.
func (r *route) inspectQualified(query string, built bool) error {
	if !built {
		if sqltext.Control(query) {
			return nil
		}
		return r.refusal(nil, "a text finds the tables of the login here, and no tenant's; name the tables by tenancy.Table and use WithRawSQL, or use GORM's builder")
	}
	rewriter := sqltext.Rewriter{Quote: r.in.quote, Resolve: func(name string) (string, sqltext.Resolution) {
		schema, table, qualified := strings.Cut(name, ".")
		if qualified && !strings.Contains(table, ".") && (schema == r.binding.Names.Schema || r.in.IsShared(name) || schema == r.binding.Names.Shared && r.in.IsShared(table)) {
			return name, sqltext.Keep
		}
		return "", sqltext.Unknown
	}}
	if _, err := rewriter.Rewrite(query); err != nil {
		return r.refusal(err, "a part of the statement written as text names a table that is not the tenant's; use a built subquery or relation, or WithRawSQL")
	}
	return nil
}
