package scopes

import (
	"context"
	"database/sql/driver"
	"fmt"
	"reflect"

	"gorm.io/gorm/schema"
)

// convert makes of a tenant's ID what a column of the field's type holds.
func convert(field *schema.Field, id string) (any, error) {
	if field.FieldType.Kind() == reflect.String && field.Serializer == nil {
		return id, nil
	}
	row := reflect.New(field.Schema.ModelType).Elem()
	if err := field.Set(context.Background(), row, id); err != nil {
		return nil, fmt.Errorf("column %q (%s) cannot hold the ID %q: %w", field.DBName, field.FieldType, id, err)
	}
	value, _ := field.ValueOf(context.Background(), row)
	switch plain := plainText(value); plain {
	case id:
		return value, nil
	case "":
		return nil, fmt.Errorf("column %q (%s) cannot hold the ID %q, which is the zero value of its type: no tenant; choose another ID", field.DBName, field.FieldType, id)
	default: // another ID would be equal to this one, there
		return nil, fmt.Errorf("column %q (%s) cannot hold the ID %q as it is, but as %q; give the tenant an ID that is written as the column has it", field.DBName, field.FieldType, id, plain)
	}
}

// verdict is what a value says of a tenant.
type verdict uint8

const (
	unset verdict = iota // names nobody
	same                 // names this tenant
	other                // names another, or nobody can tell whom
)

// judge compares a value with the tenant's.
func (s Scope) judge(value any) verdict {
	if text, ok := value.(string); ok {
		if own, ok := s.Value.(string); ok {
			return judgeText(text, own)
		}
	}
	return judgeText(plainText(value), plainText(s.Value))
}

func judgeText(text, own string) verdict {
	switch text {
	case "":
		return unset
	case own:
		return same
	default:
		return other
	}
}

// plainText is one form for all the types that can hold an ID: strings, numbers,
// UUIDs, pointers to them and driver.Valuers. Nil and zero values have none.
func plainText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	}
	rv := reflect.ValueOf(value)
	if rv.Kind() == reflect.Pointer && rv.IsNil() || rv.IsZero() {
		return ""
	}
	if valuer, ok := value.(driver.Valuer); ok {
		plain, err := valuer.Value()
		if err != nil {
			return fmt.Sprintf("unreadable %T", value)
		}
		return plainText(plain)
	}
	if rv.Kind() == reflect.Pointer {
		return plainText(rv.Elem().Interface())
	}
	return fmt.Sprint(value)
}

// Is reports whether value, as it is bound to a statement, is the tenant id.
func Is(value any, id string) bool { return plainText(value) == id }

// lacking is the error for a key, or a condition, without a tenant.
func lacking(column string) error {
	return fmt.Errorf("%w: the column %q", ErrIncompleteKey, column)
}

func mismatch(column string, value any) error {
	return fmt.Errorf("%w: the value %q in column %q", ErrTenantMismatch, plainText(value), column)
}
