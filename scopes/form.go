package scopes

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm/schema"
)

// Form is how the IDs in a tenant column are written. Where a database takes several
// spellings for one value, "042" and "42" as an integer say, one of them is the tenant's.
type Form uint8

const (
	// Text is any text, each the ID of another tenant.
	Text Form = iota
	// UUID is lower-case hexadecimal digits in groups of 8, 4, 4, 4 and 12.
	UUID
	// Integer is decimal digits of a number of 64 bits, with a minus sign or without, that do not
	// begin with 0.
	Integer
	// Bytes is any text, held in Go as bytes.
	Bytes
)

// FormOf returns the form that a model's tenant column takes: by the type in the field's tag,
// or by the one in Go. It does not ask the database.
func FormOf(field *schema.Field) Form {
	switch t := field.IndirectFieldType; {
	case t.Kind() == reflect.Array && t.Len() == 16 && t.Elem().Kind() == reflect.Uint8:
		return UUID
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return Bytes
	case whole(field):
		return Integer
	default:
		return declared(field.DataType)
	}
}

// Spelling fails for an ID that is not written as the type in the field's tag would be: as
// another spelling of a value it may be another tenant's.
func Spelling(field *schema.Field, id string) error {
	if whole(field) { // which has one
		return nil
	}
	return declared(field.DataType).check(field, id)
}

// whole reports whether the field is a whole number in Go.
func whole(field *schema.Field) bool {
	kind := field.IndirectFieldType.Kind()
	return kind >= reflect.Int && kind <= reflect.Uint64
}

// declared returns the form of a type as a tag declares it, "BIGINT UNSIGNED" say.
func declared(kind schema.DataType) Form {
	if kind == schema.String {
		return Text
	}
	name := strings.TrimSpace(string(kind))
	if end := strings.IndexAny(name, " ("); end > 0 {
		name = name[:end]
	}
	is := func(other string) bool { return strings.EqualFold(name, other) }
	switch {
	case slices.ContainsFunc(uuids[:], is):
		return UUID
	case slices.ContainsFunc(integers[:], is):
		return Integer
	default:
		return Text
	}
}

var (
	uuids    = [...]string{"uuid", "uniqueidentifier"}
	integers = [...]string{
		"int", "uint", "integer", "bigint", "smallint", "mediumint", "tinyint", "int2", "int4", "int8",
		"serial", "bigserial", "smallserial", "numeric", "decimal",
	}
)

// check fails for an ID that is not in the form.
func (f Form) check(field *schema.Field, id string) error {
	if f == Text || f == Bytes || f == UUID && isUUID(id) || f == Integer && isInteger(id) {
		return nil
	}
	err := fmt.Errorf("column %q (%s) cannot hold the ID %q", field.DBName, field.DataType, id)
	if lower := strings.ToLower(id); f == UUID && isUUID(lower) {
		err = fmt.Errorf("%w as it is; write it as %q", err, lower)
	}
	return err
}

func isUUID(id string) bool {
	const length = 36
	if len(id) != length {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case i == 8, i == 13, i == 18, i == 23:
			if c != '-' {
				return false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
		default:
			return false
		}
	}
	return true
}

func isInteger(id string) bool {
	n, err := strconv.ParseInt(id, 10, 64)
	return err == nil && n != 0 && strconv.FormatInt(n, 10) == id
}
