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
func (s Scope) Stamp(stmt *gorm.Statement) error { return s.rows(stmt, stmt.Dest, true) }

// Check is Stamp without writing, over the rows of value.
func (s Scope) Check(stmt *gorm.Statement, value any) error { return s.rows(stmt, value, false) }

func (s Scope) rows(stmt *gorm.Statement, value any, write bool) error {
	switch rows := value.(type) {
	case nil:
		return nil
	case map[string]any:
		return s.stampMap(stmt, rows, write)
	case *map[string]any:
		return s.stampMap(stmt, *rows, write)
	case []map[string]any:
		return s.stampMaps(stmt, rows, write)
	case *[]map[string]any:
		return s.stampMaps(stmt, *rows, write)
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
	return s.stampValue(stmt, field, rv, write)
}

func (s Scope) stampValue(stmt *gorm.Statement, field *schema.Field, rv reflect.Value, write bool) error {
	switch rv.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range rv.Len() {
			if err := s.stampValue(stmt, field, reflect.Indirect(rv.Index(i)), write); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if rv.Type() == field.Schema.ModelType {
			return s.stampStruct(stmt, field, rv, write)
		}
	}
	return nil
}

func (s Scope) stampStruct(stmt *gorm.Statement, field *schema.Field, rv reflect.Value, write bool) error {
	value, zero := field.ValueOf(stmt.Context, rv)
	if zero {
		if write && rv.CanAddr() {
			return field.Set(stmt.Context, rv, s.Value)
		}
		return nil
	}
	if s.judge(value) == other {
		return mismatch(s.Column, value)
	}
	return nil
}

func (s Scope) stampMaps(stmt *gorm.Statement, rows []map[string]any, write bool) error {
	for _, row := range rows {
		if err := s.stampMap(stmt, row, write); err != nil {
			return err
		}
	}
	return nil
}

// stampMap finds the column under any of the keys GORM takes: the column's name, the field's, a qualified one.
func (s Scope) stampMap(stmt *gorm.Statement, row map[string]any, write bool) error {
	if row == nil {
		return nil
	}
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
