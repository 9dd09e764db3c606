package scopes

import (
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// Stamp writes the tenant into the rows of stmt.Dest: a struct, a map, or a slice of
// either. A row that names another tenant is ErrTenantMismatch, and nothing is
// written to the rows after it. What has no tenant column is left alone.
func (s Scope) Stamp(stmt *gorm.Statement) error { return s.rows(stmt, stmt.Dest, stamping) }

// Complete is Stamp for rows by whose keys others are found, over the rows of value: it
// writes the tenant where it is part of a key of which another part is set, and nowhere else.
func (s Scope) Complete(stmt *gorm.Statement, value any) error {
	return s.rows(stmt, value, completing)
}

// purpose is what rows are looked at for.
type purpose uint8

const (
	completing purpose = iota
	stamping
)

func (s Scope) rows(stmt *gorm.Statement, value any, to purpose) error {
	switch rows := value.(type) {
	case nil:
		return nil
	case map[string]any:
		return s.stampMap(stmt, rows, to)
	case *map[string]any:
		return s.stampMap(stmt, *rows, to)
	case []map[string]any:
		return s.stampMaps(stmt, rows, to)
	case *[]map[string]any:
		return s.stampMaps(stmt, *rows, to)
	}
	if stmt.Schema == nil {
		return nil
	}
	field := stmt.Schema.LookUpField(s.Column)
	if field == nil {
		return nil
	}
	rv := reflect.ValueOf(value)
	for rv.Kind() == reflect.Pointer || rv.Kind() == reflect.Interface {
		rv = rv.Elem()
	}
	return s.stampValue(stmt, field, rv, to)
}

func (s Scope) stampValue(stmt *gorm.Statement, field *schema.Field, rv reflect.Value, to purpose) error {
	switch rv.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range rv.Len() {
			if err := s.stampValue(stmt, field, reflect.Indirect(rv.Index(i)), to); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if rv.Type() == field.Schema.ModelType {
			return s.stampStruct(stmt, field, rv, to)
		}
	}
	return nil
}

func (s Scope) stampStruct(stmt *gorm.Statement, field *schema.Field, rv reflect.Value, to purpose) error {
	value, zero := field.ValueOf(stmt.Context, rv)
	if zero {
		if rv.CanAddr() && (to == stamping || keyed(stmt, field, rv)) {
			return field.Set(stmt.Context, rv, s.Value)
		}
		return nil
	}
	if s.judge(value) == other {
		return mismatch(s.Column, value)
	}
	return nil
}

// keyed reports whether the tenant is the part that a row's key lacks. A row without any
// part of it is none that others are found by.
func keyed(stmt *gorm.Statement, tenant *schema.Field, rv reflect.Value) bool {
	return tenant.PrimaryKey && slices.ContainsFunc(tenant.Schema.PrimaryFields, func(field *schema.Field) bool {
		_, zero := field.ValueOf(stmt.Context, rv)
		return !zero
	})
}

func (s Scope) stampMaps(stmt *gorm.Statement, rows []map[string]any, to purpose) error {
	for _, row := range rows {
		if err := s.stampMap(stmt, row, to); err != nil {
			return err
		}
	}
	return nil
}

// stampMap finds the column under any of the keys GORM takes: the column's name, the field's, a qualified one.
func (s Scope) stampMap(stmt *gorm.Statement, row map[string]any, to purpose) error {
	if row == nil {
		return nil
	}
	write := to == stamping
	for key, value := range row {
		if !s.isKey(stmt.Schema, key) {
			continue
		}
		switch s.judge(value) {
		case other:
			return mismatch(s.Column, value)
		case unset:
			if write {
				row[key] = s.Value
			}
		}
		write = false
	}
	if write {
		row[s.Column] = s.Value
	}
	return nil
}

func (s Scope) isKey(of *schema.Schema, key string) bool {
	if s.named(key, "") {
		return true
	}
	if of == nil {
		return false
	}
	field := of.LookUpField(key)
	return field != nil && field.DBName == s.Column
}

// Values puts the tenant into the rows of an INSERT, whatever columns were
// selected or omitted. A row that names another tenant is ErrTenantMismatch.
func (s Scope) Values(values clause.Values) (clause.Values, error) {
	at := slices.IndexFunc(values.Columns, func(c clause.Column) bool { return strings.EqualFold(c.Name, s.Column) })
	if at < 0 {
		return s.append(values), nil
	}
	for _, row := range values.Values {
		switch s.judge(row[at]) {
		case other:
			return values, mismatch(s.Column, row[at])
		case unset:
			row[at] = s.Value
		}
	}
	return values, nil
}

// Keys is Values for other columns that hold the tenants of rows that are referred to, as
// far as they are there: one that names another tenant is ErrTenantMismatch, and one that names
// none is given the tenant where it is part of the row's own key.
func (s Scope) Keys(values clause.Values, keys []Key) error {
	for _, key := range keys {
		at := slices.IndexFunc(values.Columns, func(c clause.Column) bool { return c.Name == key.Column })
		if at < 0 {
			continue
		}
		for _, row := range values.Values {
			switch s.judge(row[at]) {
			case other:
				return mismatch(key.Column, row[at])
			case unset:
				if key.Primary {
					row[at] = s.Value
				}
			}
		}
	}
	return nil
}

// Key is a column that holds the tenant of a row that is referred to.
type Key struct {
	Column  string
	Primary bool // part of the primary key, as in a join table
}

func (s Scope) append(values clause.Values) clause.Values {
	rows := values.Values
	if len(rows) == 0 {
		rows = [][]any{nil} // INSERT … DEFAULT VALUES
	}
	stamped := clause.Values{
		Columns: append(slices.Clip(values.Columns), clause.Column{Name: s.Column}),
		Values:  make([][]any, len(rows)),
	}
	for i, row := range rows {
		stamped.Values[i] = append(slices.Clip(row), s.Value)
	}
	return stamped
}

// Set takes the tenant column out of the assignments of an UPDATE: it never
// changes. An assignment of another tenant, or of what cannot be known, is
// ErrTenantMismatch.
func (s Scope) Set(set clause.Set) (clause.Set, error) {
	for _, assignment := range set {
		if s.isColumn(assignment.Column, assignment.Column.Table) || s.named(assignment.Column.Name, "") {
			return s.without(set)
		}
	}
	return set, nil
}

func (s Scope) without(set clause.Set) (clause.Set, error) {
	kept := make(clause.Set, 0, len(set))
	for _, assignment := range set {
		if !s.named(assignment.Column.Name, "") {
			kept = append(kept, assignment)
			continue
		}
		if _, excluded := assignment.Value.(clause.Column); !excluded && s.judge(assignment.Value) == other {
			return nil, mismatch(s.Column, assignment.Value)
		}
	}
	return kept, nil
}
